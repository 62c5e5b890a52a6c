"""What carriers said: scans as they gave them, their raw answers, and the codes nobody knows yet."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, BrandId, CreatedAt, one_of
from app.models.vocabulary import Milestone, Source


class Scan(Base):
    """One tracking event, stored once: its digest is made of the carrier's own fields as written.

    `occurred_at` is UTC, or NULL when the carrier's time could not be read; `zone_source` says how the
    zone of a time without one was found. `moves` is whether the carrier handled the parcel. `carrier` is
    whose words it is in. Where operations have mapped the code (`mapping_id`), `read_as` is what the adapter had read:
    a milestone, `movement` or `nothing`. From `retired_at` (engine time) on it counts for nothing: the parcel's number
    was wrong, and it was another parcel's scan.
    """

    __tablename__ = "scans"
    __table_args__ = (
        sa.Index(
            "uq_scans_digest", "shipment_id", "digest", unique=True, postgresql_where=sa.text("retired_at IS NULL")
        ),
        # The few that the one above does not hold: whoever wants all of a parcel's asks for either kind.
        sa.Index("ix_scans_retired", "shipment_id", postgresql_where=sa.text("retired_at IS NOT NULL")),
        one_of("milestone", Milestone),
        one_of("source", Source),
    )

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    shipment_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("shipments.id"))
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary)
    source: Mapped[str]
    carrier: Mapped[str | None]
    code: Mapped[str]
    milestone: Mapped[str | None]
    description: Mapped[str]
    place: Mapped[str | None]
    written_time: Mapped[str]
    occurred_at: Mapped[datetime | None]
    zone_source: Mapped[str]
    moves: Mapped[bool] = mapped_column(server_default=sa.true())
    mapping_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    read_as: Mapped[str | None]
    heard_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class CarrierAnswer(Base):
    """One raw answer that differed from the last, or that could not be used; compressed."""

    __tablename__ = "carrier_answers"

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    shipment_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("shipments.id"), index=True)
    heard_at: Mapped[datetime]
    source: Mapped[str]
    kind: Mapped[str]
    http_status: Mapped[int | None]
    detail: Mapped[str | None]
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)


class UnknownCode(Base):
    """A carrier's code that no table maps: counted, never guessed at."""

    __tablename__ = "unknown_codes"
    __table_args__ = (sa.UniqueConstraint("brand_id", "carrier", "code"),)

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    carrier: Mapped[str]
    code: Mapped[str]
    count: Mapped[int] = mapped_column(sa.BigInteger)
    example: Mapped[str]
    first_seen_at: Mapped[CreatedAt]
    last_seen_at: Mapped[CreatedAt]


class CodeMapping(Base):
    """What operations say that a carrier's code means, for one brand or (NULL) for all; history is kept.

    `meaning` is a carrier's milestone, `delayed`, `movement` or `nothing`; `before` what the code meant until then. It
    holds until `ended_at`. `refold_after` is how far the stored scans (by id) have been gone through on its account, be
    it to apply it or to take it back; NULL when all have.
    """

    __tablename__ = "code_mappings"
    __table_args__ = (
        sa.Index(
            "uq_code_mappings_standing",
            "carrier",
            "code",
            sa.text("coalesce(brand_id, 0)"),
            unique=True,
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        sa.Index("ix_code_mappings_refold", "id", postgresql_where=sa.text("refold_after IS NOT NULL")),
    )

    id: Mapped[BigId]
    brand_id: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("brands.id"))
    carrier: Mapped[str]
    code: Mapped[str]
    meaning: Mapped[str]
    before: Mapped[str]
    why: Mapped[str]
    mapped_by: Mapped[str]
    mapped_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    ended_why: Mapped[str | None]
    refold_after: Mapped[int | None] = mapped_column(sa.BigInteger)


class CarrierBudget(Base):
    """What has been given away of a carrier's allowance; shared by every worker, and by all brands.

    Until `free_at` (the database's clock) every instant has been given away; of the carrier's day `day`, `spent` calls
    have. One key buys one allowance from the carrier, so this table has no brand.
    """

    __tablename__ = "carrier_budgets"

    carrier: Mapped[str] = mapped_column(primary_key=True)
    free_at: Mapped[CreatedAt]
    day: Mapped[date | None]
    spent: Mapped[int] = mapped_column(sa.BigInteger, server_default="0")
