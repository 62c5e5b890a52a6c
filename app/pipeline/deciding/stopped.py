"""What speaks once for a whole order and was stopped before it told anybody: the order is still to be told."""

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.vocabulary import TAKEN_BACK
from app.pipeline.deciding.planned import Planned

# Read with the order locked. A message that ends only after this was read has its key still, and that is then the one
# that is wanted: so whatever is read, of each number there is one message.
_STOPPED = sa.text("""
    SELECT ledger_keys.scope_id, ledger_keys.milestone, ledger_keys.channel, ledger_keys.recipient_id, count(*) AS times
    FROM ledger_keys JOIN messages ON messages.id = ledger_keys.message_id
    WHERE ledger_keys.scope = 'order' AND ledger_keys.scope_id = ANY(:ids)
        AND messages.state = ANY(:taken_back) AND messages.reason <> 'ambiguous'
    GROUP BY 1, 2, 3, 4
""")


def in_turn(session: Session, planned: Sequence[Planned]) -> list[Planned]:
    """The same, where a rule speaks once for the whole order with how many of its messages were stopped: its key is the
    one after theirs. Nothing is read where no such rule fired."""
    ids = sorted({entry.crossing["order_id"] for entry in planned if entry.per_order and entry.decided.fired})
    if not ids:
        return list(planned)
    rows = session.execute(_STOPPED, {"ids": ids, "taken_back": [state.value for state in TAKEN_BACK]})
    times = {(row.scope_id, row.milestone, row.channel, row.recipient_id): row.times for row in rows}
    return [replace(entry, stopped=times.get(_name(entry), 0)) if entry.per_order else entry for entry in planned]


def _name(entry: Planned) -> tuple[int, str, str, str]:
    """Its key without the number."""
    _scope, order_id, milestone, _number, channel, recipient_id = entry.key
    return order_id, milestone, channel, recipient_id
