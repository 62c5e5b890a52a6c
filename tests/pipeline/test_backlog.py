"""After an outage, and in a flood: who is told first, who is told nothing, and who never waits for another."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from app import pipeline
from app.channels.base import Outgoing, Verdict
from app.models import Attempt, Brand, Crossing, Message, Shipment
from app.models.vocabulary import AttemptOutcome, Channel, Milestone
from app.pipeline.leaving.claiming import claim
from app.rules.ruleset import Priority
from app.settings import SendingSettings
from tests.pipeline.conftest import START, Obedient, World
from tests.pipeline.crowd import all_reach, crowd
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_path import send_all, whole

M = Milestone


def batches_of(world: World, batch: int) -> World:
    """The world, sending in batches of this size."""
    return world.with_(sending=SendingSettings(batch=batch, deadline=60.0, margin=0.05, settle=3600))


def watching(world: World, channel: Channel = Channel.email) -> list[tuple[datetime, str, str]]:
    """What leaves from now on, in order: when its news happened, what it says, and where its parcel stands then."""
    left: list[tuple[datetime, str, str]] = []

    query = (
        sa.select(Crossing.occurred_at, Message.milestone, Shipment.milestone)
        .join(Message, Message.crossing_id == Crossing.id)
        .join(Shipment, Shipment.id == Message.shipment_id)
        .join(Attempt, Attempt.message_id == Message.id)
    )

    def answer(outgoing: Outgoing) -> Verdict:
        with world.house.sessions() as session:
            left.append(tuple(session.execute(query.where(Attempt.public_id == outgoing.attempt_id)).one()))
        return Verdict(AttemptOutcome.accepted, "ref")

    provider: Obedient = world.email if channel is Channel.email else world.sms
    provider.answer = answer
    return left


@pytest.mark.parametrize("parcels", [240, pytest.param(100_000, marks=[pytest.mark.sweep, pytest.mark.timeout(7200)])])
def test_after_eight_hours_nobody_hears_what_is_over_and_the_newest_leaves_first(world: World, parcels):
    """Every hour an eighth of the parcels went out, and half of those arrived; nothing could leave meanwhile."""
    here, by_hour = batches_of(world, 20 if parcels < 1000 else 500), parcels // 8
    ids = crowd(here, parcels)
    for hour in range(8):
        out = ids[hour * by_hour : (hour + 1) * by_hour]
        all_reach(here, out, M.out_for_delivery)
        if hour >= 2:  # two hours later every second one is there
            all_reach(here, ids[(hour - 2) * by_hour : (hour - 1) * by_hour : 2], M.delivered)
        here.clock.turn(hours=1)
    left = watching(here)
    drained: list[list[tuple[datetime, str, str]]] = []
    fresh: list[str] = []

    def in_the_middle() -> None:
        """Half-way through, one more parcel goes out."""
        (late,) = here.order("late")
        here.scan(late, M.out_for_delivery)
        pipeline.send_batch(here.house, Channel.email)
        fresh.extend(m.state for m in here.messages(shipment_id=late, channel="email"))

    told = 0
    while pipeline.send_batch(here.house, Channel.email):
        drained.append(left[told:])
        if len(left) >= parcels // 4 and not fresh:
            in_the_middle()
        told = len(left)
    while pipeline.send_batch(here.house, Channel.sms):
        pass
    assert [one for one in left if one[1] == "out_for_delivery" and one[2] == "delivered"] == []
    assert fresh == ["accepted"], "what is new does not wait for the backlog"
    counted = "SELECT state, count(*) FROM messages WHERE milestone = 'out_for_delivery' GROUP BY state"
    states = dict(map(tuple, sql(here, counted)))
    gone = 2 * 6 * -(-by_hour // 2)  # both channels, six of the eight hours, every second parcel
    assert states == {"superseded": gone, "accepted": 2 * parcels + 2 - gone}
    for milestone in ("out_for_delivery", "delivered"):
        batches = [news for some in drained if (news := [at for at, said, _ in some if said == milestone])]
        assert len(batches) > 3
        for sooner, later in pairwise(batches):
            assert min(sooner) >= max(later), f"{milestone}: newest first"
    whole(here)


def polled(world: World, at: datetime) -> None:
    """Every parcel's carrier was asked then, and again half an hour later or as soon as it can be."""
    sql(world, "UPDATE shipments SET last_polled_at = :at, next_poll_at = :due", at=at, due=at + timedelta(minutes=30))


def test_old_news_waits_until_its_carrier_has_been_asked(world: World):
    """Nothing ran for eight hours. One parcel has arrived meanwhile and one has not, and nobody knows: neither hears
    "arrives today" before the carrier has been asked; then one hears it, and the other that it is there."""
    first, second = crowd(world, 2)
    all_reach(world, [first, second], M.out_for_delivery)
    polled(world, world.clock.now())
    world.clock.turn(hours=8)
    send_all(world)
    assert world.email.sent == [] and world.sms.sent == []
    waiting = {(m.state, m.reason) for m in world.messages()}
    assert waiting == {("ready", "retrying")}
    assert "the carrier is asked first" in (world.messages()[0].detail or "")

    world.scan(first, M.delivered)
    polled(world, world.clock.now())
    world.clock.turn(minutes=6)
    send_all(world)
    ended = {(m.shipment_id, m.milestone, m.state) for m in world.messages()}
    assert ended == {
        (first, "out_for_delivery", "superseded"),
        (first, "delivered", "accepted"),
        (second, "out_for_delivery", "accepted"),
    }
    whole(world)


