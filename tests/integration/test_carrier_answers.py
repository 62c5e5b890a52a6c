"""Whatever a carrier answers costs one parcel one poll, stands in its story, and harms no other."""

import gzip
import json
import socketserver
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
import sqlalchemy as sa

from app import pipeline
from app.clock import stopwatch
from app.demo.carrier.behaviour import Behaviour, Fault
from app.demo.carrier.server import CarrierStandIn
from app.demo.carrier.timetable import Step
from app.models import CarrierAnswer, Crossing, Scan, UnknownCode
from app.pipeline.polling import asking, budget, due
from app.settings.carriers import CarrierSettings
from tests.integration.conftest import Town, timetable
from tests.pipeline.conftest import START
from tests.serving import serving

BAD = "BAD1"
GOOD = ("GOOD1", "GOOD2", "GOOD3")
AFTER_A_FAILURE = 20.0
"""Seconds after which a parcel that failed once is asked about again: 15 with jitter."""


class Picky(Behaviour):
    """Breaks the first answer about a parcel whose number begins with the fault's name, and no other."""

    def fault(self, number: str, asked: int) -> Fault | None:
        fault = number.split("-")[0].lower()
        return Fault(fault) if fault in Fault.__members__ and asked == 1 else None


def on_their_way(town: Town, *numbers: str) -> None:
    """Parcels out for delivery, and orders that wait for them."""
    town.carrier.register([timetable(number) for number in numbers])
    town.order(*numbers)


BROKEN = {
    "HTML-1": ("malformed", "the answer is a web page, not JSON"),
    "TRUNCATED-1": ("malformed", "the answer breaks off in the middle"),
    "ERROR-1": ("unavailable", "DHL is not able to answer just now (HTTP 500)"),
    "HUGE-1": ("malformed", "the answer is longer than 2 MB"),
}


def test_a_broken_answer_costs_one_parcel_one_poll(town: Town):
    """Each parcel says what went wrong, its neighbours in the batch are told of, and the next poll makes it good."""
    town.carrier.behaviour = Picky()
    on_their_way(town, *BROKEN, *GOOD)
    assert town.poll().parcels == 7
    assert town.carrier.asked == dict.fromkeys((*BROKEN, *GOOD), 1)
    assert {town.parcel(number).milestone for number in GOOD} == {"out_for_delivery"}
    assert not any(town.story(number).faults for number in GOOD)
    for number, (kind, in_words) in BROKEN.items():
        broken = town.parcel(number)
        assert (broken.milestone, broken.problem, broken.poll_failures) == ("registered", f"{kind}: {in_words}", 1)
        assert [(answer.kind, answer.detail) for answer in town.story(number).faults] == [(kind, in_words)]
        assert f"The last question to the carrier went wrong: {kind}: {in_words}" in town.told(number)
    town.clock.turn(seconds=AFTER_A_FAILURE)
    assert town.poll().parcels == 4, "the good ones rest, the bad ones come soon again"
    for number, (kind, _) in BROKEN.items():
        healed = town.parcel(number)
        assert (healed.milestone, healed.problem, healed.poll_failures) == ("out_for_delivery", None, 0)
        assert f"an answer could not be used: {kind}" in town.told(number), "the story keeps it"
        assert len(town.messages(shipment_id=healed.id)) == 2
    town.assert_whole()


def test_an_answer_that_never_comes_costs_its_parcel_a_poll(town: Town):
    """The call ends when its time is over, the neighbours are told of, and the next poll makes it good."""
    town.carrier.behaviour = Picky()
    on_their_way(town, "STALL-1", *GOOD)
    ask_at(town, town.settings.carriers["dhl"].base_url, timeout_seconds=2)
    assert town.poll().parcels == 4
    assert {town.parcel(number).milestone for number in GOOD} == {"out_for_delivery"}
    assert town.parcel("STALL-1").problem == "unavailable: no complete answer within 2 s"
    town.clock.turn(seconds=AFTER_A_FAILURE)
    assert town.poll().parcels == 1
    assert (town.parcel("STALL-1").milestone, town.parcel("STALL-1").problem) == ("out_for_delivery", None)
    town.assert_whole()


