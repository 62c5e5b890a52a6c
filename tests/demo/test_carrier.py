"""The carrier stand-in over real loopback HTTP, read by the real DHL adapter."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.clock import Clock, describe_clock, wall_seconds
from app.demo.carrier.behaviour import CALM, Behaviour, Fault
from app.demo.carrier.server import CarrierStandIn
from app.demo.carrier.timetable import Step, TimedStep, Timetable, Timetables
from app.embedded.ports import free_port
from app.models.vocabulary import Milestone
from app.tracking.adapter.base import MAX_ANSWER_BYTES, Access, AnswerKind, Ask, CarrierReply, RawAnswer
from app.tracking.carriers.dhl import Dhl
from app.tracking.milestones import KnownScan, fold
from tests.serving import serving

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
NUMBER = "00349900000000000017"
STEPS = (
    (0, Step.label, "", "SE"),
    (8, Step.pickup, "Borås", "SE"),
    (12, Step.sorted, "Jönköping", "SE"),
    (44, Step.arrived, "Tampere", "FI"),
    (47, Step.van, "Tampere", "FI"),
    (51, Step.delivered, "Tampere", "FI"),
)


def timetable(number: str = NUMBER, steps: tuple[tuple[int, Step, str, str], ...] = STEPS) -> Timetable:
    timed = tuple(
        TimedStep(at=START + timedelta(hours=hours), step=step, place=place, country=country, lag_seconds=600)
        for hours, step, place, country in steps
    )
    return Timetable(tracking_number=number, service="ecommerce-europe", origin="SE", destination="FI", steps=timed)


def still(hours: float) -> Clock:
    """A clock that stands `hours` after the start, as near as no test can tell."""
    return Clock(START + timedelta(hours=hours), wall_seconds(), 1e-6)


@dataclass
class Served:
    """The stand-in in its own thread, and a client that asks as the engine does."""

    stand_in: CarrierStandIn
    url: str
    http: httpx.Client

    def ask(self, number: str = NUMBER) -> CarrierReply:
        [call] = Dhl().calls([Ask(number)], Access(self.url, "any"))
        try:
            with self.http.stream(call.method, call.url, headers=dict(call.headers)) as answer:
                body = bytearray()
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        break
                raw = RawAnswer(answer.status_code, dict(answer.headers), bytes(body))
        except httpx.TimeoutException:
            raw = RawAnswer(None, {}, b"", fault="no answer in time")
        return Dhl().read(call, raw)[0]

    def at(self, hours: float, number: str = NUMBER) -> CarrierReply:
        self.stand_in.clock = still(hours)
        return self.ask(number)

    def get(self, path: str) -> Any:
        return self.http.get(self.url + path).raise_for_status().json()

    def put(self, path: str, body: object) -> httpx.Response:
        return self.http.put(self.url + path, json=body)

    def behave(self, **changes: float) -> None:
        self.put("/behaviour", changes).raise_for_status()


@pytest.fixture
def served() -> Iterator[Served]:
    """A calm stand-in with one parcel, on a port of its own."""
    stand_in = CarrierStandIn(still(0))
    stand_in.register([timetable()])
    with serving(stand_in) as url, httpx.Client(timeout=30, trust_env=False) as http:
        yield Served(stand_in, url, http)


def wait_until(condition: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.01)


def known(reply: CarrierReply) -> list[KnownScan]:
    return [KnownScan(scan.digest, scan.milestone, scan.occurred_at) for scan in reply.scans]


def test_a_parcel_is_unknown_until_its_first_step_shows(served: Served) -> None:
    """A number is a 404 both before it is visible and when it never was; then it is there."""
    assert served.at(0.1).kind is AnswerKind.not_found
    assert served.at(0.1, "never").kind is AnswerKind.not_found
    reply = served.at(0.2)
    assert [scan.milestone for scan in reply.scans] == [Milestone.registered]


def test_steps_show_as_their_time_and_lag_have_passed(served: Served) -> None:
    """At each moment the answer holds the steps that have been reported by then, newest first."""
    assert [scan.milestone for scan in served.at(8.1).scans] == [Milestone.registered]
    assert [scan.milestone for scan in served.at(50).scans] == [
        Milestone.out_for_delivery,
        Milestone.in_transit,
        Milestone.in_transit,
        Milestone.dispatched,
        Milestone.registered,
    ]


def test_the_adapter_reads_the_very_instants(served: Served) -> None:
    """Local times of two zones come back as the instants of the timetable."""
    reply = served.at(100)
    assert [scan.occurred_at for scan in reversed(reply.scans)] == [step.at for step in timetable().steps]


def test_a_fast_clock_moves_the_parcel_by_itself(served: Served) -> None:
    """With the engine's clock at high speed a parcel is delivered within a moment."""
    served.stand_in.clock = Clock(START, wall_seconds(), 360_000)
    wait_until(lambda: fold(known(served.ask())).milestone is Milestone.delivered)


