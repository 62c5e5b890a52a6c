"""What the next pruning would take away, in numbers: counted up to a bound, by the same look-ups, and nothing held."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.keeping import Retention

MOST = 10_000
"""Rows of one class that are counted; beyond that there are "more than" so many."""

_R = Retention

# Each looks at :bound rows at most, in the order in which pruning takes them, and counts those that are old enough.
_COUNTS: Mapping[Retention, tuple[str, ...]] = {
    _R.carrier_answers: (
        "SELECT heard_at < :before AS old FROM carrier_answers ORDER BY id LIMIT :bound",
        "SELECT received_at < :real AS old FROM carrier_pushes WHERE taken_at IS NOT NULL ORDER BY id LIMIT :bound",
    ),
    _R.receipt_batches: (
        "SELECT received_at < :real AS old FROM receipt_batches WHERE unpacked_at IS NOT NULL ORDER BY id LIMIT :bound",
    ),
    _R.receipts: (
        "SELECT received_at < :real AND applied_at IS NOT NULL AS old FROM receipts WHERE id > coalesce(("
        "SELECT upto FROM pruning_marks WHERE retention = 'receipts'), 0) ORDER BY id LIMIT :bound",
    ),
    _R.inbound: (
        "SELECT true AS old FROM inbound_messages WHERE received_at < :before"
        " AND (sender IS NOT NULL OR body IS NOT NULL) LIMIT :bound",
    ),
    _R.messages: (
        "SELECT planned_at < :before AND state NOT IN ('held', 'ready', 'sending', 'unconfirmed') AS old FROM messages"
        " WHERE id > coalesce((SELECT upto FROM pruning_marks WHERE retention = 'messages'), 0)"
        " ORDER BY id LIMIT :bound",
    ),
    _R.orders: (
        "SELECT created_at < :real AND NOT EXISTS (SELECT 1 FROM shipments WHERE shipments.order_id = orders.id"
        " AND (next_poll_at IS NOT NULL OR watch_at IS NOT NULL"
        " OR greatest(last_heard_at, milestone_at, delivered_at) >= :before)) AS old"
        " FROM orders WHERE erased_at IS NULL AND placed_at < :before ORDER BY placed_at LIMIT :bound",
    ),
    _R.suppressions: (
        "SELECT true AS old FROM suppressions WHERE created_at < :real AND address IS NOT NULL LIMIT :bound",
    ),
}


@dataclass(frozen=True, slots=True)
class Ahead:
    """One class: its days (0: for ever), how many rows are due, and whether there are more than were counted."""

    retention: Retention
    days: int
    due: int
    more: bool


def pruning_ahead(session: Session, days: Mapping[str, int], now: datetime) -> list[Ahead]:
    """What is due in each class; `now` is engine time, `days` the settings."""
    found = []
    for retention, queries in _COUNTS.items():
        kept = days[retention.value]
        due = sum(_count(session, query, now, kept) for query in queries) if kept else 0
        found.append(Ahead(retention, kept, min(due, MOST), due > MOST))
    return found


def _count(session: Session, query: str, now: datetime, days: int) -> int:
    looked_at = sa.text(query).columns(sa.column("old", sa.Boolean)).subquery()
    counted = sa.select(sa.func.count()).select_from(looked_at).where(looked_at.c.old)
    real = session.scalars(sa.select(sa.func.now())).one()
    values = {"before": now - timedelta(days=days), "real": real - timedelta(days=days), "bound": MOST + 1}
    named = {name: value for name, value in values.items() if f":{name}" in query}
    return int(session.scalars(counted, named).one())
