"""What every page shows of the brakes, at the price of one look at an index; and what a pause would stop."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Pause
from app.models.pauses import with_pauses
from app.models.vocabulary import Channel, Milestone, PauseKind
from app.pipeline.brakes.pausing import Scope
from app.rules.parts import CHANNELS, MILESTONES

MOST_COUNTED = 100_000
"""Beyond so many nobody waits for the exact number."""


@dataclass(frozen=True, slots=True)
class InSight:
    """A pause that stands for a brand. `own` is false where it holds every brand: then it is not this one's to lift,
    and who paused it, and why, is not told here."""

    id: int
    scope: str
    own: bool
    why: str
    paused_by: str
    automatic: bool
    since: datetime

    @property
    def words(self) -> str:
        """What it holds, in words."""
        return scope_words(self.scope)


def pauses_in_sight(session: Session, brand_id: int) -> list[InSight]:
    """The pauses that hold something of a brand, oldest first. One query, on the index of those that stand; what waits
    for them is not counted."""
    query = sa.select(Pause).where(
        Pause.lifted_at.is_(None), sa.or_(Pause.brand_id == brand_id, Pause.brand_id.is_(None))
    )
    return [
        InSight(
            one.id,
            one.scope,
            one.brand_id is not None,
            one.why if one.brand_id is not None else "by those who run this installation",
            one.paused_by if one.brand_id is not None else "",
            one.automatic,
            one.since,
        )
        for one in session.scalars(query.order_by(Pause.id))
    ]


def scope_words(scope: str) -> str:
    """What a pause holds, in words: "the rule delivered", "every SMS", "everything"."""
    kind, _, name = scope.partition(":")
    if kind in (PauseKind.all, PauseKind.brand):
        return "everything" if kind == PauseKind.brand else "everything of every brand"
    if kind == PauseKind.channel:
        return f"every {CHANNELS[Channel(name)]}" if name in set(Channel) else f"the channel {name}"
    if kind == PauseKind.milestone and name in set(Milestone):
        return f"the news that a parcel {MILESTONES[Milestone(name)]}"
    return f"the {kind} {name}"


@dataclass(frozen=True, slots=True)
class WouldStop:
    """What a pause of this moment would stop: messages that wait, those of them that are due within the hour, and
    those that another pause holds already. `more` where there are too many to count to the end."""

    messages: int
    soon: int
    held_already: int
    more: bool


# The very condition by which a pause holds a message, asked of a pause that is not written down. In two halves, for
# each of them has an index of its own.
_WOULD_STOP = with_pauses("""
    WITH asked AS (
        SELECT cast(:kind AS text) AS kind, cast(:name AS text) AS name, cast(:brand AS bigint) AS brand_id,
            cast(NULL AS timestamptz) AS lifted_at
    ), concerned AS (
        (SELECT messages.send_at, messages.pause_id
        FROM messages CROSS JOIN asked AS pauses
        WHERE messages.state IN ('held', 'ready') AND messages.pause_id IS NULL AND messages.brand_id = :brand
            AND {holds}
        LIMIT :most)
        UNION ALL
        (SELECT messages.send_at, messages.pause_id
        FROM messages CROSS JOIN asked AS pauses
        WHERE messages.state IN ('held', 'ready') AND messages.pause_id IS NOT NULL AND messages.brand_id = :brand
            AND {holds}
        LIMIT :most)
    )
    SELECT count(*) AS messages,
        count(*) FILTER (WHERE send_at <= cast(:now AS timestamptz) + interval '1 hour') AS soon,
        count(*) FILTER (WHERE pause_id IS NOT NULL) AS held_already
    FROM concerned
""")


def would_stop(session: Session, scope: Scope, brand_id: int, now: datetime) -> WouldStop:
    """What pausing a scope of a brand would stop, by the engine's time `now`."""
    values = {"kind": scope.kind.value, "name": scope.name, "brand": brand_id, "now": now, "most": MOST_COUNTED + 1}
    row = session.execute(_WOULD_STOP, values).one()
    return WouldStop(min(row.messages, MOST_COUNTED), row.soon, row.held_already, row.messages > MOST_COUNTED)
