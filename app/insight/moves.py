"""Which messages were given other words while they waited, when, by whom and why."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.insight.lived_by import Worded
from app.insight.stories import MoveStory
from app.models import TemplateMove, TemplateVersion


def moves_of(
    session: Session, message_ids: Sequence[int], worded: Mapping[int, Worded]
) -> dict[int, tuple[MoveStory, ...]]:
    """The moves of these messages by row id, oldest first; of those that were never moved nothing. `worded` are
    the publications of templates by brand."""
    old, new = aliased(TemplateVersion), aliased(TemplateVersion)
    query = (
        sa.select(TemplateMove, old.digest, new.digest, new.created_at)
        .join(old, old.id == TemplateMove.from_version_id)
        .join(new, new.id == TemplateMove.to_version_id)
        .where(TemplateMove.message_id.in_(message_ids))
        .order_by(TemplateMove.id)
    )
    found: dict[int, list[MoveStory]] = defaultdict(list)
    for move, before, after, since in session.execute(query):
        story = MoveStory(
            moved_at=move.moved_at,
            moved_by=move.moved_by,
            why=move.why,
            old=bytes(before).hex(),
            new=bytes(after).hex(),
            new_since=since,
            publication=worded.get(move.brand_id, Worded()).publication(move.template_edition, move.moved_at),
        )
        found[move.message_id].append(story)
    return {message_id: tuple(listed) for message_id, listed in found.items()}
