"""An order as a whole: what it has come to, what it is told once, and what becomes of it when parcels come and go."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import sqlalchemy as sa

from app.insight.explain import explain
from app.insight.tell import tell
from app.models import Crossing, LedgerKey, Shipment
from app.models.vocabulary import Channel, Milestone, Source
from app.pipeline import listen
from app.pipeline.leaving.claiming import claim
from app.pipeline.leaving.sending import begin
from app.pipeline.listening.hearing import Heard
from tests.pipeline.conftest import World, heard_scan, prepared
from tests.pipeline.split import cancel, completions, go, reasons, split, told, whole

M = Milestone


def test_two_workers_that_deliver_the_last_two_parcels_at_once_complete_the_order_once(world: World):
    """Sixteen orders of two parcels, each parcel's delivery heard by a thread of its own at the same moment: one
    `all_delivered` each, on the parcel that arrived last, told once."""
    world = split(world)
    pairs = [world.order(str(number), parcels=2) for number in range(16)]
    start = Barrier(4)
    now = world.clock.now()

    def deliver(side: int, half: int) -> None:
        start.wait()
        for pair in pairs[half::2]:
            at = now - timedelta(minutes=5 - side)
            listen(world.house, [Heard(pair[side], Source.push, (heard_scan(M.delivered, at),))], now)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(deliver, side, half) for side in (0, 1) for half in (0, 1)]:
            done.result()
    assert sorted(completions(world)) == sorted((1, pair[1], ["planned"]) for pair in pairs)
    go(world, minutes=40)
    assert Counter(m.state for m in world.messages(milestone="all_delivered")) == {"accepted": 16}
    assert Counter(state for _, state, parcels in told(world, milestone="delivered") if len(parcels) == 2) == {
        "accepted": 16
    }, "and both parcels' arrival is one message each"
    whole(world)


def test_two_hundred_events_of_twenty_orders_at_once_are_twenty_messages(world: World):
    """Ten parcels an order, sixteen threads, everything in the same instant, some heard twice: one message an
    order, each parcel in exactly one of them."""
    world = split(world)
    orders = [world.order(str(number), parcels=10) for number in range(20)]
    events = [parcel for column in zip(*orders, strict=True) for parcel in column]
    events += events[::7]
    now = world.clock.now()
    start = Barrier(16)

    def hear(thread: int) -> None:
        start.wait()
        for parcel in events[thread::16]:
            scan = heard_scan(M.out_for_delivery, now - timedelta(minutes=1))
            listen(world.house, [Heard(parcel, Source.push, (scan,))], now)

    with ThreadPoolExecutor(16) as pool:
        for done in [pool.submit(hear, thread) for thread in range(16)]:
            done.result()
    assert len(world.messages()) == 20
    with world.house.sessions() as session:
        held = session.execute(sa.select(LedgerKey.message_id, LedgerKey.scope_id)).all()
    covers = [sorted(key.scope_id for key in held if key.message_id == m.id) for m in world.messages()]
    assert sorted(covers) == sorted(map(sorted, orders))
    go(world)
    assert sorted(sorted(parcels) for _, _, parcels in told(world)) == sorted(map(sorted, orders))
    assert len(world.email.sent) == 20
    whole(world)


def test_a_parcel_that_comes_later_completes_the_order_again_and_none_that_leaves_does(world: World):
    """Two arrive: once. One more is added and arrives: a second time. One is called off afterwards: nothing new."""
    world = split(world)
    pair = world.order(parcels=2)
    for parcel, ago in zip(pair, (3, 1), strict=True):
        world.scan(parcel, M.delivered, hours_ago=ago)
    third = world.order(parcels=3)[2]
    assert [number for number, _, _ in completions(world)] == [1]
    world.clock.turn(hours=2)
    world.scan(third, M.delivered)
    assert [(number, parcel) for number, parcel, _ in completions(world)] == [(1, pair[1]), (2, third)]
    cancel(world, pair[0])
    assert len(completions(world)) == 2
    whole(world)


def test_the_last_open_parcel_may_complete_the_order_by_leaving_it(world: World):
    """One has arrived a week ago, the other is called off today: that is today's news, if the rule asks."""
    world = split(world)
    here, lost, other = world.order(parcels=3)
    for parcel in (here, other):
        world.scan(parcel, M.delivered, hours_ago=20)
    world.clock.turn(days=7)
    cancel(world, lost)
    ((number, _, answers),) = completions(world)
    assert (number, answers) == (1, ["planned"])
    go(world)
    assert [m.state for m in world.messages(milestone="all_delivered")] == ["accepted"]
    whole(world)


