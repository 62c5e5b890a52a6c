"""Planned messages, the ledger that makes each unique, the calls made for them and what providers reported."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, BrandId, CreatedAt, one_of
from app.models.vocabulary import AttemptOutcome, Channel, MessageState, Reason


class Message(Base):
    """One planned email or SMS to one recipient.

    `send_at` and `expires_at` are engine time; `quiet` is when its channel must not be used, by the shopper's
    clock; `lease_until` is the database's. `open_attempt_id` is set from the moment a call may begin until what
    became of it is known: while it is set, nothing sends the message again. From `rendered_at` on, what it says is
    frozen: `released` are the facts it was rendered from (NULL: those of its crossing), `personal` the name and
    address, kept apart so that a person can be forgotten. `attempts` numbers its attempts; `tries` counts those
    that were made and turned away or never answered for no fault of the sender's: after enough of them it is given
    up. Until `merge_until` (engine time) further parcels of the order may join it. `fallback_of` is the message in
    whose place it was sent. `pause_id` is set when its turn came while that pause stood: nothing that chooses what is
    due comes across it then. `template_edition` is the number of the publication that its template was of when it was
    decided, 0 for one that ships (NULL: an older Doorstep decided it).
    """

    __tablename__ = "messages"
    __table_args__ = (
        one_of("state", MessageState),
        one_of("reason", Reason),
        one_of("channel", Channel),
        sa.Index(
            "ix_messages_due",
            "channel",
            "brand_id",
            "priority",
            "send_at",
            postgresql_where=sa.text("state IN ('held', 'ready') AND pause_id IS NULL"),
        ),
        sa.Index(
            "ix_messages_paused",
            "pause_id",
            "id",
            postgresql_where=sa.text("state IN ('held', 'ready') AND pause_id IS NOT NULL"),
        ),
        # The last condition always holds. It is there so that what is due cannot be looked for in here: on stale
        # statistics the planner would, and read everything that waits. No column that a call's begin writes may do it.
        sa.Index(
            "ix_messages_expiring",
            "expires_at",
            postgresql_where=sa.text("state IN ('held', 'ready') AND pause_id IS NULL AND expires_at > '-infinity'"),
        ),
        sa.Index("ix_messages_failed", "ended_at", postgresql_where=sa.text("state = 'failed'")),
        # Not by `lease_until`: beginning an attempt would then write every index of the table anew.
        sa.Index("ix_messages_leased", "id", postgresql_where=sa.text("state = 'sending'")),
        sa.Index("ix_messages_unconfirmed", "id", postgresql_where=sa.text("state = 'unconfirmed'")),
        # Nor in here.
        sa.Index("ix_messages_planned", "brand_id", "planned_at", postgresql_where=sa.text("planned_at > '-infinity'")),
        sa.Index("ix_messages_order_id", "order_id"),
        sa.Index("ix_messages_shipment_id", "shipment_id"),
    )

    id: Mapped[BigId]
    public_id: Mapped[str] = mapped_column(unique=True)
    brand_id: Mapped[BrandId]
    order_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("orders.id"))
    shipment_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("shipments.id"))
    crossing_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("crossings.id"))
    rule: Mapped[str]
    milestone: Mapped[str]
    channel: Mapped[str]
    recipient_id: Mapped[str]
    locale: Mapped[str]
    rule_set_version_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("rule_set_versions.id"))
    template_version_id: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("template_versions.id"))
    template_edition: Mapped[int | None]
    priority: Mapped[int] = mapped_column(sa.SmallInteger)
    state: Mapped[str]
    reason: Mapped[str]
    detail: Mapped[str | None]
    planned_at: Mapped[datetime]
    send_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    quiet: Mapped[str | None]
    merge_until: Mapped[datetime | None]
    fallback_of: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("messages.id"))
    ended_at: Mapped[datetime | None]
    pause_id: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("pauses.id"))
    lease_token: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    open_attempt_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    attempts: Mapped[int] = mapped_column(server_default="0")
    tries: Mapped[int] = mapped_column(server_default="0")
    provider: Mapped[str | None]
    provider_ref: Mapped[str | None]
    subject: Mapped[str | None]
    rendered_at: Mapped[datetime | None]
    released: Mapped[dict[str, Any] | None]
    personal: Mapped[dict[str, Any] | None]
    created_at: Mapped[CreatedAt]


class LedgerKey(Base):
    """The one reason a shopper is never told the same thing twice: this key is unique, and only inserted.

    It lives as long as the order. `recipient_id` is a role or an endpoint, never an address.
    """

    __tablename__ = "ledger_keys"

    scope: Mapped[str] = mapped_column(primary_key=True)
    scope_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    milestone: Mapped[str] = mapped_column(primary_key=True)
    occurrence: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    recipient_id: Mapped[str] = mapped_column(primary_key=True)
    brand_id: Mapped[BrandId]
    # Deferred, because a key is taken first and only then is the message written that it stands for.
    message_id: Mapped[int] = mapped_column(
        sa.BigInteger, sa.ForeignKey("messages.id", deferrable=True, initially="DEFERRED"), index=True
    )
    decided_at: Mapped[datetime]


class DailyCount(Base):
    """How many messages one shopper or one rule has been given on a day, and how many a rule's cap held back.

    `kind` is `shopper` (`key` is the hex of the address's salted digest, and the day is the shopper's own), `rule` or
    `refused` (`key` is the rule's name, and the day is UTC's). Several rows (`slot`) make a rule's count.
    """

    __tablename__ = "daily_counts"

    brand_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("brands.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True)
    planned: Mapped[int]


class Attempt(Base):
    """One call to a provider, committed before it begins. All times are the database's clock.

    `public_id` travels with the call and comes back in the provider's reports. `first_receipt_at` is
    when a report first named it: that is the evidence by which silence about earlier calls is judged.
    `asked_at` and `asked_count` tell how often the provider was asked what became of a call that it never answered,
    `ask_at` when it may be asked next; `conclusion` is what was made of it, and from what. `resent`: the message left
    again although nobody knew, because its rule says rather twice than never.
    """

    __tablename__ = "attempts"
    __table_args__ = (
        one_of("outcome", AttemptOutcome),
        sa.UniqueConstraint("message_id", "number"),
        sa.Index("ix_attempts_open", "message_id", postgresql_where=sa.text("settled_at IS NULL")),
        sa.Index(
            "ix_attempts_reported",
            "provider",
            "sender",
            "begun_at",
            postgresql_where=sa.text("first_receipt_at IS NOT NULL"),
        ),
        # Some pages in all, and nothing to write for a row: calls lie in the table as they were begun.
        sa.Index(
            "ix_attempts_begun",
            "begun_at",
            postgresql_using="brin",
            postgresql_ops={"begun_at": "timestamptz_minmax_multi_ops"},
            postgresql_with={"autosummarize": "on", "pages_per_range": 16},
        ),
    )

    id: Mapped[BigId]
    public_id: Mapped[str] = mapped_column(unique=True)
    brand_id: Mapped[BrandId]
    message_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("messages.id"))
    number: Mapped[int]
    provider: Mapped[str]
    sender: Mapped[str]
    lease_token: Mapped[str]
    begun_at: Mapped[CreatedAt]
    deadline_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    provider_ref: Mapped[str | None]
    http_status: Mapped[int | None]
    error: Mapped[str | None]
    first_receipt_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]
    asked_count: Mapped[int] = mapped_column(server_default="0")
    ask_at: Mapped[datetime | None]
    conclusion: Mapped[str | None]
    resent: Mapped[bool] = mapped_column(server_default=sa.false())


class Sender(Base):
    """A provider's account as all workers see it, on the database's clock; shared by all brands, as a carrier's
    budget is.

    Until `resting_until` nothing is handed to it, because it refused everything (`refused`) or could not be reached:
    `strikes` times in a row, `why` says the last. Until `busy_until` it is left in peace, because it asked for a pause:
    `busy_times` in a row. `ask_free_at` is when it may next be asked about a call.
    """

    __tablename__ = "senders"

    provider: Mapped[str] = mapped_column(primary_key=True)
    sender: Mapped[str] = mapped_column(primary_key=True)
    strikes: Mapped[int] = mapped_column(server_default="0")
    resting_until: Mapped[datetime | None]
    why: Mapped[str | None]
    refused: Mapped[bool] = mapped_column(server_default=sa.false())
    ask_free_at: Mapped[datetime | None]
    busy_until: Mapped[datetime | None]
    busy_times: Mapped[int] = mapped_column(server_default="0")


class PaceLane(Base):
    """One account, number or country that takes only so much a second, as all workers see it, on the database's clock.

    `free_at` is when the next message may begin. `queues` tells, for each brand and priority, until when (seconds
    since 1970) those of its messages have been put off that wait for this lane.
    """

    __tablename__ = "pace_lanes"

    key: Mapped[str] = mapped_column(primary_key=True)
    free_at: Mapped[datetime]
    queues: Mapped[dict[str, Any]] = mapped_column(server_default=sa.text("'{}'::jsonb"))


class Receipt(Base):
    """What a provider reported later, stored raw before anything is made of it.

    `event_key` is the provider's own id of the report; the same report twice is one row. `cause` is what it says of
    the address itself. `brand_id` is known once it has been read: NULL where it names no call of ours.
    """

    __tablename__ = "receipts"
    __table_args__ = (
        sa.UniqueConstraint("provider", "event_key"),
        sa.Index("ix_receipts_waiting", "id", postgresql_where=sa.text("applied_at IS NULL")),
        sa.Index("ix_receipts_attempt_public_id", "attempt_public_id"),
        sa.Index(
            "ix_receipts_opened",
            "brand_id",
            "received_at",
            postgresql_include=["attempt_public_id", "kind"],
            postgresql_where=sa.text("kind IN ('opened', 'machine_opened')"),
        ),
    )

    id: Mapped[BigId]
    provider: Mapped[str]
    event_key: Mapped[str]
    brand_id: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("brands.id"))
    attempt_public_id: Mapped[str | None]
    provider_ref: Mapped[str | None]
    kind: Mapped[str]
    cause: Mapped[str | None]
    detail: Mapped[str | None]
    occurred_at: Mapped[datetime | None]
    received_at: Mapped[CreatedAt]
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)
    applied_at: Mapped[datetime | None]
    effect: Mapped[str | None]
