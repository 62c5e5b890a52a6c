"""Takes the person out of orders: every column that can name them is emptied, and what counts stays.

Rows are locked in the one order of the house: orders, parcels, messages. What belongs to a call that is still under
way is left for the next time, because what became of it is asked from its snapshot.
"""

# ruff: noqa: S608 - every statement is put together from constant text

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.event_counts import count_states
from app.models.keeping import blank

UNDER_WAY = "state IN ('sending', 'unconfirmed') AND open_attempt_id IS NOT NULL"
"""A message whose call has begun: nobody can call it back."""

_LOCKS = tuple(
    sa.text(text)
    for text in (
        "SELECT id FROM orders WHERE id = any(:ids) ORDER BY id FOR NO KEY UPDATE",
        "SELECT id FROM shipments WHERE order_id = any(:ids) ORDER BY id FOR NO KEY UPDATE",
        "SELECT id FROM messages WHERE order_id = any(:ids) ORDER BY id FOR NO KEY UPDATE",
    )
)

# What is claimed but has not begun is stopped too: the sender's compare-and-swap on state and lease then fails.
_STOP = sa.text("""
    UPDATE messages SET state = 'suppressed', reason = 'person_erased', ended_at = :now, lease_token = NULL,
        lease_until = NULL
    WHERE order_id = any(:ids)
        AND (state IN ('held', 'ready') OR (state = 'sending' AND open_attempt_id IS NULL))
    RETURNING id
""")

_OF_THESE = "SELECT id FROM shipments WHERE order_id = any(:ids)"
# Those that count and those that were retired each have an index of their own.
_SCANS = (
    f"SELECT id FROM scans WHERE shipment_id IN ({_OF_THESE}) AND retired_at IS NULL"
    f" UNION ALL SELECT id FROM scans WHERE shipment_id IN ({_OF_THESE}) AND retired_at IS NOT NULL"
)
_OVER = f"SELECT id FROM messages WHERE order_id = any(:ids) AND NOT ({UNDER_WAY})"
_FREE = f"""
    NOT EXISTS (
        SELECT 1 FROM messages WHERE messages.shipment_id = crossings.shipment_id
            AND messages.crossing_id = crossings.id AND {UNDER_WAY}
    )
"""
_WIPES = tuple(
    sa.text(text)
    for text in (
        f"UPDATE orders SET {blank('orders')}, erased_at = coalesce(erased_at, cast(:now AS timestamptz)),"
        " updated_at = CASE WHEN erased_at IS NULL THEN now() ELSE updated_at END,"
        " erasing = erasing OR (:again AND erased_at IS NULL) WHERE id = any(:ids)",
        f"UPDATE shipments SET {blank('shipments')}, next_poll_at = NULL, watch_at = NULL WHERE order_id = any(:ids)",
        # The example beside an unknown code may be this very scan's.
        f"UPDATE unknown_codes SET {blank('unknown_codes')} WHERE example <> '' AND (brand_id, example) IN"
        f" (SELECT brand_id, description FROM scans WHERE id IN ({_SCANS}))",
        f"UPDATE scans SET {blank('scans')} WHERE id IN ({_SCANS}) AND (description <> '' OR place IS NOT NULL)",
        f"DELETE FROM carrier_answers WHERE shipment_id IN ({_OF_THESE})",
        f"UPDATE crossings SET {blank('crossings')} WHERE shipment_id IN ({_OF_THESE}) AND {_FREE}",
        f"UPDATE decisions SET {blank('decisions')} WHERE inputs <> '{{}}' AND crossing_id IN"
        f" (SELECT id FROM crossings WHERE shipment_id IN ({_OF_THESE}))",
        f"UPDATE messages SET {blank('messages')} WHERE id IN ({_OVER})",
        f"UPDATE attempts SET {blank('attempts')} WHERE message_id IN ({_OVER}) AND error IS NOT NULL",
        f"UPDATE resends SET {blank('resends')} WHERE message_id IN ({_OVER}) AND why <> ''",
        # One that is being applied at this moment is left to whoever applies it: it waits for these messages, and
        # then sees that its order is closed.
        f"UPDATE receipts SET {blank('receipts')} WHERE id IN (SELECT id FROM receipts WHERE attempt_public_id IN"
        f" (SELECT public_id FROM attempts WHERE message_id IN ({_OVER})) FOR NO KEY UPDATE SKIP LOCKED)",
        f"UPDATE inbound_messages SET {blank('inbound_messages')} WHERE shipment_id IN ({_OF_THESE})",
    )
)


def lock_orders(session: Session, order_ids: Sequence[int]) -> None:
    """Lock orders, their parcels and their messages, each by id (law 14)."""
    for lock in _LOCKS:
        session.execute(lock, {"ids": list(order_ids)}).all()


def stop_messages(session: Session, order_ids: Sequence[int], now: datetime) -> int:
    """End every message of these orders whose call has not begun; how many."""
    stopped = session.scalars(_STOP, {"ids": list(order_ids), "now": now}).all()
    count_states(session, stopped)
    return len(stopped)


def wipe_orders(session: Session, order_ids: Sequence[int], now: datetime, *, again: bool) -> None:
    """Empty what names a person in these locked orders and all that hangs on them, and close them. Twice is once.

    `again`: something of them may be under way, so pruning looks them over until nothing is.
    """
    for wipe in _WIPES:
        values = {"ids": list(order_ids), "now": now, "again": again}
        session.execute(wipe, {name: values[name] for name in wipe.compile().params})
