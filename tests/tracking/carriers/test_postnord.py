"""What is special about PostNord: its question, its rules of meaning, and what makes a scan's identity."""

import copy
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.log import mask
from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply, NoMilestone, RawAnswer
from app.tracking.carriers.postnord import PostNord
from app.tracking.carriers.postnord_codes import meaning

CARRIER = PostNord()
ACCESS = Access("https://api2.postnord.com", "k3y")
NUMBER = "373500000000007003"


def answer(events: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    item = {"itemId": NUMBER, "status": "EN_ROUTE", "events": events}
    shipment = {"shipmentId": NUMBER, "status": "EN_ROUTE", "items": [item], **more}
    return {"TrackingInformationResponse": {"shipments": [shipment]}}


def event(code: str, status: str, time: str = "2026-03-04T07:00:00Z", **more: Any) -> dict[str, Any]:
    return {"eventTime": time, "eventCode": code, "status": status, "location": {"locationId": "7"}, **more}


def read(document: Any, status: int | None = 200) -> CarrierReply:
    [call] = CARRIER.calls([Ask(NUMBER, destination_country="SE")], ACCESS)
    [reply] = CARRIER.read(call, RawAnswer(status, {}, json.dumps(document).encode()))
    return reply


def test_the_question_names_the_number_the_key_and_a_fixed_language():
    """One GET of the public view; the key stands in the query and nowhere else."""
    [call] = CARRIER.calls([Ask(" 00373500000000007003 ", destination_country="DK")], ACCESS)
    parts = urlsplit(call.url)
    assert (call.method, call.body) == ("GET", b"")
    assert parts.path == "/rest/shipment/v7/trackandtrace/id/00373500000000007003/public"
    assert parse_qs(parts.query) == {"apikey": ["k3y"], "locale": ["en"]}
    assert "k3y" not in str(call.headers)


def test_the_key_is_masked_in_logs():
    """Whoever logs the address shows everything but the key."""
    [call] = CARRIER.calls([Ask(NUMBER)], ACCESS)
    assert mask(f"asked {call.url}") == f"asked {call.url.replace('k3y', '…')}"


@pytest.mark.parametrize("number", [".", "..", "a/../../b", "x?apikey=z", "x#y", ""])
def test_no_number_leads_to_another_path(number):
    """A number that is a step in a path, or the end of one, stays one segment."""
    [call] = CARRIER.calls([Ask(number)], ACCESS)
    path = urlsplit(call.url).path
    assert path.count("/") == 7 and path.startswith("/rest/shipment/v7/trackandtrace/id/")
    assert path.split("/")[6] not in ("", ".", "..")


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("113", "EN_ROUTE", Milestone.out_for_delivery),
        ("31", "EN_ROUTE", Milestone.in_transit),
        ("1", "DELIVERED", Milestone.ready_for_pickup),
        ("1", "AVAILABLE_FOR_DELIVERY", Milestone.ready_for_pickup),
        ("21", "DELIVERED", Milestone.delivered),
        ("4711", "DELIVERED", Milestone.delivered),  # a known status needs no known event code
        ("z82", "OTHER", NoMilestone.nothing),
        ("z3D", "OTHER", NoMilestone.movement),
        ("21", "OTHER", NoMilestone.movement),  # OTHER never moves a parcel to another milestone
        ("4711", "OTHER", NoMilestone.movement),
        ("68", "", Milestone.registered),
        ("4711", "BEAMED", None),
        ("", "", None),
    ],
)
def test_status_and_event_code_together_mean(code, status, expected):
    """The status decides, unless the event code says more, or the status is OTHER."""
    assert meaning(code, status) == expected


def test_an_event_code_may_come_as_a_number():
    """113 without quotes is 113."""
    [scan] = read(answer([event(113, "EN_ROUTE")])).scans
    assert (scan.code, scan.milestone) == ("113", Milestone.out_for_delivery)


def test_a_delivery_after_the_turn_is_the_sender_s():
    """On a shipment that came back, what happens after the first RETURNED event is the way back, what was before it
    stays; without such an event only the last delivery is the sender's."""
    way = [
        event("21", "DELIVERED", "2026-03-01T10:00:00Z"),
        event("45", "RETURNED", "2026-03-02T10:00:00Z"),
        event("1", "AVAILABLE_FOR_DELIVERY", "2026-03-03T10:00:00Z"),
        event("21", "DELIVERED", "2026-03-04T10:00:00Z"),
    ]
    turned = read(answer(way, status="RETURNED"))
    assert [scan.milestone for scan in turned.scans] == ["delivered", "returning", "returning", "returned"]
    unsaid = read(answer([way[0], way[3]], status="RETURNED"))
    assert [scan.milestone for scan in unsaid.scans] == ["delivered", "returned"]
    kept = read(answer(way))
    assert [scan.milestone for scan in kept.scans] == ["delivered", "returning", "ready_for_pickup", "delivered"]


