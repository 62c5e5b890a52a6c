"""What was concluded from the scans: crossings, and each rule's answer to them, with the versions it rests on."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, BrandId, CreatedAt, one_of
from app.models.vocabulary import Cause, Milestone, Reason


class RuleSetVersion(Base):
    """One immutable text of a brand's rules, named by its content."""

    __tablename__ = "rule_set_versions"
    __table_args__ = (sa.UniqueConstraint("brand_id", "digest"),)

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary)
    content: Mapped[str]
    created_at: Mapped[CreatedAt]


class RuleSetPublication(Base):
    """Which rules a brand lives by, and which it lived by before: the nth publication, by whom and why.

    The one without `replaced_at` counts; a brand without any lives by the set that ships. `look_after` is how far the
    brand's parcels (by id) have been looked at again on its account; NULL when all have.
    """

    __tablename__ = "rule_set_publications"
    __table_args__ = (
        sa.UniqueConstraint("brand_id", "number"),
        sa.Index(
            "uq_rule_set_publications_live", "brand_id", unique=True, postgresql_where=sa.text("replaced_at IS NULL")
        ),
    )

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    rule_set_version_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("rule_set_versions.id"))
    number: Mapped[int]
    published_at: Mapped[CreatedAt]
    published_by: Mapped[str]
    why: Mapped[str]
    replaced_at: Mapped[datetime | None]
    look_after: Mapped[int | None] = mapped_column(sa.BigInteger)


def digest_of(parts: Mapping[str, Any]) -> bytes:
    """32 bytes that name a template's `parts` by content: SHA-256 over its JSON with sorted keys and no spaces."""
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8")).digest()


class TemplateVersion(Base):
    """One immutable template: message, layout and brand together, compiled, named by its content."""

    __tablename__ = "template_versions"
    __table_args__ = (sa.UniqueConstraint("brand_id", "digest"),)

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary)
    key: Mapped[str]
    channel: Mapped[str]
    locale: Mapped[str]
    parts: Mapped[dict[str, Any]]
    created_at: Mapped[CreatedAt]


class Crossing(Base):
    """A parcel (or an order) reached a milestone for the nth time. Written once; everything else hangs on it.

    `anchor` is the digest of the scan that opened it, or NULL when silence did. `occurred_at` is when it
    happened, `crossed_at` when the engine concluded it; both engine time. `facts` are those it was
    decided on, without personal data; `inputs` what else was (`late`, `history_until`, `cancelled`, `reread`, the
    `channels` that had a provider; of a whole order its `parcels`). From `retired_at` (engine time) on it stands for
    nothing that is heard: the parcel's number was wrong. It keeps its occurrence, and what was told of it stays told.
    """

    __tablename__ = "crossings"
    __table_args__ = (
        sa.UniqueConstraint("scope", "scope_id", "milestone", "occurrence"),
        sa.CheckConstraint("scope IN ('parcel', 'order')", name="scope_known"),
        one_of("milestone", Milestone),
        one_of("cause", Cause),
        sa.Index("ix_crossings_shipment_id", "shipment_id"),
    )

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    order_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("orders.id"))
    shipment_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("shipments.id"))
    scope: Mapped[str]
    scope_id: Mapped[int] = mapped_column(sa.BigInteger)
    milestone: Mapped[str]
    occurrence: Mapped[int]
    cause: Mapped[str]
    anchor: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    occurred_at: Mapped[datetime]
    crossed_at: Mapped[datetime]
    facts: Mapped[dict[str, Any]]
    inputs: Mapped[dict[str, Any]] = mapped_column(server_default=sa.text("'{}'::jsonb"))
    retired_at: Mapped[datetime | None]


class Decision(Base):
    """One rule's answer to one crossing on one channel, for one role: fired or not, and why.

    `inputs` are the facts that its condition asked for, by name, as they were. One that fired has a message: its own,
    or (`merged`) that of another parcel of the order, which its ledger key names.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        sa.UniqueConstraint("crossing_id", "rule", "channel", "recipient_id"),
        one_of("reason", Reason),
        sa.Index("ix_decisions_rule_error", "decided_at", postgresql_where=sa.text("reason = 'rule_error'")),
    )

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    crossing_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("crossings.id"))
    rule_set_version_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("rule_set_versions.id"))
    rule: Mapped[str]
    channel: Mapped[str]
    recipient_id: Mapped[str] = mapped_column(server_default="shopper")
    fired: Mapped[bool]
    reason: Mapped[str]
    detail: Mapped[str]
    inputs: Mapped[dict[str, Any]] = mapped_column(server_default=sa.text("'{}'::jsonb"))
    decided_at: Mapped[datetime]
