"""Telling a carrier what to follow, where it can be asked all the same: if it can reach us, and in time."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.errors import Forged, Unreadable
from app.models.vocabulary import Milestone
from app.pipeline.polling import telling_numbers
from app.pipeline.polling.budget import Grant, Pace
from app.pipeline.polling.due import DueParcel
from app.pipeline.polling.enrolling import enrol
from app.settings.carriers import CarrierSettings
from app.tracking.adapter.base import (
    NOBODY,
    Access,
    AnswerKind,
    Ask,
    Call,
    Carrier,
    CarrierReply,
    Enrolled,
    RawAnswer,
)
from tests.integration.conftest import Town
from tests.pipeline.conftest import START
from tests.serving import serving


class Following:
    """Ten numbers a call, for a fortnight; it can be asked without."""

    batch_size, needed = 10, False

    def calls(self, asks: Sequence[Ask], access: Access, hook_url: str) -> list[Call]:
        return [_follow(asks[start : start + 10], access, hook_url) for start in range(0, len(asks), 10)]

    def read(self, call: Call, answer: RawAnswer) -> list[Enrolled]:
        return [Enrolled(ask.tracking_number, days=14) for ask in call.asks if answer.status == 200]


def _follow(asks: Sequence[Ask], access: Access, hook_url: str) -> Call:
    body = json.dumps({"hook": hook_url, "numbers": [ask.tracking_number for ask in asks]}).encode()
    return Call("POST", f"{access.base_url}/follow", {}, asks, body)


class Calling:
    """How it would call; nobody does in these tests."""

    signature = "a header of ours"

    def verify(self, url: str, headers: Mapping[str, str], body: bytes, access: Access) -> None:
        raise Forged("nobody calls")

    def read(self, body: bytes, known: Mapping[str, Ask] = NOBODY) -> list[CarrierReply]:
        raise Unreadable("nobody calls")


class Heron(Carrier):
    """A carrier that can be asked, and calls if it is told of a number."""

    name, title, manual, base_url = "heron", "Heron", "https://heron.example/manual", "https://heron.example"
    requests_per_second = 1000.0
    enrolment, push = Following(), Calling()

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        return []

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        return []


class Follower:
    """The carrier's server: it notes what it is told."""

    def __init__(self) -> None:
        self.told: list[dict] = []

    async def __call__(self, scope, receive, send) -> None:
        self.told.append(json.loads((await receive())["body"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


@pytest.fixture
def follower() -> Follower:
    return Follower()


@pytest.fixture
def heron(town: Town, follower: Follower) -> Iterator[Town]:
    """A town that Heron delivers to, and whose address can be reached from outside."""
    with serving(follower) as url:
        town.house.carrier_settings["heron"] = CarrierSettings(base_url=url, push_secret="s3cret")
        yield replace(town, house=replace(town.house, public_url="https://shop.example/"))
    del town.house.carrier_settings["heron"]


def due(*numbers: str) -> list[DueParcel]:
    return [
        DueParcel(
            id=index, order_id=index, brand_id=1, tracking_number=number, milestone=Milestone.in_transit,
            last_heard_at=None, last_answer=None, poll_failures=0, problem=None, carrier="heron", country="SE",
            zone="Europe/Stockholm", placed_at=START,
        )
        for index, number in enumerate(numbers)
    ]  # fmt: skip


def test_it_is_told_where_to_call_and_asked_all_the_same(heron: Town, follower: Follower):
    """In full batches, each number once, with our address; what it follows can be asked about at once, as covered."""
    numbers = [f"H{index:02}" for index in range(12)]
    asked = enrol(heron.house, Heron(), due(*numbers, "H00"))
    assert [parcel.tracking_number for parcel in asked] == [*numbers, "H00"]
    assert all(parcel.covered for parcel in asked)
    assert {one["hook"] for one in follower.told} == {"https://shop.example/hooks/carriers/heron"}
    assert sorted(len(one["numbers"]) for one in follower.told) == [2, 10]
    assert sorted(number for one in follower.told for number in one["numbers"]) == numbers


def test_it_is_told_again_before_it_stops(heron: Town, follower: Follower):
    """A fortnight is renewed in its last two days, and not before."""
    for days, told in ((0, 1), (11, 1), (2, 2), (11, 2), (2, 3)):
        heron.clock.turn(days=days)
        [parcel] = enrol(heron.house, Heron(), due("H1"))
        assert (len(follower.told), parcel.covered) == (told, True)
    heron.clock.turn(days=30)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Heron.enrolment, "read", lambda call, answer: [])
        [parcel] = enrol(heron.house, Heron(), due("H1"))
    assert not parcel.covered, "what was not renewed is asked about as usual"


@pytest.mark.parametrize("address", ["http://shop.example", "https://localhost:8080", "https://127.0.0.1", ""])
def test_who_cannot_reach_us_is_told_nothing(heron: Town, follower: Follower, address: str):
    """An address that nobody outside can call, or could only call in the open, is given to no carrier."""
    [parcel] = enrol(replace(heron.house, public_url=address), Heron(), due("H1"))
    assert follower.told == [] and not parcel.covered


def test_without_a_secret_it_is_told_nothing(heron: Town, follower: Follower):
    """Its calls would be refused."""
    reached = heron.house.carrier_config("heron").model_copy(update={"push_secret": CarrierSettings().push_secret})
    heron.house.carrier_settings["heron"] = reached
    [parcel] = enrol(heron.house, Heron(), due("H1"))
    assert follower.told == [] and not parcel.covered


def test_a_short_budget_is_told_as_much_as_it_allows(heron: Town, follower: Follower, monkeypatch):
    """Where the carrier's budget has two calls left for forty batches, two are told, and all are asked about."""
    leave = [Grant(0, 2, Pace(0, 0)), None]
    monkeypatch.setattr(telling_numbers, "spend", lambda house, carrier, hot, other: leave.pop(0))
    assert len(enrol(heron.house, Heron(), due(*(f"H{index:03}" for index in range(400))))) == 400
    assert [len(one["numbers"]) for one in follower.told] == [10, 10]
    assert len(enrol(heron.house, Heron(), due("H399"))) == 1 and len(follower.told) == 2


def test_what_is_left_of_a_day_is_used(heron: Town, follower: Follower):
    """A day that has one call left for forty batches is not spent for nothing: one batch is told."""
    limited = heron.house.carrier_config("heron").model_copy(update={"requests_per_day": 1})
    heron.house.carrier_settings["heron"] = limited
    enrol(heron.house, Heron(), due(*(f"H{index:03}" for index in range(400))))
    assert [len(one["numbers"]) for one in follower.told] == [10]


def test_where_it_can_be_asked_without_refusals_stop_no_question(heron: Town, follower: Follower, monkeypatch):
    """An account that may not have itself called may ask all the same: one refusal ends the round, and no more."""

    def read(call: Call, answer: RawAnswer) -> list[Enrolled]:
        refused = CarrierReply(AnswerKind.denied, "", detail="not in your contract")
        return [Enrolled(ask.tracking_number, refusal=refused) for ask in call.asks]

    monkeypatch.setattr(Heron.enrolment, "read", read)
    one_by_one = heron.house.carrier_config("heron").model_copy(update={"concurrency": 1})
    heron.house.carrier_settings["heron"] = one_by_one
    parcels = due(*(f"H{index:03}" for index in range(400)))
    assert len(enrol(heron.house, Heron(), parcels)) == 400
    assert len(follower.told) == 1
    with heron.house.sessions() as session:
        assert session.scalars(sa.text("SELECT carrier FROM carrier_health")).all() == []
