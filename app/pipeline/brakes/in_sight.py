"""What every page shows of the brakes, at the price of one look at an index; and what a pause would stop."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Pause
from app.models.pauses import with_pauses
from app.pipeline.brakes.pausing import Scope

MOST_COUNTED = 100_000
"""Beyond so many nobody waits for the exact number."""


@dataclass(frozen=True, slots=True)
class InSight:
    """A pause that stands for a brand. `own` is false where it holds every brand, and is not this one's to lift."""

    id: int
    scope: str
    own: bool
    why: str
    paused_by: str
    automatic: bool
    since: datetime


def pauses_in_sight(session: Session, brand_id: int) -> list[InSight]:
    """The pauses that hold something of a brand, oldest first. One query, on the index of those that stand; what waits
    for them is not counted."""
    query = sa.select(Pause).where(
        Pause.lifted_at.is_(None), sa.or_(Pause.brand_id == brand_id, Pause.brand_id.is_(None))
    )
    return [
        InSight(one.id, one.scope, one.brand_id is not None, one.why, one.paused_by, one.automatic, one.since)
        for one in session.scalars(query.order_by(Pause.id))
    ]


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
