"""What carriers tell of their own accord: kept as it came while they wait, heard by the worker like any answer.

A call may come twice, late, out of order, and before the order that it is about. The fold does not mind the first
three; the fourth is looked at again for a day.
"""

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.clock import stopwatch
from app.db import cause_of
from app.errors import Unreadable
from app.log import logger
from app.models import CarrierPush
from app.models.vocabulary import Source
from app.pipeline.deciding.concluding import hear
from app.pipeline.halving import in_halves
from app.pipeline.house import House
from app.pipeline.listening.hearing import Heard, Tally
from app.pipeline.polling.raw_answers import packed
from app.tracking.adapter.base import AnswerKind, Ask, CarrierReply, Push, clean

log = logger(__name__)

BATCH = 50
"""Calls at once: as many of the largest as a worker's memory bears."""
ENOUGH_SECONDS = 20.0

FORGOTTEN = timedelta(days=60)
"""A parcel that has rested for so long is not spoken of: numbers are used again, and this is another's."""


def keep_push(house: House, carrier: str, body: bytes) -> bool:
    """Store a verified call as it came; whether it is new."""
    digest, packed = hashlib.sha256(body).digest(), zlib.compress(body, 1)
    row = {"carrier": carrier, "digest": digest, "body": packed}
    statement = insert(CarrierPush).values(row).on_conflict_do_nothing().returning(CarrierPush.id)
    with house.sessions.begin() as session:
        return session.scalars(statement).one_or_none() is not None


_WAITING = (
    sa.select(CarrierPush.id)
    .where(CarrierPush.taken_at.is_(None))
    .order_by(CarrierPush.id)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)


def hear_pushes(house: House) -> Tally:
    """Hear every call that waits: read → match → store → fold → decide → commit; wakes the senders."""
    total, started = Tally(), stopwatch()
    while stopwatch() - started < ENOUGH_SECONDS:
        with house.sessions.begin() as session:
            waiting = session.scalars(_WAITING).all()
        if not waiting:
            break
        in_halves(waiting, partial(_hear_some, house, total), partial(_set_aside, house))
    return total


def _hear_some(house: House, total: Tally, push_ids: Sequence[int]) -> None:
    now, tally = house.clock.now(), Tally()
    with house.sessions.begin() as session:
        query = sa.select(CarrierPush).where(CarrierPush.id.in_(push_ids), CarrierPush.taken_at.is_(None))
        pushes = session.scalars(query.order_by(CarrierPush.id).with_for_update(skip_locked=True)).all()
        by_carrier: dict[str, list[CarrierPush]] = defaultdict(list)
        for push in pushes:
            by_carrier[push.carrier].append(push)
        said: list[_Said] = []
        for carrier in sorted(by_carrier):
            said += _read(session, house, carrier, by_carrier[carrier], now)
        tally.add(hear(session, house, _together(said), now))
        _keep_answers(session, said, now)
        _note_calls(session, said, now)
        taken_at = session.scalars(sa.select(sa.func.clock_timestamp())).one()
        for push in pushes:
            push.taken_at = taken_at
    for kind, which in sorted(tally.wakes):
        house.wake(kind, which)
    total.add(tally)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a carrier's call says about one parcel of ours."""

    carrier: str
    brand_id: int
    shipment_id: int
    reply: CarrierReply
    number: str
    body: bytes


_Parcel = sa.Row[Any]

_THEIRS = """
    (asked_of = {carrier} OR shipments.carrier = {carrier} OR {carrier} = any(shipments.candidates))
        AND orders.erased_at IS NULL
        AND (next_poll_at IS NOT NULL OR greatest(last_heard_at, milestone_at, delivered_at, placed_at) >= :since)
"""
_PARCELS = sa.text(
    """
    SELECT shipments.id, shipments.brand_id, shipments.tracking_number, shipments.carrier,
        orders.country, orders.zone, orders.placed_at
    FROM shipments JOIN orders ON orders.id = shipments.order_id
    WHERE shipments.tracking_number = any(:numbers) AND {theirs}
    ORDER BY shipments.id
""".replace("{theirs}", _THEIRS.format(carrier=":carrier"))
)


