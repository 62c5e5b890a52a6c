"""By which rules a decision was made, and with which templates: as which publication of its brand each counted then."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import RuleSetPublication, RuleSetVersion, TemplatePublication


@dataclass(frozen=True, slots=True)
class Worded:
    """The publications of a brand's templates, by number and when each was made (engine time)."""

    published: tuple[tuple[datetime, int], ...] = ()

    def publication(self, number: int | None, at: datetime) -> int | None:
        """Which publication a message was worded by: `number` as it was noted then (0: what ships), else, of an older
        Doorstep, the last one at that instant. None where those that ship counted."""
        if number is not None:
            return number or None
        return max((number for since, number in self.published if since <= at), default=None)


@dataclass(frozen=True, slots=True)
class Lived:
    """One text of rules: its digest in hexadecimal digits, and when it was published, by number."""

    digest: str
    published: tuple[tuple[datetime, int], ...] = ()

    def publication(self, at: datetime) -> int | None:
        """Which publication of it counted at an instant; None where it was never published by then, as the set that
        ships is not."""
        return max((number for since, number in self.published if since <= at), default=None)


def lived_by(session: Session, version_ids: Iterable[int]) -> Mapping[int, Lived]:
    """The texts by the row ids of their versions."""
    ids = sorted(set(version_ids))
    query = (
        sa.select(RuleSetVersion.id, RuleSetVersion.digest, RuleSetPublication.published_at, RuleSetPublication.number)
        .outerjoin(RuleSetPublication, RuleSetPublication.rule_set_version_id == RuleSetVersion.id)
        .where(RuleSetVersion.id == sa.func.any(ids))
    )
    found: dict[int, Lived] = {}
    for row in session.execute(query):
        known = found.get(row.id, Lived(bytes(row.digest).hex()))
        own = ((row.published_at, row.number),) if row.number is not None else ()
        found[row.id] = Lived(known.digest, (*known.published, *own))
    return found


def worded(session: Session, brand_ids: Iterable[int]) -> Mapping[int, Worded]:
    """The publications of templates by the row id of their brand."""
    found: dict[int, Worded] = {}
    ids = sorted(set(brand_ids))
    done = (TemplatePublication.brand_id, TemplatePublication.published_at, TemplatePublication.number)
    for row in session.execute(sa.select(*done).where(TemplatePublication.brand_id == sa.func.any(ids)).distinct()):
        known = found.get(row.brand_id, Worded())
        found[row.brand_id] = Worded((*known.published, (row.published_at, row.number)))
    return found
