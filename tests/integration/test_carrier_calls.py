"""A carrier that must be told what to follow and then calls: told once, asked seldom, and nothing is missed for it."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from app import pipeline
from app.models import CarrierHealth, Crossing, EnrolledNumber, Shipment
from app.pipeline.listening.pushes import hear_pushes
from app.pipeline.polling.understanding import replies_to
from app.settings import Settings
from app.settings.carriers import CarrierSettings
from app.tracking.adapter.base import Ask, Call, RawAnswer
from tests.integration.aftership import SECRET, AfterShipStandIn
from tests.integration.conftest import Town
from tests.integration.test_lost_pushes import WAY, assert_told_alike, comes_in, way_of
from tests.pipeline.conftest import START, TurnedClock
from tests.serving import serving

PARCELS, HOURS, SEED = 8, 58, 20261127
NET = timedelta(hours=12)


@pytest.fixture
def aftership(clock: TurnedClock) -> AfterShipStandIn:
    return AfterShipStandIn(clock)


@pytest.fixture
def aftership_url(aftership: AfterShipStandIn) -> Iterator[str]:
    with serving(aftership) as url:
        yield url


@pytest.fixture
def settings(settings: Settings, aftership_url: str) -> Settings:
    """An installation that asks AfterShip, and is called by it."""
    reached = CarrierSettings(
        base_url=aftership_url, api_key="k", push_secret=SECRET, requests_per_second=1000, timeout_seconds=15
    )
    return settings.model_copy(update={"carriers": {"aftership": reached}})


def order(town: Town, number: str, **given: object) -> None:
    parcels = [{"carrier": "aftership", "tracking_number": number}]
    town.order(
        number, **given, parcels=parcels, shopper={"name": "Maja", "email": f"{number}@example.test", "country": "SE"}
    )


def poll(town: Town) -> None:
    with town.house.sessions.begin() as session:
        session.execute(sa.text("DELETE FROM carrier_budgets"))  # the clock runs faster than the allowance refills
    pipeline.poll(town.house, "aftership")


def enrolled(town: Town) -> dict[str, EnrolledNumber]:
    with town.house.sessions() as session:
        return {row.tracking_number: row for row in session.scalars(sa.select(EnrolledNumber))}


def test_it_is_told_once_and_asked_in_one_question(town: Town, aftership: AfterShipStandIn):
    """New parcels are registered as they come due and first asked about minutes later, all in one question; a number
    that it follows already is as good as new; later turns register nothing again."""
    aftership.followed.add("N1")
    for number in ("N1", "N2", "N3"):
        aftership.ways[number] = way_of(number, 0)
        order(town, number)
    town.clock.turn(hours=2)
    poll(town)
    assert sorted(one["tracking_number"] for one in aftership.told) == ["N1", "N2", "N3"]
    assert aftership.questions == 0, "nothing can be known yet"
    assert all(row.followed_until and not row.problem for row in enrolled(town).values())
    town.clock.turn(minutes=3)
    poll(town)
    assert (aftership.questions, len(aftership.told)) == (1, 3)
    assert {town.parcel(number).milestone for number in ("N1", "N2", "N3")} == {"dispatched"}
    town.clock.turn(hours=30)
    poll(town)
    assert len(aftership.told) == 3 and town.parcel("N2").milestone == "delivered"


def test_what_it_will_not_follow_is_told_and_tried_again(town: Town, aftership: AfterShipStandIn):
    """A number that is none waits for hours, an ill carrier for seconds, each with the reason in its story; a
    neighbour is not held up, and once it is taken all goes its way."""
    aftership.answers = {"NONE": (400, 4012), "ILL": (503, 503)}
    for number in ("NONE", "ILL", "FINE"):
        aftership.ways[number] = way_of(number, 0)
        order(town, number)
    poll(town)
    assert aftership.followed == {"FINE"}
    assert "AfterShip does not follow it yet (not_found: It will not do.)" in town.told("NONE")
    assert "AfterShip does not follow it yet (unavailable: " in town.told("ILL")
    assert "Its number is not followed: not_found: It will not do." in town.told("NONE")
    assert "Its number is followed, and nobody has called about it yet." in town.told("FINE")
    town.clock.turn(minutes=2)
    poll(town)
    tries = Counter(one["tracking_number"] for one in aftership.told)
    assert tries == {"NONE": 1, "ILL": 2, "FINE": 1}
    aftership.answers.clear()
    for _ in range(2):
        town.clock.turn(hours=9)
        poll(town)
    assert {town.parcel(number).problem for number in ("NONE", "ILL", "FINE")} == {None}
    assert {town.parcel(number).milestone for number in ("NONE", "ILL", "FINE")} == {"in_transit"}


def health(town: Town) -> CarrierHealth:
    with town.house.sessions() as session:
        return session.get_one(CarrierHealth, "aftership")


def test_a_refused_key_stops_the_telling_and_is_told_of_once(town: Town, aftership: AfterShipStandIn):
    """Nobody who must be told first was ever asked about: the refusals of telling alone open the breaker."""
    numbers = [f"N{n:02}" for n in range(30)]
    aftership.answers = dict.fromkeys(numbers, (401, 401))
    for number in numbers:
        order(town, number)
    poll(town)
    told = len(aftership.told)
    assert told < len(numbers) and (health(town).state, health(town).fault) == ("open", "denied")
    for _ in range(3):
        town.clock.turn(minutes=3)
        poll(town)
    assert len(aftership.told) == told and aftership.questions == 0
    aftership.answers.clear()
    for _ in range(3):
        town.clock.turn(minutes=15)
        poll(town)
    assert health(town).state == "closed" and aftership.followed == set(numbers)


def test_a_probe_about_a_number_it_was_never_told_of_says_nothing_of_the_parcel(
    town: Town, aftership: AfterShipStandIn
):
    """It answers, so it is well; the parcel is then told of like any new one, not left for hours as unknown."""
    order(town, "N1")
    poll(town)
    with town.house.sessions.begin() as session:
        session.execute(sa.text("UPDATE carrier_health SET state = 'open', until = :now"), {"now": town.clock.now()})
    town.clock.turn(minutes=-30)
    order(town, "N2")
    town.clock.turn(minutes=31)
    with town.house.sessions.begin() as session:
        session.execute(sa.text("UPDATE shipments SET next_poll_at = NULL WHERE tracking_number = 'N1'"))
    poll(town)
    assert aftership.asked == {"N2": 1} and health(town).state == "closed"
    assert aftership.followed == {"N1", "N2"}
    assert town.parcel("N2").problem is None
    assert town.parcel("N2").next_poll_at - town.clock.now() <= timedelta(minutes=2)


def test_a_number_that_it_will_not_follow_is_asked_of_the_likeliest_again(town: Town, aftership: AfterShipStandIn):
    """DHL did not know it yet and AfterShip takes no such number: DHL may know it tomorrow."""
    aftership.answers = {"N1": (400, 4012)}
    order(town, "N1")
    with town.house.sessions.begin() as session:
        session.execute(sa.text("UPDATE shipments SET carrier = NULL, candidates = '{dhl,aftership}'"))
    poll(town)
    parcel = town.parcel("N1")
    assert (parcel.asked_of, parcel.next_poll_at is not None) == ("dhl", True)
    assert "not_found: It will not do." in parcel.problem
    with town.house.sessions.begin() as session:
        session.execute(sa.text("UPDATE shipments SET asked_of = 'aftership', next_poll_at = :now"),
                        {"now": town.clock.turn(days=31)})  # fmt: skip
    poll(town)
    assert town.parcel("N1").milestone == "expired", "once none of them has known it for weeks"


def test_an_order_of_long_ago_is_not_given_up_with_the_first_trouble(town: Town, aftership: AfterShipStandIn):
    """What counts is since when we have the number: a sofa is sent months after it was bought."""
    aftership.answers = {"N1": (503, 503)}
    order(town, "N1", placed_at=(START - timedelta(days=90)).isoformat())
    poll(town)
    assert town.parcel("N1").next_poll_at is not None
    aftership.answers.clear()
    town.clock.turn(minutes=2)
    poll(town)
    assert aftership.followed == {"N1"}


def test_a_key_that_is_repeated_in_a_refusal_is_stored_nowhere(town: Town, aftership: AfterShipStandIn, monkeypatch):
    """What a carrier says of a refused key is read by many."""
    key = "k3y-of-the-shop"
    reached = town.house.carrier_config("aftership").model_copy(update={"api_key": SecretStr(key)})
    monkeypatch.setitem(town.house.carrier_settings, "aftership", reached)
    answer = RawAnswer(400, {}, json.dumps({"meta": {"code": 4012, "message": f"Not with {key}."}}).encode())
    call = Call("GET", "", {}, (Ask("N1"),))
    carrier = town.house.carriers["aftership"]
    replies = replies_to(carrier, call, answer, town.house.access(carrier))
    assert "Not with …." in (replies["N1"].detail or "")


@pytest.mark.parametrize(("secret", "least", "most"), [(SECRET, 11, 14), ("", 0, 7)])
def test_it_is_asked_seldom_where_its_calls_would_be_believed(
    town: Town, aftership: AfterShipStandIn, secret: str, least: int, most: int
):
    """A followed parcel of which nothing is new waits for half a day; without a secret nothing that it says unasked
    would be believed, so it is asked about at the usual pace."""
    reached = town.house.carrier_config("aftership").model_copy(update={"push_secret": SecretStr(secret)})
    town.house.carrier_settings["aftership"] = reached
    order(town, "N1")
    for _ in range(3):  # registered, asked about for the first time, asked about again
        poll(town)
        with town.house.sessions.begin() as session:
            session.execute(sa.update(Shipment).values(next_poll_at=town.clock.turn(minutes=4)))
    poll(town)
    wait = town.parcel("N1").next_poll_at - town.clock.now()
    assert aftership.asked == {"N1": 3}
    assert timedelta(hours=least) < wait < timedelta(hours=most)


def fates(
    aftership: AfterShipStandIn, number: str, dice: random.Random | None
) -> list[tuple[datetime, bytes, dict[str, str]]]:
    """When each call about a parcel comes in, and what it says."""
    comes = []
    for step in aftership.ways[number].steps:
        said = aftership.call(number, step.at)
        comes += [(at, *said) for at in comes_in(step.at, dice)]
    return comes


def assert_within_the_net(town: Town) -> None:
    """Every milestone was known soon enough after it had happened."""
    with town.house.sessions() as session:
        for crossing in session.scalars(sa.select(Crossing).where(Crossing.scope == "parcel")):
            assert crossing.crossed_at - crossing.occurred_at <= NET + timedelta(hours=2), crossing.milestone


@pytest.mark.long
def test_polling_finds_what_its_calls_lose(town: Town, web: str, aftership: AfterShipStandIn, providers):
    """A fifth of the calls lost, a fifth a day late, a fifth doubled, all over HTTP and signed: the safety net finds
    every milestone within its width, the same ones as those of which every call came, no message is sent twice or more,
    what was not sent was overtaken or expired; and those that are called about are asked about a few times in all."""
    providers.behave(callbacks={"enabled": False})
    dice = random.Random(SEED)
    due = []
    for index in range(PARCELS):
        for prefix, faults in (("A", None), ("B", dice)):
            number = f"{prefix}{index}"
            aftership.ways[number] = way_of(number, index)
            order(town, number)
            due += fates(aftership, number, faults)
    due.sort(key=lambda one: one[0])
    assert len(due) != 2 * PARCELS * len(WAY), "the dice fell"
    with httpx.Client(base_url=web, timeout=60, trust_env=False) as caller:
        poll(town)
        for _ in range(HOURS):
            town.clock.turn(hours=1)
            while due and due[0][0] <= town.clock.now():
                _, body, headers = due.pop(0)
                assert caller.post("/hooks/carriers/aftership", content=body, headers=headers).status_code == 200
            hear_pushes(town.house)
            poll(town)
            town.send()
    assert_told_alike(town, PARCELS)
    assert_within_the_net(town)
    assert len(aftership.told) == 2 * PARCELS, "each was registered once"
    assert max(aftership.asked[f"A{index}"] for index in range(PARCELS)) <= 5, "seldom asked about"
