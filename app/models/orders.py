"""An order and its parcels, as the shop told us, and what the parcels have come to."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, BrandId, CreatedAt, one_of
from app.models.vocabulary import Milestone

UNENDED = "milestone NOT IN ('cancelled', 'delivered', 'expired', 'return_received', 'returned')"
"""Of parcels that have not come to an end, as the partial indexes say it."""

ENDED_WITHOUT = "milestone IN ('cancelled', 'expired', 'return_received', 'returned')"
"""Of parcels that came to another end than the one that nearly all come to, likewise."""

RETURNING = "(milestone = 'returning' OR direction = 'return')"
"""Of parcels that go back to the shop, likewise."""

NEWS = "coalesce(milestone_at, ordered_at)"
"""When a parcel was last heard of, as the indexes say it: of one that nobody has told of, when it was ordered."""

LINK_DAYS = 180
"""How long after a parcel's last news its link still opens; afterwards it answers as if it had never been."""


class Order(Base):
    """One order of one shopper. Times are UTC; `promised_on` is a calendar day in `zone`.

    From `erased_at` (engine time) on, nobody knows whose order it was: it is closed, and what is told of it or heard
    of its parcels is not stored any more. `erasing`: something of it may still be under way, and is looked for again.
    `corrected` holds, by column, what the shop had said where somebody corrected it by hand: said again, it changes
    nothing.
    """

    __tablename__ = "orders"
    __table_args__ = (
        sa.UniqueConstraint("brand_id", "source", "number"),
        sa.Index("ix_orders_number", "brand_id", "number", postgresql_ops={"number": "text_pattern_ops"}),
        sa.Index(
            "ix_orders_number_end",
            "brand_id",
            sa.literal_column("reverse(number)").label("backwards"),
            postgresql_ops={"backwards": "text_pattern_ops"},
        ),
        sa.Index("ix_orders_email", "brand_id", sa.text("lower(email)")),
        sa.Index("ix_orders_phone", "brand_id", "phone"),
        sa.Index("ix_orders_country", "brand_id", "country"),
        sa.Index(
            "ix_orders_shopper",
            "brand_id",
            sa.literal_column("lower(shopper_name)").label("small"),
            postgresql_ops={"small": "text_pattern_ops"},
            postgresql_where=sa.text("shopper_name IS NOT NULL"),
        ),
        sa.Index(
            "ix_orders_shopper_end",
            "brand_id",
            sa.literal_column("reverse(lower(shopper_name))").label("backwards"),
            postgresql_ops={"backwards": "text_pattern_ops"},
            postgresql_where=sa.text("shopper_name IS NOT NULL"),
        ),
        sa.Index("ix_orders_kept", "placed_at", postgresql_where=sa.text("erased_at IS NULL")),
        sa.Index("ix_orders_erasing", "id", postgresql_where=sa.text("erasing")),
    )

    id: Mapped[BigId]
    public_id: Mapped[str] = mapped_column(unique=True)
    brand_id: Mapped[BrandId]
    source: Mapped[str]
    number: Mapped[str]
    placed_at: Mapped[datetime]
    shopper_name: Mapped[str | None]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    locale: Mapped[str]
    country: Mapped[str | None]
    city: Mapped[str | None]
    postal_code: Mapped[str | None]
    zone: Mapped[str]
    zones: Mapped[list[Any]] = mapped_column(server_default=sa.text("'[]'::jsonb"))
    zone_source: Mapped[str]
    currency: Mapped[str | None]
    total_minor: Mapped[int | None] = mapped_column(sa.BigInteger)
    items: Mapped[list[Any]] = mapped_column(server_default=sa.text("'[]'::jsonb"))
    promised_on: Mapped[date | None]
    tags: Mapped[list[Any]] = mapped_column(server_default=sa.text("'[]'::jsonb"))
    cancelled_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    corrected: Mapped[dict[str, Any]] = mapped_column(server_default=sa.text("'{}'::jsonb"))
    erasing: Mapped[bool] = mapped_column(server_default=sa.false())
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class Estimate(Base):
    """One word on when a parcel will come, where it differs from the word before. `as_of` is when its carrier said so
    (or when we heard), UTC; a window, or a day where the shopper lives. NULLs mean that it took its word back."""

    __tablename__ = "estimates"
    __table_args__ = (sa.UniqueConstraint("shipment_id", "as_of"),)

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    shipment_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("shipments.id"))
    as_of: Mapped[datetime]
    heard_at: Mapped[datetime]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    day: Mapped[date | None]
    retired_at: Mapped[datetime | None]


