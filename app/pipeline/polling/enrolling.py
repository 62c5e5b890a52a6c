"""Telling carriers which parcels to follow: those that must be told before they can be asked, and those that call.

It is done as a parcel comes due: a new one is due at once, and none waits longer for its next turn than an enrolment is
renewed ahead of its end. So there is nothing to choose from beside what is due anyway.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa

from app.log import logger
from app.models import EnrolledNumber
from app.models.vocabulary import CarrierState
from app.pipeline.house import House
from app.pipeline.polling.asking import Round
from app.pipeline.polling.breaker import learn
from app.pipeline.polling.due import DueParcel
from app.pipeline.polling.recording import give_back
from app.pipeline.polling.settling_carrier import pass_on
from app.pipeline.polling.silence import fall_silent, is_last_answer
from app.pipeline.polling.telling_numbers import Telling, tell_numbers
from app.tracking.adapter.base import AnswerKind, Ask, Carrier, Enrolled, Enrolment, clean
from app.tracking.cadence import after_failure
from app.tracking.covered import is_covered
from app.tracking.health import Standing

log = logger(__name__)

_SOON_SECONDS = 60.0
_FIRST_LOOK_SECONDS = 120.0
"""How long a carrier that was just told of a number is left to look for it."""
_RENEW_BEFORE = timedelta(days=2)
_FOR_EVER = timedelta(days=3650)
_NOT_TAKEN = timedelta(hours=6)
_GIVEN_UP_AFTER = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class _Followed:
    """How a number stands with its carrier."""

    followed_until: datetime | None = None
    try_at: datetime | None = None
    failures: int = 0
    problem: str | None = None
    called_at: datetime | None = None

    def wants(self, now: datetime) -> bool:
        """Whether the carrier is to be told (again)."""
        ends = self.followed_until is None or self.followed_until - now < _RENEW_BEFORE
        return ends and (self.try_at is None or self.try_at <= now)

    def stands(self, now: datetime) -> bool:
        """Whether the carrier follows the number."""
        return self.followed_until is not None and self.followed_until > now


_UNKNOWN = _Followed()


_WELL = Standing()


def enrol(house: House, carrier: Carrier, due: Sequence[DueParcel], health: Standing = _WELL) -> list[DueParcel]:
    """See to it that a carrier follows the parcels that are due; those that can be asked about now.

    Of each it is known then whether its carrier calls (`covered`). One that the carrier must follow first and does not
    yet gets a later turn, with the reason. `health` is how the carrier stands; where telling it shows that it is ill,
    nothing is asked, and what could have been is due again.
    """
    enrolment, calls_us = carrier.enrolment, _calls_us(house, carrier)
    hook_url = _hook_url(house, carrier) if calls_us else ""
    if not calls_us and (enrolment is None or not enrolment.needed):
        return list(due)
    before = _standings(house, carrier, due)
    stand = dict(before)
    if enrolment is not None and (enrolment.needed or hook_url):
        telling = Telling(_asks(due, before, house.clock.now()), hook_url, health)
        stand |= _told(house, carrier, enrolment, telling, before)
        health = telling.health if enrolment.needed else health
    now = house.clock.now()
    ready: list[DueParcel] = []
    later: list[tuple[DueParcel, _Followed, bool]] = []
    for parcel in due:
        was, standing = (found.get(parcel.tracking_number, _UNKNOWN) for found in (before, stand))
        if enrolment is not None and enrolment.needed and not was.stands(now):
            later.append((parcel, standing, standing.stands(now)))
        else:
            followed = standing.followed_until if enrolment else None
            ready.append(replace(parcel, covered=calls_us and is_covered(followed, standing.called_at, now)))
    _come_again(house, carrier, later, now)
    if health.state is CarrierState.open:
        give_back(house, ready, now)
        return []
    return ready


def as_unasked(house: House, carrier: Carrier, found: Round) -> None:
    """Of what a probe found: it asks about whatever is due, and that a carrier does not know a number of which it was
    never told says nothing about the parcel. Its turn comes again."""
    unknown = [one for one in found.asked if one.reply.kind is AnswerKind.not_found]
    if carrier.enrolment is None or not carrier.enrolment.needed or not unknown:
        return
    standings, now = _standings(house, carrier, [one.parcel for one in unknown]), house.clock.now()
    untold = [one for one in unknown if not standings.get(one.parcel.tracking_number, _UNKNOWN).stands(now)]
    found.asked = [one for one in found.asked if one not in untold]
    found.unasked += [one.parcel for one in untold]


def _calls_us(house: House, carrier: Carrier) -> bool:
    return carrier.push is not None and bool(house.access(carrier).push_secret)


def _hook_url(house: House, carrier: Carrier) -> str:
    """Where a carrier can call us; empty where nobody outside could reach it."""
    address = urlsplit(house.public_url)
    reachable = address.scheme == "https" and address.hostname not in (None, "localhost", "127.0.0.1", "::1")
    return f"{house.public_url.rstrip('/')}/hooks/carriers/{carrier.name}" if reachable else ""


def _standings(house: House, carrier: Carrier, due: Sequence[DueParcel]) -> dict[str, _Followed]:
    numbers = sorted({parcel.tracking_number for parcel in due})
    query = sa.select(EnrolledNumber.__table__).where(
        EnrolledNumber.carrier == carrier.name, EnrolledNumber.tracking_number == sa.func.any(numbers)
    )
    with house.sessions() as session:
        return {
            row.tracking_number: _Followed(row.followed_until, row.try_at, row.failures, row.problem, row.called_at)
            for row in session.execute(query)
        }


def _asks(due: Sequence[DueParcel], standings: Mapping[str, _Followed], now: datetime) -> list[Ask]:
    """One for each number of which the carrier is to be told."""
    wanting = {
        parcel.tracking_number: Ask(
            parcel.tracking_number,
            destination_country=parcel.country,
            zone=parcel.zone,
            carrier=parcel.carrier,
            placed_on=parcel.placed_at.date(),
        )
        for parcel in due
        if standings.get(parcel.tracking_number, _UNKNOWN).wants(now)
    }
    return list(wanting.values())


def _told(
    house: House, carrier: Carrier, enrolment: Enrolment, telling: Telling, before: Mapping[str, _Followed]
) -> dict[str, _Followed]:
    """How the numbers stand of which the carrier was told now, stored; as many as its budget allows."""
    now = house.clock.now()
    told = house.loop.run(tell_numbers(house, carrier, enrolment, telling)) if telling.asks else []
    if enrolment.needed:  # one that can be asked without it may well have another key for telling
        learn(house, carrier, telling.outcomes, house.clock.now())
    stand = {one.tracking_number: _after(house, one, before.get(one.tracking_number, _UNKNOWN), now) for one in told}
    if stand:
        _store(house, carrier, stand, now)
        refused = sum(1 for one in told if one.refusal)
        log.info("enrolled", carrier=carrier.name, followed=len(told) - refused, refused=refused)
    return stand


def _after(house: House, enrolled: Enrolled, before: _Followed, now: datetime) -> _Followed:
    """How a number stands after its carrier was told of it. One whose renewal fails is followed to its end."""
    refusal = enrolled.refusal
    if refusal is None:
        follows = timedelta(days=enrolled.days) if enrolled.days is not None else _FOR_EVER
        return _Followed(now + follows, called_at=before.called_at)
    failures = before.failures + 1
    if refusal.kind is AnswerKind.not_found:
        try_at = now + _NOT_TAKEN
    else:
        try_at = house.clock.after_wall(max(after_failure(failures, failures), refusal.retry_after or 0.0))
    problem = f"{refusal.kind.value}: {clean(refusal.detail or '', 300)}"
    return replace(before, try_at=try_at, failures=failures, problem=problem)


_STORE = sa.text("""
    INSERT INTO enrolled_numbers (carrier, tracking_number, followed_until, try_at, failures, problem, touched_at)
    SELECT :carrier, tracking_number, followed_until, try_at, failures, problem, :now
    FROM unnest(
        cast(:numbers AS text[]), cast(:followed_until AS timestamptz[]), cast(:try_at AS timestamptz[]),
        cast(:failures AS int[]), cast(:problems AS text[])
    ) AS told (tracking_number, followed_until, try_at, failures, problem)
    ORDER BY tracking_number
    ON CONFLICT (carrier, tracking_number) DO UPDATE SET
        followed_until = excluded.followed_until, try_at = excluded.try_at, failures = excluded.failures,
        problem = excluded.problem, touched_at = excluded.touched_at
