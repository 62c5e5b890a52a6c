"""Several parcels of an order that come to the same within the window are told of in one message."""

from datetime import timedelta

import sqlalchemy as sa

from app.models import LedgerKey
from app.models.vocabulary import Milestone
from tests.pipeline.conftest import World
from tests.pipeline.split import cancel, go, reasons, split, told, whole

M = Milestone


def test_five_parcels_with_the_same_milestone_are_one_message_of_five(world: World):
    """Each within the window of the first: one message, which leaves with the last and lists them all; a ledger key for
    each, and a decision for each that says where it is told."""
    world = split(world)
    parcels = world.order(parcels=5)
    for parcel in parcels:
        world.scan(parcel, M.out_for_delivery)
        world.clock.turn(minutes=2)
        assert len(world.messages(milestone="out_for_delivery")) == 1
    go(world)
    assert told(world) == [("out_for_delivery", "accepted", parcels)]
    with world.house.sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(LedgerKey)) == 5
    assert [reasons(world, parcel, "out_for_delivery") for parcel in parcels] == [["planned"], *[["merged"]] * 4]
    assert len(world.email.sent) == 1
    whole(world)


def test_the_window_ends_and_who_comes_later_is_told_apart(world: World):
    """Two of three come in time; the message leaves as the window ends, and the third gets one of its own."""
    world = split(world)
    first, second, third = world.order(parcels=3)
    world.scan(first, M.out_for_delivery)
    world.clock.turn(minutes=20)
    world.scan(second, M.out_for_delivery)
    go(world, minutes=9)
    assert [state for _, state, _ in told(world)] == ["held"]
    go(world, minutes=1)
    world.scan(third, M.out_for_delivery)
    go(world)
    assert told(world) == [
        ("out_for_delivery", "accepted", [first, second]), ("out_for_delivery", "accepted", [third]),
    ]  # fmt: skip
    whole(world)


def test_a_single_parcel_and_one_whose_others_are_further_never_wait(world: World):
    """Nobody is left to wait for: alone in its order, or the other has been delivered, returned, or called off."""
    world = split(world)
    (alone,) = world.order("1")
    world.scan(alone, M.out_for_delivery)
    ahead, behind = world.order("2", parcels=2)
    world.scan(ahead, M.delivered)
    world.scan(behind, M.out_for_delivery)
    left, stays = world.order("3", parcels=2)
    cancel(world, left)
    world.scan(stays, M.out_for_delivery)
    assert {m.send_at - m.planned_at for m in world.messages(milestone="out_for_delivery")} == {timedelta(0)}
    # One that is passed on the way lets go of the message that waits for it, at once or after the rule's hold.
    one, other = world.order("4", parcels=2)
    world.scan(one, M.out_for_delivery)
    world.scan(other, M.delivered)
    (waited,) = world.messages(shipment_id=one)
    assert waited.send_at == world.clock.now()
    go(world)
    assert [m.state for m in world.messages(shipment_id=one)] == ["accepted"]
    whole(world)


def test_a_different_milestone_is_never_hidden_by_a_merge(world: World):
    """While two wait to be told as out for delivery, one is delivered: that is told, and the other's own news too."""
    world = split(world)
    first, second, _third = world.order(parcels=3)
    world.scan(first, M.out_for_delivery)
    world.scan(second, M.out_for_delivery)
    world.scan(first, M.delivered, hours_ago=0.01)
    go(world, minutes=31)
    assert told(world) == [
        ("out_for_delivery", "accepted", [second]), ("delivered", "accepted", [first]),
    ], "the first is left out of what it has overtaken"  # fmt: skip
    world.scan(second, M.delivered)
    go(world, minutes=40)
    assert told(world)[-1] == ("delivered", "accepted", [second])
    whole(world)


def test_a_message_of_which_nothing_is_true_any_more_is_superseded(world: World):
    """All that it would have told have been delivered before it left."""
    world = split(world)
    parcels = world.order(parcels=3)
    for parcel in parcels[:2]:
        world.scan(parcel, M.out_for_delivery)
    for parcel in parcels[:2]:
        world.scan(parcel, M.delivered, hours_ago=0.01)
    go(world, minutes=45)
    assert [m.reason for m in world.messages(milestone="out_for_delivery")] == ["overtaken"]
    whole(world)


def test_a_parcel_that_leaves_the_order_leaves_the_message_and_the_others_are_told(world: World):
    """The first of three is cancelled while they wait: the two others are told, in one message; with the last of them
    the message itself ends."""
    world = split(world)
    parcels = world.order(parcels=4)
    for parcel in parcels[:3]:
        world.scan(parcel, M.out_for_delivery)
    assert cancel(world, parcels[0]).in_flight == ()
    go(world, minutes=31)
    assert told(world) == [("out_for_delivery", "accepted", parcels[1:3])]
    gone = world.order("2", parcels=3)
    for parcel in gone[:2]:
        world.scan(parcel, M.out_for_delivery)
    for parcel in gone[:2]:
        cancel(world, parcel)
    assert [m.state for m in world.messages(shipment_id=gone[0])] == ["cancelled"]
    whole(world)


def test_news_that_is_stale_by_then_is_left_out_and_the_fresh_is_told(world: World):
    """The first happened long ago and is news for ten minutes more; the window is longer."""
    world = split(world)
    old, fresh, _ = world.order(parcels=3)
    world.scan(fresh, M.out_for_delivery)
    world.scan(old, M.out_for_delivery, hours_ago=11.75)
    go(world, minutes=31)
    assert told(world) == [("out_for_delivery", "accepted", [fresh])]
    whole(world)


def test_a_van_that_finds_nobody_at_home_is_told_of_once(world: World):
    """By the set that ships: two of three parcels could not be handed over, some minutes apart: one message names
    both, when its patience is over. The third, tried an hour later, has one of its own."""
    one, other, third = world.order(parcels=3)
    world.scan(one, M.attempt_failed)
    world.clock.turn(minutes=6)
    world.scan(other, M.attempt_failed)
    go(world, minutes=23)
    assert {m.state for m in world.messages()} == {"held"}
    go(world, minutes=10)
    world.clock.turn(hours=1)
    world.scan(third, M.attempt_failed)
    go(world, minutes=31)
    assert told(world, channel="email", milestone="attempt_failed") == [
        ("attempt_failed", "accepted", [one, other]), ("attempt_failed", "accepted", [third]),
    ]  # fmt: skip
    assert len(world.sms.sent) == 2
    whole(world)
