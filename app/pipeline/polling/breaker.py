"""Keeps how each carrier stands, for all workers: who may ask it now, and what its answers made of that."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.log import logger, mask
from app.models import CarrierHealth
from app.models.event_counts import Counted, count_events
from app.models.vocabulary import CarrierFault, CarrierState
from app.pipeline.house import House
from app.pipeline.polling.due import CLAIM
from app.tracking.adapter.base import Carrier
from app.tracking.health import Leave, Moment, Outcome, Standing, after, leave, probing

log = logger(__name__)

BATCH_SECONDS = 10.0
"""How long one batch takes of a carrier that was slowed: not so long that its parcels' leases would end."""

LATENCIES = 50
"""How many of the latest good answers the usual time is told from."""

_PROBE_MARGIN = 15.0
"""Seconds beside the time of two calls (a token's and the probe's) after which a probe's worker is given up."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a worker may ask of a carrier now, and how the carrier stands."""

    leave: Leave
    standing: Standing


def enter(session: Session, house: House, carrier: Carrier, now: datetime) -> Entry:
    """What may be asked of a carrier now. Where it is not well, its row is locked, so that one worker alone probes."""
    row = session.execute(_row(carrier.name)).one_or_none()
    if row is not None and row.state != CarrierState.closed.value:
        row = session.execute(_row(carrier.name).with_for_update()).one()
    if row is None:
        return Entry(Leave.freely, Standing())
    standing = _standing(row)
    return Entry(leave(standing, now, settings_changed=_changed(house, carrier, row)), standing)


def begin_probe(session: Session, house: House, carrier: Carrier, entry: Entry, now: datetime) -> Standing:
    """Take the one question that is allowed, in the transaction in which its parcels were claimed."""
    seconds = 2 * house.carrier_config(carrier.name).timeout_seconds + _PROBE_MARGIN
    standing = probing(entry.standing, moment_of(house, carrier, now), seconds)
    salt = session.scalars(sa.select(CarrierHealth.salt).where(CarrierHealth.carrier == carrier.name)).one()
    _write(session, carrier.name, standing, {"credentials": credentials(house, carrier, bytes(salt))})
    return standing


def moment_of(house: House, carrier: Carrier, now: datetime) -> Moment:
    """How time passes, and how many calls a second this carrier is set to."""
    rate = house.carrier_config(carrier.name).requests_per_second or carrier.requests_per_second
    return Moment(now, house.clock.speed, rate)


def most_calls(entry: Entry) -> int:
    """How many calls one batch may make, by how the carrier stands; it is further held to the carrier's budget."""
    if entry.leave is Leave.probe:
        return 1
    return CLAIM if entry.standing.pace is None else max(1, int(entry.standing.pace * BATCH_SECONDS))


def held(session: Session, house: House, now: datetime) -> frozenset[str]:
    """The carriers of which nothing may be asked now."""
    rows = session.execute(
        sa.select(CarrierHealth.__table__).where(CarrierHealth.state != CarrierState.closed.value)
    ).all()
    return frozenset(
        row.carrier
        for row in rows
        if row.carrier in house.carriers
        and leave(_standing(row), now, _changed(house, house.carriers[row.carrier], row)) is Leave.none
    )


def learn(house: House, carrier: Carrier, outcomes: Sequence[Outcome], now: datetime) -> Standing | None:
    """Write down what a batch's calls showed, on top of what other workers have seen meanwhile; None without any."""
    if not outcomes:
        return None
    moment = moment_of(house, carrier, now)
    with house.sessions.begin() as session:
        row = _locked(session, house, carrier)
        before = standing = _standing(row)
        for outcome in outcomes:
            standing = after(standing, outcome, moment)
        _write(session, carrier.name, standing, _measured(house, carrier, row, outcomes, now))
        said = (one.fault.value if one.fault else "answered" for one in outcomes)
        count_events(session, Counted.answers, ((None, (carrier.name, word)) for word in said))
    _tell(carrier, before, standing)
    return standing


def _row(name: str) -> sa.Select[Any]:
    return sa.select(CarrierHealth.__table__).where(CarrierHealth.carrier == name)


def _locked(session: Session, house: House, carrier: Carrier) -> Any:
    row = session.execute(_row(carrier.name).with_for_update()).one_or_none()
    if row is None:
        salt = secrets.token_bytes(16)
        first = {"carrier": carrier.name, "salt": salt, "credentials": credentials(house, carrier, salt)}
        session.execute(insert(CarrierHealth).values(first).on_conflict_do_nothing())
        row = session.execute(_row(carrier.name).with_for_update()).one()
    return row


def _standing(row: Any) -> Standing:
    return Standing(
        state=CarrierState(row.state),
        since=row.since,
        until=row.until,
        strikes=row.strikes,
        struck_by=CarrierFault(row.struck_by) if row.struck_by else None,
        failures=row.failures,
        fault=CarrierFault(row.fault) if row.fault else None,
        detail=row.detail,
        faulted_at=row.faulted_at,
        answered_at=row.answered_at,
        pace=row.pace,
    )


def _write(session: Session, name: str, standing: Standing, more: dict[str, Any]) -> None:
    values = {
        "state": standing.state.value,
        "since": standing.since,
        "until": standing.until,
        "strikes": standing.strikes,
        "struck_by": standing.struck_by.value if standing.struck_by else None,
        "failures": standing.failures,
        "fault": standing.fault.value if standing.fault else None,
        "detail": mask(standing.detail)[:300],
        "faulted_at": standing.faulted_at,
        "answered_at": standing.answered_at,
        "pace": standing.pace,
    }
    session.execute(
        sa.update(CarrierHealth).where(CarrierHealth.carrier == name).values({**values, **more}),
        execution_options={"synchronize_session": False},
    )


def _measured(house: House, carrier: Carrier, row: Any, outcomes: Sequence[Outcome], now: datetime) -> dict[str, Any]:
    """How long the good answers took, in how many batches of an hour fewer were asked for, and by which key."""
    fresh = [one.seconds for one in outcomes if one.fault is None and one.seconds is not None]
    throttles = int(any(one.fault is CarrierFault.throttled for one in outcomes))  # a batch is throttled once
    hour_ago = now - timedelta(hours=1) * house.clock.speed
    over = row.throttled_since is None or row.throttled_since < hour_ago
    return {
        "latencies": [*row.latencies, *fresh][-LATENCIES:],
        "throttles": throttles if over else row.throttles + throttles,
        "throttled_since": now if over and throttles else None if over else row.throttled_since,
        "credentials": credentials(house, carrier, bytes(row.salt)),
    }


def credentials(house: House, carrier: Carrier, salt: bytes) -> bytes:
    """A digest of all that a carrier is asked with, by which a change of the settings is known and nothing else."""
    access = house.access(carrier)
    told = "\x1f".join((access.base_url, access.key, access.secret, access.account))
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16, key=salt).digest()


def _changed(house: House, carrier: Carrier, row: Any) -> bool:
    return credentials(house, carrier, bytes(row.salt)) != bytes(row.credentials)


def _tell(carrier: Carrier, before: Standing, now: Standing) -> None:
    """One line in the log when a carrier falls ill, and one when it is well again."""
    was_well, is_well = (one.state is CarrierState.closed for one in (before, now))
    if was_well and not is_well and now.fault is not None:
        why = f"{now.fault.sentence}{f': {mask(now.detail)}' if now.detail else ''}"
        log.warning("carrier is left alone", carrier=carrier.name, until=str(now.until), why=why)
    if is_well and not was_well:
        log.info("carrier is asked again", carrier=carrier.name)
