"""A corrected tracking number starts the parcel anew, keeps what was told, and tells what was not."""

from datetime import timedelta

import sqlalchemy as sa

from app.insight.explain import explain
from app.insight.tell import tell
from app.intake.schema import parse_order
from app.intake.store import upsert_orders
from app.models import Brand, Crossing, Scan, Shipment
from app.models.vocabulary import Milestone, Source
from app.pipeline import listen
from app.pipeline.listening.hearing import Heard
from app.pipeline.polling.routing import routes_for
from tests.pipeline.conftest import START, World, heard_scan
from tests.pipeline.split import cancel, completions, go, split, told, whole

M = Milestone


def correct(world: World, number: str | None, *, order: str = "1001", **shopper: object) -> None:
    """The shop gives the order's one parcel another number, or its shopper another address."""
    payload = {
        "number": order,
        "placed_at": (START - timedelta(days=2)).isoformat(),
        "shopper": {"email": "maja@example.test", **shopper},
        "parcels": [{"reference": f"T{order}-0", "tracking_number": number}] if number else [],
    }
    with world.house.sessions.begin() as session:
        brand = session.scalars(sa.select(Brand)).one()
        route = routes_for(world.house, session, brand.id)
        upsert_orders(session, brand, [parse_order(payload, {"dhl"})], now=world.clock.now(), route=route)


def row(world: World, parcel: int) -> Shipment:
    with world.house.sessions() as session:
        return session.get_one(Shipment, parcel)


def test_a_corrected_number_starts_the_parcel_anew_and_tells_only_what_was_not_told(world: World):
    """Told as dispatched and out for delivery under the wrong number. Under the right one it starts from nothing, is
    asked about at once, and of what comes only the delivery, which nobody was told of, is told."""
    (parcel,) = world.order()
    for milestone, ago in ((M.dispatched, 5), (M.out_for_delivery, 1)):
        world.scan(parcel, milestone, hours_ago=ago)
        go(world)
    before = len(world.messages())
    world.clock.turn(hours=1)
    correct(world, "RIGHT-1")
    now = row(world, parcel)
    assert (now.milestone, now.milestone_at, now.last_heard_at) == ("registered", None, None)
    assert (now.next_poll_at, now.numbered_at) == (world.clock.now(), world.clock.now())
    world.clock.turn(hours=1)
    for milestone, ago in ((M.dispatched, 0.9), (M.out_for_delivery, 0.5)):
        world.scan(parcel, milestone, hours_ago=ago)
    assert len(world.messages()) == before, "the first time each of them came was told"
    world.scan(parcel, M.delivered)
    go(world)
    assert [(m.milestone, m.state) for m in world.messages()[before:] if m.channel == "email"] == [
        ("delivered", "accepted")
    ]
    with world.house.sessions() as session:
        numbers = session.execute(
            sa.select(Crossing.milestone, Crossing.occurrence, Crossing.retired_at.is_not(None))
            .where(Crossing.scope == "parcel")
            .order_by(Crossing.id)
        ).all()
        lines = "\n".join(tell(explain(session, row(world, parcel).public_id)))
    assert [tuple(one) for one in numbers] == [
        ("dispatched", 1, True), ("out_for_delivery", 1, True), ("dispatched", 2, False),
        ("out_for_delivery", 2, False), ("delivered", 1, False),
    ]  # fmt: skip
    assert "it was the wrong number's, and counts no more" in lines
    assert "under the tracking number that it had before" in lines
    whole(world)


def test_what_waited_under_the_wrong_number_is_never_said_and_comes_when_it_is_true(world: World):
    """A held message about the wrong parcel's delivery ends as no longer so; the right one's delivery is told."""
    world = split(world)
    (parcel,) = world.order()
    world.scan(parcel, M.delivered)
    correct(world, "RIGHT-2")
    go(world, minutes=10)
    assert [(m.state, m.reason) for m in world.messages()] == [("superseded", "no_longer_so")]
    world.scan(parcel, M.delivered)
    go(world, minutes=10)
    assert [m.state for m in world.messages()] == ["superseded", "accepted"]
    assert len(completions(world)) == 1, "the order had arrived once already, as far as anybody knew"
    whole(world)


