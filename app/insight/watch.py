"""Whether anybody looks: what goes wrong is noticed only while beat and the workers of the queue `settle` go round."""

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import AuditMark

SILENT_SECONDS = 300.0
"""They write down once a minute that they look; after so long without, something is the matter with them."""

UNWATCHED = (
    "The engine does not run, or beat or the workers of its queue settle are stuck: see their logs, and start them "
    "again. Until then nothing that goes wrong is noticed, and perhaps nothing leaves."
)
"""What that means, and what to do about it."""

_NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Watch:
    """When the workers last looked for what is wrong, on the database's clock (None: never), and whether that is so
    long ago that nobody looks any more."""

    at: datetime | None
    silent: bool


def how_watched(session: Session) -> Watch:
    """How the watch is kept at this moment."""
    age = sa.extract("epoch", sa.func.now() - sa.func.max(AuditMark.at))
    at, seconds = session.execute(sa.select(sa.func.max(AuditMark.at), age)).one()
    if at is None or at <= _NEVER:
        return Watch(None, silent=False)
    return Watch(at, silent=seconds > SILENT_SECONDS)
