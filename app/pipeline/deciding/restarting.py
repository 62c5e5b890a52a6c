"""Keeps what was told under a parcel's wrong tracking number: the right one's news is told where that was not."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.vocabulary import FAILED, WITHHELD, Milestone
from app.pipeline.deciding.planned import Planned
from app.tracking.standing import LASTING, ROUND

# What was withheld or failed has told nobody anything. With the order locked nothing is being planned meanwhile, and
# what a restart found waiting it has ended.
_TOLD = sa.text("""
    SELECT crossings.scope_id, crossings.milestone, ledger_keys.channel, ledger_keys.recipient_id,
        crossings.occurred_at
    FROM crossings JOIN ledger_keys USING (scope, scope_id, milestone, occurrence)
        JOIN messages ON messages.id = ledger_keys.message_id
    WHERE crossings.scope = 'parcel' AND crossings.scope_id = ANY(:ids) AND crossings.retired_at IS NOT NULL
        AND NOT messages.state = ANY(:untold)
""")


def told_under_another_number(session: Session, planned: Sequence[Planned]) -> set[int]:
    """The places of the decisions that say what the shopper was told under a number that the parcel had before: the
    first time a milestone comes since counts as told if it was told once then, the second if twice. What says where the
    parcel is counts only if it was told of about the same time: else it was another parcel's, and this is news."""
    restarted = {at: entry for at, entry in enumerate(planned) if entry.earlier and entry.decided.fired}
    if not restarted:
        return set()
    ids = sorted({entry.crossing["scope_id"] for entry in restarted.values()})
    untold = [state.value for state in WITHHELD | FAILED]
    told: dict[tuple[int, str, str, str], list[datetime]] = defaultdict(list)
    for row in session.execute(_TOLD, {"ids": ids, "untold": untold}):
        told[row.scope_id, row.milestone, row.channel, row.recipient_id].append(row.occurred_at)
    return {at for at, entry in restarted.items() if _is_told(entry, told[_told_key(entry)])}


def _is_told(entry: Planned, told: Sequence[datetime]) -> bool:
    if Milestone(entry.crossing["milestone"]) in LASTING:
        return _number(entry) <= len(told)
    return any(abs(entry.crossing["occurred_at"] - at) < ROUND for at in told)


def _number(entry: Planned) -> int:
    """The how-manieth time it is since the parcel has its present number."""
    return int(entry.crossing["occurrence"]) - entry.earlier


def _told_key(entry: Planned) -> tuple[int, str, str, str]:
    crossing, decided = entry.crossing, entry.decided
    return crossing["scope_id"], crossing["milestone"], decided.channel.value, decided.recipient_id