def test_the_key_is_required(served: Served) -> None:
    """Without the header DHL-API-Key, or with a wrong one where one is set, nothing is said."""
    path = f"{served.url}/track/shipments?trackingNumber={NUMBER}"
    refused = served.http.get(path)
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
    strict = CarrierStandIn(still(0), api_key="right")
    assert strict._refusal({"headers": [(b"dhl-api-key", b"wrong")]}) is not None
    assert strict._refusal({"headers": [(b"dhl-api-key", b"right")]}) is None


def test_too_many_questions_are_throttled(served: Served) -> None:
    """Above the allowed rate the answer is 429 with a time to wait, and the adapter understands it."""
    served.behave(requests_per_second=0.001)  # so few that no stall of the machine comes to another
    served.stand_in._allowance = 1.0
    replies = [served.at(1) for _ in range(5)]
    assert [reply.kind is AnswerKind.throttled for reply in replies] == [False, True, True, True, True]
    assert replies[1].retry_after == 1.0


@pytest.mark.parametrize(
    ("fault", "kind", "detail"),
    [
        (Fault.html, AnswerKind.malformed, "the answer is a web page, not JSON"),
        (Fault.truncated, AnswerKind.malformed, "the answer breaks off in the middle"),
        (Fault.error, AnswerKind.unavailable, "DHL is not able to answer just now (HTTP 500)"),
        (Fault.huge, AnswerKind.malformed, "the answer is longer than 2 MB"),
    ],
)
def test_a_broken_answer_costs_one_question(served: Served, fault: Fault, kind: AnswerKind, detail: str) -> None:
    """Even if every answer were to be broken, every second one is whole: a parcel recovers."""
    served.behave(**{fault.value: 1.0})
    first, second, third = served.at(100), served.at(100), served.at(100)
    assert (first.kind, first.detail) == (kind, detail)
    assert fold(known(second)).milestone is Milestone.delivered
    assert third.kind is kind


def test_a_stalled_answer_ends_with_the_askers_patience(served: Served) -> None:
    """A stall says nothing until the asker hangs up; the next question is answered."""
    served.behave(stall=1.0, stall_seconds=600)
    served.http.timeout = httpx.Timeout(60, read=0.2)
    assert served.at(100).kind is AnswerKind.unavailable
    served.http.timeout = httpx.Timeout(60)
    wait_until(lambda: served.get("/log")["requests"] == 1)  # it may come to the question after the asker has gone
    assert served.at(100).kind is AnswerKind.tracked


def test_repeated_and_shuffled_events_are_the_same_news(served: Served) -> None:
    """However an answer is ordered and doubled, the set of scans and what they amount to are the same."""
    calm = served.at(100)
    served.behave(repeated=1.0, shuffled=1.0)
    body = served.http.get(
        f"{served.url}/track/shipments?trackingNumber={NUMBER}", headers={"DHL-API-Key": "any"}
    ).json()
    listed = [event["timestamp"] for event in body["shipments"][0]["events"]]
    assert len(listed) == 2 * len(STEPS)
    assert listed != sorted(listed, reverse=True)
    wild = served.at(100)
    assert {scan.digest for scan in wild.scans} == {scan.digest for scan in calm.scans}
    assert fold(known(wild)) == fold(known(calm))


def test_late_steps_show_hours_after_they_happened(served: Served) -> None:
    """A late report changes when something is heard, not when it happened."""
    calm = served.at(100)
    served.behave(late=1.0, late_hours=8)
    assert len(served.at(51.5).scans) < len(STEPS)
    late = served.at(51 + 8.5)
    assert {(scan.digest, scan.occurred_at) for scan in late.scans} == {(s.digest, s.occurred_at) for s in calm.scans}


def test_a_code_from_no_manual_is_flagged_and_moves_nothing(served: Served) -> None:
    """The stray scan is heard as unknown, and the parcel stands where it stood."""
    calm = fold(known(served.at(100)))
    served.behave(unknown=1.0)
    reply = served.at(100)
    assert [scan.milestone for scan in reply.scans if scan.unknown] == [None]
    assert fold(known(reply)) == calm


