"""What was tried out of a template, and which waiting messages were moved from one version of it to another."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, BrandId, CreatedAt


class TemplateTest(Base):
    """One message that somebody sent to themselves to see what a template looks like. It is no message of the ledger:
    nobody's parcel is told of, and nothing counts it but the limit of so many an hour.

    `about` is the sample's name or the parcel's outside id, `digest` names the template's content. `address_digest`
    is salted, and taken away with the messages of its day. `outcome` is NULL while its one call is under way, and stays
    so if the process ended meanwhile.
    """

    __tablename__ = "template_tests"
    __table_args__ = (sa.Index("ix_template_tests_brand_id_asked_at", "brand_id", "asked_at"),)

    id: Mapped[BigId]
    public_id: Mapped[str] = mapped_column(unique=True)
    brand_id: Mapped[BrandId]
    key: Mapped[str]
    channel: Mapped[str]
    locale: Mapped[str]
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary)
    about: Mapped[str]
    address_digest: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    asked_by: Mapped[str]
    asked_at: Mapped[CreatedAt]
    provider: Mapped[str]
    outcome: Mapped[str | None]
    http_status: Mapped[int | None]


class TemplateMove(Base):
    """A waiting message was given another version of its template: from which to which, by whom and why.

    `moved_at` is engine time. `template_edition` is the number of the publication that it was moved to, NULL where an
    older Doorstep did it.
    """

    __tablename__ = "template_moves"

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    message_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("messages.id"), index=True)
    from_version_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("template_versions.id"))
    to_version_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("template_versions.id"))
    template_edition: Mapped[int | None]
    moved_by: Mapped[str]
    why: Mapped[str]
    moved_at: Mapped[datetime]
