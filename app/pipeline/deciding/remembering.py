"""What shoppers were told before, or will be, about a parcel and about its whole order: the rules' memory."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.facts import Told
from app.models.vocabulary import TAKEN_BACK, Milestone
from app.pipeline.deciding.picture import NOTHING_TOLD, Past
from app.pipeline.deciding.restarting import UNTOLD
from app.pipeline.listening.hearing import Locked

# A message stands for each parcel that a key of its names; one of the order's own, for the parcel that it is about.
# What rested on a parcel's wrong number and was stopped in time is not remembered: it is still to be told.
_MESSAGES = sa.text(
    """
    SELECT DISTINCT messages.id, messages.order_id, messages.milestone, messages.channel, messages.planned_at,
        messages.rule,
        CASE ledger_keys.scope WHEN 'parcel' THEN ledger_keys.scope_id ELSE messages.shipment_id END AS shipment_id
    FROM messages JOIN ledger_keys ON ledger_keys.message_id = messages.id
    WHERE messages.order_id = ANY(:ids) AND messages.recipient_id = 'shopper'
        AND NOT (messages.state = ANY(:taken_back) AND messages.reason <> 'ambiguous')
        AND NOT ({untold} AND (EXISTS (
            SELECT 1 FROM crossings
            WHERE crossings.scope = ledger_keys.scope AND crossings.scope_id = ledger_keys.scope_id
                AND crossings.milestone = ledger_keys.milestone AND crossings.occurrence = ledger_keys.occurrence
                AND ledger_keys.scope = 'parcel' AND crossings.retired_at IS NOT NULL
        ) OR EXISTS (
            SELECT 1 FROM crossings WHERE crossings.id = messages.crossing_id AND ledger_keys.scope = 'order'
                AND crossings.retired_at IS NOT NULL)))
    ORDER BY messages.id, shipment_id
""".replace("{untold}", UNTOLD)
)


def told_before(session: Session, locked: Locked, shipment_ids: Sequence[int]) -> Mapping[int, Past]:
    """Every message about the orders of these locked parcels, oldest first, by parcel of theirs: those that have told
    their shopper, and those that still may. One that was taken back has told nobody."""
    order_ids = sorted({locked.shipments[one].order_id for one in shipment_ids})
    by_order: dict[int, list[tuple[int, Told]]] = defaultdict(list)
    taken_back = [state.value for state in TAKEN_BACK]
    for row in session.execute(_MESSAGES, {"ids": order_ids, "taken_back": taken_back}):
        parcel = locked.shipments.get(row.shipment_id)
        told = Told(
            milestone=Milestone(row.milestone),
            channel=row.channel,
            planned_at=row.planned_at,
            rule=row.rule,
            parcel_id=parcel.public_id if parcel is not None else "",
        )
        by_order[row.order_id].append((row.shipment_id, told))
    parcels = [parcel for order_id in order_ids for parcel in locked.by_order[order_id]]
    return {parcel.id: _past(by_order.get(parcel.order_id, ()), parcel.id) for parcel in parcels}


def _past(of_order: Sequence[tuple[int, Told]], shipment_id: int) -> Past:
    if not of_order:
        return NOTHING_TOLD
    return Past(tuple(told for at, told in of_order if at == shipment_id), tuple(told for _, told in of_order))
