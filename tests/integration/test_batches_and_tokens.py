"""A carrier that is asked in batches, by token: each parcel is its own, and each token is one for all."""

import asyncio
import re
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis
import sqlalchemy as sa

from app import pipeline
from app.models import CarrierAnswer, CarrierHealth, Scan
from app.pipeline.polling import shelf
from app.pipeline.polling.tokens import Tokens
from app.settings.carriers import CarrierSettings
from app.tracking.carriers.dhl import Dhl
from tests.integration.conftest import Town
from tests.integration.courier import BATCH, Courier, CourierStandIn
from tests.serving import serving

SECRET = "s3cret-of-the-courier"


@pytest.fixture
def courier() -> CourierStandIn:
    """The carrier; it behaves until told otherwise."""
    return CourierStandIn()


@pytest.fixture
def courier_url(courier: CourierStandIn) -> Iterator[str]:
    with serving(courier) as url:
        yield url


@pytest.fixture
def at(town: Town, courier_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A town whose parcels travel with the courier, and whose tokens lie in the broker, however late it answers."""
    patient = {"socket_timeout": 30.0, "socket_connect_timeout": 30.0}
    monkeypatch.setattr(shelf, "_client", lambda url: redis.asyncio.Redis.from_url(url, **patient))
    config = CarrierSettings(
        base_url=courier_url, api_key="k", api_secret=SECRET, requests_per_second=1000, timeout_seconds=15
    )
    town.house = replace(
        town.house,
        carriers={"dhl": Dhl(), "courier": Courier()},
        carrier_settings={"courier": config},
        tokens=Tokens(broker_url),
    )
    return town


def order(town: Town, *numbers: str) -> None:
    for number in numbers:
        town.order(number, parcels=[{"carrier": "courier", "tracking_number": number}])


def poll(town: Town) -> pipeline.Tally:
    return pipeline.poll(town.house, "courier")


def milestones(town: Town, *numbers: str) -> list[str]:
    return [town.parcel(number).milestone for number in numbers]


def numbers_of(amount: int) -> list[str]:
    return [f"C{n:02}" for n in range(amount)]


def codes(town: Town, number: str) -> list[str]:
    return [scan.code for scan in town.story(number).scans]


def test_batches_are_used_to_their_limit_and_news_is_asked_for_in_full(at: Town, courier: CourierStandIn):
    """Twenty parcels are three calls; only those with news are asked about again, once, and both answers are kept."""
    numbers = numbers_of(20)
    order(at, *numbers)
    assert poll(at).parcels == 20
    batches = [asked for path, asked in courier.calls if path == "/track"]
    assert sorted(map(len, batches)) == [4, BATCH, BATCH]
    assert sorted(asked for path, asked in courier.calls if path == "/detail") == [(number,) for number in numbers]
    assert codes(at, "C00") == ["P", "V"], "what the batch left out is there"
    with at.house.sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(CarrierAnswer)) == 40
    courier.calls.clear()
    at.clock.turn(hours=3)
    poll(at)
    assert {path for path, _asked in courier.calls} == {"/track"}, "nothing new, so nothing more is asked"
    at.assert_whole()


def test_a_hint_that_could_not_be_completed_is_completed_later(at: Town, courier: CourierStandIn, monkeypatch):
    """Without budget for the whole, the hint is told and stays news; soon after, the whole is asked for."""
    monkeypatch.setattr("app.pipeline.polling.asking.spend_more", lambda house, carrier, calls: None)
    order(at, "C00")
    poll(at)
    assert (milestones(at, "C00"), codes(at, "C00")) == (["out_for_delivery"], ["V"])
    monkeypatch.undo()
    at.clock.turn(minutes=8)
    poll(at)
    assert codes(at, "C00") == ["P", "V"]


def test_numbers_that_must_go_alone_are_held_to_the_budget_too(at: Town, courier: CourierStandIn, monkeypatch):
    """An adapter that makes more calls of a batch than it was granted waits with those that nothing is left for."""
    together = Courier.calls
    monkeypatch.setattr(Courier, "calls", lambda self, asks, access: [
        call for one in asks for call in together(self, [one], access)
    ])  # fmt: skip
    config = at.house.carrier_settings["courier"].model_copy(update={"requests_per_day": 1})
    monkeypatch.setitem(at.house.carrier_settings, "courier", config)
    monkeypatch.setattr(Courier, "fuller", lambda self, ask, access: None)
    order(at, *numbers_of(BATCH))
    assert poll(at).parcels == 1
    assert [len(asked) for path, asked in courier.calls if path == "/track"] == [1]
    with at.house.sessions() as session:
        waiting = sa.text("SELECT count(*) FROM shipments WHERE next_poll_at <= :now AND poll_failures = 0")
        assert session.scalar(waiting, {"now": at.clock.now()}) == BATCH - 1


def test_one_failing_parcel_hurts_none_of_its_batch(at: Town, courier: CourierStandIn):
    """Its neighbours are told of; it alone says what went wrong."""
    numbers = numbers_of(BATCH)
    courier.failing = frozenset({"C03"})
    order(at, *numbers)
    poll(at)
    assert milestones(at, *numbers) == ["registered" if number == "C03" else "out_for_delivery" for number in numbers]
    assert at.parcel("C03").problem == "malformed: this one is stuck"
    assert at.parcel("C03").poll_failures == 1


def test_one_poisonous_number_does_not_hold_its_batch(at: Town, courier: CourierStandIn):
    """Each poll halves what nobody could read, and keeps it apart from the rest, until the one at fault is alone."""
    numbers = numbers_of(BATCH)
    courier.poisonous = frozenset({"C05"})
    order(at, *numbers)
    poll(at)
    assert [len(asked) for path, asked in courier.calls if path == "/track"] == [8, 4, 4]
    assert milestones(at, *numbers).count("out_for_delivery") == 4
    new = ["D00", "D01"]
    order(at, *new)
    at.clock.turn(seconds=25)
    poll(at)
    assert milestones(at, *new) == ["out_for_delivery"] * 2, "who comes later is not spoilt by them"
    assert milestones(at, *numbers).count("out_for_delivery") == 6
    at.clock.turn(seconds=60)
    poll(at)
    assert milestones(at, *numbers).count("out_for_delivery") == 7
    assert (
        at.parcel("C05").problem
        == "malformed: HTTP 400: the answer is not JSON (Expecting value: line 1 column 1 (char 0))"
    )
    with at.house.sessions() as session:
        assert session.get_one(CarrierHealth, "courier").state == "closed"


def test_an_adapter_that_fails_costs_its_own_parcels_one_poll(at: Town, monkeypatch):
    """What an adapter must not do is not the others' trouble: the answer counts as one that nobody can read."""

    def read(_self, call, answer):
        raise KeyError("events")

    monkeypatch.setattr(Courier, "read", read)
    order(at, "C00")
    poll(at)
    assert at.parcel("C00").problem == "malformed: the answer does not mention this parcel"


def test_a_token_is_fetched_once_for_all_workers_and_lies_sealed(at: Town, courier: CourierStandIn, broker_url: str):
    """Two processes that need one at once ask for one; the broker's memory shows neither token nor secret."""
    order(at, *numbers_of(3))
    houses = [at.house, replace(at.another_house(), tokens=Tokens(broker_url))]
    access = at.house.access(Courier())
    together, lent = threading.Barrier(2), []

    def want(index: int) -> None:
        together.wait(60)
        house = houses[index]
        lent.append(house.loop.run(house.tokens.lend(house.http, Courier(), access, 30.0)))

    threads = [threading.Thread(target=want, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (lent, courier.token_asked) == (["t0", "t0"], 1)
    with redis.Redis.from_url(broker_url) as shelf:
        (key,) = shelf.keys("doorstep:token:*")
        sealed = shelf.get(key)
        assert 0 < shelf.pttl(key) <= courier.token_seconds * 1000
    for known in (b"t0", SECRET.encode(), b"Bearer"):
        assert known not in sealed and known not in key
    poll(at)
    assert milestones(at, *numbers_of(3)) == ["out_for_delivery"] * 3
    assert courier.token_asked == 1


def test_a_token_is_renewed_before_it_ends_while_the_old_one_serves(at: Town, courier: CourierStandIn, monkeypatch):
    """From four fifths of its life on, one fetches the next; where the carrier lends none, the old one goes on."""
    now = [1000.0]
    monkeypatch.setattr("app.pipeline.polling.tokens.wall_seconds", lambda: now[0])
    house, access = at.house, at.house.access(Courier())

    def lend() -> object:
        return house.loop.run(house.tokens.lend(house.http, Courier(), access, 30.0))

    assert lend() == "t0"
    courier.tokens = 1
    now[0] += 0.79 * courier.token_seconds
    assert (lend(), courier.token_asked) == ("t0", 1)
    courier.token_status = 503
    now[0] += 0.02 * courier.token_seconds
    assert (lend(), lend(), courier.token_asked) == ("t0", "t0", 2), "not at every call"
    courier.token_status = 200
    now[0] += 60
    assert (lend(), courier.token_asked) == ("t1", 3)


@pytest.mark.parametrize("where", ["nowhere", "away"])
def test_without_a_shared_place_each_process_keeps_its_own(at: Town, courier: CourierStandIn, where: str):
    """A broker that keeps nothing, or is away, costs a token a process and no parcel its answer."""
    at.house = replace(at.house, tokens=Tokens("" if where == "nowhere" else "redis://127.0.0.1:1/0"))
    order(at, "C00")
    poll(at)
    assert milestones(at, "C00") == ["out_for_delivery"]
    assert courier.token_asked == 1


def test_a_refused_token_is_thrown_away_and_asked_for_anew_once(at: Town, courier: CourierStandIn, capsys):
    """Revoked early, a token costs one call more and nobody an answer; refused again, it is the credentials."""
    numbers = numbers_of(BATCH + 2)
    order(at, numbers[0])
    poll(at)
    courier.revoke()
    order(at, *numbers[1:])
    poll(at)
    assert milestones(at, *numbers) == ["out_for_delivery"] * len(numbers)
    assert courier.token_asked == 2
    courier.status = 401
    at.clock.turn(hours=2)
    poll(at)
    assert courier.token_asked == 3, "one new token a batch, no more"
    with at.house.sessions() as session:
        health = session.get_one(CarrierHealth, "courier")
    assert {at.parcel(number).problem for number in numbers} <= {
        None,
        "denied: Courier refused the credentials (HTTP 401)",
    }
    assert health.fault == "denied"
    told = capsys.readouterr()
    assert not re.search(r"\bt1\b", told.out + told.err) and SECRET not in told.out + told.err


def test_credentials_that_lend_no_token_stop_the_carrier_without_asking_about_anybody(
    at: Town, courier: CourierStandIn
):
    """No call about a parcel is made, none is blamed, and new credentials are tried at once."""
    courier.token_status = 400
    order(at, "C00")
    assert poll(at).parcels == 0
    with at.house.sessions() as session:
        told = session.get_one(CarrierHealth, "courier").detail
    assert told == "Courier lends no token: no client with the secret …"
    assert (courier.calls, courier.token_asked) == ([], 1)
    assert (at.parcel("C00").problem, at.parcel("C00").poll_failures) == (None, 0)
    assert ("poll", "courier") not in pipeline.due_work(at.house)
    courier.token_status = 200
    mended = at.house.carrier_settings["courier"].model_copy(update={"account": "corrected"})
    at.house = replace(at.house, carrier_settings={"courier": mended})
    assert ("poll", "courier") in pipeline.due_work(at.house)
    poll(at)
    assert milestones(at, "C00") == ["out_for_delivery"]


def test_another_accounts_token_is_none_of_ours(at: Town, courier: CourierStandIn, broker_url: str):
    """A changed secret begins anew, and what somebody else put in the token's place is no token."""
    house, access = at.house, at.house.access(Courier())

    async def lend(secret: str) -> object:
        return await Tokens(broker_url).lend(house.http, Courier(), replace(access, secret=secret), 30.0)

    async def both() -> list[object]:
        return [await lend(SECRET), await lend("another")]

    assert house.loop.run(both()) == ["t0", "t0"]
    assert courier.token_asked == 2
    with redis.Redis.from_url(broker_url) as shelf:
        keys = shelf.keys("doorstep:token:*")
        assert len(keys) == 2
        shelf.set(keys[0], shelf.get(keys[1]))
        shelf.set(keys[1], b"t666")
    assert house.loop.run(asyncio.wait_for(both(), 60)) == ["t0", "t0"]
    assert courier.token_asked == 4


def test_scans_of_both_answers_are_stored_once(at: Town):
    """The newest event stands in the batch's answer and in the fuller one; it is one scan."""
    order(at, "C00")
    poll(at)
    with at.house.sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Scan)) == 2