def peak_while(work: Callable[[], object]) -> int:
    """Bytes that Python held at most while `work` was done, beyond what it held before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_fifty_megabytes_are_not_read(town: Town):
    """Reading stops near 2 MB: the memory of the whole process grows by little more, and less is kept."""
    town.carrier.behaviour = Picky()
    on_their_way(town, "HUGE-1")
    house = town.house
    house.loop.run(house.http.get(f"{house.carrier_config('dhl').base_url}/healthz"))  # the client is built by now
    assert peak_while(town.poll) < 12_000_000
    with town.house.sessions() as session:
        (answer,) = session.scalars(sa.select(CarrierAnswer))
    assert len(answer.body) < 16_000


def test_a_number_that_is_not_known_yet_is_asked_for_again(town: Town):
    """404 is no failure: the parcel says so, and is found when the carrier has it."""
    town.carrier.register([timetable("SOON", ((2, Step.label), (3, Step.pickup)))])
    town.order("SOON", *GOOD)
    town.carrier.register([timetable(number) for number in GOOD])
    town.poll()
    soon = town.parcel("SOON")
    assert soon.problem.startswith("not_found: ") and soon.poll_failures == 0
    assert START + timedelta(hours=2) < soon.next_poll_at <= START + timedelta(hours=3)
    assert "an answer could not be used: not found (HTTP 404)" in town.told("SOON")
    town.clock.turn(hours=4)
    town.poll()
    assert (town.parcel("SOON").milestone, town.parcel("SOON").problem) == ("dispatched", None)


def test_a_refused_key_is_no_parcels_fault(town: Town):
    """401 is the carrier's trouble: no parcel is blamed, it is tried ever more seldom by one call, and heals."""
    town.carrier._api_key = b"another"
    on_their_way(town, *GOOD)
    for minutes in (15, 30, 60):
        town.poll()
        assert {(town.parcel(number).poll_failures, town.parcel(number).problem) for number in GOOD} == {(0, None)}
        assert not town.story(GOOD[0]).faults
        assert "dhl gives no answers at present: it refuses the credentials" in town.told(GOOD[0])
        town.clock.turn(minutes=minutes - 1)
        assert town.poll().parcels == 0, "not yet"
        town.clock.turn(minutes=2)
    assert town.carrier.answered["Unauthorized"] == len(GOOD) + 2, "a batch, then one call at a time"
    town.carrier._api_key = b"k"
    town.poll()
    assert {town.parcel(number).milestone for number in GOOD} == {"out_for_delivery"}
    assert "at present" not in town.told(GOOD[0])


def test_too_many_questions_are_held_back(town: Town):
    """429 holds the whole carrier back and blames no parcel; its next answers are taken."""
    town.carrier.behaviour = Behaviour(requests_per_second=0.0001)
    on_their_way(town, *GOOD)
    town.poll()
    assert {town.parcel(number).problem for number in GOOD} == {None}
    assert "it asks for fewer questions" in town.told(GOOD[0])
    asked = town.carrier.answered.total()
    assert town.poll().parcels == 0, "nobody is asked again at once"
    assert town.carrier.answered.total() == asked
    town.carrier.behaviour = Behaviour()
    town.clock.turn(seconds=3)
    town.poll()
    assert {town.parcel(number).milestone for number in GOOD} == {"out_for_delivery"}


OddAnswer = tuple[int, bytes, dict[str, str]]

