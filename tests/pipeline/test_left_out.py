"""What a message of several parcels does not tell after all is told another way, once."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.intake.schema import parse_order
from app.intake.store import upsert_orders
from app.models import Brand
from app.models.vocabulary import Milestone
from app.pipeline.polling.routing import routes_for
from tests.pipeline.conftest import START, World
from tests.pipeline.split import cancel, go, reasons, split, told, whole
from tests.pipeline.test_path import report

M = Milestone
FALLING = """
version: 1
rules:
  - {name: out, when: out_for_delivery, send: [email], fallback: {email: sms}, expires: 4h, merge: 30m}
"""


def renumber(world: World, old: str, new: str) -> None:
    """The shop corrects a parcel's tracking number."""
    payload = {
        "number": "1001",
        "placed_at": (START - timedelta(days=2)).isoformat(),
        "shopper": {"email": "maja@example.test"},
        "parcels": [{"reference": old, "tracking_number": new}],
    }
    with world.house.sessions.begin() as session:
        brand = session.scalars(sa.select(Brand)).one()
        route = routes_for(world.house, session, brand.id)
        upsert_orders(session, brand, [parse_order(payload, {"dhl"})], now=world.clock.now(), route=route)


@pytest.mark.parametrize("fate", ["delivered", "cancelled", "renumbered"])
def test_what_stands_in_for_a_message_of_several_tells_of_those_whose_news_is_not_over(world: World, fate: str):
    """Two are told of as out for delivery, one meets its fate, and the mail comes back: the text tells of the other."""
    world = split(world, FALLING)
    one, two = world.order(parcels=2)
    world.scan(one, M.out_for_delivery)
    world.scan(two, M.out_for_delivery)
    go(world)
    (mail,) = world.messages()
    if fate == "delivered":
        world.scan(one, M.delivered)
    elif fate == "cancelled":
        cancel(world, one)
    else:
        renumber(world, "T1001-0", "RIGHT-1")
    report(world, mail.id, "bounced")
    go(world)
    assert told(world, channel="sms") == [("out_for_delivery", "accepted", [two])]
    report(world, mail.id, "bounced", "again")
    assert len(world.messages()) == 2
    whole(world)


def test_what_stands_in_for_a_message_of_several_lasts_as_long_as_it(world: World):
    """The first one's news is three hours older than the others': the text still tells of all, as long as the mail."""
    world = split(world, FALLING)
    one, two, three = world.order(parcels=3)
    world.scan(one, M.out_for_delivery, hours_ago=3)
    world.scan(two, M.out_for_delivery)
    world.scan(three, M.out_for_delivery)
    go(world)
    (mail,) = world.messages()
    world.clock.turn(minutes=20)
    report(world, mail.id, "bounced")
    go(world)
    assert told(world, channel="sms") == [("out_for_delivery", "accepted", [one, two, three])]
    assert [m.expires_at for m in world.messages()] == [mail.expires_at] * 2
    whole(world)


def test_a_hold_is_kept_as_it_was_decided_whatever_counts_now(world: World):
    """A message waits for a second parcel, and an hour anyway. Other rules are published, then nobody is left to wait
    for: its hour is kept."""
    world = split(world, FALLING.replace("merge: 30m", "merge: 30m, hold: 1h"))
    one, two = world.order(parcels=2)
    world.scan(one, M.out_for_delivery)
    since = split(world, FALLING.replace("name: out", "name: away"))
    since.scan(two, M.delivered)
    (message,) = world.messages(milestone="out_for_delivery")
    assert (message.send_at, message.merge_until) == (START + timedelta(hours=1), START)


@pytest.mark.parametrize("within_the_window", [True, False])
def test_a_parcel_left_out_for_its_wrong_number_is_told_of_under_the_right_one(world: World, within_the_window: bool):
    """Two wait to be told of in one message. One's number is corrected, so that it is left out; when it goes out under
    the right one it joins the message that still waits, or gets its own."""
    world = split(world)
    one, two, _ = world.order(parcels=3)
    world.scan(one, M.out_for_delivery)
    world.scan(two, M.out_for_delivery)
    renumber(world, "T1001-0", "RIGHT-1")
    if not within_the_window:
        go(world, minutes=31)
    world.scan(one, M.out_for_delivery)
    go(world, minutes=31)
    out = [parcels for _, state, parcels in told(world) if state == "accepted"]
    assert out == ([[one, two]] if within_the_window else [[two], [one]])
    renumber(world, "T1001-0", "RIGHT-2")
    world.scan(one, M.out_for_delivery)
    assert reasons(world, one, "out_for_delivery")[-1] == "already_told"
    whole(world)


@pytest.mark.parametrize("once", ["parcel", "24h"])
def test_what_a_correction_stopped_in_time_is_not_what_was_told_once(world: World, once: str):
    """The message under the wrong number has not left: the rule's one time is still to come, and then it is over."""
    rule = f"{{name: sent, when: dispatched, send: [email], expires: 48h, hold: 1h, once_per: {once}}}"
    world = split(world, f"version: 1\nrules:\n  - {rule}\n")
    (one,) = world.order()
    world.scan(one, M.dispatched)
    renumber(world, "T1001-0", "RIGHT-1")
    world.scan(one, M.dispatched)
    go(world, minutes=61)
    assert [m.state for m in world.messages()] == ["superseded", "accepted"]
    renumber(world, "T1001-0", "RIGHT-2")
    world.scan(one, M.dispatched)
    assert reasons(world, one, "dispatched") == ["planned", "planned", "told_once"]