def _read(session: Session, house: House, carrier: str, pushes: Sequence[CarrierPush], now: datetime) -> list[_Said]:
    """What these calls of one carrier say about our parcels, of whatever brand; marks what nobody can use."""
    reader = house.carriers[carrier].push if carrier in house.carriers else None
    bodies: dict[int, bytes] = {}
    numbers: dict[int, set[str]] = {}
    for push in pushes:
        try:
            bodies[push.id] = zlib.decompress(push.body)
            numbers[push.id] = {reply.tracking_number for reply in _replies(reader, bodies[push.id])}
        except Unreadable as error:
            push.problem = clean(str(error), 300)
            log.warning("push unreadable", carrier=carrier, push=push.id, error=push.problem)
    parcels = _parcels(session, carrier, {number for some in numbers.values() for number in some}, now)
    known = {number: _ask(rows[0]) for number, rows in parcels.items()}
    said: list[_Said] = []
    for push in pushes:
        if push.id not in numbers:
            continue
        for reply in _replies(reader, bodies[push.id], known):
            for row in parcels.get(reply.tracking_number, ()):
                body = bodies[push.id] if reply.portion is None else reply.portion
                said.append(_Said(carrier, row.brand_id, row.id, reply, row.tracking_number, body))
        strangers = sorted(numbers[push.id] - parcels.keys())
        push.unmatched = [clean(number, 100) for number in strangers] or None
        if not strangers:
            push.body = b""  # it is kept with each parcel that it was about
    return said


def _replies(reader: Push | None, body: bytes, known: Mapping[str, Ask] | None = None) -> list[CarrierReply]:
    if reader is None:
        raise Unreadable("the carrier is no longer in use")
    return [reply for reply in reader.read(body, known or {}) if reply.kind is AnswerKind.tracked]


def _parcels(session: Session, carrier: str, numbers: Iterable[str], now: datetime) -> dict[str, list[_Parcel]]:
    """Our parcels by the number that the carrier calls them; a number in other letters is the same one."""
    written: dict[str, set[str]] = defaultdict(set)
    for number in numbers:
        if "\x00" not in number:
            for form in (number, number.strip(), number.strip().upper()):
                written[form].add(number)
    if not written:
        return {}
    found: dict[str, list[_Parcel]] = defaultdict(list)
    values = {"numbers": sorted(written), "carrier": carrier, "since": now - FORGOTTEN}
    for row in session.execute(_PARCELS, values):
        for number in written[row.tracking_number]:
            found[number].append(row)
    return dict(found)


def _ask(row: _Parcel) -> Ask:
    return Ask(
        row.tracking_number,
        destination_country=row.country,
        zone=row.zone,
        carrier=row.carrier,
        placed_on=row.placed_at.date(),
    )


_EVER = datetime.min.replace(tzinfo=UTC)


def _together(said: Sequence[_Said]) -> list[Heard]:
    """All that each carrier said about a parcel as one hearing: every scan, and what the newest call says beside them;
    its estimate, where that has none, from the newest that has."""
    heard: dict[tuple[int, str | None], Heard] = {}
    newest: dict[int, Heard] = {}
    each = [
        replace(Heard.of_reply(one.shipment_id, Source.push, one.reply, one.number), by=one.carrier) for one in said
    ]
    for new in sorted(each, key=lambda one: one.as_of or _EVER):
        before = newest.get(new.shipment_id)
        if before is not None and not new.estimates:
            new = new.with_estimate_of(before)
        old = heard.pop((new.shipment_id, new.by), None)  # put back last: what is heard last of a parcel stands
        new = new if old is None else replace(new, scans=old.scans + new.scans)
        heard[new.shipment_id, new.by] = newest[new.shipment_id] = new
    return list(heard.values())


_KEEP = sa.text("""
    INSERT INTO carrier_answers (brand_id, shipment_id, heard_at, source, kind, body)
    SELECT cast(:brand_id AS bigint), shipments.id, :now, 'push', 'tracked', :body
    FROM shipments JOIN orders ON orders.id = shipments.order_id
    WHERE shipments.id = :shipment_id AND orders.erased_at IS NULL
""")