def test_the_truth_is_what_the_adapter_reads_in_the_end(served: Served) -> None:
    """With every kind of misbehaviour, at the end the answers amount to the truth, for every parcel."""
    returned = (*STEPS[:5], (51, Step.attempt, "Oulu", "FI"), (75, Step.sent_back, "Oulu", "FI"))
    journeys = {
        "delivered": STEPS,
        "returned": (*returned, (99, Step.returned, "Borås", "SE")),
        "collected": (*STEPS[:5], (52, Step.pickup_point, "Oulu", "FI"), (70, Step.delivered, "Oulu", "FI")),
        "held": (*STEPS[:4], (46, Step.held, "Oulu", "FI"), (70, Step.van, "Oulu", "FI")),
    }
    numbers = [f"{kind}-{index}" for kind in journeys for index in range(15)]
    parcels = [timetable(number, journeys[number.split("-")[0]]) for number in numbers]
    registered = served.put("/parcels", {"parcels": [parcel.model_dump(mode="json") for parcel in parcels]})
    assert registered.json() == {"parcels": len(numbers) + 1}
    served.behave(late=0.3, repeated=0.3, shuffled=0.5, unknown=0.5, html=0.2, truncated=0.2, error=0.2)
    heard: dict[str, dict[bytes, Any]] = {number: {} for number in numbers}
    for hours in (20, 50, 60, 80, 200, 201):
        for number in numbers:
            reply = served.at(hours, number)
            heard[number] |= {scan.digest: scan for scan in reply.scans}
    truth = {parcel["tracking_number"]: parcel for parcel in served.get("/truth")["parcels"]}
    for number in numbers:
        scans = [KnownScan(scan.digest, scan.milestone, scan.occurred_at) for scan in heard[number].values()]
        assert fold(scans).milestone == truth[number]["final"]
        told = sorted((scan.occurred_at.isoformat(), scan.milestone) for scan in scans if scan.milestone)
        real = sorted((event["at"], event["milestone"]) for event in truth[number]["events"] if event["milestone"])
        assert told == real
    assert sum(served.stand_in.broken.values()) > 50


def test_the_log_counts_questions_by_parcel(served: Served) -> None:
    """What was asked, and how it was answered, can be read back."""
    served.at(1), served.at(1), served.at(1, "never")
    log = served.get("/log")
    assert log["requests"] == 3
    assert log["answers"] == {"tracked": 2, "No result found": 1}
    assert log["parcels"][NUMBER] == {"requests": 2, "broken": 0}


def test_the_same_seed_misbehaves_the_same_way() -> None:
    """Dice depend on the seed, the parcel and the question alone; another seed falls otherwise."""
    mood = Behaviour(html=0.1, truncated=0.1, error=0.1, late=0.5, shuffled=0.5, unknown=0.5)

    def fall(behaviour: Behaviour) -> list[Fault | None]:
        return [behaviour.fault(NUMBER, asked) for asked in range(1, 200)]

    first = fall(mood)
    assert first == fall(Behaviour(**mood.model_dump()))
    assert first != fall(mood.model_copy(update={"seed": 2}))
    assert 30 < sum(fault is not None for fault in first) < 70
    assert all(not (one and other) for one, other in pairwise(first))
    assert CALM.fault(NUMBER, 1) is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/parcels", {"parcels": [{"tracking_number": "1", "steps": []}]}, 422),
        ("PUT", "/parcels", [], 422),
        ("PUT", "/behaviour", {"late": 2}, 422),
        ("PUT", "/behaviour", {"lat": 0.5}, 422),
        ("GET", "/elsewhere", None, 404),
        ("GET", "/track/shipments", None, 401),
    ],
)
def test_refuses_what_it_cannot_read(served: Served, method: str, path: str, body: object, status: int) -> None:
    """A wrong body or address is a problem document, and changes nothing."""
    before = served.get("/behaviour")
    answer = served.http.request(method, served.url + path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert served.get("/behaviour") == before
    assert served.get("/healthz")["parcels"] == 1


def test_steps_out_of_order_are_refused() -> None:
    """A timetable tells a journey from its beginning to its end."""
    with pytest.raises(ValueError, match="order in which they happen"):
        timetable(steps=STEPS[::-1])


def test_a_person_can_start_it(tmp_path: Path) -> None:
    """`python -m app.demo.carrier` serves a file of timetables on the engine's clock and ends when asked to."""
    parcels = tmp_path / "parcels.json"
    parcels.write_text(Timetables(parcels=(timetable(),)).model_dump_json())
    port = free_port()
    program = subprocess.Popen(
        [sys.executable, "-m", "app.demo.carrier", "--port", str(port), "--parcels", str(parcels)],
        env={**os.environ, "DOORSTEP_CLOCK": describe_clock(still(100))},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(timeout=30, trust_env=False) as http:
            stand_in = Served(CarrierStandIn(still(0)), f"http://127.0.0.1:{port}", http)
            wait_until(lambda: answers(stand_in), 180)
            assert stand_in.ask().scans[0].milestone is Milestone.delivered
    finally:
        program.terminate()
        code = program.wait(60)
    assert code in (0, -15)


def answers(served: Served) -> bool:
    try:
        return bool(served.get("/healthz")["parcels"])
    except httpx.TransportError:
        return False
