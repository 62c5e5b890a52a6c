"""When a parcel is asked about next: often where and when news is likely, seldom where it is not, never for ever.

News has its hours. Vans are loaded in the morning and deliver by day, parcels are picked up in the afternoon, and at
night nobody delivers. So each milestone has an interval and the local hours, where the parcel is going, in which what
follows it shows; outside them the interval is three times as long, and at night one question at most is asked. The
hours are never slept through: a question is asked as they begin, and one each morning, spread by the parcel's id.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import IntEnum

from app.models.vocabulary import ENDS, Milestone
from app.zones import localise, rest_day, zone

_M = Milestone
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

MORNING, EVENING = 6.0, 22.0
"""The local hours between which carriers are at work with parcels that shoppers wait for."""

INTERVALS: Mapping[Milestone, timedelta] = {
    _M.registered: timedelta(hours=2),
    _M.dispatched: timedelta(hours=2),
    _M.in_transit: timedelta(hours=1),
    _M.out_for_delivery: timedelta(minutes=20),
    _M.ready_for_pickup: timedelta(hours=3),
    _M.attempt_failed: timedelta(hours=1),
    _M.exception: timedelta(hours=2),
    _M.returning: timedelta(hours=6),
}
LATER_LOOKS: Mapping[Milestone, timedelta] = {
    _M.delivered: timedelta(days=2),
    _M.returned: timedelta(days=2),
    _M.return_received: timedelta(days=2),
    _M.cancelled: timedelta(days=2),
    _M.expired: timedelta(days=14),
}

_HOURS: Mapping[Milestone, tuple[float, float]] = {
    _M.registered: (15.0, 21.0),
    _M.dispatched: (18.0, 22.0),
    _M.in_transit: (6.5, 10.5),
    _M.out_for_delivery: (8.0, 20.0),
    _M.ready_for_pickup: (9.0, 21.0),
    _M.attempt_failed: (6.5, 20.0),
    _M.exception: (6.5, 20.0),
    _M.returning: (8.0, 20.0),
}
"""The local hours in which what follows a milestone usually shows."""

_DULL_HOURS = 3.0
_REST_DAY = 3.0
_SILENCE = 4.0
_FIRST_QUESTION = 6.5
"""The local hour of the first question in the morning: by then the depots have scanned what came at night."""
_FIRST_QUESTIONS = 30 * _MINUTE
"""At most over so long the first questions of the morning are spread."""


class Rank(IntEnum):
    """How likely a parcel's next question is to bring news; decides who is asked when not all can be."""

    hot = 0
    warm = 1
    cool = 2
    cold = 3


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often one carrier is asked, as operations may set it. Spans of engine time.

    `every`: the interval of each milestone, in its likely hours. `later`: how long after an end a parcel is looked at
    once more (zero: never). `night`: the least time before a question at night. `give_up` and `give_up_registered`:
    after how much silence a parcel has `expired`.
    """

    every: Mapping[Milestone, timedelta] = field(default_factory=lambda: INTERVALS)
    later: Mapping[Milestone, timedelta] = field(default_factory=lambda: LATER_LOOKS)
    night: timedelta = 6 * _HOUR
    give_up: timedelta = 30 * _DAY
    give_up_registered: timedelta = 30 * _DAY

    def patience(self, milestone: Milestone) -> timedelta:
        """How much silence a parcel that stands there is given."""
        return self.give_up_registered if milestone is Milestone.registered else self.give_up


DEFAULT = Cadence()


@dataclass(frozen=True, slots=True)
class Watched:
    """What the cadence looks at. Instants are UTC; `zone` and `country` are where the parcel is going.

    `quiet_since` is when anything new was heard of it last, else when it was handed to us.
    """

    id: int
    milestone: Milestone
    milestone_at: datetime | None
    quiet_since: datetime
    zone: str
    country: str | None = None
    eta_from: datetime | None = None
    eta_through: datetime | None = None
    eta_day: date | None = None


@dataclass(frozen=True, slots=True)
class NextQuestion:
    """When a parcel is asked about next, and how likely that is to bring news."""

    at: datetime
    rank: Rank


def next_question(parcel: Watched, now: datetime, cadence: Cadence = DEFAULT) -> NextQuestion | None:
    """The engine time of the next question, always ahead of `now`; None only for a parcel that has ended and was
    looked at once more. A silent one is asked at the instant at which its patience ends, if not before."""
    if parcel.milestone in ENDS:
        return _later_look(parcel, now, cadence)
    given_up_at = parcel.quiet_since + cadence.patience(parcel.milestone)
    every, near = _interval(parcel, now, cadence)
    at = _by_the_clock(parcel, now, every, cadence.night)
    return NextQuestion(min(at, given_up_at) if given_up_at > now else at, _rank(parcel, every, near))


def _later_look(parcel: Watched, now: datetime, cadence: Cadence) -> NextQuestion | None:
    """Once more after the end, for a return or a correction. An end that is heard of later than that has had it."""
    after = cadence.later.get(parcel.milestone, timedelta(0))
    at = (parcel.milestone_at or now) + after * (1 + 0.1 * _spread(parcel.id))
    return NextQuestion(at, Rank.cold) if after and at > now else None


def _interval(parcel: Watched, now: datetime, cadence: Cadence) -> tuple[timedelta, bool]:
    """The interval in the likely hours, and whether the parcel is expected today (or was to have come by now)."""
    every = cadence.every.get(parcel.milestone, INTERVALS[Milestone.in_transit])
    if parcel.milestone is Milestone.out_for_delivery:
        return every, True
    silent_days = max(0.0, (now - parcel.quiet_since) / _DAY)
    silence = min(_SILENCE, 1.0 + max(0.0, silent_days - 2) / 5)
    local = now.astimezone(zone(parcel.zone))
    days = _days_until(parcel, local.date())
    if days is not None and days <= 0:
        # The day itself is watched closely; what has not come by it grows dull with silence like all else.
        return every * (0.5 if silent_days < 2 else silence), silent_days < 2
    far = 1.0 if days is None or days == 1 else min(3.0, 1.0 + 0.5 * (days - 1))
    rest = _REST_DAY if local.weekday() == rest_day(parcel.country) else 1.0
    return every * max(silence, far, rest), False


def _days_until(parcel: Watched, today: date) -> int | None:
    """Days from today, where the parcel is going, to the first day on which the carrier expects to deliver it."""
    expected = parcel.eta_from or parcel.eta_through
    day = expected.astimezone(zone(parcel.zone)).date() if expected else parcel.eta_day
    return (day - today).days if day else None


def _by_the_clock(parcel: Watched, now: datetime, every: timedelta, night: timedelta) -> datetime:
    """`now` and an interval, by the hours where the parcel is going."""
    opens, closes = _HOURS.get(parcel.milestone, (MORNING, EVENING))
    spread = _spread(parcel.id)
    local = now.astimezone(zone(parcel.zone))
    dull = 1.0 if opens <= _hour(local) < closes else _DULL_HOURS
    jitter = 0.9 + 0.1 * spread
    after = min(every, _FIRST_QUESTIONS) * spread
    openings = [_opening(local, hour, parcel.zone, after) for hour in {opens, _FIRST_QUESTION}]
    worth_it = [opening for opening in openings if opening - now >= every / 4]
    # So near an opening that it is not waited for, the likely hours have as good as begun.
    wait = every * dull * jitter if len(worth_it) == len(openings) else max(every * jitter, _MINUTE)
    if _at_night((now + wait).astimezone(local.tzinfo)):
        wait = max(wait, night * jitter)
    return min([now + wait, *worth_it])


def _opening(local: datetime, hour: float, zone_name: str, after: timedelta) -> datetime:
    """The next time, after `local`, that the clocks there show `hour`, and `after` more. UTC."""
    for days in range(4):  # a day can be missing where the date line was moved
        wall = datetime.combine(local.date() + timedelta(days=days), time.min) + hour * _HOUR
        found = localise(wall, zone_name) + after
        if found > local:
            break
    return found


def _hour(local: datetime) -> float:
    return local.hour + local.minute / 60


def _at_night(local: datetime) -> bool:
    return not MORNING <= _hour(local) < EVENING


def _rank(parcel: Watched, every: timedelta, near: bool) -> Rank:
    if parcel.milestone is Milestone.out_for_delivery:
        return Rank.hot
    if near:
        return Rank.warm
    return Rank.cool if every <= 2 * _HOUR else Rank.cold


def describe(cadence: Cadence) -> dict[str, str]:
    """The cadence as operations write it, by the names of its settings: `{"in_transit": "1h", "give_up": "30d", …}`."""
    spans = {stage.value: span for stage, span in (*cadence.every.items(), *cadence.later.items())}
    spans |= {"night": cadence.night, "give_up": cadence.give_up, "give_up_registered": cadence.give_up_registered}
    return {name: _written(span) for name, span in spans.items()}


def _written(span: timedelta) -> str:
    for unit, length in (("d", _DAY), ("h", _HOUR)):
        if span % length == timedelta(0) and (unit == "d") <= (span >= 2 * _DAY or not span):
            return f"{span // length}{unit}"
    return f"{span // _MINUTE}m"


def after_failure(failures: int, shipment_id: int) -> float:
    """Wall seconds to wait after the nth failed question in a row: 15 s doubling to an hour, with jitter."""
    return float(min(3600.0, 15.0 * 2 ** min(failures - 1, 12))) * (0.75 + 0.5 * _spread(shipment_id + failures))


def after_not_found(now: datetime, since: datetime, shipment_id: int) -> datetime:
    """When to ask again about a number the carrier does not know: three hours at first, then twice a day. `since` is
    when the parcel was handed to us."""
    hours = 3 if now - since < timedelta(days=3) else 12
    return now + timedelta(hours=hours) * (0.9 + 0.1 * _spread(shipment_id))


def _spread(seed: int) -> float:
    """A fraction in [0, 1) that depends on the seed alone."""
    return int.from_bytes(hashlib.blake2b(seed.to_bytes(9, "big"), digest_size=4).digest(), "big") / 2**32
