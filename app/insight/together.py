"""Which message tells of a parcel's news where another parcel's does, and of which parcels a message tells."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Message

_TOGETHER = sa.text("""
    SELECT crossings.id AS crossing_id, messages.rule, messages.channel, messages.recipient_id,
        messages.id AS message_id
    FROM crossings JOIN ledger_keys USING (scope, scope_id, milestone, occurrence)
        JOIN messages ON messages.id = ledger_keys.message_id
    WHERE crossings.id = ANY(:ids) AND messages.crossing_id <> crossings.id AND messages.merge_until IS NOT NULL
""")
_COVERS = sa.text("""
    SELECT DISTINCT ledger_keys.message_id, shipments.public_id
    FROM ledger_keys JOIN shipments ON shipments.id = ledger_keys.scope_id
    WHERE ledger_keys.message_id = ANY(:ids) AND ledger_keys.scope = 'parcel' ORDER BY 1, 2
""")


def told_elsewhere(session: Session, crossing_ids: Sequence[int]) -> Sequence[Any]:
    """For crossings that are told together with another parcel's: each with the message (`message_id`) that tells it,
    by which `rule` and `channel`, and to whom (`recipient_id`)."""
    return session.execute(_TOGETHER, {"ids": list(crossing_ids)}).all()


def covered(session: Session, messages: Sequence[Message]) -> Mapping[int, Sequence[str]]:
    """The outside ids of the parcels of which each message holds a ledger key, where there may be several."""
    found: dict[int, list[str]] = defaultdict(list)
    merged = [message.id for message in messages if message.merge_until is not None]
    for row in session.execute(_COVERS, {"ids": merged}) if merged else ():
        found[row.message_id].append(row.public_id)
    return found


def tells_of(message: Message, covered_parcels: Sequence[str]) -> tuple[str, ...]:
    """The parcels that a message of several tells of: those that it left with, else those that it is to leave with."""
    if len(covered_parcels) < 2:
        return ()
    if message.released is None:
        return tuple(covered_parcels)
    return (message.released["parcel"]["id"], *(one["id"] for one in message.released.get("merged", ())))
