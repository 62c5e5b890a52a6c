"""The DHL adapter: how it asks, and what it makes of whole, odd and broken answers."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.models.vocabulary import CARRIER_MILESTONES, Milestone
from app.tracking.adapter.base import MAX_ANSWER_BYTES, Access, AnswerKind, Ask, CarrierReply, RawAnswer
from app.tracking.carriers.dhl import Dhl
from app.tracking.carriers.dhl_words import CODES, milestone_of

RECORDINGS = Path(__file__).parents[2] / "recordings" / "dhl"
DHL = Dhl()


def read(body: bytes, ask: Ask, status: int | None = 200, **headers: str) -> CarrierReply:
    [call] = DHL.calls([ask], Access("https://api-eu.dhl.com"))
    [reply] = DHL.read(call, RawAnswer(status, headers, body))
    assert reply.tracking_number == ask.tracking_number
    return reply


def recorded(name: str, ask: Ask) -> CarrierReply:
    return read((RECORDINGS / name).read_bytes(), ask)


def answer(*events: object, number: str = "1", **more: object) -> bytes:
    return json.dumps({"shipments": [{"id": number, "events": list(events), **more}]}).encode()


def event(code: str | None, status: str, timestamp: str = "2026-03-01T10:00:00Z", **more: object) -> dict[str, object]:
    return {"timestamp": timestamp, "status": status, **({} if code is None else {"statusCode": code}), **more}


def test_asks_for_one_parcel_a_call_in_english() -> None:
    """Each parcel is one GET with the key in its header, at the configured address."""
    calls = DHL.calls(
        [Ask("A 1&x=2"), Ask("B2", destination_country="se")],
        Access("http://127.0.0.1:9", "k3y"),
    )
    assert [call.url for call in calls] == [
        "http://127.0.0.1:9/track/shipments?trackingNumber=A1%26x%3D2&language=en",
        "http://127.0.0.1:9/track/shipments?trackingNumber=B2&language=en&requesterCountryCode=SE",
    ]
    assert all(call.method == "GET" and call.headers["DHL-API-Key"] == "k3y" for call in calls)


def test_asks_dhl_itself_when_no_address_is_configured() -> None:
    """An empty base URL means the carrier's own."""
    assert DHL.calls([Ask("1")], Access("https://api-eu.dhl.com"))[0].url.startswith(
        "https://api-eu.dhl.com/track/shipments?"
    )


def test_reads_a_whole_journey() -> None:
    """Codes and wording together give every milestone, each at the instant that its place's clock showed."""
    reply = recorded("whole_journey_english.json", Ask("00349900000000000017"))
    assert reply.kind is AnswerKind.tracked
    assert reply.service == "ecommerce-europe"
    assert [(scan.milestone, scan.occurred_at, scan.place) for scan in reply.scans] == [
        (Milestone.delivered, datetime(2026, 3, 5, 12, 2, tzinfo=UTC), "Tampere"),
        (Milestone.out_for_delivery, datetime(2026, 3, 5, 5, 41, tzinfo=UTC), "Tampere"),
        (Milestone.attempt_failed, datetime(2026, 3, 4, 14, 20, tzinfo=UTC), "Tampere"),
        (Milestone.in_transit, datetime(2026, 3, 3, 1, 10, tzinfo=UTC), "Stockholm"),
        (Milestone.dispatched, datetime(2026, 3, 2, 16, 30, tzinfo=UTC), "Borås"),
        (Milestone.registered, datetime(2026, 3, 2, 8, 5, tzinfo=UTC), None),
    ]


def test_reads_german_wording_and_a_return() -> None:
    """What comes back is returning, then returned, though DHL's code says failure and delivered."""
    reply = recorded("to_service_point_and_back_german.json", Ask("00349900000000000024"))
    assert [scan.milestone for scan in reply.scans] == [
        Milestone.returned,
        Milestone.returning,
        Milestone.ready_for_pickup,
        Milestone.attempt_failed,
        Milestone.out_for_delivery,
        Milestone.dispatched,
    ]


def test_reads_events_without_any_code() -> None:
    """The Express division sends a text alone: what it plainly says is taken, the rest is unknown."""
    reply = recorded("express_without_codes.json", Ask("7702345671", destination_country="GB", zone="Europe/London"))
    assert [(scan.milestone, scan.unknown) for scan in reply.scans] == [
        (Milestone.delivered, False),
        (Milestone.out_for_delivery, False),
        (Milestone.in_transit, False),
        (None, True),
        (Milestone.dispatched, False),
    ]
    assert reply.scans[0].occurred_at == datetime(2026, 5, 6, 10, 20, tzinfo=UTC)