BOMB: OddAnswer = (200, gzip.compress(b"0" * 50_000_000, 1), {"content-encoding": "gzip"})
ODD_ANSWERS: dict[str, OddAnswer] = {
    "bomb": BOMB,
    "no-gzip": (200, b"plain text", {"content-encoding": "gzip"}),
    "half-a-gzip": (200, gzip.compress(b'{"shipments":[]}')[:-12], {"content-encoding": "gzip"}),
    "brotli": (200, b"\x0b\x02\x80{}\x03", {"content-encoding": "br"}),
    "redirect-nowhere": (302, b"", {"location": "http://["}),
    "redirect": (301, b"", {"location": "https://elsewhere.example/"}),
    "empty-200": (200, b"", {}),
    "empty-204": (204, b"", {}),
    "list": (200, b"[]", {}),
    "deep": (200, b"[" * 100_000, {}),
    "long-number": (200, b'{"shipments":' + b"9" * 6_000 + b"}", {}),
    "no-encoding": (200, b'{"shipments":"\xff\xfe"}', {}),
    "long-header": (200, b"{}", {"x-much": "y" * 40_000}),
    "latin-header": (200, b"{}", {"x-place": "Malm\xf6"}),
    "odd-status": (799, b"{}", {}),
}


class Odd:
    """In front of the stand-in: answers about some parcels as no carrier should."""

    def __init__(self, behind: CarrierStandIn) -> None:
        self.behind = behind
        self.answers: dict[str, OddAnswer] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        number = parse_qs(scope["query_string"].decode()).get("trackingNumber", [""])[0]
        if number not in self.answers:
            await self.behind(scope, receive, send)
            return
        status, body, headers = self.answers[number]
        listed = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": listed})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def odd(carrier: CarrierStandIn) -> Odd:
    """What stands in front of the carrier; it does nothing until told."""
    return Odd(carrier)


@pytest.fixture
def carrier_url(odd: Odd):
    """The carrier, with `Odd` in front of it."""
    with serving(odd) as url:
        yield url


def test_no_answer_however_odd_harms_the_neighbours(town: Town, odd: Odd):
    """Packed bombs, redirects and headers beyond measure: the batch goes on, each is told of, each recovers."""
    odd.answers = ODD_ANSWERS
    on_their_way(town, *ODD_ANSWERS, *GOOD)
    town.poll()
    assert {town.parcel(number).milestone for number in GOOD} == {"out_for_delivery"}
    for number in ODD_ANSWERS:
        parcel = town.parcel(number)
        assert (parcel.milestone, parcel.poll_failures) == ("registered", 1), number
        assert parcel.problem.startswith(("malformed: ", "unavailable: ")), number
        assert parcel.next_poll_at <= START + timedelta(seconds=AFTER_A_FAILURE), number
        assert "an answer could not be used" in town.told(number), number
    assert "longer than 2 MB" in town.parcel("bomb").problem
    odd.answers = {}
    town.clock.turn(seconds=AFTER_A_FAILURE)
    town.poll()
    assert {town.parcel(number).milestone for number in ODD_ANSWERS} == {"out_for_delivery"}
    town.assert_whole()


def test_a_packed_bomb_is_not_unpacked(town: Town, odd: Odd):
    """220 KB that would become 50 MB do not: memory grows by little more than an answer may have."""
    odd.answers = {BAD: BOMB}
    on_their_way(town, BAD)
    assert peak_while(town.poll) < 12_000_000
    assert town.parcel(BAD).problem == "malformed: the answer is longer than 2 MB"


def test_odd_words_are_stored_as_they_can_be(town: Town, odd: Odd):
    """NUL and lone surrogates in a code neither stop the batch nor make a milestone: the code is kept and counted."""
    events = b'[{"statusCode":"a\\u0000\\ud800b","timestamp":"2026-03-02T07:00:00Z","description":"\\udfff"}]'
    odd.answers = {BAD: (200, b'{"shipments":[{"id":"BAD1","events":' + events + b"}]}", {})}
    on_their_way(town, BAD, *GOOD)
    town.poll()
    assert {town.parcel(number).milestone for number in GOOD} == {"out_for_delivery"}
    assert (town.parcel(BAD).milestone, town.parcel(BAD).problem) == ("registered", None)
    with town.house.sessions() as session:
        assert session.execute(sa.select(UnknownCode.code, UnknownCode.count)).all() == [("a?b", 1)]