@pytest.mark.parametrize(
    "what",
    ["fresh", "never polled", "at rest", "asked since", "asked in vain since", "not due yet"],
)
def test_news_waits_for_no_question_that_would_not_come(world: World, what):
    """What is fresh leaves at once; so does what nobody polls, what has been asked about, and what is not due."""
    (parcel,) = crowd(world, 1)
    world.scan(parcel, M.out_for_delivery)
    told = world.clock.now()
    polled(world, told)
    world.clock.turn(hours=0.5 if what == "fresh" else 3)
    now = world.clock.now()
    match what:
        case "never polled":
            sql(world, "UPDATE shipments SET last_polled_at = NULL")
        case "at rest":
            sql(world, "UPDATE shipments SET next_poll_at = NULL")
        case "asked since" | "asked in vain since":
            sql(world, "UPDATE shipments SET last_polled_at = :at", at=told + timedelta(hours=1))
        case "not due yet":
            sql(world, "UPDATE shipments SET next_poll_at = :at", at=now + timedelta(hours=1))
    send_all(world)
    assert {m.state for m in world.messages()} == {"accepted"}


def test_news_whose_carrier_is_never_asked_again_expires(world: World):
    """It is put off for as long as it is worth something, and ends with its reason."""
    (parcel,) = crowd(world, 1)
    world.scan(parcel, M.out_for_delivery)
    polled(world, world.clock.now())
    for _ in range(12):
        world.clock.turn(hours=2)
        send_all(world)
    assert {(m.state, m.reason) for m in world.messages()} == {("expired", "outlived")}
    assert world.email.sent == []
    whole(world)


def test_what_is_urgent_overtakes_a_flood(world: World):
    """Behind three hundred messages of each lesser kind, three urgent ones are in the very next batch."""
    here = batches_of(world, 10)
    for priority, first in ((Priority.bulk, 0), (Priority.normal, 300)):
        all_reach(here, crowd(here, 300, first=first), M.dispatched)
        sql(here, "UPDATE messages SET priority = :p WHERE priority <> 2", p=int(priority))
    pipeline.send_batch(here.house, Channel.email)
    all_reach(here, crowd(here, 3, first=600), M.out_for_delivery)
    left = watching(here)
    pipeline.send_batch(here.house, Channel.email)
    assert [said for _, said, _ in left].count("out_for_delivery") == 3
    all_reach(here, crowd(here, 3, first=603), M.out_for_delivery)
    left.clear()
    assert pipeline.send(here.house, Channel.email, [Priority.urgent]) == 3, "their own queue touches nothing else"
    assert [said for _, said, _ in left] == ["out_for_delivery"] * 3
    with here.house.sessions() as session:
        query = sa.select(Message.priority, sa.func.count()).where(Message.state == "ready", Message.channel == "email")
        waiting = dict(session.execute(query.group_by(Message.priority)).all())
    assert waiting == {1: 300 - 10 - 7, 2: 300}


def test_one_brands_flood_delays_no_other(world: World):
    """Five messages of another brand, older than a flood of six hundred, are all in the first batch."""
    here = batches_of(world, 40)
    with here.house.sessions.begin() as session:
        session.add(Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr"))
    all_reach(here, crowd(here, 5, "atelier-ombre"), M.dispatched)
    here.clock.turn(minutes=10)
    all_reach(here, crowd(here, 600), M.dispatched)
    assert pipeline.send_batch(here.house, Channel.email) == 25, "an equal slice each, as far as there is anything"
    assert Counter(outgoing.from_name for outgoing in here.email.sent) == {"Fjällhem": 20, "Atelier Ombre": 5}
    for expected in (40, 40):
        assert pipeline.send_batch(here.house, Channel.email) == expected, "whoever is alone has it all"


def test_each_of_many_brands_has_its_turn(world: World):
    """With ten places in a batch and twenty brands of very unequal floods, all are served within a few batches."""
    sql(world, "INSERT INTO brands (key, name, zone, locale)"
               " SELECT 'b' || g, 'B', 'UTC', 'en' FROM generate_series(1, 19) AS g")  # fmt: skip
    all_reach(world, crowd(world, 400), M.dispatched)
    # brand 1 has half of everything, the others share the rest
    sql(world, "UPDATE messages SET brand_id = (SELECT min(id) FROM brands)"
               " + CASE WHEN id % 4 < 2 THEN 0 ELSE (id / 4) % 20 END")  # fmt: skip
    house = replace(world.house, sending=SendingSettings(batch=10))
    served: Counter[int] = Counter()
    for _ in range(30):
        with world.house.sessions.begin() as session:
            _, claimed = claim(session, house, Channel.email, world.clock.now())
        owners = [row[0] for row in sql(world, "SELECT brand_id FROM messages WHERE id = any(:ids)", ids=claimed)]
        assert len(owners) == len(set(owners)) == 10, "one each"
        served.update(owners)
        if len(served) == 20:
            break
    assert len(served) == 20


def test_the_newest_of_a_brands_messages_is_claimed_first(world: World):
    """Planned an hour apart, claimed the other way round; what is not due yet is left alone."""
    parcels = crowd(world, 4)
    for parcel in parcels:
        world.scan(parcel, M.dispatched)
        world.clock.turn(hours=1)
    sql(world, "UPDATE messages SET send_at = :later WHERE shipment_id = :id",
        later=START + timedelta(days=1), id=parcels[3])  # fmt: skip
    house, order = replace(world.house, sending=SendingSettings(batch=1)), []
    for _ in range(4):
        with world.house.sessions.begin() as session:
            _, claimed = claim(session, house, Channel.email, world.clock.now())
        order += [m.shipment_id for m in world.messages() if m.id in claimed]
    assert order == parcels[:3][::-1]
