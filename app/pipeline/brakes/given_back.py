"""What was planned for a shopper and ended before it told them anything: their daily cap does not count it."""

from collections import Counter
from collections.abc import Mapping
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.vocabulary import TAKEN_BACK
from app.zones import begin_of_day, end_of_day

MOST_ORDERS = 500
"""A shopper with more orders than that is a test or a shop, and gets nothing back: what this costs has a bound."""

Day = tuple[int, date, str]
"""Which count: the brand, the day where the shopper lives, and whose it is."""

# Of two addresses only what is theirs by the index. A message that another stands in for reached them after all.
_TAKEN_BACK = sa.text("""
    WITH asked AS (
        SELECT asked.at, asked.since, asked.until, own.brand_id, nullif(own.email, '') AS email, own.phone
        FROM unnest(cast(:at AS int[]), cast(:orders AS bigint[]), cast(:since AS timestamptz[]),
                cast(:until AS timestamptz[])) AS asked (at, order_id, since, until)
            JOIN orders AS own ON own.id = asked.order_id
    ), theirs AS (
        SELECT asked.at, asked.since, asked.until, found.id
        FROM asked CROSS JOIN LATERAL (
            SELECT id FROM orders WHERE brand_id = asked.brand_id AND lower(email) = lower(asked.email) LIMIT :most
        ) AS found WHERE asked.email IS NOT NULL
        UNION ALL
        SELECT asked.at, asked.since, asked.until, found.id
        FROM asked CROSS JOIN LATERAL (
            SELECT id FROM orders WHERE brand_id = asked.brand_id AND phone = asked.phone AND nullif(email, '') IS NULL
            LIMIT :most
        ) AS found WHERE asked.email IS NULL
    )
    SELECT theirs.at, count(*) AS times
    FROM theirs JOIN messages ON messages.order_id = theirs.id
    WHERE messages.planned_at >= theirs.since AND messages.planned_at < theirs.until
        AND messages.state = ANY(:taken_back) AND messages.reason <> 'ambiguous'
        AND messages.recipient_id = 'shopper' AND messages.fallback_of IS NULL
        AND NOT EXISTS (SELECT 1 FROM messages AS instead
            WHERE instead.order_id = messages.order_id AND instead.fallback_of = messages.id)
    GROUP BY theirs.at
""")


def given_back(session: Session, asked: Mapping[Day, tuple[int, str]]) -> Counter[Day]:
    """How many of the messages that each count holds told nobody; a look-up by index for each. `asked` are an order of
    its shopper and their zone."""
    days = sorted(asked)
    if not days:
        return Counter()
    values = {
        "at": list(range(len(days))),
        "orders": [asked[day][0] for day in days],
        "since": [begin_of_day(day[1], asked[day][1]) for day in days],
        "until": [end_of_day(day[1], asked[day][1]) for day in days],
        "most": MOST_ORDERS,
        "taken_back": [state.value for state in TAKEN_BACK],
    }
    return Counter({days[row.at]: row.times for row in session.execute(_TAKEN_BACK, values)})
