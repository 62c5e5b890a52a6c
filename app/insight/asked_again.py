"""Which messages people of the shop asked to be sent once more, when, who, why, and what became of it."""

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.insight.stories import AskedAgainStory
from app.models import Resend
from app.models.vocabulary import Reason


def asked_again_of(session: Session, message_ids: Sequence[int]) -> dict[int, tuple[AskedAgainStory, ...]]:
    """The wishes for these messages by row id, oldest first; of those that nobody asked for again nothing."""
    found: dict[int, list[AskedAgainStory]] = defaultdict(list)
    query = sa.select(Resend).where(Resend.message_id.in_(message_ids)).order_by(Resend.id)
    for one in session.scalars(query):
        came = Reason(one.outcome).sentence if one.outcome else None
        story = AskedAgainStory(
            asked_at=one.asked_at, asked_by=one.asked_by, why=one.why, waiting=one.open, not_sent=came
        )
        found[one.message_id].append(story)
    return {message_id: tuple(listed) for message_id, listed in found.items()}
