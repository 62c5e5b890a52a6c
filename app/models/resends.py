"""That a person asked for a message to be sent once more, and what it had come to until then."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, BrandId


class Resend(Base):
    """One wish for a further attempt on the same message. `asked_at` is engine time, `asked_by` a person or a key.

    What is reported of its attempts up to `after_attempt` does not move the message any more. `was_state`,
    `was_reason` and `was_ended_at` are what it had come to, which it comes back to where it does not leave;
    `readdressed`: it goes to another address than before. `open` until it has left or has not; `outcome` is then the
    Reason why not, NULL where it left.
    """

    __tablename__ = "resends"
    __table_args__ = (
        sa.Index("ix_resends_message_id", "message_id"),
        sa.Index("ix_resends_open", "message_id", unique=True, postgresql_where=sa.text("open")),
    )

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    message_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("messages.id"))
    after_attempt: Mapped[int]
    asked_at: Mapped[datetime]
    asked_by: Mapped[str]
    why: Mapped[str]
    was_state: Mapped[str]
    was_reason: Mapped[str]
    was_ended_at: Mapped[datetime | None]
    readdressed: Mapped[bool] = mapped_column(server_default=sa.false())
    open: Mapped[bool] = mapped_column(server_default=sa.true())
    outcome: Mapped[str | None]