def test_a_carrier_that_wavers_is_worth_one_message(town: Town, odd: Odd):
    """Out for delivery and not delivered, twenty times over between two polls: the shopper hears the newest, once."""
    words = ("The shipment has been loaded onto the delivery vehicle.", "The delivery attempt was unsuccessful.")
    events = [
        {
            "timestamp": (START - timedelta(minutes=2 * n)).isoformat(),
            "statusCode": "failure" if n % 2 else "transit",
            "description": words[n % 2],
        }
        for n in range(40)
    ]
    odd.answers = {BAD: (200, json.dumps({"shipments": [{"id": BAD, "events": events}]}).encode(), {})}
    town.order(BAD)
    town.poll()
    out = [one for one in town.story(BAD).crossings if one.milestone == "out_for_delivery"]
    assert len(out) == 20, "each is known"
    told = [message.channel for message in town.messages(milestone="out_for_delivery")]
    assert sorted(told) == ["email", "sms"]
    assert out[-1].occurred_at == START and all(decision.fired for decision in out[-1].decisions)
    assert {decision.reason for one in out[:-1] for decision in one.decisions} == {"late_news"}
    town.assert_whole()


def test_a_key_that_no_header_can_carry_is_told_of(town: Town):
    """A key with a line break costs a poll with the reason in sight, and is not in the reason."""
    on_their_way(town, BAD)
    ask_at(town, town.settings.carriers["dhl"].base_url, api_key="two\nlines")
    town.poll()
    assert town.parcel(BAD).problem.startswith("unavailable: ")
    assert "two" not in town.parcel(BAD).problem


def ask_at(town: Town, url: str, **given: Any) -> None:
    """Have the carrier asked elsewhere, or otherwise."""
    usual = town.settings.carriers["dhl"].model_dump()
    config = CarrierSettings(**{**usual, "base_url": url, **given})
    object.__setattr__(town.house, "carrier_settings", {"dhl": config})


