"""Adding a carrier takes one file, its recordings and one line: done here with one that does not exist."""

import importlib.util
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import sqlalchemy as sa

from app import pipeline
from app.intake.schema import parse_order
from app.intake.store import upsert_orders
from app.models import Brand, Message, Scan, Shipment
from app.pipeline.codes.mapping import unknown_codes
from app.pipeline.house import House
from app.pipeline.polling.routing import accepted_carriers, routes_for
from app.settings import Settings
from app.tracking.adapter.base import Carrier
from app.tracking.adapter.rawfile import read_file
from app.tracking.carriers.registry import CARRIERS
from app.tracking.normalised import normalised
from app.tracking.which import which
from app.wiring import build_house
from tests.pipeline.conftest import TurnedClock
from tests.serving import serving
from tests.tracking.carriers import recordings as recorded
from tests.tracking.carriers import test_contract as contract

THE_FILE = '''
"""Pigeon Post: how it is asked, and what its words mean. Manual: https://pigeon.example/manual."""

from http import HTTPStatus
from urllib.parse import urlencode

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import (
    AnswerKind, Call, Carrier, CarrierReply, HeardScan, NoMilestone, clean, scan_digest,
)
from app.tracking.adapter.numbers import NumberFormat, s10
from app.tracking.adapter.reading import json_object, malformed, not_found, objects, same_number, text, without_news
from app.tracking.adapter.times import instant


class Pigeon(Carrier):
    """Letters by air."""

    name = "pigeon"
    title = "Pigeon Post"
    manual = "https://pigeon.example/manual"
    base_url = "https://api.pigeon.example"
    batch_size = 3
    codes = {
        "RING": Milestone.dispatched,
        "ALOFT": Milestone.in_transit,
        "COOP": Milestone.delivered,
        "CORN": NoMilestone.nothing,
    }
    formats = (NumberFormat(r"PG(?P<serial>\\d{8})(?P<check>\\d)SE", s10, 0.95),)

    def calls(self, asks, access):
        return [
            Call("GET", f"{access.base_url}/flights?{self._query(some)}", {"X-Seed": access.key}, some)
            for some in (asks[at : at + self.batch_size] for at in range(0, len(asks), self.batch_size))
        ]

    def _query(self, asks):
        return urlencode({"ring": [ask.tracking_number for ask in asks]}, True)

    def read(self, call, answer):
        return [self._reply(ask, answer) for ask in call.asks]

    def _reply(self, ask, answer):
        number = ask.tracking_number
        refusal = without_news(self.title, number, answer)
        if refusal is not None:
            return refusal
        document, fault = json_object(answer.body)
        if document is None or answer.status != HTTPStatus.OK or not isinstance(document.get("flights"), list):
            return malformed(number, answer.status, fault or "no flights")
        flight = next((f for f in objects(document["flights"]) if same_number(f.get("ring"), number)), None)
        if flight is None:
            return not_found(number, "no pigeon wears that ring")
        scans = {scan.digest: scan for scan in map(self._scan, objects(flight.get("seen")))}
        return CarrierReply(AnswerKind.tracked, number, scans=tuple(scans.values()))

    def _scan(self, seen):
        code, written = clean(text(seen.get("what")), 60), text(seen.get("when"))
        meaning = self.codes.get(code)
        occurred_at, source = instant(written, None, None)
        return HeardScan(
            digest=scan_digest("pigeon", code, written), code=code,
            milestone=meaning if isinstance(meaning, Milestone) else None,
            description=clean(text(seen.get("note"))), place=None, written_time=clean(written, 60),
            occurred_at=occurred_at, zone_source=source, unknown=meaning is None,
            moves=isinstance(meaning, Milestone),
        )
'''

