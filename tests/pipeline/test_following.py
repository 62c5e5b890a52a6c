"""Somebody of the shop stops following a parcel, and takes it up again."""

import sqlalchemy as sa

from app.insight.audit import audit
from app.models import Decision, Shipment
from app.models.vocabulary import Channel, Milestone
from app.pipeline import due_work, send
from app.pipeline.by_hand.following import follow, unfollow
from app.pipeline.polling.rerouting import reroute


def parcel(world, shipment_id):
    with world.house.sessions() as session:
        return session.get_one(Shipment, shipment_id)


def stop(world, shipment_id):
    row = parcel(world, shipment_id)
    with world.house.sessions.begin() as session:
        return unfollow(session, row.brand_id, row.public_id, world.clock.now())


def test_nobody_is_asked_and_nobody_told(world):
    """It rests, what waits is stopped, news that comes all the same is written down and told to nobody; twice is
    once."""
    (shipment_id,) = world.order()
    world.scan(shipment_id, Milestone.dispatched)
    came = stop(world, shipment_id)
    waiting = len(world.messages())
    assert (came.already, came.messages, came.in_flight) == (False, waiting, ()) and waiting
    assert {(one.state, one.reason) for one in world.messages()} == {("cancelled", "unfollowed")}
    row = parcel(world, shipment_id)
    assert (row.next_poll_at, row.watch_at) == (None, None)
    again = stop(world, shipment_id)
    assert (again.already, again.messages, again.since) == (True, 0, came.since)
    world.clock.turn(minutes=5)
    world.scan(shipment_id, Milestone.delivered, hours_ago=0)
    reroute(world.house)
    row = parcel(world, shipment_id)
    assert (row.milestone, row.next_poll_at, row.watch_at) == ("delivered", None, None)
    with world.house.sessions() as session:
        after = sa.select(Decision.reason).where(Decision.decided_at >= world.clock.now(), Decision.fired.is_(False))
        assert set(session.scalars(after)) == {"unfollowed"}
        assert len(world.messages()) == waiting
    with world.house.sessions() as session:
        assert audit(session, 300).breaches == ()


def test_it_is_taken_up_again(world):
    """Its carrier is asked at once; of a journey that is over nobody is asked."""
    (shipment_id,) = world.order()
    row = parcel(world, shipment_id)
    stop(world, shipment_id)
    with world.house.sessions.begin() as session:
        came = follow(session, world.house, row.brand_id, row.public_id, world.clock.now())
        assert (came.already, came.asked_of) == (False, "dhl")
        assert follow(session, world.house, row.brand_id, row.public_id, world.clock.now()).already
        assert follow(session, world.house, row.brand_id + 1, row.public_id, world.clock.now()) is None
    assert ("poll", "dhl") in due_work(world.house)
    world.scan(shipment_id, Milestone.delivered)
    stop(world, shipment_id)
    with world.house.sessions.begin() as session:
        assert follow(session, world.house, row.brand_id, row.public_id, world.clock.now()).asked_of is None
    assert parcel(world, shipment_id).next_poll_at is None


def test_the_others_are_told_of(world):
    """A message that tells of it together with another parcel tells of that one alone."""
    one, other = world.order(parcels=2)
    for shipment_id in (one, other):
        world.scan(shipment_id, Milestone.dispatched)
    stop(world, one)
    world.clock.turn(hours=2)
    send(world.house, Channel.email)
    told = [message for message in world.messages(channel="email") if message.state == "accepted"]
    assert len(told) == 1
    (email,) = world.email.sent
    assert parcel(world, other).tracking_number in email.html