def test_finds_the_zone_of_a_time_and_says_how() -> None:
    """An offset is believed; else the place's country decides, else the destination; the unreadable stays unread."""
    scans = recorded("odd_times_and_codes.json", Ask("ODD1")).scans
    assert [(scan.description, scan.zone_source, scan.occurred_at) for scan in scans[:7]] == [
        ("Twice in that night", "place", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("Never in that night", "place", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("With an offset", "offset", datetime(2026, 3, 1, 4, 30, tzinfo=UTC)),
        ("In UTC", "offset", datetime(2026, 3, 1, 10, 0, tzinfo=UTC)),
        ("No country", "destination", datetime(2026, 3, 1, 10, 0, tzinfo=UTC)),
        ("No time at all", "unreadable", None),
        ("Before the calendar", "unreadable", None),
    ]
    assert scans[5].written_time == "yesterday, late"


def test_assumes_utc_only_when_nothing_else_is_known() -> None:
    """A naive time without place or destination is taken as UTC, and says so."""
    [scan] = read(answer(event("transit", "Sorted", "2026-07-01T10:00:00")), Ask("1")).scans
    assert (scan.zone_source, scan.occurred_at) == ("assumed_utc", datetime(2026, 7, 1, 10, tzinfo=UTC))


@pytest.mark.parametrize("written", ["9999-12-31T23:59:59Z", "1969-07-20T20:17:00Z", "0001-01-01T00:00:00+14:00"])
def test_believes_no_time_that_no_parcel_can_have(written: str) -> None:
    """A year off the map would outrank every true scan, and cannot always be stored."""
    [scan] = read(answer(event("transit", "Sorted", written)), Ask("1")).scans
    assert (scan.occurred_at, scan.zone_source, scan.written_time) == (None, "unreadable", written)


def test_falls_back_to_the_country_when_the_orders_zone_is_none() -> None:
    """A zone name that does not exist costs precision, not the scan."""
    ask = Ask("1", destination_country="SE", zone="No/Where")
    [scan] = read(answer(event("transit", "Sorted", "2026-07-01T10:00:00")), ask).scans
    assert (scan.zone_source, scan.occurred_at) == ("destination", datetime(2026, 7, 1, 8, tzinfo=UTC))


def test_prefers_the_orders_own_zone_at_the_destination() -> None:
    """In a country of several zones the order knows better than the country does."""
    ask = Ask("1", destination_country="US", zone="America/Los_Angeles")
    body = answer(event("transit", "Sorted", "2026-07-01T10:00:00"), destination={"address": {"countryCode": "US"}})
    assert read(body, ask).scans[0].occurred_at == datetime(2026, 7, 1, 17, tzinfo=UTC)


def test_reads_the_expected_time_in_the_destinations_zone() -> None:
    """A window wins over the single time, and a time without offset is the destination's."""
    reply = recorded("odd_times_and_codes.json", Ask("ODD1"))
    assert reply.eta_from == datetime(2026, 3, 4, 10, tzinfo=UTC)
    assert reply.eta_through == datetime(2026, 3, 4, 14, tzinfo=UTC)


def test_takes_a_single_expected_time_for_both_ends() -> None:
    """Without a window the one instant is from and through."""
    reply = read(answer(estimatedTimeOfDelivery="2026-03-04T12:00:00Z"), Ask("1"))
    assert reply.eta_from == reply.eta_through == datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_collapses_an_event_given_twice() -> None:
    """The same event listed twice in one answer is one scan."""
    scans = recorded("odd_times_and_codes.json", Ask("ODD1")).scans
    assert len(scans) == 9
    assert len({scan.digest for scan in scans}) == 9


def test_keeps_a_scans_identity_across_answers() -> None:
    """A scan's digest depends on what DHL wrote of it, not on the rest of the answer or on who asks."""
    first = read(answer(event("transit", "Sorted"), event("pre-transit", "Announced")), Ask("1"))
    later = read(answer(event("delivered", "Done"), event("transit", "Sorted")), Ask("1", zone="Asia/Tokyo"))
    assert first.scans[0].digest == later.scans[1].digest
    assert first.scans[0].digest != first.scans[1].digest


def test_chooses_the_shipment_that_was_asked_for() -> None:
    """Ids may be numbers; where divisions share one, the shipment bound for the order's country is meant, else the one
    with the latest event, wherever DHL lists it."""
    reply = recorded("one_number_two_divisions.json", Ask("3344556677", destination_country="SE"))
    assert (reply.service, reply.scans[0].milestone) == ("ecommerce-europe", Milestone.in_transit)
    reply = recorded("one_number_two_divisions.json", Ask("3344556677", destination_country="ES"))
    assert (reply.service, reply.scans[0].milestone) == ("freight", Milestone.delivered)
    new, old = shipment("2026-03-02", "transit"), shipment("2025-09-02", "delivered")
    for listed in ([new, old], [old, new]):
        [scan] = read(json.dumps({"shipments": listed}).encode(), Ask("1", destination_country="FR")).scans
        assert scan.milestone is Milestone.in_transit


def shipment(on: str, code: str) -> dict[str, Any]:
    return {"id": "1", "events": [{"timestamp": f"{on}T10:00:00", "statusCode": code}]}


def test_finds_a_shipment_by_its_piece() -> None:
    """DHL looks a number up among pieces too, and answers with the shipment's id."""
    body = answer(event("transit", "Sorted"), number="900", details={"pieceIds": ["JD01", "JD02"]})
    assert read(body, Ask("jd02")).kind is AnswerKind.tracked


def test_refuses_an_answer_about_another_number() -> None:
    """A shipment that is not the one asked for is never taken for it."""
    reply = read(answer(event("delivered", "Done"), number="2"), Ask("1"))
    assert (reply.kind, reply.scans, reply.detail) == (AnswerKind.malformed, (), "the answer is about another number")


def test_matches_a_number_that_lost_its_leading_zeros() -> None:
    """An id sent as a JSON number cannot carry the zeros of the number asked for."""
    body = json.dumps({"shipments": [{"id": 340434292135100124, "events": []}]}).encode()
    assert read(body, Ask("00340434292135100124")).kind is AnswerKind.tracked


def test_takes_no_event_from_the_status_block() -> None:
    """The shipment's summary repeats its last event; counting it would count twice."""
    assert read(answer(status=event("delivered", "Done")), Ask("1")).scans == ()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, AnswerKind.not_found),
        (429, AnswerKind.throttled),
        (401, AnswerKind.denied),
        (403, AnswerKind.denied),
        (500, AnswerKind.unavailable),
        (503, AnswerKind.unavailable),
        (400, AnswerKind.malformed),
        (302, AnswerKind.malformed),
        (None, AnswerKind.unavailable),
    ],
)
def test_tells_refusals_apart(status: int | None, kind: AnswerKind) -> None:
    """Each HTTP status means one kind of reply, with a reason that a person can read."""
    body = (RECORDINGS / "not_found.json").read_bytes()
    reply = read(body, Ask("1"), status)
    assert reply.kind is kind
    assert reply.detail
    assert reply.scans == ()