def test_an_order_with_something_yet_to_ship_is_not_complete_and_one_of_history_tells_nobody(world: World):
    """Three blankets, two shipped and here: not all. An imported order whose parcels had arrived: complete, as history.
    One parcel alone: complete, and its rule asks for more than one."""
    world = split(world)
    items = [{"sku": "WB", "name": "Wool blanket", "quantity": 3}]
    parcels = [
        {"carrier": "dhl", "tracking_number": f"P{n}", "items": [{"name": "Wool blanket", "quantity": 1}]}
        for n in range(2)
    ]
    for parcel in world.order("1", items=items, parcels=parcels):
        world.scan(parcel, M.delivered)
    assert completions(world) == []
    for parcel in world.order("2", history=True, parcels=2):
        world.scan(parcel, M.delivered)
    assert [answers for _, _, answers in completions(world)] == [["history"]]
    (alone,) = world.order("3")
    world.scan(alone, M.delivered)
    assert completions(world)[-1] == (1, alone, ["condition_false"])


def test_a_held_word_that_all_is_here_is_taken_back_when_more_is_on_its_way(world: World):
    """The message waits for its hold; before it leaves, another parcel is added to the order."""
    rules = """
version: 1
rules: [{name: whole, when: all_delivered, send: [{channel: email, template: delivered}], expires: 48h, hold: 1h}]
"""
    world = split(world, rules)
    for parcel in world.order(parcels=2):
        world.scan(parcel, M.delivered)
    third = world.order(parcels=3)[2]
    go(world, minutes=61)
    assert [(m.state, m.reason) for m in world.messages()] == [("superseded", "no_longer_so")]
    world.scan(third, M.delivered)
    go(world, minutes=61)
    assert [m.state for m in world.messages()] == ["superseded", "accepted"]
    whole(world)


def test_a_rule_that_speaks_once_for_the_order_does(world: World):
    """The first parcel's dispatch is told, the second's decision says so; the key is the order's."""
    world = split(world)
    first, second = world.order(parcels=2)
    world.scan(first, M.dispatched)
    world.scan(second, M.dispatched)
    assert [reasons(world, parcel, "dispatched") for parcel in (first, second)] == [["planned"], ["already_told"]]
    with world.house.sessions() as session:
        (key,) = session.scalars(sa.select(LedgerKey)).all()
        assert (key.scope, key.occurrence) == ("order", 1)
        story = explain(session, session.get_one(Shipment, second).public_id)
    assert any("already been told" in line for line in tell(story))
    whole(world)


def test_what_is_said_once_for_the_order_is_about_another_parcel_when_the_first_leaves(world: World):
    """The first is cancelled while its message waits; the second had come as far, and is told of in its place. With
    nobody else that far, the message ends."""
    rules = "version: 1\nrules: [{name: sent, when: dispatched, send: [email], expires: 48h, hold: 1h, per: order}]"
    world = split(world, rules)
    pair = world.order("1", parcels=2)
    for parcel in pair:
        world.scan(parcel, M.dispatched)
    alone, _other = world.order("2", parcels=2)
    world.scan(alone, M.dispatched)
    cancel(world, pair[0])
    cancel(world, alone)
    go(world, minutes=61)
    assert told(world) == [("dispatched", "accepted", [pair[1]]), ("dispatched", "cancelled", [alone])]
    whole(world)


def test_what_spoke_for_the_order_and_was_stopped_leaves_it_to_a_later_parcel(world: World):
    """Twice the parcel that spoke for all is called off before its message leaves: the third tells, the fourth finds
    that it is told. Each message has a key of its own, of which there is one."""
    rules = "version: 1\nrules: [{name: sent, when: dispatched, send: [email], expires: 48h, hold: 1h, per: order}]"
    world = split(world, rules)
    parcels = world.order(parcels=4)
    for parcel in parcels[:2]:
        world.scan(parcel, M.dispatched)
        cancel(world, parcel)
        go(world, minutes=61)
    for parcel in parcels[2:]:
        world.scan(parcel, M.dispatched)
        go(world, minutes=61)
    assert told(world) == [
        ("dispatched", "cancelled", [parcels[0]]),
        ("dispatched", "cancelled", [parcels[1]]),
        ("dispatched", "accepted", [parcels[2]]),
    ]
    assert reasons(world, parcels[3], "dispatched") == ["already_told"]
    with world.house.sessions() as session:
        keys = session.scalars(sa.select(LedgerKey).order_by(LedgerKey.occurrence)).all()
    assert [(key.scope, key.occurrence) for key in keys] == [("order", 1), ("order", 2), ("order", 3)]
    whole(world)


