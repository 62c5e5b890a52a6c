"""A delivery that its carrier contradicts is doubted: nobody is told of it, and the real one is told when it comes."""

from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from app import pipeline
from app.insight.explain import explain
from app.insight.tell import tell
from app.models import Crossing, Scan, Shipment
from app.models.vocabulary import ENDS, Milestone, Source
from app.pipeline.listening.hearing import Heard
from tests.pipeline.conftest import START, World, heard_scan
from tests.pipeline.test_path import send_all, whole

M = Milestone


def row(world: World, shipment_id: int) -> sa.Row:
    with world.house.sessions() as session:
        return session.execute(sa.select(Shipment.__table__).where(Shipment.id == shipment_id)).one()


def outcomes(world: World) -> set[tuple[str, str, str]]:
    return {(m.milestone, m.state, m.reason) for m in world.messages()}


def test_a_held_delivery_is_withheld_once_it_is_doubted_and_the_real_one_is_told(world: World):
    """The early scan's messages end as no longer so; the parcel is asked about as one on its way, until it arrives."""
    (parcel,) = world.order()
    world.scan(parcel, M.delivered, hours_ago=2)
    assert {m.state for m in world.messages()} == {"ready"}
    world.scan(parcel, M.out_for_delivery, hours_ago=1)
    send_all(world)
    assert outcomes(world) == {("delivered", "superseded", "no_longer_so")}
    assert world.email.sent == world.sms.sent == []
    doubted = row(world, parcel)
    assert (doubted.milestone, doubted.delivery_doubted_at) == ("delivered", world.clock.now() - timedelta(hours=1))
    assert doubted.next_poll_at <= world.clock.now() + timedelta(hours=13)
    with world.house.sessions() as session:
        told = "\n".join(tell(explain(session, doubted.public_id)))
        facts = session.scalars(sa.select(Crossing.facts).where(Crossing.milestone == "out_for_delivery")).all()
    assert "That is doubted: its carrier has scanned it on its way since" in told
    assert [one["parcel"]["delivery_doubted"] for one in facts] == [True]
    world.clock.turn(hours=1)
    world.scan(parcel, M.delivered)
    send_all(world)
    settled = row(world, parcel)
    assert (settled.milestone, settled.delivery_doubted_at) == ("delivered", None)
    assert settled.delivered_at == world.clock.now() - timedelta(hours=0.1)
    assert outcomes(world) == {("delivered", "superseded", "no_longer_so"), ("delivered", "accepted", "accepted")}
    assert len(world.email.sent) == 1
    whole(world)


def test_a_return_ends_when_the_shop_has_it(world: World):
    """Its order's promise is not broken by it, nothing is doubted, and only the rules for returns look at it."""
    (parcel,) = world.order(
        parcels=[{"carrier": "dhl", "tracking_number": "R1", "direction": "return"}],
        promised_on=(START - timedelta(days=1)).date().isoformat(),
    )
    world.scan(parcel, M.in_transit, hours_ago=3)
    world.scan(parcel, M.delivered)
    pipeline.watch(world.house)
    home = row(world, parcel)
    assert (home.direction, home.milestone, home.delivery_doubted_at) == ("return", "return_received", None)
    assert Milestone(home.milestone) in ENDS
    with world.house.sessions() as session:
        crossed = session.scalars(sa.select(Crossing.milestone).order_by(Crossing.id)).all()
    assert crossed == ["dispatched", "return_received"]
    assert {m.rule for m in world.messages()} == {"return_dispatched", "return_received"}


def test_a_number_of_an_order_of_months_ago_is_a_parcel_of_its_own(world: World):
    """Both are told all that the carrier says of the number: the old one stays as it ended, the new one goes on."""
    (old,) = world.order("1001", parcels=[{"carrier": "dhl", "tracking_number": "AGAIN"}])
    before = heard_scan(M.delivered, world.clock.now() - timedelta(hours=1), "first life")
    pipeline.listen(world.house, [Heard(old, Source.poll, (before,))], world.clock.now())
    now = world.clock.turn(days=100)
    placed = {"placed_at": (now - timedelta(days=1)).isoformat()}
    both = world.order("2002", parcels=[{"carrier": "dhl", "tracking_number": "AGAIN"}], **placed)
    assert len(both) == 2 and both[0] == old
    label, moving = (
        heard_scan(m, now - timedelta(hours=at), "second life") for m, at in ((M.registered, 9), (M.in_transit, 2))
    )
    pipeline.listen(world.house, [Heard(one, Source.poll, (before, label, moving)) for one in both], now)
    first, second = (row(world, one) for one in both)
    assert (first.milestone, first.delivery_doubted_at) == ("delivered", None)
    assert first.delivered_at == START - timedelta(hours=1)
    assert (second.milestone, second.delivered_at) == ("dispatched", None)
    with world.house.sessions() as session:
        crossed = session.execute(sa.select(Crossing.shipment_id, Crossing.milestone).order_by(Crossing.id)).all()
    assert crossed == [
        (old, "delivered"), (old, "all_delivered"), (both[1], "registered"), (both[1], "dispatched")
    ]  # fmt: skip


def test_a_parcel_for_another_country_is_another_parcel(world: World):
    """Where its carrier says so: nothing of it counts, and nothing else that is told of it is taken. What is on its way
    back is bound for its sender; what an island's order gets may be counted with the mainland's."""
    (parcel,) = world.order()  # to Sweden
    now = world.clock.now()
    stray = Heard(parcel, Source.push, (heard_scan(M.delivered, now),), service="Stray", bound_for="PT")
    pipeline.listen(world.house, [stray], now)
    assert (row(world, parcel).milestone, row(world, parcel).service) == ("registered", None)
    with world.house.sessions() as session:
        assert session.execute(sa.select(Scan.occurred_at, Scan.zone_source, Scan.moves)).all() == [
            (None, "elsewhere", False)
        ]
    assert world.messages() == []
    back = replace(stray, scans=(heard_scan(M.returning, now, "own"),))
    pipeline.listen(world.house, [back], now)
    assert row(world, parcel).milestone == "returning"
