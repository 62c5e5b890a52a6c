"""What counts for a brand at this moment over the files that ship, and what counted after any of its publications."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app.messages.catalog import Catalog
from app.messages.shelf import File
from app.models import Brand, TemplatePublication, TemplateText


@dataclass(frozen=True, slots=True)
class Edition:
    """All that a brand published and that counts, by path. `number` is that of the last publication, 0 before the
    first; `accepted` are the warnings that stand accepted, by their id."""

    number: int
    files: Mapping[str, bytes] = field(default_factory=dict)
    accepted: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def digest_of(content: bytes) -> str:
    """What names a file by content: SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


_EDITION = (
    sa.select(Brand.template_edition, TemplatePublication.path, TemplateText.content, TemplatePublication.accepted)
    .select_from(Brand)
    .outerjoin(
        TemplatePublication,
        sa.and_(TemplatePublication.brand_id == Brand.id, TemplatePublication.replaced_at.is_(None)),
    )
    .outerjoin(TemplateText, TemplateText.id == TemplatePublication.template_text_id)
)


def edition_of(session: Session, brand_id: int) -> Edition:
    """The brand's edition that counts, read in one statement: of one moment, whoever publishes meanwhile."""
    rows = session.execute(_EDITION.where(Brand.id == brand_id)).all()
    files = {row.path: bytes(row.content) for row in rows if row.content is not None}
    accepted = {one["id"]: one for row in rows for one in row.accepted or ()}
    return Edition(rows[0].template_edition if rows else 0, files, accepted)


def files_after(session: Session, brand_id: int, number: int) -> dict[str, bytes]:
    """What lay over the files that ship right after the nth publication, by path; nothing after number 0."""
    last = (
        sa.select(TemplatePublication.path, TemplateText.content)
        .outerjoin(TemplateText, TemplateText.id == TemplatePublication.template_text_id)
        .where(TemplatePublication.brand_id == brand_id, TemplatePublication.number <= number)
        .ext(distinct_on(TemplatePublication.path))
        .order_by(TemplatePublication.path, TemplatePublication.number.desc())
    )
    return {row.path: bytes(row.content) for row in session.execute(last) if row.content is not None}


def counting(catalog: Catalog, brand_key: str, edition: Edition, path: str) -> File | None:
    """The file that counts under a path, published or shipped. `catalog` is the one that ships."""
    return catalog.over(brand_key, edition.files).shelf(brand_key).file(path)


def published_brand_file() -> sa.ColumnElement[bool]:
    """Whether a brand lives by a `brand.yaml` of its own publishing, as a condition on its row."""
    return sa.exists().where(
        TemplatePublication.brand_id == Brand.id,
        TemplatePublication.path == "brand.yaml",
        TemplatePublication.replaced_at.is_(None),
        TemplatePublication.template_text_id.is_not(None),
    )


def picture_of(session: Session, brand_key: str, prefix: str) -> bytes | None:
    """A text that the brand published once and whose digest begins with these hexadecimal digits (an even number)."""
    first = bytes.fromhex(prefix)
    found = sa.select(TemplateText.content).join(Brand, Brand.id == TemplateText.brand_id)
    rows = found.where(Brand.key == brand_key, TemplateText.digest.between(first, first + b"\xff" * 32))
    content = session.scalar(rows.limit(1))
    return bytes(content) if content is not None else None
