"""Cancels orders, or single parcels of them: they rest, and no message that has not begun to leave will leave."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.event_counts import count_states

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
    " lease_until = NULL FROM stoppable WHERE messages.id = stoppable.id RETURNING messages.id, messages.order_id"
)
_IN_FLIGHT = sa.text(
    "SELECT order_id, public_id FROM messages WHERE order_id = ANY(:ids)"
    " AND state IN ('sending', 'unconfirmed') AND open_attempt_id IS NOT NULL ORDER BY id"
)

# Two look-ups by index: with OR it would be one through all messages.
_ABOUT_THEM = """
    SELECT id FROM messages WHERE shipment_id = ANY(:ids)
    UNION SELECT message_id FROM ledger_keys WHERE scope = 'parcel' AND scope_id = ANY(:ids)
"""
# The messages that tell of these parcels, alone or with others, as far as their calls have not begun.
_TELLING = """
    WITH telling AS MATERIALIZED (
        SELECT messages.id FROM messages
        WHERE messages.id IN ({about_them})
            AND (messages.state IN ('held', 'ready')
                OR (messages.state = 'sending' AND messages.open_attempt_id IS NULL))
        ORDER BY messages.id FOR NO KEY UPDATE OF messages
    ), others AS (
        SELECT DISTINCT telling.id FROM telling
            JOIN ledger_keys ON ledger_keys.message_id = telling.id AND ledger_keys.scope = 'parcel'
            JOIN crossings USING (scope, scope_id, milestone, occurrence)
            JOIN shipments ON shipments.id = crossings.shipment_id
        WHERE shipments.cancelled_at IS NULL AND shipments.unfollowed_at IS NULL AND crossings.retired_at IS NULL
        UNION SELECT telling.id FROM telling
            JOIN ledger_keys ON ledger_keys.message_id = telling.id AND ledger_keys.scope = 'order'
        WHERE ledger_keys.milestone = 'all_delivered' OR EXISTS (
            SELECT 1 FROM shipments JOIN crossings ON crossings.shipment_id = shipments.id
            WHERE shipments.order_id = ledger_keys.scope_id AND shipments.cancelled_at IS NULL
                AND shipments.unfollowed_at IS NULL AND crossings.scope = 'parcel'
                AND crossings.milestone = ledger_keys.milestone AND crossings.retired_at IS NULL)
    )
""".replace("{about_them}", _ABOUT_THEM)
_STOP = """
    UPDATE messages SET state = :state, reason = :reason, ended_at = :now, lease_token = NULL, lease_until = NULL
    FROM telling WHERE messages.id = telling.id AND telling.id NOT IN (SELECT id FROM others)
    RETURNING messages.id
"""
# What tells of others too goes on without these: whoever has claimed it loses it, and it is judged and written anew.
_GO_ON = """
    UPDATE messages SET state = CASE state WHEN 'held' THEN 'held' ELSE 'ready' END, lease_token = NULL,
        lease_until = NULL, rendered_at = NULL, released = NULL, personal = NULL, subject = NULL
    FROM others WHERE messages.id = others.id RETURNING messages.public_id
"""
_STOP_TELLING, _TELL_THE_REST = (sa.text("".join([_TELLING, change])) for change in (_STOP, _GO_ON))
_LOCK_TELLING = sa.text("".join([_TELLING, "SELECT id FROM telling"]))
_STILL_UNDER_WAY = sa.text(
    "SELECT order_id, public_id FROM messages WHERE id IN ({about_them})"
    " AND state IN ('sending', 'unconfirmed') AND open_attempt_id IS NOT NULL ORDER BY id".replace(
        "{about_them}", _ABOUT_THEM
    )
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


@dataclass(frozen=True, slots=True)
class CancelledParcel:
    """What cancelling one parcel came to; see `Cancelled`. `shipment_id` is its row's."""

    shipment_id: int
    public_id: str
    number: str
    cancelled_at: datetime
    already: bool
    messages: int
    in_flight: tuple[str, ...]


def cancel_parcel(session: Session, brand_id: int, parcel: str, now: datetime) -> CancelledParcel | None:
    """Take one parcel (by its outside id) out of its order in the caller's transaction; None when there is no such.

    A message that tells of it together with others tells of those alone. Locks as `cancel_orders` does.
    """
    named = {"brand": brand_id, "parcel": parcel}
    order = session.execute(_LOCK_ITS_ORDER, named).one_or_none()
    if order is None:
        return None
    session.execute(_LOCK_PARCELS, {"ids": [order.id]})
    row = session.execute(_PARCEL, named).one()
    session.execute(_REST_PARCELS, {"now": now, "ids": [row.id]})
    return CancelledParcel(
        shipment_id=row.id,
        public_id=parcel,
        number=order.number,
        cancelled_at=row.cancelled_at or now,
        already=row.cancelled_at is not None,
        messages=silence(session, [row.id], now),
        in_flight=tuple(in_flight(session, [row.id]).get(order.id, ())),
    )


_LOCK_ITS_ORDER = sa.text(
    "SELECT id, number FROM orders WHERE id = (SELECT order_id FROM shipments WHERE public_id = :parcel"
    " AND brand_id = :brand) FOR NO KEY UPDATE"
)
_PARCEL = sa.text("SELECT id, cancelled_at FROM shipments WHERE public_id = :parcel AND brand_id = :brand")


def silence(session: Session, shipment_ids: Sequence[int], now: datetime) -> int:
    """Stop every message that tells only of these parcels, which were cancelled and are locked; how many."""
    return _stop(session, shipment_ids, "cancelled", "cancelled", now)


def put_aside(session: Session, shipment_ids: Sequence[int], now: datetime) -> int:
    """Stop every message that tells only of these locked parcels, which nobody follows any more; how many."""
    return _stop(session, shipment_ids, "cancelled", "unfollowed", now)


def lock_telling(session: Session, shipment_ids: Sequence[int]) -> None:
    """Lock what still may tell of these locked parcels, by id, where more than one of the calls below is to follow."""
    session.execute(_LOCK_TELLING, {"ids": list(shipment_ids)}).all()


def in_flight(session: Session, shipment_ids: Sequence[int]) -> dict[int, list[str]]:
    """The outside ids of the messages about these parcels whose sending has begun, by order: they may still arrive."""
    found: dict[int, list[str]] = defaultdict(list)
    for row in session.execute(_STILL_UNDER_WAY, {"ids": list(shipment_ids)}):
        found[row.order_id].append(row.public_id)
    return found


def unsay(session: Session, shipment_ids: Sequence[int], now: datetime) -> int:
    """Stop every message that rests on the wrong tracking number that these locked parcels had; how many."""
    return _stop(session, shipment_ids, "superseded", "no_longer_so", now)


def _stop(session: Session, shipment_ids: Sequence[int], state: str, reason: str, now: datetime) -> int:
    if not shipment_ids:
        return 0
    ids = {"ids": list(shipment_ids)}
    stopped = session.scalars(_STOP_TELLING, {**ids, "state": state, "reason": reason, "now": now}).all()
    count_states(session, stopped)
    session.execute(_TELL_THE_REST, ids)
    return len(stopped)


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
    stopped = session.execute(_STOP_MESSAGES, {"now": now, "ids": ids}).all()
    count_states(session, [row.id for row in stopped])
    messages = Counter(row.order_id for row in stopped)
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
