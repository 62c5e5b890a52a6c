"""What went wrong and who was told: incidents with a beginning and an end, and the notices that tell of them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, BrandId, CreatedAt, one_of
from app.models.vocabulary import IncidentKind, NoticeRoute, NoticeStage


class Incident(Base):
    """One thing that is wrong, from when it was first seen until it was seen no more: told once, however often seen.

    `subject` tells it from others of its kind: a brand and channel, a provider's account, a law. `count` is how many it
    concerned when last seen. `brand_id` is empty where it is the whole installation's. Nothing of a shopper stands in
    it. All times are the database's clock.
    """

    __tablename__ = "incidents"
    __table_args__ = (
        one_of("kind", IncidentKind),
        sa.Index("uq_incidents_open", "kind", "subject", unique=True, postgresql_where=sa.text("closed_at IS NULL")),
    )

    id: Mapped[BigId]
    public_id: Mapped[str] = mapped_column(unique=True)
    brand_id: Mapped[BrandId | None]
    kind: Mapped[str]
    subject: Mapped[str]
    summary: Mapped[str]
    count: Mapped[int]
    opened_at: Mapped[CreatedAt]
    last_seen_at: Mapped[CreatedAt]
    closed_at: Mapped[datetime | None]


class AlarmNotice(Base):
    """One telling of an incident's beginning or end on one way out; the row is the queue.

    `content` is what is told, fixed when the notice was written. It is due at `due_at`, held by one worker until
    `leased_until`, and told at least once: `told_at` says when. One that nobody took for a day is given up.
    """

    __tablename__ = "alarm_notices"
    __table_args__ = (
        one_of("stage", NoticeStage),
        one_of("route", NoticeRoute),
        sa.UniqueConstraint("incident_id", "stage", "route"),
        sa.Index(
            "ix_alarm_notices_waiting", "due_at", postgresql_where=sa.text("told_at IS NULL AND given_up_at IS NULL")
        ),
    )

    id: Mapped[BigId]
    public_id: Mapped[str] = mapped_column(unique=True)
    incident_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("incidents.id"))
    stage: Mapped[str]
    route: Mapped[str]
    content: Mapped[dict[str, Any]]
    created_at: Mapped[CreatedAt]
    due_at: Mapped[CreatedAt]
    leased_until: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(server_default="0")
    problem: Mapped[str | None]
    told_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]


class AuditMark(Base):
    """How far the audit that runs by itself has come: each row is looked at in two passes, so that what was being
    written during the first is seen by the second. Ids, and the database's clock."""

    __tablename__ = "audit_marks"

    name: Mapped[str] = mapped_column(primary_key=True)
    before: Mapped[dict[str, Any]]
    reached: Mapped[dict[str, Any]]
    at: Mapped[datetime]
