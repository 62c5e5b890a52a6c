"""Who must not be written to and why, what shoppers wrote back, and provider requests that wait to be unpacked."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, BrandId, CreatedAt, one_of
from app.models.vocabulary import Channel, Meaning, SuppressionKind, SuppressionScope


class Suppression(Base):
    """One reason not to write to one address. It is lifted, never deleted, so that its story stays.

    `address_digest` is the salted digest of the normalised address (`addresses.salted`): with it a person who was
    forgotten (`address` is NULL then) stays unwritten to. `created_at` is when what caused it happened, `provider` and
    `receipt_id` who said so; NULL for what a person or a file said. All times are real time.
    """

    __tablename__ = "suppressions"
    __table_args__ = (
        one_of("channel", Channel),
        one_of("kind", SuppressionKind),
        one_of("scope", SuppressionScope),
        sa.UniqueConstraint("brand_id", "channel", "address_digest", "kind", "scope"),
        # What the last step before a provider asks: of order mail, only what holds back everything counts.
        sa.Index(
            "ix_suppressions_obeyed",
            "address_digest",
            postgresql_where=sa.text("lifted_at IS NULL AND scope = 'all'"),
        ),
        sa.Index("ix_suppressions_brand_id_id", "brand_id", "id"),
        sa.Index("ix_suppressions_kept", "created_at", postgresql_where=sa.text("address IS NOT NULL")),
    )

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    channel: Mapped[str]
    address_digest: Mapped[bytes] = mapped_column(sa.LargeBinary)
    address: Mapped[str | None]
    kind: Mapped[str]
    scope: Mapped[str]
    provider: Mapped[str | None]
    receipt_id: Mapped[int | None] = mapped_column(sa.BigInteger)  # no foreign key: receipts are kept for less long
    created_at: Mapped[CreatedAt]
    lifted_at: Mapped[datetime | None]


class InboundMessage(Base):
    """One SMS that a shopper wrote to us. `received_at` is engine time, as the parcel's story is.

    `shipment_id` is the parcel that it is most likely about; `brand_id` is NULL where nobody knows the sender and
    several brands share the number that was written to. `sender` and `body` are NULL once the person is forgotten.
    """

    __tablename__ = "inbound_messages"
    __table_args__ = (
        one_of("meaning", Meaning),
        sa.UniqueConstraint("provider", "event_key"),
        sa.Index("ix_inbound_messages_shipment_id", "shipment_id"),
        sa.Index("ix_inbound_messages_sender_digest", "sender_digest"),
        sa.Index(
            "ix_inbound_messages_kept",
            "received_at",
            postgresql_where=sa.text("sender IS NOT NULL OR body IS NOT NULL"),
        ),
    )

    id: Mapped[BigId]
    brand_id: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("brands.id"))
    provider: Mapped[str]
    event_key: Mapped[str]
    sender: Mapped[str | None]
    sender_digest: Mapped[bytes] = mapped_column(sa.LargeBinary)
    recipient: Mapped[str]
    body: Mapped[str | None]
    meaning: Mapped[str]
    order_id: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("orders.id"))
    shipment_id: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("shipments.id"))
    received_at: Mapped[datetime]


class ReceiptBatch(Base):
    """One request with many reports, verified and stored as it came; what is in it is worked out afterwards.

    The same request again has the same digest and is the same row. `problem` says why it could not be unpacked.
    """

    __tablename__ = "receipt_batches"
    __table_args__ = (
        sa.UniqueConstraint("provider", "digest"),
        sa.Index("ix_receipt_batches_waiting", "id", postgresql_where=sa.text("unpacked_at IS NULL")),
        sa.Index("ix_receipt_batches_broken", "unpacked_at", postgresql_where=sa.text("problem IS NOT NULL")),
    )

    id: Mapped[BigId]
    provider: Mapped[str]
    url: Mapped[str]
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)
    received_at: Mapped[CreatedAt]
    unpacked_at: Mapped[datetime | None]
    problem: Mapped[str | None]
