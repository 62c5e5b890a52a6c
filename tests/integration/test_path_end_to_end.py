"""Two parcels from the order to the doorstep: imported and posted, polled, decided, sent, read by the shopper."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from app import pipeline
from app.demo.carrier.timetable import Step
from app.demo.providers.serving import StandIn
from app.intake.importing import ImportReport, import_file
from app.models import Brand, Shipment
from app.models.vocabulary import Source
from app.pipeline.deciding.concluding import hear
from app.pipeline.listening.incoming import heard_from_incoming
from app.pipeline.polling.routing import accepted_carriers, routes_for
from app.web.access.keys import issue_key
from tests.intake.rows import write_csv
from tests.integration.conftest import Town, eventually, order_payload, timetable
from tests.pipeline.conftest import START

JOURNEY = ((-30, Step.label), (1, Step.pickup), (20, Step.arrived), (46, Step.van), (53 + 2 / 3, Step.delivered))
"""Delivered on Wednesday 4 March 2026 at 13:40 UTC: 14:40 in Stockholm, 10:40 in São Paulo."""
HOURS = 60
POSTED, IMPORTED = "POSTED-1", "IMPORTED-1"


def post(town: Town, web: str) -> httpx.Response:
    """A shop in Sweden tells its order over the API."""
    with town.house.sessions.begin() as session:
        brand = session.scalars(sa.select(Brand)).one()
        key = issue_key(session, brand.id, "tests", ["orders:write"])
    order = order_payload(POSTED, number="1001", promised_on="2026-03-03")
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(f"{web}/v1/orders", json=order, headers=headers, timeout=60, trust_env=False)


def bring(town: Town, folder: Path) -> ImportReport:
    """A file with an order from Brazil is imported as new."""
    row = {
        "order_number": "2002",
        "placed_at": (START - timedelta(days=2)).isoformat(),
        "email": "joao@example.test",
        "phone": "+5511987654321",
        "name": "João Souza",
        "country": "BR",
        "zone": "America/Sao_Paulo",
        "currency": "BRL",
        "total": "129.90",
        "promised_on": "2026-03-03",
        "items": "2x Lantern",
        "carrier": "dhl",
        "tracking_number": IMPORTED,
    }
    file = write_csv(folder / "orders.csv", [row])
    with town.house.sessions() as session:
        brand = session.scalars(sa.select(Brand)).one()
    now = town.clock.now()
    return import_file(
        file,
        None,
        brand,
        town.house.sessions,
        lambda at, parcels: hear(at, town.house, heard_from_incoming(parcels, Source.file), now),
        now=now,
        live=True,
        known_carriers=accepted_carriers(town.house),
        routes=lambda at: routes_for(town.house, at, brand.id),
    )


def live_through(town: Town) -> None:
    """Hour by hour, do what the workers do."""
    for _ in range(HOURS):
        for kind, which in pipeline.due_work(town.house):
            if kind == "poll":
                pipeline.poll(town.house, which)
        pipeline.watch(town.house)
        town.send()
        pipeline.digest_reports(town.house)
        pipeline.recover(town.house)
        town.clock.turn(hours=1)


@pytest.fixture
def stand_in(providers: StandIn, web: str) -> StandIn:
    """The providers, reporting to the web application."""
    providers.behave(callbacks={"base": web, "delay_ms": (1, 5), "batch_ms": 5})
    return providers


# That it is on its way is told once, as it leaves, and by mail.
EMAILS = ("dispatched", "delayed", "out_for_delivery", "delivered")
SMSES = ("delayed", "out_for_delivery", "delivered")
TOLD = Counter({(channel, one): 2 for channel, ones in (("email", EMAILS), ("sms", SMSES)) for one in ones})
# The delay opens at midnight, and its text waits for the morning. By then both parcels are out for delivery, and the
# first question of the morning has said so.
del TOLD["sms", "delayed"]


def told(town: Town) -> Counter[tuple[str, str]]:
    """How many messages have been delivered, by channel and milestone."""
    return Counter((message.channel, message.milestone) for message in town.messages(state="delivered"))


def taken(stand_in: StandIn) -> list[dict[str, Any]]:
    return [stand_in.journal.full(entry) for entry in stand_in.journal.entries]


def one(entries: list[dict[str, Any]], recipient: str, word: str) -> dict[str, Any]:
    """The one entry for this recipient with this word in its subject or, for an SMS, its text."""
    (found,) = [
        entry for entry in entries if entry["recipient"] == recipient and word in (entry["subject"] or entry["text"])
    ]
    return found


@pytest.mark.long
def test_two_parcels_from_the_order_to_the_doorstep(town: Town, web: str, stand_in: StandIn, tmp_path: Path):
    """Every milestone reaches both shoppers, each in their own zone and day, with links that open; twice changes
    nothing."""
    town.carrier.register([timetable(POSTED, JOURNEY), timetable(IMPORTED, JOURNEY, "BR")])
    assert post(town, web).json()["results"][0]["status"] == "created"
    report = bring(town, tmp_path)
    assert (report.orders_new, report.fault_count) == (1, 0)
    live_through(town)
    eventually("every report is in", lambda: pipeline.digest_reports(town.house) == 0 and told(town) == TOLD)
    entries = taken(stand_in)
    assert len(entries) == TOLD.total()
    _assert_the_swede_is_told_swedish_time(entries)
    _assert_the_brazilian_is_told_brazilian_time(entries)
    _assert_links_open(town, web, entries)
    _assert_told_when_it_happened(town)
    town.assert_whole()

    _begin_again(town)
    assert post(town, web).json()["results"][0]["status"] == "unchanged"
    assert bring(town, tmp_path).orders_unchanged == 1
    live_through(town)
    assert taken(stand_in) == entries, "a journey lived through again tells nobody anything"
    assert told(town) == TOLD
    town.assert_whole()


def _assert_the_swede_is_told_swedish_time(entries: list[dict[str, Any]]) -> None:
    delivered = one(entries, "maja@example.test", "Delivered")
    assert delivered["subject"] == "Delivered today, 14:40, Malmö: Wool blanket"
    assert "as delivered today at 14:40 (Malmö)" in delivered["text"] and "14:40" in delivered["html"]
    assert "Order: 1001" in delivered["text"] and f"Tracking number: {POSTED}" in delivered["text"]
    assert "Delivered today 14:40, Malmö: Wool blanket" in one(entries, "+46701740605", "Delivered")["text"]
    assert one(entries, "maja@example.test", "On its way")["subject"] == "On its way, expected tomorrow: Wool blanket"
    late = one(entries, "maja@example.test", "Running late")
    assert late["subject"] == "Running late, promised for yesterday: Wool blanket"


def _assert_the_brazilian_is_told_brazilian_time(entries: list[dict[str, Any]]) -> None:
    delivered = one(entries, "joao@example.test", "Delivered")
    assert delivered["recipient_name"] == "João Souza"
    assert delivered["subject"] == "Delivered today, 10:40, Malmö: Lantern"
    assert "2 × Lantern" in delivered["text"]
    assert "Delivered today 10:40" in one(entries, "+5511987654321", "Delivered")["text"]
    assert "as delivered today at 10:40 (Malmö)" in delivered["text"]


def _assert_links_open(town: Town, web: str, entries: list[dict[str, Any]]) -> None:
    pages = {number: f"{web}/t/{town.parcel(number).link_token}" for number in (POSTED, IMPORTED)}
    theirs = {"maja@example.test": POSTED, "+46701740605": POSTED}
    for entry in entries:
        links = set(re.findall(rf"{re.escape(web)}/t/\w+", entry["text"] + entry["html"]))
        assert links == {pages[theirs.get(entry["recipient"], IMPORTED)]}, "nobody gets another's link"
    for number, zone_time in ((POSTED, "14:40"), (IMPORTED, "10:40")):
        page = httpx.get(pages[number], timeout=60, trust_env=False)
        assert page.status_code == 200
        assert zone_time in page.text and number in page.text


def _assert_told_when_it_happened(town: Town) -> None:
    """The delay opens as the promised day ends for each shopper: 23:00 UTC in Stockholm, 03:00 UTC in São Paulo."""
    ends = {POSTED: datetime(2026, 3, 3, 23, tzinfo=UTC), IMPORTED: datetime(2026, 3, 4, 3, tzinfo=UTC)}
    for number, end in ends.items():
        (late,) = [crossing for crossing in town.story(number).crossings if crossing.milestone == "delayed"]
        assert late.occurred_at == end
        assert end <= late.crossed_at <= end + timedelta(hours=1)


def _begin_again(town: Town) -> None:
    """Turn the clock back, and have every parcel asked about and looked at as if for the first time."""
    town.clock.turn(hours=-HOURS)
    with town.house.sessions.begin() as session:
        session.execute(sa.update(Shipment).values(next_poll_at=START, last_answer=None, watch_at=START))
