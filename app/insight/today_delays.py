"""How long shoppers wait for news: the seconds from an event to its message's call, over the day."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

_OF_AN_HOUR = 40
"""Calls by which an hour is measured: its last ones."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds from the moment that an event was concluded until its call to the provider began, of so many first calls
    for messages that had nothing to wait for."""

    count: int
    median: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Delays:
    """Of the last 24 hours: `hours` are the beginnings of the clock's hours, oldest first, `by_hour` what each was like
    (None without a call), `all` what they were like together."""

    hours: tuple[datetime, ...]
    by_hour: tuple[Delay | None, ...]
    all: Delay


def delay(session: Session, brand_id: int, now: datetime) -> Delays | None:
    """From event to message, by the last calls of each hour; None while there was none. It means something on a real
    clock only: an event's moment is engine time, a call's the database's."""
    last = now.replace(minute=0, second=0, microsecond=0)
    hours = tuple(last - timedelta(hours=back) for back in range(23, -1, -1))
    given = {"brand": brand_id, "since": hours[0], "last": last, "most": _OF_AN_HOUR}
    rows = session.execute(_DELAYS, given)
    found = {row.hour: Delay(row.calls, row.median, row.p95, row.p99) for row in rows if row.calls}
    every = found.pop(None, None)
    return Delays(hours, tuple(found.get(hour) for hour in hours), every) if every else None


_DELAYS = sa.text("""
    SELECT hours.hour, count(*) AS calls, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS median,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS p95,
        percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds) AS p99
    FROM generate_series(cast(:since AS timestamptz), cast(:last AS timestamptz), interval '1 hour') AS hours (hour)
    CROSS JOIN LATERAL (
        SELECT id, planned_at FROM messages
        WHERE brand_id = :brand AND planned_at >= hours.hour AND planned_at < hours.hour + interval '1 hour'
            AND planned_at > '-infinity' AND attempts > 0 AND send_at <= planned_at
        ORDER BY planned_at DESC LIMIT :most
    ) AS told
    CROSS JOIN LATERAL (
        SELECT extract(epoch FROM begun_at - told.planned_at)::float AS seconds FROM attempts
        WHERE message_id = told.id AND number = 1 AND begun_at >= told.planned_at
    ) AS calls
    GROUP BY GROUPING SETS ((hours.hour), ())
""")
