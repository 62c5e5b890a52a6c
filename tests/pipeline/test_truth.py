"""Stories in which several things befall one order: what its shopper is told by the rules that a shop starts with."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from app import pipeline
from app.models import Message, Shipment
from app.models.vocabulary import Channel, Milestone, Source
from app.pipeline.listening.hearing import Heard
from tests.pipeline.conftest import World, heard_scan
from tests.pipeline.split import cancel, completions, whole

M = Milestone

NUMBERED = [{"reference": f"p{n}", "carrier": "dhl", "tracking_number": f"N{n}"} for n in range(2)]


def at(text: str) -> datetime:
    """An instant of March 2026, UTC, as day and hour."""
    day, hour = text.split(" ")
    return datetime.fromisoformat(f"2026-03-{day}T{hour}+00:00").astimezone(UTC)


def until(world: World, text: str) -> None:
    """Let time pass: everything that comes due is looked at or sent at its own instant, and carriers have no news."""
    end = at(text)
    while (due := _next_due(world)) is not None and due <= end:
        world.clock.turn(seconds=max(0.0, (due - world.clock.now()).total_seconds()))
        _work(world)
        assert (left := _next_due(world)) is None or left > world.clock.now(), "nothing is due again at once"
    world.clock.turn(seconds=(end - world.clock.now()).total_seconds())
    _work(world)


def _next_due(world: World) -> datetime | None:
    with world.house.sessions() as session:
        waiting = sa.select(sa.func.min(Message.send_at)).where(Message.state.in_(("held", "ready")))
        found = [session.scalar(waiting), session.scalar(sa.select(sa.func.min(Shipment.watch_at)))]
    return min(filter(None, found), default=None)


def _work(world: World) -> None:
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Shipment).values(last_polled_at=world.clock.now()))
    pipeline.watch(world.house)
    for channel in (Channel.email, Channel.sms):
        pipeline.send(world.house, channel)


def scanned(world: World, parcel: int, milestone: Milestone, when: str | None = None) -> None:
    """A carrier tells of something that has just happened, or happened `when`; what follows at once is sent."""
    now = world.clock.now()
    scan = heard_scan(milestone, at(when) if when else now)
    pipeline.listen(world.house, [Heard(parcel, Source.push, (scan,))], now)
    _work(world)


def mails(world: World) -> list[str]:
    """The subjects of the mails that left, in order."""
    return [one.subject for one in world.email.sent]


def late(world: World, parcel: int) -> list[tuple[str, str]]:
    """What became of the messages that a parcel is late, by channel."""
    return [(one.channel, one.state) for one in world.messages(milestone="delayed", shipment_id=parcel)]


@pytest.mark.parametrize("last", [M.out_for_delivery, M.attempt_failed])
def test_what_went_out_and_never_came_is_late(world: World, last):
    """It stood at the door before it was late: by its promise at midnight, and without one by its carrier's silence.
    One that goes out after it was late is late no more."""
    (promised,) = world.order("1", promised_on="2026-03-03")
    (silent,) = world.order("2")
    (saved,) = world.order("3", promised_on="2026-03-03")
    for parcel in (promised, silent, saved):
        scanned(world, parcel, M.dispatched)
    until(world, "03 12:00")
    scanned(world, promised, last)
    scanned(world, silent, last)
    until(world, "04 05:00")
    scanned(world, saved, M.out_for_delivery)
    until(world, "04 11:00")
    scanned(world, saved, M.delivered)
    until(world, "06 12:00")
    assert late(world, promised) == late(world, silent) == [("email", "accepted"), ("sms", "accepted")]
    assert late(world, saved) == [("email", "accepted"), ("sms", "superseded")], "it was at midnight, by day it was not"
    whole(world)


def test_what_was_taken_back_before_it_left_has_told_nobody(world: World):
    """A trouble that solved itself within its four hours was never told: the next one is, though it is told once in
    three days; the one after that is not."""
    (parcel,) = world.order()
    for day, hours in (("02", 2), ("03", 12), ("04", 12)):
        until(world, f"{day} 09:00")
        scanned(world, parcel, M.exception)
        until(world, f"{day} {9 + hours:02}:00")
        scanned(world, parcel, M.in_transit)
    until(world, "05 20:00")
    states = [one.state for one in world.messages(milestone="exception")]
    assert (states, mails(world)[-1]) == (["superseded", "accepted"], "Held up on its way: Wool blanket")
    whole(world)


def test_what_a_wrong_number_did_not_get_to_tell_the_right_one_tells(world: World):
    """Its news waited for the other parcel's when the number was corrected: by the right one the dispatch is told,
    though it is told once a parcel."""
    first, second = world.order(parcels=NUMBERED)
    scanned(world, first, M.dispatched)
    world.order(parcels=[NUMBERED[0] | {"tracking_number": "RIGHT"}, NUMBERED[1]])
    until(world, "02 09:00")
    scanned(world, first, M.dispatched)
    scanned(world, second, M.dispatched)
    until(world, "02 12:00")
    states = [(one.state, one.reason) for one in world.messages()]
    assert states == [("superseded", "no_longer_so"), ("accepted", "accepted")]
    assert mails(world) == ["On their way: 2 parcels"]
    whole(world)


def doubt(world: World, parcel: int) -> None:
    """It is scanned on its way after it had arrived, and arrives for good the day after."""
    scanned(world, parcel, M.in_transit)
    until(world, "04 12:00")
    scanned(world, parcel, M.delivered)


def add_and_call_off(world: World, _parcel: int) -> None:
    """A third parcel is added to the order, and called off again."""
    third = {"reference": "p2", "carrier": "dhl", "tracking_number": "N2"}
    world.order(parcels=[*NUMBERED, third])
    until(world, "04 12:00")
    cancel(world, world.order(parcels=[*NUMBERED, third])[-1])


@pytest.mark.parametrize("befalls", [doubt, add_and_call_off])
def test_an_order_that_was_not_complete_after_all_is_told_of_once_it_is(world: World, befalls):
    """Its message waited, was not so, and was taken back: nobody has heard of it, so the next is told, and once."""
    first, second = world.order(parcels=NUMBERED)
    for parcel in (first, second):
        scanned(world, parcel, M.dispatched)
    until(world, "02 12:00")
    scanned(world, first, M.delivered)
    until(world, "03 08:00")
    scanned(world, second, M.delivered)
    until(world, "03 09:00")
    befalls(world, second)
    until(world, "06 12:00")
    assert [number for number, _, _ in completions(world)] == [1, 2]
    states = [(one.state, one.reason) for one in world.messages(milestone="all_delivered")]
    assert states == [("superseded", "no_longer_so"), ("accepted", "accepted")]
    scanned(world, first, M.in_transit, "01 12:00")
    assert len(completions(world)) == 2
    whole(world)


def test_parcels_that_were_tried_come_to_the_counter_together(world: World):
    """Both could not be handed over, and lie at the counter ten minutes apart: one mail, one text."""
    first, second = world.order(parcels=NUMBERED)
    for parcel in (first, second):
        scanned(world, parcel, M.attempt_failed)
    until(world, "02 15:00")
    scanned(world, first, M.ready_for_pickup)
    until(world, "02 15:10")
    scanned(world, second, M.ready_for_pickup)
    until(world, "02 18:00")
    assert [one.channel for one in world.messages(milestone="ready_for_pickup")] == ["email", "sms"]
    assert mails(world)[-1] == "Ready to collect: 2 parcels"
    whole(world)


def test_what_was_told_of_another_parcel_is_told_of_the_right_one(world: World):
    """The wrong number's parcel was delivered on Tuesday, and the shopper was told. Under the right number that same
    arrival would be nothing new; the right parcel's own, on Thursday, is."""
    (parcel,) = world.order(parcels=NUMBERED[:1])
    scanned(world, parcel, M.dispatched)
    until(world, "03 12:00")
    scanned(world, parcel, M.delivered)
    until(world, "04 09:00")
    world.order(parcels=[NUMBERED[0] | {"tracking_number": "RIGHT"}])
    scanned(world, parcel, M.dispatched, "02 20:00")
    until(world, "05 08:00")
    scanned(world, parcel, M.out_for_delivery)
    until(world, "05 12:00")
    scanned(world, parcel, M.delivered)
    until(world, "06 12:00")
    assert mails(world) == [
        "On its way: Wool blanket", "Delivered today, 13:00, Malmö: Wool blanket",
        "Out for delivery today: Wool blanket", "Delivered today, 13:00, Malmö: Wool blanket",
    ]  # fmt: skip
    assert len(world.sms.sent) == 3
    whole(world)
