"""Reads what a rehearsal stands on, once, in a transaction in which PostgreSQL itself refuses every write."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Sessions
from app.models import Brand, Crossing, Decision, Message, Order, RuleSetVersion, Scan, Shipment
from app.models.orders import Estimate
from app.models.vocabulary import ENDS, TAKEN_BACK, Milestone
from app.pipeline.leaving.team import TEAM
from app.tracking.milestones import KnownScan

PAGE = 300
"""Orders that are in memory at once."""

STATEMENT_SECONDS = 20
"""How long one statement may take: a page of orders is a matter of milliseconds."""


@contextmanager
def looking(sessions: Sessions) -> Iterator[Session]:
    """A session that sees one instant of the database and can write nothing."""
    with sessions() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        limit = {"limit": f"{STATEMENT_SECONDS}s"}
        session.execute(sa.text("SELECT set_config('statement_timeout', :limit, true)"), limit)
        try:
            yield session
        finally:
            session.rollback()


@dataclass(frozen=True, slots=True)
class HeardOf:
    """One stored scan and when (engine time) it was heard."""

    heard_at: datetime
    scan: KnownScan


@dataclass(frozen=True, slots=True)
class ToldOf:
    """That a message tells of a parcel, since when (engine time) it does, and what it is. `until`: when it was taken
    back without having told anybody."""

    shipment_id: int
    since: datetime
    milestone: str
    channel: str
    planned_at: datetime
    rule: str
    until: datetime | None = field(default=None, compare=False)

    def counts(self, at: datetime) -> bool:
        """Whether it is part of what was told by an instant."""
        return self.since < at and (self.until is None or self.until > at)


@dataclass(frozen=True, slots=True)
class Stored:
    """One order with all that is stored of it and bears on its messages; crossings as they were concluded, decisions
    by crossing, each with the digest of the rules that it was made by. `told` is of which parcel each message tells
    (those that stand in for another are left out), `keys` what is in the ledger, with the instant of its decision and
    that at which its message was taken back. All that speak for one order have one number here."""

    brand: Any
    order: Any
    parcels: Sequence[Any]
    scans: Mapping[int, Sequence[HeardOf]]
    estimates: Mapping[int, Sequence[Any]]
    crossings: Sequence[Any]
    decisions: Mapping[int, Sequence[Any]]
    messages: Sequence[Any]
    told: Sequence[ToldOf] = ()
    keys: Sequence[tuple[tuple[Any, ...], datetime, datetime | None]] = ()

    def taken(self, before: datetime) -> set[tuple[Any, ...]]:
        """The keys that were taken before an instant, without those that spoke for the whole order and told nobody."""
        return {
            key
            for key, at, stopped in self.keys
            if at < before and (stopped is None or stopped >= before or not _for_order(key))
        }

    def parcel(self, shipment_id: int) -> Any:
        """One of its parcels."""
        return next(one for one in self.parcels if one.id == shipment_id)


# Orders are gone through by id, whoever's they are skipped by: a page costs the same however many there are.
_PAGE = sa.text("""
    SELECT orders.id, EXISTS (
        SELECT FROM shipments WHERE shipments.order_id = orders.id AND (
            EXISTS (
                SELECT FROM crossings WHERE crossings.shipment_id = shipments.id AND crossings.crossed_at >= :since
            )
            OR (:open AND (NOT shipments.milestone = ANY(:ends) OR shipments.last_heard_at >= :since))
        )
    ) AS touched
    FROM orders WHERE orders.brand_id = :brand AND orders.id > :after ORDER BY orders.id LIMIT :amount
