"""What a brand published over the templates that ship: its texts, which of them count, and the drafts of more."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, BrandId, CreatedAt


class TemplateText(Base):
    """One immutable file of a brand, byte for byte, named by its SHA-256."""

    __tablename__ = "template_texts"
    __table_args__ = (sa.UniqueConstraint("brand_id", "digest"),)

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary)
    content: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[CreatedAt]


class TemplatePublication(Base):
    """What the nth publication of a brand put under one path, by whom and why.

    Without a text, the file that ships counts again. The row of a path without `replaced_at` counts. `accepted` lists
    the warnings that somebody took, each with `id`, `sentence`, `reason` and `by`.
    """

    __tablename__ = "template_publications"
    __table_args__ = (
        sa.UniqueConstraint("brand_id", "number", "path"),
        sa.Index(
            "uq_template_publications_live",
            "brand_id",
            "path",
            unique=True,
            postgresql_where=sa.text("replaced_at IS NULL"),
        ),
    )

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    number: Mapped[int]
    path: Mapped[str]
    template_text_id: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("template_texts.id"))
    published_at: Mapped[CreatedAt]
    published_by: Mapped[str]
    why: Mapped[str]
    replaced_at: Mapped[datetime | None]
    accepted: Mapped[list[Any]] = mapped_column(server_default=sa.text("'[]'::jsonb"))


class TemplateDraft(Base):
    """What somebody wrote under a path and nobody published yet. `based_on` is the SHA-256 of the file that counted
    when it was begun, NULL where there was none; `revision` rises with each saving."""

    __tablename__ = "template_drafts"
    __table_args__ = (sa.UniqueConstraint("brand_id", "path"),)

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    path: Mapped[str]
    content: Mapped[bytes] = mapped_column(sa.LargeBinary)
    based_on: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    revision: Mapped[int] = mapped_column(server_default="1")
    saved_at: Mapped[datetime]
    saved_by: Mapped[str]
