"""Which parcels a claimed message tells of, and the orders that they belong to: what several are judged by together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.vocabulary import Milestone
from app.pipeline.deciding.whole_orders import last_parcel


@dataclass(frozen=True, slots=True)
class Covered:
    """One parcel that a message tells of: the facts that its news was decided on, until when it is worth telling (UTC),
    and whether what it rests on counts no more."""

    shipment_id: int
    facts: Mapping[str, Any]
    expires_at: datetime
    retired: bool = False


# The parcel by which the message came to be first, then as they joined it. What opened a crossing may have got another
# meaning since (its number was wrong, or its code was mapped): then its news is not so any more.
_COVERED = sa.text("""
    SELECT messages.id AS message_id, crossings.shipment_id, crossings.facts, crossings.occurred_at,
        crossings.retired_at IS NOT NULL OR EXISTS (
            SELECT 1 FROM scans
            WHERE scans.shipment_id = crossings.shipment_id AND scans.digest = crossings.anchor
                AND scans.retired_at IS NULL AND scans.milestone IS DISTINCT FROM crossings.milestone
                AND crossings.cause = 'scan'
                AND NOT (crossings.milestone = 'dispatched' AND scans.milestone = 'in_transit')
        ) AS retired
    FROM ledger_keys JOIN crossings USING (scope, scope_id, milestone, occurrence)
        JOIN messages ON messages.id = ledger_keys.message_id
    WHERE messages.id = ANY(:ids)
    ORDER BY messages.id, crossings.id <> messages.crossing_id, crossings.id
""")
TOLD_TOGETHER = sa.text("""
    SELECT messages.id, ledger_keys.scope_id AS shipment_id, messages.channel,
        messages.recipient_id, messages.milestone
    FROM ledger_keys JOIN messages ON messages.id = ledger_keys.message_id
    WHERE ledger_keys.scope = 'parcel' AND ledger_keys.scope_id = ANY(:ids)
        AND messages.shipment_id <> ledger_keys.scope_id AND NOT messages.state = ANY(:silent)
""")


# Who else has come as far, for a message that speaks once for the whole order.
_INSTEAD = sa.text("""
    SELECT messages.id AS message_id, crossings.shipment_id, crossings.facts, crossings.occurred_at
    FROM messages JOIN ledger_keys ON ledger_keys.message_id = messages.id AND ledger_keys.scope = 'order'
        JOIN shipments ON shipments.order_id = messages.order_id AND shipments.cancelled_at IS NULL
        JOIN crossings ON crossings.shipment_id = shipments.id AND crossings.scope = 'parcel'
            AND crossings.milestone = messages.milestone AND crossings.retired_at IS NULL
    WHERE messages.id = ANY(:ids) AND messages.rendered_at IS NULL
    ORDER BY messages.id, crossings.id
""")


def covered_by(session: Session, rows: Sequence[Any], parcels: Mapping[int, Sequence[Any]]) -> dict[int, list[Covered]]:
    """The parcels that each message may tell of, by message id: several where they were merged, or where it speaks for
    whichever parcel of the order came so far. Only those are looked up. `parcels` are all of their orders'."""
    found = {row.id: [Covered(row.shipment_id, row.facts, row.expires_at, row.retired_at is not None)] for row in rows}
    gone = {one.id for family in parcels.values() if len(family) > 1 for one in family if one.cancelled_at is not None}
    lost = {row.id: row for row in rows if row.merge_until is None and (row.retired_at or row.shipment_id in gone)}
    for one in session.execute(_INSTEAD, {"ids": sorted(lost)}) if lost else ():
        row = lost[one.message_id]
        lasts = row.expires_at - datetime.fromisoformat(row.facts["news"]["occurred_at"])
        found[row.id].append(Covered(one.shipment_id, one.facts, one.occurred_at + lasts))
    return found | _merged(session, {row.id: row for row in rows if row.merge_until is not None})


def _merged(session: Session, merged: Mapping[int, Any]) -> dict[int, list[Covered]]:
    found: dict[int, list[Covered]] = {}
    if not merged:
        return found
    joined: dict[int, list[Any]] = {message_id: [] for message_id in merged}
    for one in session.execute(_COVERED, {"ids": sorted(merged)}):
        joined[one.message_id].append(one)
    for message_id, ones in joined.items():
        # A message is worth sending while the newest of its news is; how long that is, its rule has said for them all.
        lasts = merged[message_id].expires_at - max(one.occurred_at for one in ones)
        newest = {one.shipment_id: one for one in ones}  # of one that came to it twice, its last time
        found[message_id] = [Covered(at, one.facts, one.occurred_at + lasts, one.retired) for at, one in newest.items()]
    return found


@dataclass(frozen=True, slots=True)
class Family:
    """The orders of a batch and all their parcels by order, and what each parcel's shopper is told of, by channel."""

    orders: Mapping[int, Any]
    parcels: Mapping[int, Sequence[Any]]
    told: Mapping[tuple[int, str, str], Sequence[tuple[int, Milestone]]]

    def about(self, row: Any, covered: Covered) -> Any:
        """The parcel that a message is about; of a whole order's, the one that it arrived with, as far as it has."""
        parcels = self.parcels[row.order_id]
        last = last_parcel(self.orders[row.order_id], parcels) if row.milestone == Milestone.all_delivered else None
        return last or next(parcel for parcel in parcels if parcel.id == covered.shipment_id)

    def others(self, row: Any, shipment: Any) -> list[Any]:
        """The order's other parcels."""
        return [parcel for parcel in self.parcels[row.order_id] if parcel.id != shipment.id]
