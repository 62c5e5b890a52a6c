"""What a brand published before: by whom, why, and which files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.models import TemplatePublication, TemplateText

_HIGHEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One path of a publication. `digest` is None where the file that ships was let count again; `counts` says whether
    it does so still."""

    path: str
    digest: str | None
    counts: bool
    accepted: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Publication:
    """The nth publication of a brand; `published_at` is engine time."""

    number: int
    published_at: datetime
    published_by: str
    why: str
    files: Sequence[ChangedFile]


def history(session: Session, brand_id: int, before: int | None = None, limit: int = 50) -> list[Publication]:
    """A brand's publications, newest first; `before` a number."""
    numbers = (
        sa.select(TemplatePublication.number)
        .where(TemplatePublication.brand_id == brand_id, TemplatePublication.number < (before or _HIGHEST))
        .distinct()
        .order_by(TemplatePublication.number.desc())
        .limit(limit)
    )
    return _read(session, brand_id, session.scalars(numbers).all())


def publication(session: Session, brand_id: int, number: int) -> Publication:
    """One of them. Raises NotFound."""
    found = _read(session, brand_id, [number]) if 0 < number <= _HIGHEST else []
    if not found:
        raise NotFound(f"There is no publication {number} of these templates. `doorstep templates history` lists them.")
    return found[0]


def _read(session: Session, brand_id: int, numbers: Sequence[int]) -> list[Publication]:
    columns = ("number", "path", "published_at", "published_by", "why", "replaced_at", "accepted")
    rows = session.execute(
        sa.select(*(getattr(TemplatePublication, name) for name in columns), TemplateText.digest)
        .outerjoin(TemplateText, TemplateText.id == TemplatePublication.template_text_id)
        .where(
            TemplatePublication.brand_id == brand_id,
            TemplatePublication.number == sa.func.any(sa.cast(list(numbers), sa.ARRAY(sa.Integer))),
        )
        .order_by(TemplatePublication.number.desc(), TemplatePublication.path)
    ).all()
    by_number: dict[int, list[Any]] = {}
    for row in rows:
        by_number.setdefault(row.number, []).append(row)
    return [
        Publication(number, of[0].published_at, of[0].published_by, of[0].why, tuple(map(_file, of)))
        for number, of in by_number.items()
    ]


def _file(row: Any) -> ChangedFile:
    digest = bytes(row.digest).hex() if row.digest is not None else None
    return ChangedFile(row.path, digest, row.replaced_at is None, tuple(row.accepted))
