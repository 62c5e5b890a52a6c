"""What is asked of a few parcels looks at their rows, however many others there are."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from app.db import Sessions
from app.insight.explain import scans_of
from app.intake import cancelling
from app.pipeline.deciding import merging, remembering, restarting
from app.pipeline.leaving import moving, together
from app.pipeline.people import wiping
from app.pipeline.settling import falling_back

STATEMENTS = {
    "stopping messages": cancelling._STOP_TELLING,
    "telling the rest": cancelling._TELL_THE_REST,
    "locking messages": cancelling._LOCK_TELLING,
    "what is under way": cancelling._STILL_UNDER_WAY,
    "what waits for an order": merging._LOCKED,
    "what was told before": remembering._MESSAGES,
    "what was told under another number": restarting._TOLD,
    "what a message covers": together._COVERED,
    "what is told together": together.TOLD_TOGETHER,
    "who else has come as far": together._INSTEAD,
    "what waits with older words": moving.not_rendered(1),
    "standing in for several": falling_back._COVER,
    "wiping examples of codes": wiping._WIPES[2],
    "wiping scans": wiping._WIPES[3],
    "a parcel's scans": scans_of(1),
}
LARGE = ("messages", "scans", "crossings", "ledger_keys", "shipments", "decisions")


@pytest.fixture
def reluctant(sessions: Sessions) -> Iterator[sa.Connection]:
    """A connection that goes through a whole table only where no index serves."""
    with sessions() as session:
        session.execute(sa.text("SET enable_seqscan = off"))
        yield session.connection()


@pytest.mark.parametrize("what", STATEMENTS)
def test_no_statement_goes_through_a_whole_table(reluctant: sa.Connection, what: str):
    """Every one of these tables grows for as long as the shop lives; each of them is read by index."""
    statement = STATEMENTS[what].compile(reluctant)
    values = dict.fromkeys(statement.params) | {"ids": [1], "silent": ["failed"], "id": 1}
    given = statement.params | {name: value for name, value in values.items() if name in statement.params and value}
    plan = "\n".join(row[0] for row in reluctant.exec_driver_sql(f"EXPLAIN {statement}", given))
    assert not [table for table in LARGE if f"Seq Scan on {table}" in plan], plan


@pytest.mark.parametrize("what", list(STATEMENTS)[:4])
def test_the_messages_of_a_cancelled_parcel_are_looked_up(reluctant: sa.Connection, what: str):
    """Its own by the parcel, those that tell of others too by their keys: neither by going through all that wait."""
    statement = STATEMENTS[what].compile(reluctant)
    given = dict.fromkeys(statement.params) | {"ids": [1]}
    plan = "\n".join(row[0] for row in reluctant.exec_driver_sql(f"EXPLAIN {statement}", given))
    assert "ix_messages_shipment_id" in plan, plan
