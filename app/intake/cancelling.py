"""Cancels orders: their parcels rest, and no message that has not begun to leave will leave."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

_LOCK_ORDERS = sa.text(
    "SELECT id, public_id, source, number, cancelled_at FROM orders WHERE brand_id = :brand"
    " AND source = :source AND number = ANY(:numbers)"
    " ORDER BY id FOR NO KEY UPDATE"
)
_LOCK_PARCELS = sa.text("SELECT id FROM shipments WHERE order_id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")
_REST_PARCELS = sa.text(
    "UPDATE shipments SET cancelled_at = coalesce(cancelled_at, :now), next_poll_at = NULL, watch_at = NULL"
    " WHERE id = ANY(:ids) AND (cancelled_at IS NULL OR next_poll_at IS NOT NULL OR watch_at IS NOT NULL)"
    " RETURNING order_id"
)
# A message that is claimed but whose call has not begun can still be stopped: the sender's compare-and-swap
# on state and lease then fails.
_STOP_MESSAGES = sa.text(
    "WITH stoppable AS (SELECT id FROM messages WHERE order_id = ANY(:ids) AND (state IN ('held', 'ready')"
    " OR (state = 'sending' AND open_attempt_id IS NULL)) ORDER BY id FOR NO KEY UPDATE)"
    " UPDATE messages SET state = 'cancelled', reason = 'cancelled', ended_at = :now, lease_token = NULL,"
    " lease_until = NULL FROM stoppable WHERE messages.id = stoppable.id RETURNING messages.order_id"
)
_IN_FLIGHT = sa.text(
    "SELECT order_id, public_id FROM messages WHERE order_id = ANY(:ids)"
    " AND state IN ('sending', 'unconfirmed') AND open_attempt_id IS NOT NULL ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What cancelling one order came to.

    `parcels` and `messages` count what was stopped by this call; `in_flight` are the outside ids of messages
    whose call had begun, which may still arrive. `already` says that the order had been cancelled before.
    """

    public_id: str
    source: str
    number: str
    cancelled_at: datetime
    already: bool
    parcels: int
    messages: int
    in_flight: tuple[str, ...]


def cancel_order(
    session: Session, brand_id: int, number: str, now: datetime, source: str | None = None
) -> Cancelled | None:
    """Cancel one order in the caller's transaction; None when there is no such order. Twice is once.

    A number that several sources use means the oldest of them unless `source` says which.
    """
    if source is None:
        oldest = sa.text("SELECT source FROM orders WHERE brand_id = :brand AND number = :number ORDER BY id LIMIT 1")
        source = session.execute(oldest, {"brand": brand_id, "number": number}).scalar_one_or_none()
    cancelled = cancel_orders(session, brand_id, source, [number], now) if source is not None else []
    return cancelled[0] if cancelled else None


def cancel_orders(
    session: Session, brand_id: int, source: str, numbers: Sequence[str], now: datetime
) -> list[Cancelled]:
    """Cancel many orders of one source; unknown numbers are passed over. Locks orders, parcels, messages (law 14)."""
    named = {"brand": brand_id, "numbers": list(numbers), "source": source}
    orders = session.execute(_LOCK_ORDERS, named).all()
    if not orders:
        return []
    ids = [order.id for order in orders]
    session.execute(
        sa.text(
            "UPDATE orders SET cancelled_at = :now, updated_at = now() WHERE id = ANY(:ids) AND cancelled_at IS NULL"
        ),
        {"now": now, "ids": ids},
    )
    parcel_ids = session.execute(_LOCK_PARCELS, {"ids": ids}).scalars().all()
    parcels = Counter(session.execute(_REST_PARCELS, {"now": now, "ids": list(parcel_ids)}).scalars())
    messages = Counter(session.execute(_STOP_MESSAGES, {"now": now, "ids": ids}).scalars())
    in_flight: dict[int, list[str]] = defaultdict(list)
    for row in session.execute(_IN_FLIGHT, {"ids": ids}):
        in_flight[row.order_id].append(row.public_id)
    return [
        Cancelled(
            public_id=order.public_id,
            source=order.source,
            number=order.number,
            cancelled_at=order.cancelled_at or now,
            already=order.cancelled_at is not None,
            parcels=parcels[order.id],
            messages=messages[order.id],
            in_flight=tuple(in_flight[order.id]),
        )
        for order in orders
    ]