def test_parcels_that_come_at_once_after_one_was_stopped_tell_the_order_once(world: World):
    """Eight orders whose first message was stopped; two more parcels of each are dispatched at the same moment, each
    heard by a worker of its own: one message an order."""
    rules = "version: 1\nrules: [{name: sent, when: dispatched, send: [email], expires: 48h, hold: 1h, per: order}]"
    world = split(world, rules)
    orders = [world.order(str(number), parcels=3) for number in range(8)]
    for stopped, *_ in orders:
        world.scan(stopped, M.dispatched)
        cancel(world, stopped)
    go(world, minutes=61)
    start, now = Barrier(2), world.clock.now()

    def dispatch(side: int) -> None:
        start.wait()
        for parcels in orders[:: 1 if side == 1 else -1]:
            at = now - timedelta(minutes=side)
            listen(world.house, [Heard(parcels[side], Source.push, (heard_scan(M.dispatched, at),))], now)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(dispatch, side) for side in (1, 2)]:
            done.result()
    go(world, minutes=61)
    assert Counter(m.state for m in world.messages()) == {"cancelled": 8, "accepted": 8}
    whole(world)


def test_the_story_says_which_message_tells_of_a_parcel_and_that_the_order_has_arrived(world: World):
    """Of the second parcel: the first one's message, with all it tells of; of both, that the order is here."""
    world = split(world)
    pair = world.order(parcels=2)
    for parcel in pair:
        world.scan(parcel, M.delivered)
    go(world, minutes=10)
    with world.house.sessions() as session:
        ids = [session.get_one(Shipment, parcel).public_id for parcel in pair]
        lines = "\n".join(tell(explain(session, ids[1])))
        first = "\n".join(tell(explain(session, ids[0])))
    assert f"It tells of 2 parcels: {ids[0]}, {ids[1]}." in lines
    assert "All delivered, because every parcel of the order has arrived" in first


def test_history_holds_what_was_told_of_the_parcel_and_of_the_whole_order(world: World):
    """The rules' memory: each message by rule and parcel, a merged one for each parcel that it tells of."""
    world = split(world)
    pair = world.order(parcels=2)
    for parcel in pair:
        world.scan(parcel, M.out_for_delivery, hours_ago=0.5)
    world.scan(pair[1], M.delivered)
    with world.house.sessions() as session:
        ids = [session.get_one(Shipment, parcel).public_id for parcel in pair]
        query = sa.select(Crossing.facts).where(Crossing.shipment_id == pair[1], Crossing.milestone == "delivered")
        facts = session.scalars(query).one()
    assert [(one["rule"], one["parcel_id"]) for one in facts["history"]] == [("out", ids[1])]
    assert [(one["rule"], one["parcel_id"]) for one in facts["order_history"]] == [("out", ids[0]), ("out", ids[1])]
    assert facts["order"]["parcel_count"] == 2 and [one["id"] for one in facts["other_parcels"]] == [ids[0]]


def test_a_claimed_message_loses_a_parcel_that_leaves_before_its_call(world: World):
    """Claimed and read, then one of its two parcels is cancelled: the call that was prepared is never made, and what
    leaves afterwards names the other alone."""
    world = split(world)
    pair = world.order(parcels=3)[:2]
    for parcel in pair:
        world.scan(parcel, M.out_for_delivery)
    now = world.clock.turn(minutes=31)
    with world.house.sessions.begin() as session:
        token, claimed = claim(session, world.house, Channel.email, now)
    letters, _ = prepared(world.house, claimed, now)
    assert len(letters) == 1 and len(letters[0].release.facts.merged) == 1
    cancel(world, pair[0])
    assert begin(world.house, token, letters) == []
    go(world)
    assert told(world) == [("out_for_delivery", "accepted", [pair[1]])]
    whole(world)
