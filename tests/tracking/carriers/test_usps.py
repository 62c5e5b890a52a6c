"""The USPS adapter: how it asks, which of its times is taken, and how a delivery ends."""

import json

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply, HeardScan, RawAnswer
from app.tracking.carriers.usps import Usps
from app.tracking.carriers.usps_codes import CODES, code_of

USPS = Usps()
ACCESS = Access("http://127.0.0.1:9", "client", "s3cret", token="t0ken")
NUMBER = "9400100000000000000006"


def read(document: object, status: int = 200, **ask: str) -> CarrierReply:
    [call] = USPS.calls([Ask(NUMBER, **ask)], ACCESS)
    [reply] = USPS.read(call, RawAnswer(status, {}, json.dumps(document).encode()))
    return reply


def scan(**event: object) -> HeardScan:
    document = {"trackingNumber": NUMBER, "destinationState": "HI", "trackingEvents": [{"eventCode": "10", **event}]}
    return read(document).scans[0]


def test_asks_for_one_parcel_a_call_with_all_its_events() -> None:
    """The number stands in the path, the token in the header."""
    [call] = USPS.calls([Ask("9400 1000 0000 0000 0000 06")], ACCESS)
    assert call.url == f"http://127.0.0.1:9/tracking/v3/tracking/{NUMBER}?expand=DETAIL"
    assert call.headers["Authorization"] == "Bearer t0ken"


def test_the_route_before_a_number_is_no_part_of_it() -> None:
    """A label's barcode begins with 420 and the ZIP code; USPS is asked for, and answers about, the rest."""
    for route in ("42085201", "420852011234"):
        [call] = USPS.calls([Ask(route + NUMBER)], ACCESS)
        assert call.url.endswith(f"/{NUMBER}?expand=DETAIL")
        body = json.dumps({"trackingNumber": NUMBER, "trackingEvents": []}).encode()
        assert USPS.read(call, RawAnswer(200, {}, body))[0].kind is AnswerKind.tracked


def test_logs_in_with_json() -> None:
    """Client id and secret stand in a JSON body, as USPS wants it."""
    call = USPS.login.call(ACCESS)
    assert call.url == "http://127.0.0.1:9/oauth2/v3/token"
    assert json.loads(call.body) == {
        "grant_type": "client_credentials",
        "client_id": "client",
        "client_secret": "s3cret",
    }


@pytest.mark.parametrize(
    ("event", "instant", "source"),
    [
        ({"GMTTimestamp": "2026-07-01T17:00:31Z", "GMTOffset": "-05:00"}, "2026-07-01T17:00:31+00:00", "offset"),
        ({"GMTOffset": "-05:00"}, "2026-07-01T17:00:00+00:00", "offset"),
        ({"eventState": "CO"}, "2026-07-01T18:00:00+00:00", "place"),
        ({"eventState": "CO", "eventCountry": "JAPAN"}, "2026-07-01T22:00:00+00:00", "destination"),
        ({}, "2026-07-01T22:00:00+00:00", "destination"),
        ({"GMTTimestamp": "2026-07-01"}, "2026-07-01T22:00:00+00:00", "destination"),
        ({"GMTTimestamp": "", "GMTOffset": "EST"}, "2026-07-01T22:00:00+00:00", "destination"),
    ],
)
def test_takes_the_surest_of_its_times(event: dict[str, str], instant: str, source: str) -> None:
    """GMT where it is given, else the offset, else the state's zone, else the destination's."""
    found = scan(eventTimestamp="2026-07-01T12:00:00", **event)
    assert (found.occurred_at and found.occurred_at.isoformat(), found.zone_source) == (instant, source)


@pytest.mark.parametrize(
    ("code", "words", "milestone"),
    [
        ("01", "Delivered, Front Door/Porch", Milestone.delivered),
        ("01", "Delivered, PO Box", Milestone.delivered),
        ("01", "Delivered, To Original Sender", Milestone.returned),
        ("01", "Delivered to Agent for Final Delivery", Milestone.in_transit),
        ("1", "Delivered", None),
        ("16", "Available for Pickup", Milestone.ready_for_pickup),
        ("OF", "Delivered, To Original Sender", Milestone.out_for_delivery),
        ("ZZ", "Delivered", None),
    ],
)
def test_words_tell_apart_only_how_a_delivery_ends(code: str, words: str, milestone: Milestone | None) -> None:
    """Code 01 ends in several ways; the words beside any other change nothing."""
    assert CODES.get(code_of(code, words)) == milestone


@pytest.mark.parametrize(
    ("status", "document", "kind"),
    [
        (404, {"error": {"code": "404", "message": "Not Found"}}, AnswerKind.not_found),
        (400, {"error": {"message": "A status update is not yet available on your package."}}, AnswerKind.not_found),
        (400, {"error": {"code": "400", "message": "Bad request: the number has 3 digits"}}, AnswerKind.malformed),
        (200, {"error": {"code": "404", "message": "Not Found"}}, AnswerKind.not_found),
        (200, {"error": {"code": "401", "message": "Invalid token"}}, AnswerKind.denied),
        (200, {"error": {"code": "503", "message": "Try later"}}, AnswerKind.unavailable),
        (200, {"trackingNumber": "9400100000000000000099", "trackingEvents": []}, AnswerKind.malformed),
        (200, {"trackingNumber": NUMBER, "trackingEvents": "none"}, AnswerKind.malformed),
        (200, {"status": "fine"}, AnswerKind.malformed),
        (200, {"trackingNumber": NUMBER}, AnswerKind.tracked),
    ],
)
def test_reads_an_error_for_what_it_is(status: int, document: object, kind: AnswerKind) -> None:
    """Under any status: an unknown number, refused credentials, illness and nonsense are told apart."""
    assert read(document, status).kind is kind


def test_a_destination_abroad_is_not_taken_for_a_state() -> None:
    """Without a place, a time is local to the order's own zone."""
    document = {"trackingNumber": NUMBER, "trackingEvents": [{"eventCode": "10", "eventTimestamp": "2026-07-01T12:00"}]}
    [found] = read(document, destination_country="SE", zone="Europe/Stockholm").scans
    assert found.occurred_at and found.occurred_at.isoformat() == "2026-07-01T10:00:00+00:00"


@pytest.mark.parametrize(
    "number", ["9400111206206406260787", "4201002334249200190132607600833457", "03071790000523483741"]
)
def test_knows_its_numbers(number: str) -> None:
    """Check digits are right for real formats, and one digit off is none of ours."""
    assert any(one.fits(number) for one in USPS.formats)
    assert not any(one.fits(number[:-1] + str((int(number[-1]) + 1) % 10)) for one in USPS.formats)
