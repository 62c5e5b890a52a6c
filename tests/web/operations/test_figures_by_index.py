"""Today and /metrics read indexes of what is open or recent, never a whole table, however long the shop has lived."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.insight import metric_queries, today, today_delays
from tests.web.conftest import NOW

STATEMENTS = {
    "Today's counts": today._STANDING,
    "Today's messages": today._SENDING,
    "Today's opened": today._OPENED,
    "Today's delay": today_delays._DELAYS,
    **{
        f"metrics {name.lower()}": query
        for name, query in vars(metric_queries).items()
        if name.isupper() and isinstance(query, sa.TextClause)
    },
}
LARGE = ("shipments", "messages", "attempts", "receipts", "scans", "carrier_pushes")
GIVEN = {
    "brand": 1, "now": NOW, "since": NOW, "silent": NOW, "today": NOW, "failing": NOW, "overdue": NOW,
    "hour": NOW - timedelta(hours=1), "last": NOW, "most": 40,
}  # fmt: skip


@pytest.mark.parametrize("what", STATEMENTS)
def test_no_figure_goes_through_a_whole_table(sessions, what):
    """Each statement has an index that fits it."""
    statement = STATEMENTS[what]
    given = {name: value for name, value in GIVEN.items() if f":{name}" in statement.text}
    with sessions() as session:
        session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join(session.scalars(sa.text(f"EXPLAIN {statement.text}"), given))
    assert not [table for table in LARGE if f"Seq Scan on {table}" in plan], plan