def test_identity_does_not_depend_on_words_order_or_eta():
    """Another language, another order, a new ETA and a new status of the shipment leave every scan what it was."""
    events = [
        event("31", "EN_ROUTE", eventDescription="Under transportation"),
        event("21", "DELIVERED", "2026-03-04T09:00:00Z", eventDescription="Delivered"),
    ]
    before = {scan.digest for scan in read(answer(events)).scans}
    later = copy.deepcopy(events)[::-1]
    for one in later:
        one["eventDescription"] = "Försändelsen …"
        one["location"]["displayName"] = "Luleå brevterminal"
    after = {scan.digest for scan in read(answer(later, estimatedTimeOfArrival="2026-03-05T09:00:00Z")).scans}
    assert before == after and len(before) == 2


def test_what_the_shopper_booked_goes_before_an_estimate():
    """A booked window is told as one; half a window is none."""
    document = answer([], estimatedTimeOfArrival="2026-03-05T14:00:00Z")
    item = document["TrackingInformationResponse"]["shipments"][0]["items"][0]
    item |= {"bookedDeliveryDateFrom": "2026-03-06T16:00:00Z", "bookedDeliveryDateTo": "2026-03-06T20:00:00Z"}
    reply = read(document)
    assert reply.eta_from is not None and reply.eta_through is not None
    assert (reply.eta_from.hour, reply.eta_through.hour) == (16, 20)
    del item["bookedDeliveryDateTo"]
    reply = read(document)
    assert reply.eta_from == reply.eta_through
    assert reply.eta_from is not None and reply.eta_from.day == 5


def test_a_number_used_again_is_the_latest_shipment_s():
    """Of several shipments of one number, one bound for the order's country is meant, and of these the latest."""

    def bound(country: str, time: str) -> dict[str, Any]:
        told = answer([event("31", "EN_ROUTE", time)], consignee={"address": {"countryCode": country}})
        return told["TrackingInformationResponse"]["shipments"][0]

    several = [
        bound("SE", "2025-01-01T07:00:00Z"),
        bound("SE", "2026-01-01T07:00:00Z"),
        bound("DK", "2026-02-01T07:00:00Z"),
    ]
    reply = read({"TrackingInformationResponse": {"shipments": several}})
    assert [scan.written_time for scan in reply.scans] == ["2026-01-01T07:00:00Z"]
    reply = read({"TrackingInformationResponse": {"shipments": several[2:]}})
    assert [scan.written_time for scan in reply.scans] == ["2026-02-01T07:00:00Z"]


def test_nothing_personal_is_read():
    """Who sent, received or signed, and the address of a home, stand nowhere in a reply."""
    secret = {"name": "Secret Person", "address": {"street1": "Secret Street 1", "city": "Secret"}}
    document = answer(
        [event("21", "DELIVERED")],
        consignee=secret,
        consignor=secret,
        deliveryPoint={"locationType": "CUSTOMER_LOCATION", **secret},
    )
    document["TrackingInformationResponse"]["shipments"][0]["items"][0]["acceptor"] = {"name": "Secret Person"}
    reply = read(document)
    assert "Secret" not in repr(reply)
    assert reply.notes.proof == "signature"


@pytest.mark.parametrize(
    ("status", "document", "kind"),
    [
        (200, {}, AnswerKind.malformed),
        (200, {"TrackingInformationResponse": {}}, AnswerKind.malformed),
        (200, {"TrackingInformationResponse": {"shipments": None}}, AnswerKind.malformed),
        (200, {"TrackingInformationResponse": {"compositeFault": {"faults": []}}}, AnswerKind.malformed),
        (400, {"message": "no fault object"}, AnswerKind.malformed),
        (404, {"message": "no such thing"}, AnswerKind.not_found),
    ],
)
def test_answers_without_shipments_are_told_apart(status, document, kind):
    """An empty list says that the number is unknown; a missing one says nothing."""
    assert read(document, status).kind is kind


def test_its_numbers_are_known_by_their_check_digits():
    """UPU numbers of Sweden and Denmark and GS1 numbers are its own; a wrong check digit is none of them."""

    def fit(number: str) -> bool:
        return any(one.fits(number) and one.strength >= 0.5 for one in CARRIER.formats)

    assert fit("RB123456785SE") and fit("RB123456785DK") and fit("12345678901SE")
    assert fit("373500000000001001") == fit("00373500000000001001")
    assert sum(fit(f"37350000000000100{digit}") for digit in range(10)) == 1
    assert not fit("RB123456784SE") and not fit("RB123456785NO") and not fit("373500")


def test_the_numbers_of_an_answer_are_its_items():
    """For reading an answer of which nobody knows what was asked."""
    body = json.dumps(answer([])).encode()
    assert CARRIER.numbers_in(body) == [NUMBER]
    assert CARRIER.numbers_in(b"<html>") == CARRIER.numbers_in(b"[]") == []