def _keep_answers(session: Session, said: Sequence[_Said], now: datetime) -> None:
    """Keep what was said with each parcel; an order that was closed meanwhile keeps nothing."""
    rows = [
        {"brand_id": one.brand_id, "shipment_id": one.shipment_id, "now": now, "body": packed(one.body)} for one in said
    ]
    if rows:
        session.execute(_KEEP, rows)


_NOTE_CALLS = sa.text("""
    INSERT INTO enrolled_numbers (carrier, tracking_number, called_at, touched_at)
    SELECT carrier, tracking_number, :now, :now
    FROM unnest(cast(:carriers AS text[]), cast(:numbers AS text[])) AS called (carrier, tracking_number)
    ORDER BY carrier, tracking_number
    ON CONFLICT (carrier, tracking_number)
    DO UPDATE SET called_at = excluded.called_at, touched_at = excluded.touched_at
""")


def _note_calls(session: Session, said: Sequence[_Said], now: datetime) -> None:
    """Note of which numbers the carrier called: those it need not be asked about so often."""
    called = sorted({(one.carrier, one.number) for one in said})
    if called:
        carriers, numbers = [carrier for carrier, _ in called], [number for _, number in called]
        session.execute(_NOTE_CALLS, {"carriers": carriers, "numbers": numbers, "now": now})


def _set_aside(house: House, push_id: int, error: Exception) -> None:
    """A call that cannot be heard is kept with the reason, and holds up no other."""
    problem = clean(cause_of(error), 300)
    log.error("push set aside", push=push_id, error=problem)
    with house.sessions.begin() as session:
        session.execute(
            sa.update(CarrierPush)
            .where(CarrierPush.id == push_id)
            .values(taken_at=sa.func.clock_timestamp(), problem=problem)
        )


# What was about a number that nobody had, and somebody has now, waits again. After a day it is nobody's, and goes.
_MATCHED_SINCE = sa.text(
    """
    WITH found AS MATERIALIZED (
        SELECT DISTINCT pushes.id
        FROM (
            SELECT id, carrier, unmatched FROM carrier_pushes
            WHERE unmatched IS NOT NULL AND received_at > now() - interval '1 day'
            ORDER BY received_at DESC LIMIT 5000
        ) AS pushes
        CROSS JOIN unnest(pushes.unmatched) AS stranger (number)
        CROSS JOIN LATERAL (
            SELECT 1 FROM shipments JOIN orders ON orders.id = shipments.order_id
            WHERE shipments.tracking_number = stranger.number AND {theirs}
            LIMIT 1
        ) AS parcel
        LIMIT 500
    ), mine AS MATERIALIZED (
        SELECT id FROM carrier_pushes WHERE id = any(SELECT id FROM found) AND taken_at IS NOT NULL
        ORDER BY id FOR UPDATE SKIP LOCKED
    )
    UPDATE carrier_pushes SET taken_at = NULL, unmatched = NULL FROM mine WHERE carrier_pushes.id = mine.id
    RETURNING carrier_pushes.id
""".replace("{theirs}", _THEIRS.format(carrier="pushes.carrier"))
)
_NOBODYS = sa.text("""
    WITH mine AS MATERIALIZED (
        SELECT id FROM carrier_pushes
        WHERE unmatched IS NOT NULL AND received_at <= now() - interval '1 day'
        ORDER BY received_at LIMIT 500 FOR UPDATE SKIP LOCKED
    )
    UPDATE carrier_pushes SET body = '', unmatched = NULL FROM mine WHERE carrier_pushes.id = mine.id
""")


def look_again(house: House) -> Tally:
    """Hear what was said about parcels before their orders came in, and let go of what is nobody's."""
    with house.sessions.begin() as session:
        found = session.scalars(_MATCHED_SINCE, {"since": house.clock.now() - FORGOTTEN}).all()
        session.execute(_NOBODYS)
    return hear_pushes(house) if found else Tally()
