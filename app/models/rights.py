"""What is kept so that people can be forgotten: the installation's salt, who was erased, how far pruning has come."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, BrandId, CreatedAt


class Installation(Base):
    """The one row that tells this installation from all others. Without its salt no stored digest can be matched, so
    it is never changed, and travels with every backup. The migration drew it."""

    __tablename__ = "installation"
    __table_args__ = (sa.CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True, autoincrement=False)
    salt: Mapped[bytes] = mapped_column(sa.LargeBinary)


class Erasure(Base):
    """One address of a person who was erased, as a salted digest only; it cannot be read back.

    With it, an order from before `asked_at` (engine time) that is handed in once more is stored without the person,
    and what that number writes is not kept. An order from after it is a new consent. A number stands here as `sms`
    alone, whichever channel it is written to by.
    """

    __tablename__ = "erasures"
    __table_args__ = (
        sa.CheckConstraint("channel IN ('email', 'sms')", name="channel_known"),
        sa.UniqueConstraint("brand_id", "channel", "address_digest"),
    )

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    channel: Mapped[str]
    address_digest: Mapped[bytes] = mapped_column(sa.LargeBinary)
    asked_at: Mapped[datetime]
    created_at: Mapped[CreatedAt]


class PruningMark(Base):
    """How far one class of rows has been pruned, by id: what lies at or below `upto` has been dealt with."""

    __tablename__ = "pruning_marks"

    retention: Mapped[str] = mapped_column(primary_key=True)
    upto: Mapped[int] = mapped_column(sa.BigInteger, server_default="0")