def test_back_and_forth_leaves_each_number_its_own_scans(world: World):
    """A, then B, then A again: the parcel is what A says now; A's scans are heard once more and count once."""
    (parcel,) = world.order()
    at = world.clock.now()
    first = Heard(
        parcel, Source.poll, (heard_scan(M.out_for_delivery, at - timedelta(hours=3)),), tracking_number="T1001-0"
    )
    other = Heard(parcel, Source.poll, (heard_scan(M.delivered, at - timedelta(hours=2)),), tracking_number="B")
    listen(world.house, [first], at)
    for number, heard, milestone in (("B", other, "delivered"), ("T1001-0", first, "out_for_delivery")):
        correct(world, number)
        listen(world.house, [heard, first if heard is other else other], world.clock.turn(minutes=5))
        assert row(world, parcel).milestone == milestone
    with world.house.sessions() as session:
        counted = session.scalars(sa.select(Scan.milestone).where(Scan.retired_at.is_(None))).all()
        assert counted == ["out_for_delivery"] and session.scalar(sa.select(sa.func.count()).select_from(Scan)) == 3
    correct(world, "t1001 0")
    assert row(world, parcel).milestone == "out_for_delivery", "written otherwise, it is the same number"


def test_a_parcel_of_a_merged_message_that_had_a_wrong_number_is_left_out(world: World):
    """Two wait to be told as out for delivery; the first one's number turns out to be wrong: the other is told."""
    world = split(world)
    first, second, _third = world.order(parcels=3)
    for parcel in (first, second):
        world.scan(parcel, M.out_for_delivery)
    correct(world, "RIGHT-3")
    go(world, minutes=31)
    assert told(world) == [("out_for_delivery", "accepted", [second])]
    whole(world)


def test_a_parcel_that_comes_back_is_watched_again_and_what_fell_silent_stays_so(world: World):
    """Cancelled with a message held, brought back by the shop's own word: asked again, its next news is told."""
    rules = "version: 1\nrules: [{name: out, when: out_for_delivery, send: [email], expires: 12h, hold: 5m}]"
    world = split(world, rules)
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery)
    assert cancel(world, parcel).messages == 1 and row(world, parcel).next_poll_at is None
    assert cancel(world, parcel).already
    world.order(parcels=[{"carrier": "dhl", "tracking_number": "T1001-0"}])
    assert row(world, parcel).cancelled_at is not None, "telling it again is no such word"
    world.order(parcels=[{"carrier": "dhl", "tracking_number": "T1001-0", "cancelled": False}])
    assert row(world, parcel).cancelled_at is None and row(world, parcel).next_poll_at == world.clock.now()
    world.order(parcels=[{"carrier": "dhl", "tracking_number": "T1001-0", "cancelled": True}])
    assert row(world, parcel).cancelled_at is not None and row(world, parcel).next_poll_at is None
    world.order(parcels=[{"carrier": "dhl", "tracking_number": "T1001-0", "cancelled": False}])
    world.scan(parcel, M.attempt_failed, hours_ago=0.05)
    world.scan(parcel, M.out_for_delivery, hours_ago=0.01)
    go(world, minutes=10)
    assert [m.state for m in world.messages()] == ["cancelled", "accepted"]
    whole(world)


def test_a_corrected_address_and_its_zone_are_read_by_what_is_still_held(world: World):
    """Held when the order named a Swedish shopper; the shop corrects email, phone and country to New Zealand, where it
    is night: the email goes to the new address, the text waits for their morning."""
    rules = """
version: 1
quiet_hours: {sms: "21:00-08:00"}
rules: [{name: there, when: delivered, send: [email, sms], expires: 72h, hold: 4h}]
"""
    world = split(world, rules)
    (parcel,) = world.order()
    world.scan(parcel, M.delivered)
    correct(world, None, email="new@example.test", phone="+64211234567", country="NZ")
    go(world, minutes=241)  # 12:01 UTC: the middle of a working day in Sweden, one in the morning in Auckland
    email, sms = world.messages()
    assert email.state == "accepted" and world.email.sent[0].to_email == "new@example.test"
    assert (sms.state, sms.reason) == ("ready", "quiet_hours") and world.sms.sent == []
    go(world, minutes=8 * 60)
    assert [one.to_phone for one in world.sms.sent] == ["+64211234567"]
