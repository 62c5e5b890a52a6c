"""How often things happened: the rows behind the counters, and the statements that write them with what they count."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.models.base import Base, BigId, one_of


class Counted(StrEnum):
    """What is counted; `labels` is, in this order:

    scans: carrier, source. answers: carrier, outcome (`answered`, or a fault). messages: channel, milestone, state that
    it came to (`planned` for a new one). calls: provider, outcome. reports: provider, kind.
    """

    scans = "scans"
    answers = "answers"
    messages = "messages"
    calls = "calls"
    reports = "reports"


class EventCount(Base):
    """So many events with the same labels within one hour (`hour`, the database's clock).

    Each batch adds rows of its own in the transaction that writes what they count, so that nobody waits for anybody and
    what is rolled back was not counted. Later they are added up (`folded`): one row for each hour, and after two days
    one row for all before, whose hour is `-infinity`. The sum over all rows never falls.
    """

    __tablename__ = "event_counts"
    __table_args__ = (
        one_of("kind", Counted),
        sa.Index(
            "uq_event_counts_folded", "kind", "brand_id", "labels", "hour", unique=True,
            postgresql_where=sa.text("folded"), postgresql_nulls_not_distinct=True,
        ),
        sa.Index("ix_event_counts_fresh", "id", postgresql_where=sa.text("NOT folded")),
        sa.Index("ix_event_counts_kind_hour", "kind", "hour"),
    )  # fmt: skip

    id: Mapped[BigId]
    kind: Mapped[str]
    brand_id: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("brands.id"))
    labels: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    hour: Mapped[datetime] = mapped_column(server_default=sa.text("date_trunc('hour', now())"))
    number: Mapped[int] = mapped_column(sa.BigInteger)
    folded: Mapped[bool] = mapped_column(server_default=sa.false())


def count_events(session: Session, kind: Counted, events: Iterable[tuple[int | None, tuple[str, ...]]]) -> None:
    """Count what happened, each event as (brand or None, labels): one statement, in the caller's transaction."""
    counts = Counter(events)
    if counts:
        rows = [
            {"kind": kind.value, "brand_id": brand_id, "labels": list(labels), "number": number}
            for (brand_id, labels), number in counts.items()
        ]
        session.execute(sa.insert(EventCount), rows)


_ENDS = sa.text("""
    INSERT INTO event_counts (kind, brand_id, labels, number)
    SELECT 'messages', brand_id, ARRAY[channel, milestone, state], count(*)
    FROM messages WHERE id = any(:ids) AND state NOT IN ('held', 'ready', 'sending')
    GROUP BY brand_id, channel, milestone, state
""")


def count_states(session: Session, message_ids: Collection[int]) -> None:
    """Count the states that these messages have just come to, in the transaction that moved them. Those that only wait
    again are left out."""
    if message_ids:
        session.execute(_ENDS, {"ids": list(message_ids)})