""")


def _store(house: House, carrier: Carrier, standings: Mapping[str, _Followed], now: datetime) -> None:
    numbers = list(standings)
    values = {
        "carrier": carrier.name,
        "now": now,
        "numbers": numbers,
        "followed_until": [standings[number].followed_until for number in numbers],
        "try_at": [standings[number].try_at for number in numbers],
        "failures": [standings[number].failures for number in numbers],
        "problems": [standings[number].problem for number in numbers],
    }
    with house.sessions.begin() as session:
        session.execute(_STORE, values)


# A parcel that was cancelled, put to rest or given another number since it was claimed is left alone.
_COME_AGAIN = sa.text("""
    WITH later AS MATERIALIZED (
        SELECT shipments.id, turned.next_poll_at, turned.problem
        FROM shipments JOIN unnest(
            cast(:ids AS bigint[]), cast(:numbers AS text[]), cast(:next_poll_at AS timestamptz[]),
            cast(:problems AS text[])
        ) AS turned (id, number, next_poll_at, problem) ON turned.id = shipments.id
        WHERE shipments.tracking_number = turned.number AND shipments.next_poll_at IS NOT NULL
        ORDER BY shipments.id FOR NO KEY UPDATE OF shipments
    )
    UPDATE shipments SET next_poll_at = later.next_poll_at, problem = later.problem
    FROM later WHERE shipments.id = later.id
""")


def _come_again(
    house: House, carrier: Carrier, later: Sequence[tuple[DueParcel, _Followed, bool]], now: datetime
) -> None:
    """Give parcels that cannot be asked about yet another turn, and say on them why they cannot."""
    if not later:
        return
    soon, first_look = house.clock.after_wall(_SOON_SECONDS), house.clock.after_wall(_FIRST_LOOK_SECONDS)
    turns = [
        None
        if not followed and now - parcel.known_at > _GIVEN_UP_AFTER
        else first_look
        if followed
        else max(soon, standing.try_at or soon)
        for parcel, standing, followed in later
    ]
    values = {
        "ids": [parcel.id for parcel, _, _ in later],
        "numbers": [parcel.tracking_number for parcel, _, _ in later],
        "next_poll_at": turns,
        "problems": [
            f"{carrier.title} does not follow it yet ({standing.problem})" if standing.problem else None
            for _, standing, _ in later
        ],
    }
    unknown = AnswerKind.not_found.value
    nobodys = [
        parcel
        for parcel, standing, followed in later
        if not followed and parcel.carrier is None and (standing.problem or "").startswith(unknown)
    ]
    # All that could be asked about it have been, for as long as any parcel is waited for.
    silent = [one for one in nobodys if len(one.candidates) > 1 and is_last_answer(house, one, now)]
    with house.sessions.begin() as session:
        session.execute(_COME_AGAIN, values)
        pass_on(session, nobodys, now)
    if silent:
        fall_silent(house, silent, now)
