"""Which of the engine's own milestones were opened and told nobody: they count against no limit on how often it is."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.vocabulary import TAKEN_BACK, Milestone

LIMITED = (Milestone.delayed, Milestone.eta_changed)
"""What may be opened so many times and no more."""

# A rule that speaks once for the whole order has told of it too.
_UNTOLD = sa.text("""
    SELECT crossings.id FROM crossings
    WHERE crossings.id = ANY(:ids) AND NOT EXISTS (
        SELECT 1 FROM ledger_keys JOIN messages ON messages.id = ledger_keys.message_id
        WHERE ledger_keys.milestone = crossings.milestone AND (
                (ledger_keys.scope = 'parcel' AND ledger_keys.scope_id = crossings.shipment_id
                    AND ledger_keys.occurrence = crossings.occurrence)
                OR (ledger_keys.scope = 'order' AND ledger_keys.scope_id = crossings.order_id))
            AND NOT (messages.state = ANY(:taken_back) AND messages.reason <> 'ambiguous'))
""")


def untold(session: Session, crossings: Iterable[Any]) -> Sequence[int]:
    """The row ids of those crossings of which no message has told anybody, nor may yet. Nothing is read where none of
    them has a limit."""
    ids = sorted(row.id for row in crossings if row.retired_at is None and row.milestone in LIMITED)
    if not ids:
        return ()
    return session.scalars(_UNTOLD, {"ids": ids, "taken_back": [state.value for state in TAKEN_BACK]}).all()