def test_a_carrier_that_answers_nothing_holds_nobody_for_ever(town: Town, monkeypatch):
    """Those whose turn does not come in time are not asked, and not blamed: they come due again with the lease."""
    monkeypatch.setattr(asking, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(due, "LEASE_SECONDS", 1.0)
    numbers = [f"STALL-{n}" for n in range(12)]
    town.carrier.behaviour = Picky()
    on_their_way(town, *numbers)
    ask_at(town, town.settings.carriers["dhl"].base_url, concurrency=2, timeout_seconds=0.25)
    asked = town.poll().parcels
    assert asked < 12
    assert set(town.carrier.asked.values()) <= {1}, "none twice"
    assert sum(town.parcel(number).problem is None for number in numbers) == 12 - asked
    town.carrier.behaviour = Behaviour()
    town.clock.turn(seconds=1.25)
    monkeypatch.setattr(asking, "LEASE_SECONDS", 60.0)
    ask_at(town, town.settings.carriers["dhl"].base_url)
    assert town.poll().parcels == 12 - asked, "the others, now that the lease is over"


def test_a_carriers_wish_for_rest_is_kept(town: Town, odd: Odd):
    """`Retry-After: 600` on one parcel's answer puts every question to the carrier off by ten minutes."""
    odd.answers = {BAD: (429, b"{}", {"retry-after": "600"})}
    on_their_way(town, BAD)
    town.poll()
    on_their_way(town, *GOOD)
    odd.answers = {}
    town.clock.turn(seconds=599)
    assert town.poll().parcels == 0
    assert ("poll", "dhl") not in pipeline.due_work(town.house)
    town.clock.turn(seconds=1)
    assert town.poll().parcels == len(GOOD) + 1


NOT_HTTP = {
    "220 mail.example ESMTP": b"220 mail.example ESMTP\r\n",
    "half a body": b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{",
    "half a head": b"HTTP/1.1 2",
    "nothing": b"",
    "chunks that are none": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "a chunk that breaks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n",
}


def test_what_is_not_http_costs_a_poll_too(town: Town):
    """A server that speaks something else, hangs up in the middle or is not there is told of, and recovers."""
    on_their_way(town, GOOD[0])
    for failures, spoken in enumerate([*NOT_HTTP.values(), None], start=1):
        with speaking(spoken) as url:
            ask_at(town, url)
            assert town.poll().parcels == 1, spoken
        assert town.parcel(GOOD[0]).problem.startswith("unavailable: "), spoken
        assert town.parcel(GOOD[0]).poll_failures == failures
        town.clock.turn(hours=1.3)
    assert "an answer could not be used: unavailable" in town.told(GOOD[0])
    ask_at(town, town.settings.carriers["dhl"].base_url)
    town.poll()
    assert town.parcel(GOOD[0]).milestone == "out_for_delivery"


@contextmanager
def speaking(spoken: bytes | None) -> Iterator[str]:
    """The address of a server that says the same bytes to whoever asks, and hangs up; None listens to nobody."""

    class Speak(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            self.request.sendall(spoken)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Speak) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        if spoken is None:
            server.server_close()
            yield url
            return
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join(60)


def test_late_repeated_shuffled_and_unknown_change_nothing_of_what_is(town: Town):
    """However the events come, each is stored once, and the parcels end where they truly are, told forwards only."""
    journey = ((-30, Step.label), (-24, Step.pickup), (-20, Step.sorted), (-2, Step.van), (4, Step.delivered))
    numbers = [f"L{n}" for n in range(12)]
    town.carrier.behaviour = Behaviour(late=0.5, late_hours=6, repeated=0.6, shuffled=1.0, unknown=1.0)
    town.carrier.register([timetable(number, journey) for number in numbers])
    town.order(*numbers)
    for _ in range(24):
        town.poll()
        town.clock.turn(hours=0.6)
    truth = {number: town.carrier.parcels[number].truth() for number in numbers}
    for number in numbers:
        story = town.story(number)
        assert story.milestone == "delivered"
        assert len(story.scans) == len(truth[number]["events"]), "each event once"
        assert [scan.code for scan in story.scans if scan.milestone is None] == [
            event["code"] for event in truth[number]["events"] if event["milestone"] is None
        ]
    with town.house.sessions() as session:
        counted = dict(session.execute(sa.select(UnknownCode.code, UnknownCode.count)).all())
        stored = sa.select(Scan.code, sa.func.count()).where(Scan.milestone.is_(None)).group_by(Scan.code)
        assert counted == dict(session.execute(stored).all())
        assert sum(counted.values()) == len(numbers)
        once = sa.select(Crossing.shipment_id, Crossing.milestone, sa.func.count()).group_by(
            Crossing.shipment_id, Crossing.milestone
        )
        assert {count for *_, count in session.execute(once)} == {1}
    town.assert_whole()


def test_the_carriers_allowance_is_kept_by_all_processes_together(town: Town, monkeypatch):
    """Two processes that poll at once ask each parcel once, and by the carrier's own log no more often than one may."""
    rate, amount = 40.0, 64
    monkeypatch.setattr(budget, "HORIZON", 0.4)  # small claims, so that the two must alternate
    numbers = [f"R{n:03}" for n in range(amount)]
    on_their_way(town, *numbers)
    config = town.settings.carriers["dhl"].model_copy(update={"requests_per_second": rate})
    houses = [town.house, town.another_house()]
    shares = [0, 0]
    together = threading.Barrier(2)

    def ask(index: int) -> None:
        object.__setattr__(houses[index], "carrier_settings", {"dhl": config})
        together.wait(60)
        deadline = time.monotonic() + 60
        while sum(shares) < amount and time.monotonic() < deadline:
            if shares[index] <= shares[1 - index] + 16:  # a claim ahead at the most: the other may be held up
                shares[index] += pipeline.poll(houses[index], "dhl").parcels
            time.sleep(0.005)

    began = stopwatch()
    threads = [threading.Thread(target=ask, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(70)
    assert town.carrier.asked == dict.fromkeys(numbers, 1), "each parcel is asked about once"
    assert min(shares) > 0, shares
    # What a machine holds up arrives at once, but nothing arrives early: two that know nothing of each other would have
    # asked about all in half of the time.
    assert town.carrier.arrivals[-1] - began >= 0.9 * (amount - 1) / rate
