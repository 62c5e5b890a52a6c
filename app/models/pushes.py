"""What carriers told us of their own accord, and which numbers they have agreed to follow."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, CreatedAt


class CarrierPush(Base):
    """One call of a carrier, verified and stored as it came (compressed); what is in it is worked out afterwards.

    The same call again has the same digest and is the same row. Once taken, its body is kept with each parcel that it
    was about (`CarrierAnswer`) and no more here; what was about numbers that nobody has stays for a day, with those
    numbers in `unmatched`. `problem` says why it could not be read. A carrier calls an account, not a brand, and whose
    parcels it speaks of is seen only inside: so there is no brand here.
    """

    __tablename__ = "carrier_pushes"
    __table_args__ = (
        sa.UniqueConstraint("carrier", "digest"),
        sa.Index("ix_carrier_pushes_waiting", "id", postgresql_where=sa.text("taken_at IS NULL")),
        sa.Index("ix_carrier_pushes_unmatched", "received_at", postgresql_where=sa.text("unmatched IS NOT NULL")),
    )

    id: Mapped[BigId]
    carrier: Mapped[str]
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)
    received_at: Mapped[CreatedAt]
    taken_at: Mapped[datetime | None]
    unmatched: Mapped[list[str] | None] = mapped_column(ARRAY(sa.Text))
    problem: Mapped[str | None]


class EnrolledNumber(Base):
    """A tracking number that a carrier was told to follow, whoever of our brands has it: one account serves them all.

    `followed_until` is how long it will (NULL: it does not), `try_at` when it is told next, `problem` why it would not.
    `called_at` is when it last called about the number, told or not; `touched_at` when anything of this changed. All of
    them are engine time.
    """

    __tablename__ = "enrolled_numbers"
    __table_args__ = (sa.Index("ix_enrolled_numbers_touched_at", "touched_at"),)

    carrier: Mapped[str] = mapped_column(primary_key=True)
    tracking_number: Mapped[str] = mapped_column(primary_key=True)
    followed_until: Mapped[datetime | None]
    try_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    problem: Mapped[str | None]
    called_at: Mapped[datetime | None]
    touched_at: Mapped[datetime]