RING = "PG473124829SE"
SEEN = [
    {"what": "RING", "when": "2026-03-01T09:00:00+01:00", "note": "Ringed in Malmö"},
    {"what": "HAWK", "when": "2026-03-01T11:30:00+01:00", "note": "A hawk was seen"},
    {"what": "COOP", "when": "2026-03-02T08:15:00+01:00", "note": "Landed in the coop"},
]
ITS_RECORDINGS = {
    "home.json": {"flights": [{"ring": RING, "seen": SEEN}]},
    "nobody.json": {"flights": []},
    "odd.json": {"flights": [{"ring": RING, "seen": [{"what": "CORN", "when": "noon"}, 7]}]},
}
EXPECTED = [
    {
        "file": "home.json",
        "asks": [{"tracking_number": RING}],
        "replies": [
            {
                "kind": "tracked",
                "milestones": ["dispatched", None, "delivered"],
                "unknown": ["HAWK"],
                "occurred_at": [
                    "2026-03-01T08:00:00+00:00",
                    "2026-03-01T10:30:00+00:00",
                    "2026-03-02T07:15:00+00:00",
                ],
            }
        ],
    },
    {"file": "nobody.json", "asks": [{"tracking_number": RING}], "replies": [{"kind": "not_found"}]},
    {
        "file": "odd.json",
        "asks": [{"tracking_number": RING}],
        "replies": [{"kind": "tracked", "codes": ["CORN"], "still": ["CORN"], "zone_sources": ["unreadable"]}],
    },
]


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Carrier]:
    """The registry with one line more, for a file and recordings that were written just now."""
    file = tmp_path / "pigeon.py"
    file.write_text(THE_FILE)
    spec = importlib.util.spec_from_file_location("pigeon", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path / "recordings" / "pigeon"
    folder.mkdir(parents=True)
    for name, answer in ITS_RECORDINGS.items():
        (folder / name).write_text(json.dumps(answer))
    (folder / "expected.json").write_text(json.dumps(EXPECTED))
    carriers = {**CARRIERS, "pigeon": module.Pigeon()}  # the one line
    monkeypatch.setattr(recorded, "FOLDER", tmp_path / "recordings")
    monkeypatch.setattr(contract, "CARRIERS", carriers)
    return carriers


def test_it_keeps_the_contract(registry):
    """The suite that every carrier passes, on it, with its own recordings."""
    carrier = registry["pigeon"]
    contract.test_it_says_who_it_is(carrier)
    contract.test_its_table_speaks_our_vocabulary(carrier)
    contract.test_each_carrier_has_recordings(carrier)
    for amount in (1, 2, 7, 61):
        contract.test_each_parcel_is_asked_about_once_in_full_batches(carrier, amount)
    for body in (b"", b"<html>", b"{", b"[]"):
        contract.test_a_page_instead_of_an_answer_is_malformed(carrier, body)
    for one in recorded.recordings("pigeon"):
        contract.test_recordings_are_read_as_expected("pigeon", one)


def test_its_numbers_and_answers_are_known(registry):
    """`which` finds it by its format, and a raw answer is read without being told what was asked."""
    candidate = which(RING, registry)[0]
    assert candidate.carrier == "pigeon" and candidate.chance > 0.9
    reading = read_file(registry["pigeon"], json.dumps(ITS_RECORDINGS["home.json"]).encode())
    [shipment] = normalised(reading.tracked, reading.errors)["shipments"]
    assert (shipment["tracking_number"], shipment["milestone"]) == (RING, "delivered")
    assert shipment["scans"][0]["occurred_at"] == "2026-03-01T09:00:00+01:00"


class Loft:
    """Pigeon Post over HTTP, and a DHL that knows no number: one answers flights, the other 404."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    async def __call__(self, scope, receive, send):
        self.asked[scope["path"]] += 1
        rings = parse_qs(scope["query_string"].decode()).get("ring", [])
        flights = [{"ring": ring, "seen": SEEN} for ring in rings if ring in (RING, "3821724944")]
        status = 200 if scope["path"] == "/flights" else 404
        body = json.dumps({"flights": flights} if status == 200 else {"status": 404, "title": "No result found"})
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body.encode()})


@pytest.fixture
def house(registry, engine: sa.Engine, brand: Brand) -> Iterator[tuple[House, Loft, TurnedClock]]:
    """A house that asks both carriers over loopback HTTP."""
    loft, clock = Loft(), TurnedClock(datetime(2026, 3, 2, 8, tzinfo=UTC))
    with serving(loft) as url:
        settings = Settings(
            send="shadow",
            carriers={
                name: {"api_key": "k", "base_url": url, "requests_per_second": 500} for name in ("dhl", "pigeon")
            },
        )
        built = build_house(settings, engine=engine)
        house = replace(built, clock=clock, carriers={"dhl": registry["dhl"], "pigeon": registry["pigeon"]})
        yield house, loft, clock
        house.loop.run(house.http.aclose())
        house.loop.close()


def tell(house: House, number: str, **parcel: str) -> None:
    payload = {
        "number": f"N{number}",
        "placed_at": "2026-03-01T07:00:00+00:00",
        "shopper": {"email": "maja@example.test", "country": "SE"},
        "parcels": [{"tracking_number": number, **parcel}],
    }
    with house.sessions.begin() as session:
        brand = session.scalars(sa.select(Brand)).one()
        order = parse_order(payload, accepted_carriers(house))
        upsert_orders(session, brand, [order], now=house.clock.now(), route=routes_for(house, session, brand.id))


def parcel(house: House) -> Shipment:
    with house.sessions() as session:
        return session.scalars(sa.select(Shipment)).one()


def test_it_is_polled_from_then_on(house):
    """Its parcel is asked about over HTTP, its scans are stored, its unknown code is counted, its shopper is told."""
    built, loft, _ = house
    tell(built, RING, carrier="Pigeon")
    assert ("poll", "pigeon") in pipeline.due_work(built)
    assert pipeline.poll(built, "pigeon").scans == 3
    assert loft.asked == {"/flights": 1}
    assert parcel(built).milestone == "delivered"
    with built.sessions() as session:
        assert {scan.carrier for scan in session.scalars(sa.select(Scan))} == {"pigeon"}
        assert [(one.carrier, one.code, one.example) for one in unknown_codes(session)] == [
            ("pigeon", "HAWK", "A hawk was seen")
        ]
        assert "delivered" in set(session.scalars(sa.select(Message.milestone)))


def with_loose_numbers(house: House) -> House:
    """Where pigeons wear any ten digits, as DHL's waybills do."""
    pigeon = house.carriers["pigeon"]
    any_digits = replace(pigeon.formats[0], pattern=r"\d{10}", check=None, strength=0.2)
    loose = type("Loose", (type(pigeon),), {"formats": (any_digits,)})
    return replace(house, carriers={**house.carriers, "pigeon": loose()})


def test_an_ambiguous_number_is_settled_by_the_first_that_knows_it(house):
    """Ten digits are a waybill's first; DHL does not know them, so the next is asked shortly after, and it does."""
    built, _, clock = house
    built = with_loose_numbers(built)
    tell(built, "3821724944")
    assert (parcel(built).asked_of, parcel(built).candidates) == ("dhl", ["dhl", "pigeon"])
    pipeline.poll(built, "dhl")
    waiting = parcel(built)
    assert (waiting.carrier, waiting.asked_of) == (None, "pigeon")
    assert clock.now() < waiting.next_poll_at
    clock.turn(minutes=5)
    pipeline.poll(built, "pigeon")
    settled = parcel(built)
    assert (settled.carrier, settled.carrier_guessed, settled.candidates) == ("pigeon", True, [])
    assert settled.milestone == "delivered"
    with built.sessions() as session:
        facts = session.scalars(sa.text("SELECT facts->'parcel'->>'carrier' FROM crossings")).all()
    assert set(facts) == {"pigeon"}, "the first message names the carrier already"


def test_a_number_that_none_knows_goes_back_to_the_likeliest_and_slower(house):
    """A round of questions minutes apart, then hours of rest, and the likeliest again."""
    built, _, clock = house
    built = with_loose_numbers(built)
    tell(built, "3318810025")
    pipeline.poll(built, "dhl")
    clock.turn(minutes=5)
    pipeline.poll(built, "pigeon")
    rested = parcel(built)
    assert (rested.carrier, rested.asked_of, rested.candidates) == (None, "dhl", ["dhl", "pigeon"])
    assert (rested.next_poll_at - clock.now()).total_seconds() > 3600
