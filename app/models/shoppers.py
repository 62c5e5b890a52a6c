"""What shoppers do on their pages: what they choose to be told, what they never received, which link they lost."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, BrandId, CreatedAt, one_of
from app.models.vocabulary import Channel, NewsKind


class Choice(Base):
    """One kind of news that the owner of an address does not want on a channel; what is wanted has no row.

    It is the address's, and counts for all orders of a brand that name it. Only the salted digest is kept, so that it
    goes on being honoured when the address itself has been forgotten.
    """

    __tablename__ = "choices"
    __table_args__ = (one_of("channel", Channel), one_of("kind", NewsKind))

    address_digest: Mapped[bytes] = mapped_column(sa.LargeBinary, primary_key=True)
    brand_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("brands.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[CreatedAt]


class Claim(Base):
    """A parcel that is marked as delivered and that its shopper says is not there: one is open for a parcel at most.

    `opened_at` and `closed_at` are engine time, as the parcel's story is; `closed_by` is `shopper`, or the person of
    the shop who dealt with it.
    """

    __tablename__ = "claims"
    __table_args__ = (
        sa.Index("uq_claims_open", "shipment_id", unique=True, postgresql_where=sa.text("closed_at IS NULL")),
        sa.Index("ix_claims_shipment_id", "shipment_id"),
        sa.Index("ix_claims_told", "opened_at", postgresql_where=sa.text("closed_at IS NULL")),
    )

    id: Mapped[BigId]
    public_id: Mapped[str] = mapped_column(unique=True)
    brand_id: Mapped[BrandId]
    shipment_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("shipments.id"))
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]


class LinkRequest(Base):
    """Somebody asked for the link to an order by its number and an address; whether there is one is looked up later.

    What was typed is emptied when it has been looked up (`answered_at`); the digests stay for a day, so that those who
    ask again and again can be counted. All times are the database's clock.
    """

    __tablename__ = "link_requests"
    __table_args__ = (
        sa.Index("ix_link_requests_waiting", "id", postgresql_where=sa.text("answered_at IS NULL")),
        sa.Index("ix_link_requests_address", "address_digest", "asked_at"),
        sa.Index("ix_link_requests_network", "network_digest", "asked_at"),
        sa.Index("ix_link_requests_asked_at", "asked_at"),
    )

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    number: Mapped[str | None]
    email: Mapped[str | None]
    address_digest: Mapped[bytes] = mapped_column(sa.LargeBinary)
    network_digest: Mapped[bytes] = mapped_column(sa.LargeBinary)
    asked_at: Mapped[CreatedAt]
    answered_at: Mapped[datetime | None]


class LinkMail(Base):
    """The last mail that told an order's link to whoever asked for it: one an hour at the most, whoever asks.

    The row is written before the call, so that no crash sends one twice. Times are the database's clock.
    """

    __tablename__ = "link_mails"

    order_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("orders.id"), primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    brand_id: Mapped[BrandId]
    begun_at: Mapped[CreatedAt]
    provider: Mapped[str | None]
    outcome: Mapped[str | None]