""")


def count_orders(session: Session, brand_id: int) -> int:
    """How many orders a brand has: what a progress bar counts up to."""
    return session.scalar(sa.select(sa.func.count()).where(Order.brand_id == brand_id)) or 0


def pages(session: Session, brand_id: int, since: datetime, unended: bool) -> Iterator[tuple[int, list[int]]]:
    """A brand's orders page by page: how many were passed, and the ids of those in which something was concluded since.

    `unended`: also those of which something is still expected, or was heard since.
    """
    after = 0
    while True:
        values = {"brand": brand_id, "since": since, "after": after, "amount": PAGE, "open": unended}
        rows = session.execute(_PAGE, {**values, "ends": sorted(ENDS)}).all()
        if not rows:
            return
        after = rows[-1].id
        yield len(rows), [row.id for row in rows if row.touched]


# A parcel's last raw answer is the largest part of its row, and nothing here reads it.
_PARCEL = [column for column in Shipment.__table__.columns if column.key != "last_answer"]


def read_orders(session: Session, order_ids: Sequence[int]) -> list[Stored]:
    """These orders with everything of theirs, by id."""
    if not order_ids:
        return []
    orders = session.execute(_of(Order, Order.id, order_ids)).all()
    brands = {row.id: row for row in session.execute(_of(Brand, Brand.id, {one.brand_id for one in orders}))}
    parcels = session.execute(
        sa.select(*_PARCEL).where(Shipment.order_id == sa.func.any(list(order_ids))).order_by(Shipment.id)
    ).all()
    parcel_ids = [one.id for one in parcels]
    crossings = session.execute(
        _of(Crossing, Crossing.shipment_id, parcel_ids).order_by(None).order_by(Crossing.crossed_at, Crossing.id)
    ).all()
    by_order = _grouped(parcels, "order_id")
    crossed = _grouped(crossings, "order_id")
    decisions = _decisions(session, [one.id for one in crossings])
    messages = _grouped(session.execute(_of(Message, Message.order_id, order_ids)), "order_id")
    ledger = _ledger(session, order_ids)
    scans, estimates = _scans(session, parcel_ids), _estimates(session, parcel_ids)
    return [
        Stored(
            brands[order.brand_id],
            order,
            by_order[order.id],
            scans,
            estimates,
            crossed[order.id],
            decisions,
            messages[order.id],
            [_told_of(key) for key in ledger[order.id] if key.fallback_of is None and key.recipient_id != TEAM],
            [(_key(key), key.decided_at, key.taken_back_at) for key in ledger[order.id]],
        )
        for order in orders
    ]


_LEDGER = sa.text("""
    SELECT ledger_keys.*, messages.order_id, messages.shipment_id, messages.planned_at, messages.rule,
        messages.fallback_of, CASE WHEN messages.state = ANY(:taken_back) AND messages.reason <> 'ambiguous'
            THEN messages.ended_at END AS taken_back_at
    FROM messages JOIN ledger_keys ON ledger_keys.message_id = messages.id
    WHERE messages.order_id = ANY(:ids) ORDER BY messages.id, ledger_keys.scope_id
""")


def _ledger(session: Session, order_ids: Sequence[int]) -> dict[int, list[Any]]:
    taken_back = [state.value for state in TAKEN_BACK]
    return _grouped(session.execute(_LEDGER, {"ids": list(order_ids), "taken_back": taken_back}), "order_id")


def _told_of(key: Any) -> ToldOf:
    """A message tells of each parcel that a key of its names; one of the whole order, of the parcel it is about."""
    parcel = key.scope_id if key.scope == "parcel" else key.shipment_id
    return ToldOf(parcel, key.decided_at, key.milestone, key.channel, key.planned_at, key.rule, key.taken_back_at)


def _key(key: Any) -> tuple[Any, ...]:
    found = key.scope, key.scope_id, key.milestone, key.occurrence, key.channel, key.recipient_id
    return (*found[:3], 1, *found[4:]) if _for_order(found) else found


def _for_order(key: tuple[Any, ...]) -> bool:
    """Whether a key is of a rule that speaks once for the whole order, about a parcel's milestone."""
    return bool(key[0] == "order" and key[2] != Milestone.all_delivered)


def _of(table: Any, column: Any, ids: Iterable[int]) -> sa.Select[Any]:
    return sa.select(table.__table__).where(column == sa.func.any(sorted(ids))).order_by(table.id)


def _decisions(session: Session, crossing_ids: Sequence[int]) -> dict[int, list[Any]]:
    query = (
        sa.select(Decision.__table__, RuleSetVersion.digest)
        .join(RuleSetVersion, RuleSetVersion.id == Decision.rule_set_version_id)
        .where(Decision.crossing_id == sa.func.any(list(crossing_ids)))
        .order_by(Decision.id)
    )
    return _grouped(session.execute(query), "crossing_id")


def _scans(session: Session, parcel_ids: Sequence[int]) -> dict[int, list[HeardOf]]:
    found: dict[int, list[HeardOf]] = defaultdict(list)
    columns = (
        Scan.shipment_id, Scan.digest, Scan.milestone, Scan.occurred_at, Scan.description, Scan.place, Scan.moves,
        Scan.heard_at,
    )  # fmt: skip
    # What was retired was another parcel's; and the index by parcel holds only what was not.
    query = sa.select(*columns).where(Scan.shipment_id == sa.func.any(list(parcel_ids)), Scan.retired_at.is_(None))
    for row in session.execute(query.order_by(Scan.heard_at, Scan.id)):
        milestone = Milestone(row.milestone) if row.milestone else None
        said = (row.description, row.place, row.moves, row.heard_at)
        scan = KnownScan(bytes(row.digest), milestone, row.occurred_at, *said)
        found[row.shipment_id].append(HeardOf(row.heard_at, scan))
    return found


def _estimates(session: Session, parcel_ids: Sequence[int]) -> dict[int, list[Any]]:
    query = sa.select(Estimate.__table__).where(Estimate.shipment_id == sa.func.any(list(parcel_ids)))
    return _grouped(session.execute(query.order_by(Estimate.as_of, Estimate.id)), "shipment_id")


def _grouped(rows: Iterable[Any], key: str) -> dict[int, list[Any]]:
    grouped: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[getattr(row, key)].append(row)
    return grouped