def test_passes_on_why_nothing_came_back() -> None:
    """A fault of the wire stands in the reply as it was given."""
    [call] = DHL.calls([Ask("1")], Access("https://api-eu.dhl.com"))
    [reply] = DHL.read(call, RawAnswer(None, {}, b"", fault="no complete answer within 15 s"))
    assert reply.detail == "no complete answer within 15 s"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "99999999"}, 86_400.0),
        ({"retry-after": "Tue, 24 Nov 2026 10:02:00 GMT", "date": "Tue, 24 Nov 2026 10:00:30 GMT"}, 90.0),
        ({"retry-after": "Tue, 24 Nov 2026 10:02:00 GMT"}, None),
        ({"retry-after": "Tue, 24 Nov 2026 10:02:00 -0000", "date": "Tue, 24 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_reads_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """`Retry-After` in seconds or as a date, bounded by a day; what cannot be read is no wait."""
    assert read(b"", Ask("1"), 429, **headers).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "the answer is empty"),
        (b"<!DOCTYPE html><html>down for maintenance</html>", "the answer is a web page, not JSON"),
        (b"<?xml version='1.0'?><fault/>", "XML, not JSON"),
        (answer(event("transit", "Sorted"))[:40], "the answer breaks off in the middle"),
        (b"[]", "the answer is JSON, but not an object"),
        (b"null", "the answer is JSON, but not an object"),
        (b"{}", "the answer lists no shipments"),
        (b'{"shipments": {}}', "the answer lists no shipments"),
        (b'{"shipments": [{"id": "1", "events": "none"}]}', "the shipment's events are not a list"),
        (b"x" * (MAX_ANSWER_BYTES + 1), "the answer is longer than 2 MB"),
    ],
)
def test_says_plainly_what_is_wrong_with_a_broken_answer(body: bytes, detail: str) -> None:
    """An answer that cannot be used is malformed, and its detail is a sentence for people."""
    reply = read(body, Ask("1"))
    assert (reply.kind, reply.detail) == (AnswerKind.malformed, detail)


def test_survives_nesting_that_exhausts_the_parser() -> None:
    """A hundred thousand brackets are malformed, not a crash."""
    assert read(b'{"shipments":' + b"[" * 100_000, Ask("1")).kind is AnswerKind.malformed


@pytest.mark.parametrize(
    "body", [b'{"shipments": []}', b'{"status": 404}', (RECORDINGS / "not_found.json").read_bytes()]
)
def test_knows_not_found_inside_a_success(body: bytes) -> None:
    """An empty list, or the problem document under HTTP 200, is an unknown number."""
    reply = read(body, Ask("1"))
    assert reply.kind is AnswerKind.not_found
    assert reply.detail


def test_does_not_take_a_web_servers_404_for_dhls() -> None:
    """A page not found at a wrong address says nothing about the parcel."""
    assert read(b"<html>404</html>", Ask("1"), 404).kind is AnswerKind.malformed


def test_cleans_what_it_passes_on() -> None:
    """Text with NUL and lone surrogates can be stored; identity is taken from it as written."""
    body = b'{"shipments":[{"id":"1","events":[{"timestamp":"x","statusCode":"transit","status":"a\\u0000\\ud800"}]}]}'
    [scan] = read(body, Ask("1")).scans
    assert scan.description == "a?"
    assert len(scan.digest) == 16


@pytest.mark.parametrize("code", [*CODES, *(code.upper() for code in CODES)])
def test_every_documented_code_has_a_meaning(code: str) -> None:
    """The table is total: each of DHL's codes is a carrier's milestone, or expressly none, and never unknown."""
    milestone, unknown = milestone_of(code, "", "")
    assert not unknown
    assert milestone in CARRIER_MILESTONES or code.lower() == "unknown"


@pytest.mark.parametrize("code", ["TRANSIT-7", "in_transit", "out-for-delivery", "0", "delivered!"])
def test_an_unknown_code_is_no_milestone(code: str) -> None:
    """Whatever the text beside it says, a code from no table is kept raw and flagged."""
    [scan] = read(answer(event(code, "The shipment has been delivered.")), Ask("1")).scans
    assert (scan.milestone, scan.unknown, scan.code) == (None, True, code)


@pytest.mark.parametrize(
    ("code", "text", "milestone"),
    [
        ("transit", "Out for delivery.", Milestone.out_for_delivery),
        ("transit", "With delivery courier", Milestone.out_for_delivery),
        ("transit", "In Zustellung", Milestone.out_for_delivery),
        ("transit", "It will be out for delivery tomorrow", Milestone.in_transit),
        ("transit", "The shipment could not be loaded onto the delivery vehicle.", Milestone.in_transit),
        ("transit", "Die Sendung konnte nicht in das Zustellfahrzeug geladen werden.", Milestone.in_transit),
        ("transit", "Die Sendung ist noch nicht zur Abholung bereit.", Milestone.in_transit),
        ("transit", "Die Sendung wird zur Abholung bereitgestellt.", Milestone.in_transit),
        ("transit", "The shipment is ready for collection.", Milestone.ready_for_pickup),
        ("delivered", "The shipment has been delivered for pick-up at the service point.", Milestone.ready_for_pickup),
        ("delivered", "The recipient has picked up the shipment from the retail outlet.", Milestone.delivered),
        ("transit", "Accepted by DHL", Milestone.dispatched),
        ("transit", "Delivery attempt unsuccessful", Milestone.attempt_failed),
        ("failure", "The shipment is being returned to the sender.", Milestone.returning),
        ("failure", "The shipment was damaged.", Milestone.exception),
        ("pre-transit", "The shipment order was canceled by the sender.", Milestone.cancelled),
        ("pre-transit", "DELIVERED", Milestone.registered),
        ("unknown", "Out for delivery", None),
    ],
)
def test_wording_refines_a_code_and_never_more(code: str, text: str, milestone: Milestone | None) -> None:
    """A listed sentence sharpens what the code says; anything else leaves the code's own meaning."""
    assert milestone_of(code, text, "") == (milestone, False)
    assert milestone_of(code, "", text) == (milestone, False)
