"""The pages' benchmark: the rows that it writes, and how it counts what a page asks."""

import sqlalchemy as sa

from app.bench.million import write_million
from app.bench.pages import QUERIES, _filled, _listening
from app.insight.audit import audit
from app.models import Message, Order, Scan, Shipment
from app.models.vocabulary import Milestone
from tests.pipeline.conftest import world  # noqa: F401 - a house on this run's database


def test_the_quarter_that_is_written_is_a_whole_one(world):  # noqa: F811
    """Five scans a parcel, every milestone that a list asks for, books that balance, and the indexes are back."""
    indexes = sa.text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")
    with world.house.sessions() as session:
        before = session.execute(indexes).all()
    (shipment_id,) = world.order()
    world.scan(shipment_id, Milestone.dispatched)
    with world.house.sessions() as session:
        brand_id = session.scalars(sa.select(Order.brand_id)).one()
        decided = session.scalars(sa.select(sa.func.count()).select_from(Message)).one()
    said = []
    write_million(world.house, brand_id, 2000, said.append)
    with world.house.sessions() as session:

        def count(table):
            return session.scalars(sa.select(sa.func.count()).select_from(table)).one()

        assert (count(Shipment), count(Scan)) == (2001, 10_001)
        assert count(Message) > decided + 3000
        stands = set(session.scalars(sa.select(Shipment.milestone).distinct()))
        assert stands >= {"registered", "in_transit", "out_for_delivery", "delivered", "ready_for_pickup", "returning"}
        assert session.execute(indexes).all() == before
    assert said[0] == "2,000 orders are written"
    with world.house.sessions() as session:
        broken = {breach.law for breach in audit(session, 3600).breaches}
    assert broken <= {"nothing stays unconfirmed past its stated wait"}


def test_statements_are_counted_with_their_time(engine):
    """Each statement once, in its own milliseconds; nothing is counted afterwards."""
    with _listening(engine) as asked, engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_sleep(0.02)"))
        connection.execute(sa.text("SELECT 1"))
    assert [one.statement for one in asked] == ["SELECT pg_sleep(0.02)", "SELECT 1"]
    assert asked[0].ms >= 20 and asked[1].values == {}
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 2"))
    assert len(asked) == 2


def test_addresses_are_filled_in_or_left_out():
    """One whose part has no name is no page of the benchmark's."""
    assert _filled("/b/{brand}/parcels", {"brand": "x"}) == "/b/x/parcels"
    assert _filled("/b/{brand}/people/{account}", {"brand": "x"}) is None
    assert len(set(QUERIES)) == len(QUERIES)
