"""Whether a carrier may be asked, by its last answers: a circuit breaker, closed → open → probing → closed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from app.models.vocabulary import CarrierFault, CarrierState
from app.tracking.adapter.base import AnswerKind, RawAnswer, Silence


@dataclass(frozen=True, slots=True)
class BackOff:
    """How a fault is met: after so many bad answers in a row the carrier is left alone, for `first` seconds, and twice
    as long each time it turns out to be ill still, up to `longest`. Wall seconds."""

    after: int
    first: float
    longest: float

    def wait(self, strikes: int) -> float:
        """Seconds to leave the carrier alone when it is found ill for the nth time in a row."""
        return float(min(self.longest, self.first * 2 ** min(max(strikes, 1) - 1, 20)))


BACK_OFF: Mapping[CarrierFault, BackOff] = MappingProxyType(
    {
        CarrierFault.timeout: BackOff(5, 30.0, 600.0),
        CarrierFault.unreachable: BackOff(3, 15.0, 600.0),
        # Nobody mends a certificate in seconds, and asking without trust would give the key away.
        CarrierFault.certificate: BackOff(2, 300.0, 3600.0),
        # One is enough: it speaks for the whole account. Its own Retry-After counts where that is longer.
        CarrierFault.throttled: BackOff(1, 2.0, 600.0),
        CarrierFault.server_error: BackOff(5, 15.0, 600.0),
        CarrierFault.maintenance: BackOff(5, 60.0, 900.0),
        # Many: an answer that nobody can read is more often one odd parcel than a whole carrier.
        CarrierFault.malformed: BackOff(20, 60.0, 1800.0),
        # A key does not become right by being sent again; many refusals lock accounts.
        CarrierFault.denied: BackOff(1, 900.0, 21_600.0),
    }
)
DENIED_AFTER_GOOD = 3
"""Refusals in a row that it takes where these credentials were good lately: one alone may be about one parcel."""
GOOD_SECONDS = 3600.0
"""How long a good answer vouches for the credentials. Wall seconds, as all here."""
WELL_SECONDS = 300.0
"""A carrier that was well for so long is ill for the first time again; one that was slowed is asked a little faster."""
FASTER = 1.02
"""What each good answer of one that was slowed raises its pace by, once it was well for so long."""
SLOWEST = 1 / 60
"""Calls a second that are always tried."""


class Leave(StrEnum):
    """What may be asked: anything, one question, or nothing."""

    freely = "freely"
    probe = "probe"
    none = "none"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call showed of its carrier; without a fault, it is well. `wait` is what it asked for, in seconds.

    `certain`: no second opinion is needed. Without a token, for one, no other call could be made.
    """

    fault: CarrierFault | None = None
    detail: str = ""
    wait: float | None = None
    seconds: float | None = None
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a carrier stands. All instants are engine time.

    `since`: when it was last found ill, or well again. `until`: open, no question before then; probing, then the one
    who probes is given up. `strikes`: how often it was found ill of `struck_by` without having been well.
    `failures`: bad answers in a row. `answered_at`: the last good answer. `fault` and `detail` are the latest trouble,
    also when it is over. `pace`: calls a second, where it turned out to bear fewer than it is set to; None where it
    does not.
    """

    state: CarrierState = CarrierState.closed
    since: datetime | None = None
    until: datetime | None = None
    strikes: int = 0
    struck_by: CarrierFault | None = None
    failures: int = 0
    fault: CarrierFault | None = None
    detail: str = ""
    faulted_at: datetime | None = None
    answered_at: datetime | None = None
    pace: float | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """Engine time, how many seconds of it pass in one wall second, and how many calls a second a carrier is set to."""

    now: datetime
    speed: float = 1.0
    rate: float = 1.0

    def after(self, seconds: float) -> datetime:
        """The engine instant so many wall seconds from now."""
        return self.now + timedelta(seconds=seconds * self.speed)


def leave(standing: Standing, now: datetime, settings_changed: bool = False) -> Leave:
    """What may be asked of a carrier. Changed credentials are tried at once where the old ones were refused, or used
    up."""
    if standing.state is CarrierState.closed:
        return Leave.freely
    renewed = settings_changed and standing.fault in (CarrierFault.denied, CarrierFault.throttled)
    return Leave.probe if renewed or standing.until is None or standing.until <= now else Leave.none


def probing(standing: Standing, moment: Moment, seconds: float) -> Standing:
    """The standing while one question is out; after so many wall seconds without its answer another is allowed."""
    return replace(standing, state=CarrierState.probing, until=moment.after(seconds))


def after(standing: Standing, outcome: Outcome, moment: Moment) -> Standing:
    """The standing after one more answer. Total: every state and outcome leads somewhere.

    While it is open, answers that were still under way change nothing, save that a longer wish for rest is kept.
    """
    if outcome.fault is None:
        return _well(standing, moment)
    seen = replace(
        standing,
        failures=standing.failures + 1,
        fault=outcome.fault,
        detail=outcome.detail,
        faulted_at=moment.now,
    )
    if standing.state is CarrierState.open:
        return _longer(standing, outcome, moment)
    if standing.state is CarrierState.probing or outcome.certain or seen.failures >= _enough(standing, outcome, moment):
        return _ill(standing, seen, outcome, moment)
    return seen


def _well(standing: Standing, moment: Moment) -> Standing:
    """A good answer ends a probe; while it is open it may have been under way since before."""
    if standing.state is CarrierState.open:
        return replace(standing, answered_at=moment.now)
    since = moment.now if standing.state is CarrierState.probing else standing.since
    pace = standing.pace
    if pace is not None and since is not None and since <= moment.after(-WELL_SECONDS):
        pace = None if pace * FASTER >= moment.rate else pace * FASTER
    return replace(
        standing, state=CarrierState.closed, since=since, until=None, failures=0, answered_at=moment.now, pace=pace
    )


def _enough(standing: Standing, outcome: Outcome, moment: Moment) -> int:
    """How many bad answers in a row it takes. Where they are of two kinds, the more patient one counts: a parcel whose
    answer breaks off beside two that nobody can read is no carrier that cannot be reached."""
    fault = outcome.fault or CarrierFault.malformed
    if fault is CarrierFault.denied and standing.answered_at is not None:
        return DENIED_AFTER_GOOD if standing.answered_at > moment.after(-GOOD_SECONDS) else 1
    one, earlier = BACK_OFF[fault].after, standing.fault if standing.failures else None
    return one if one == 1 or earlier is None else max(one, BACK_OFF[earlier].after)


def _ill(standing: Standing, seen: Standing, outcome: Outcome, moment: Moment) -> Standing:
    """Open, for longer if it was ill of the same thing a moment ago.

    One that answers, and then wants fewer questions, is asked at half the pace: a longer rest would not make it bear
    more. A probe that is turned away is alone, so there it is rest that is wanted.
    """
    fault = outcome.fault or CarrierFault.unreachable
    was_closed = standing.state is CarrierState.closed
    too_fast = was_closed and fault is CarrierFault.throttled
    recently = not was_closed or (standing.since is not None and standing.since > moment.after(-WELL_SECONDS))
    strikes = standing.strikes + 1 if recently and standing.struck_by is fault and not too_fast else 1
    wait = max(outcome.wait or 0.0, BACK_OFF[fault].wait(strikes))
    since = moment.now if was_closed else standing.since
    pace = max(SLOWEST, min(standing.pace or moment.rate, moment.rate) / 2) if too_fast else standing.pace
    return replace(
        seen,
        state=CarrierState.open,
        since=since,
        until=moment.after(wait),
        strikes=strikes,
        struck_by=fault,
        pace=pace,
    )


def _longer(standing: Standing, outcome: Outcome, moment: Moment) -> Standing:
    until = moment.after(outcome.wait or 0.0)
    return replace(standing, until=until if standing.until is None else max(standing.until, until))


_OF_SILENCE: Mapping[Silence | None, CarrierFault] = {
    Silence.timeout: CarrierFault.timeout,
    Silence.unreachable: CarrierFault.unreachable,
    Silence.certificate: CarrierFault.certificate,
    Silence.garbled: CarrierFault.malformed,
    None: CarrierFault.unreachable,
}


def fault_of(kinds: Collection[AnswerKind], raw: RawAnswer) -> CarrierFault | None:
    """What one call's answer shows to be wrong with the carrier, by how it answered about each parcel; None if it
    said something usable of at least one."""
    if not kinds or AnswerKind.tracked in kinds or AnswerKind.not_found in kinds:
        return None
    if AnswerKind.denied in kinds:
        return CarrierFault.denied
    if AnswerKind.throttled in kinds:
        return CarrierFault.throttled
    if raw.status is None:
        return _OF_SILENCE[raw.silence]
    if _web_page(raw.body):
        return CarrierFault.maintenance
    return CarrierFault.server_error if AnswerKind.unavailable in kinds else CarrierFault.malformed


def _web_page(body: bytes) -> bool:
    start = body[:500].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith(b"<") and (b"<html" in start or b"<!doctype html" in start)