class Shipment(Base):
    """One parcel. A parcel without carrier or number is legal: it is heard of only through scans.

    `next_poll_at` (its carrier is asked) and `watch_at` (the calendar is looked at) are engine time and NULL at
    rest, so that choosing what is due costs the same however many parcels rest. `history_until` is the baseline:
    what happened at or before it is nobody's news. `carrier` is whom the parcel travels with (`carrier_guessed`:
    found out by asking, not told), `asked_of` the adapter that is asked about it (NULL: nobody), and `candidates`
    the adapters to ask in turn, likeliest first, until one knows the number; `poll_rank` is how likely the next
    question is to bring news (0 first). `numbered_at` (engine time) is when its number was given, NULL where that
    was before we knew the order. An estimate is a window (`eta_from`, `eta_through`, UTC) or a day (`eta_day`);
    `notes` is `ParcelNotes`, what else the carrier told. `estimated_as_of` is when the estimate stood so, by the
    carrier's word. `delivered_at` is when it arrived; from `delivery_doubted_at` on its carrier has scanned it on its
    way again. `late_since` is when the delay began that still lasts. `ordered_at` is its order's `placed_at`, and
    `corrected` holds, as the order's does, what the shop had said. From `unfollowed_at` (engine time) on nobody is
    asked about it and nobody told: somebody of the shop stopped following it.
    """

    __tablename__ = "shipments"
    __table_args__ = (
        one_of("milestone", Milestone),
        sa.CheckConstraint("direction IN ('outbound', 'return')", name="direction_known"),
        sa.UniqueConstraint("order_id", "reference"),
        sa.Index(
            "ix_shipments_due_poll",
            "asked_of",
            "brand_id",
            "poll_rank",
            "next_poll_at",
            postgresql_where=sa.text("next_poll_at IS NOT NULL"),
        ),
        sa.Index(
            "ix_shipments_due_watch",
            "brand_id",
            "watch_at",
            postgresql_where=sa.text("watch_at IS NOT NULL"),
        ),
        sa.Index(
            "ix_shipments_tracking_number", "tracking_number", postgresql_ops={"tracking_number": "text_pattern_ops"}
        ),
        sa.Index("ix_shipments_ordered", "brand_id", "ordered_at", "id"),
        sa.Index(
            "ix_shipments_unended", "brand_id", "milestone", "milestone_at", "id", postgresql_where=sa.text(UNENDED)
        ),
        sa.Index("ix_shipments_news", "brand_id", sa.text(NEWS), "id"),
        sa.Index("ix_shipments_fresh", "brand_id", sa.text(NEWS), "id", postgresql_where=sa.text(UNENDED)),
        sa.Index(
            "ix_shipments_late", "brand_id", "id", postgresql_where=sa.text(f"late_since IS NOT NULL AND {UNENDED}")
        ),
        sa.Index("ix_shipments_returning", "brand_id", "id", postgresql_where=sa.text(f"{UNENDED} AND {RETURNING}")),
        sa.Index(
            "ix_shipments_ended_without",
            "brand_id",
            "milestone",
            "ordered_at",
            "id",
            postgresql_where=sa.text(ENDED_WITHOUT),
        ),
        sa.Index("ix_shipments_carrier", "brand_id", "carrier", "ordered_at", "id"),
        sa.Index(
            "ix_shipments_delivered", "brand_id", "delivered_at", postgresql_where=sa.text("delivered_at IS NOT NULL")
        ),
        sa.Index(
            "ix_shipments_unsettled",
            "asked_of",
            "next_poll_at",
            postgresql_where=sa.text("carrier IS NULL AND next_poll_at IS NOT NULL"),
        ),
    )

    id: Mapped[BigId]
    public_id: Mapped[str] = mapped_column(unique=True)
    link_token: Mapped[str] = mapped_column(unique=True)
    brand_id: Mapped[BrandId]
    order_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("orders.id"), index=True)
    reference: Mapped[str]
    direction: Mapped[str] = mapped_column(server_default="outbound")
    carrier: Mapped[str | None]
    carrier_guessed: Mapped[bool] = mapped_column(server_default=sa.false())
    asked_of: Mapped[str | None]
    candidates: Mapped[list[str]] = mapped_column(ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"))
    tracking_number: Mapped[str | None]
    items: Mapped[list[Any]] = mapped_column(server_default=sa.text("'[]'::jsonb"))
    promised_on: Mapped[date | None]
    corrected: Mapped[dict[str, Any]] = mapped_column(server_default=sa.text("'{}'::jsonb"))
    ordered_at: Mapped[CreatedAt]
    history_until: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    unfollowed_at: Mapped[datetime | None]

    milestone: Mapped[str] = mapped_column(server_default="registered")
    milestone_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    delivery_doubted_at: Mapped[datetime | None]
    late_since: Mapped[datetime | None]
    eta_from: Mapped[datetime | None]
    eta_through: Mapped[datetime | None]
    eta_day: Mapped[date | None]
    estimated_as_of: Mapped[datetime | None]
    service: Mapped[str | None]
    notes: Mapped[dict[str, Any]] = mapped_column(server_default=sa.text("'{}'::jsonb"))

    next_poll_at: Mapped[datetime | None]
    poll_rank: Mapped[int] = mapped_column(sa.SmallInteger, server_default="1")
    numbered_at: Mapped[datetime | None]
    watch_at: Mapped[datetime | None]
    last_heard_at: Mapped[datetime | None]
    last_polled_at: Mapped[datetime | None]
    last_answer: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    poll_failures: Mapped[int] = mapped_column(server_default="0")
    problem: Mapped[str | None]
    created_at: Mapped[CreatedAt]


class TrackingEnd(Base):
    """A parcel's tracking number, its letters and digits alone, in capitals and backwards: how it ends is how this
    begins. It is no index of `shipments`, for a poll writes its row anew in each of them. The database keeps it
    (migration 0034): a parcel that gets a number, another or none needs nothing said here.
    """

    __tablename__ = "tracking_ends"
    __table_args__ = (
        sa.Index("ix_tracking_ends", "brand_id", "backwards", postgresql_ops={"backwards": "text_pattern_ops"}),
    )

    shipment_id: Mapped[int] = mapped_column(
        sa.BigInteger, sa.ForeignKey("shipments.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    brand_id: Mapped[int] = mapped_column(sa.BigInteger)
    backwards: Mapped[str]
