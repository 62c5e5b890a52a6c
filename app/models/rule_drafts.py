"""What operations work on before they publish it: each one's draft of the rules, and back-tests with their progress."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, BrandId, CreatedAt, one_of


class BacktestState(StrEnum):
    """How far a back-test is: it runs, or it ended in one of three ways."""

    running = "running"
    done = "done"
    failed = "failed"
    stopped = "stopped"


class RuleDraft(Base):
    """The rule set that somebody writes for a brand and has not published. `based_on` is the digest of the set that
    counted when it was begun; `revision` rises with each saving. Times are the real time."""

    __tablename__ = "rule_drafts"
    __table_args__ = (sa.UniqueConstraint("brand_id", "account_id"),)

    id: Mapped[BigId]
    brand_id: Mapped[BrandId]
    account_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("accounts.id"))
    content: Mapped[str]
    based_on: Mapped[bytes] = mapped_column(sa.LargeBinary)
    revision: Mapped[int] = mapped_column(server_default="1")
    saved_at: Mapped[CreatedAt]


class RuleBacktest(Base):
    """One back-test of a draft, which a thread of the web process works on.

    `done` of `total` orders are gone through; `seen_at` is when that was last written, so that one whose process died
    is known by it. `result` is what it came to, `problem` the sentence where it came to nothing. Times are the real
    time. One runs at a time for a brand.
    """

    __tablename__ = "rule_backtests"
    __table_args__ = (
        one_of("state", BacktestState),
        sa.Index("ix_rule_backtests_brand_id_id", "brand_id", "id"),
        sa.Index("uq_rule_backtests_running", "brand_id", unique=True, postgresql_where=sa.text("state = 'running'")),
    )

    id: Mapped[BigId]
    public_id: Mapped[str] = mapped_column(unique=True)
    brand_id: Mapped[BrandId]
    started_by: Mapped[str]
    content: Mapped[str]
    days: Mapped[int]
    state: Mapped[str] = mapped_column(server_default=BacktestState.running.value)
    done: Mapped[int] = mapped_column(server_default="0")
    total: Mapped[int] = mapped_column(server_default="0")
    result: Mapped[dict[str, Any] | None]
    problem: Mapped[str] = mapped_column(server_default="")
    started_at: Mapped[CreatedAt]
    seen_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]
