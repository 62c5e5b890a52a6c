"""Adds up the rows of the counters, so that reading them costs the same however much has happened."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import stopwatch
from app.pipeline.house import House

AT_ONCE = 5000
_ENOUGH_SECONDS = 5.0
_MINE_ALONE = sa.text("SELECT pg_try_advisory_xact_lock(hashtext('event_counts'))")

# A reader sees the rows before or after, never between: both happen in one transaction.
_FOLD = sa.text("""
    WITH gone AS (
        DELETE FROM event_counts
        WHERE id = any(ARRAY(SELECT id FROM event_counts WHERE NOT folded ORDER BY id LIMIT :amount))
        RETURNING kind, brand_id, labels, hour, number
    ), added AS (
        INSERT INTO event_counts AS known (kind, brand_id, labels, hour, number, folded)
        SELECT kind, brand_id, labels, hour, sum(number), true FROM gone
        GROUP BY kind, brand_id, labels, hour ORDER BY kind, brand_id, labels, hour
        ON CONFLICT (kind, brand_id, labels, hour) WHERE folded
            DO UPDATE SET number = known.number + excluded.number
    )
    SELECT count(*) FROM gone
""")

_OLD = sa.text("""
    WITH gone AS (
        DELETE FROM event_counts
        WHERE folded AND hour > '-infinity' AND hour < now() - interval '48 hours'
        RETURNING kind, brand_id, labels, number
    )
    INSERT INTO event_counts AS known (kind, brand_id, labels, hour, number, folded)
    SELECT kind, brand_id, labels, '-infinity', sum(number), true FROM gone
    GROUP BY kind, brand_id, labels ORDER BY kind, brand_id, labels
    ON CONFLICT (kind, brand_id, labels, hour) WHERE folded DO UPDATE SET number = known.number + excluded.number
""")


def fold_counts(house: House) -> int:
    """Add up the fresh rows of each hour, and the hours that are two days old; how many fresh rows there were. One
    worker at a time: another leaves it to the first."""
    total, started = 0, stopwatch()
    while stopwatch() - started < _ENOUGH_SECONDS:
        with house.sessions.begin() as session:
            found = _fold(session)
        total += found
        if found < AT_ONCE:
            break
    return total


def _fold(session: Session) -> int:
    if not session.scalar(_MINE_ALONE):
        return 0
    found = int(session.scalars(_FOLD, {"amount": AT_ONCE}).one())
    if found < AT_ONCE:
        session.execute(_OLD)
    return found
