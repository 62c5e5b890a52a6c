"""Keeps what was told under a parcel's wrong tracking number: the right one's news is told where that was not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.vocabulary import FAILED, WITHHELD, Milestone
from app.pipeline.deciding.planned import Planned
from app.tracking.standing import LASTING, ROUND

# What was withheld or failed has told nobody anything, and what has not begun to leave, or told of other parcels alone,
# nobody anything of this one: what rests on a wrong number is left out of it.
_WITHHELD = ", ".join(f"'{state.value}'" for state in sorted(WITHHELD | FAILED))
UNTOLD = """(
    (messages.state IN ({withheld}, 'held', 'ready') AND messages.reason <> 'ambiguous')
    OR (messages.state = 'sending' AND messages.open_attempt_id IS NULL)
    OR (messages.merge_until IS NOT NULL AND CASE
        -- as it was decided, or what it said is not kept any more
        WHEN messages.released IS NULL
            THEN messages.personal IS NOT NULL AND messages.shipment_id <> ledger_keys.scope_id
        ELSE NOT EXISTS (
            SELECT 1 FROM shipments WHERE shipments.id = ledger_keys.scope_id AND (
                shipments.public_id = messages.released #>> '{parcel,id}'
                OR messages.released -> 'merged' @> jsonb_build_array(jsonb_build_object('id', shipments.public_id))))
        END)
)""".replace("{withheld}", _WITHHELD)
"""Whether a row of `messages` told nobody of the parcel of its row of `ledger_keys`, where what this rests on is
retired."""

# With the order locked nothing is being planned meanwhile.
_TOLD = sa.text(
    """
    SELECT crossings.scope_id, crossings.milestone, ledger_keys.channel, ledger_keys.recipient_id,
        count(DISTINCT messages.id) AS times, array_agg(crossings.occurred_at) AS occurred
    FROM crossings JOIN ledger_keys USING (scope, scope_id, milestone, occurrence)
        JOIN messages ON messages.id = ledger_keys.message_id
    WHERE crossings.scope = 'parcel' AND crossings.scope_id = ANY(:ids) AND crossings.retired_at IS NOT NULL
        AND NOT {untold}
    GROUP BY 1, 2, 3, 4
""".replace("{untold}", UNTOLD)
)


def told_under_another_number(session: Session, planned: Sequence[Planned]) -> set[int]:
    """The places of the decisions that say what the shopper was told under a number that the parcel had before: the
    first time a milestone comes since counts as told if it was told once then, the second if twice. What says where the
    parcel is counts only if it was told of about the same time: else it was another parcel's, and this is news."""
    restarted = {at: entry for at, entry in enumerate(planned) if entry.earlier and entry.decided.fired}
    if not restarted:
        return set()
    ids = sorted({entry.crossing["scope_id"] for entry in restarted.values()})
    told = {
        (row.scope_id, row.milestone, row.channel, row.recipient_id): _Told(row.times, row.occurred)
        for row in session.execute(_TOLD, {"ids": ids})
    }
    return {at for at, entry in restarted.items() if told.get(_told_key(entry), _NEVER).covers(entry)}


@dataclass(frozen=True, slots=True)
class _Told:
    """How often a parcel's shopper was told of a milestone under numbers that it had before, and of which instants."""

    times: int = 0
    occurred: Sequence[datetime] = ()

    def covers(self, entry: Planned) -> bool:
        """Whether a decision says no more than that."""
        if Milestone(entry.crossing["milestone"]) in LASTING:
            return _number(entry) <= self.times
        return any(abs(entry.crossing["occurred_at"] - at) < ROUND for at in self.occurred)


_NEVER = _Told()


def _number(entry: Planned) -> int:
    """The how-manieth time it is since the parcel has its present number."""
    return int(entry.crossing["occurrence"]) - entry.earlier


def _told_key(entry: Planned) -> tuple[int, str, str, str]:
    crossing, decided = entry.crossing, entry.decided
    return crossing["scope_id"], crossing["milestone"], decided.channel.value, decided.recipient_id
