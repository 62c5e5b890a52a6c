"""The UPS adapter: how it asks and logs in, and which part of an activity decides what it means."""

import json

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply, RawAnswer, Token
from app.tracking.carriers.ups import Ups
from app.tracking.carriers.ups_codes import DELIVERIES, EXCEPTIONS, SCANS
from app.tracking.carriers.ups_statuses import CODES, STATUSES, code_of

UPS = Ups()
ACCESS = Access("http://127.0.0.1:9", "client", "s3cret", token="t0ken")
NUMBER = "1Z00A0000300000007"


def read(document: object, number: str = NUMBER, status: int = 200) -> CarrierReply:
    [call] = UPS.calls([Ask(number, destination_country="US")], ACCESS)
    [reply] = UPS.read(call, RawAnswer(status, {}, json.dumps(document).encode()))
    return reply


def package(number: str = NUMBER, **more: object) -> dict[str, object]:
    return {"trackingNumber": number, "activity": [], **more}


def shipment(*packages: object, inquiry: str = NUMBER) -> dict[str, object]:
    return {"trackResponse": {"shipment": [{"inquiryNumber": inquiry, "package": list(packages)}]}}


def test_asks_for_one_parcel_a_call_with_a_transaction_of_its_own() -> None:
    """The token stands in the header; `transId` differs by parcel and token, and is the same for the same call."""
    first, second = UPS.calls([Ask("1z 00a0 0003 0000 0007"), Ask("1Z00A0000300000016")], ACCESS)
    assert first.url == (
        "http://127.0.0.1:9/api/track/v1/details/1Z00A0000300000007"
        "?locale=en_US&returnSignature=false&returnMilestones=false"
    )
    assert first.headers["Authorization"] == "Bearer t0ken" and first.headers["transactionSrc"] == "doorstep"
    assert first.headers["transId"] != second.headers["transId"]
    assert first == UPS.calls([Ask("1z 00a0 0003 0000 0007")], ACCESS)[0]
    other = UPS.calls(first.asks, Access("http://127.0.0.1:9", token="another"))[0]
    assert other.headers["transId"] != first.headers["transId"]


def test_logs_in_with_a_basic_header() -> None:
    """Client id and secret are exchanged for a token, as UPS wants it."""
    call = UPS.login.call(ACCESS)
    assert (call.method, call.url) == ("POST", "http://127.0.0.1:9/security/v1/oauth/token")
    assert call.headers["Authorization"] == "Basic Y2xpZW50OnMzY3JldA=="
    assert call.body == b"grant_type=client_credentials"
    answer = RawAnswer(200, {}, b'{"access_token": "abc", "expires_in": "14399"}')
    assert UPS.login.read(answer) == Token("abc", 14399.0)


@pytest.mark.parametrize(
    ("kind", "status", "code", "milestone"),
    [
        ("D", "011", "FS", Milestone.delivered),
        ("D", "011", "2Q", Milestone.ready_for_pickup),
        ("D", "011", "B0", Milestone.returned),
        ("D", "034", "FS", Milestone.returned),
        ("D", "161", "", Milestone.ready_for_pickup),
        ("D", "", "MG", Milestone.delivered),
        ("D", "", "", None),
        ("D", "005", "", None),
        ("D", "143", "", Milestone.in_transit),
        ("D", "021", "", None),
        ("I", "011", "FS", None),
        ("X", "011", "", None),
        ("I", "021", "", Milestone.out_for_delivery),
        ("I", "72", "OD", Milestone.in_transit),
        ("I", "", "OD", Milestone.in_transit),
        ("X", "", "OD", None),
        ("I", "", "DS", Milestone.in_transit),
        ("X", "", "DS", Milestone.exception),
        ("X", "013", "KX", Milestone.attempt_failed),
        ("X", "013", "", Milestone.exception),
        ("X", "046", "CM", Milestone.delayed),
        ("M", "", "whatever", Milestone.registered),
        ("M", "003", "VP", Milestone.cancelled),
        ("MV", "", "", Milestone.cancelled),
        ("P", "038", "PU", Milestone.dispatched),
        ("RS", "034", "", Milestone.returned),
        ("RS", "", "", None),
        ("DO", "011", "", None),
        ("U", "155", "PX", None),
        ("ZZ", "011", "FS", None),
    ],
)
def test_type_status_and_code_decide_together(kind: str, status: str, code: str, milestone: Milestone | None) -> None:
    """Nothing is delivered but under D, and not everything there; the same letters differ by type."""
    meaning = CODES.get(code_of(kind, status, code))
    assert (meaning if isinstance(meaning, Milestone) else None) == milestone


def test_only_type_d_delivers() -> None:
    """No key of the whole table says delivered under another type, and no type alone does."""
    delivering = {key for key, meaning in CODES.items() if meaning is Milestone.delivered}
    assert len(delivering) > 50 and all(key.startswith("D:") for key in delivering)


def test_tables_overlap_only_where_the_type_tells_them_apart() -> None:
    """Codes stand once in each list; a location of delivery among the exceptions never says delivered there."""
    assert Milestone.delivered not in EXCEPTIONS.values() and Milestone.delivered not in SCANS.values()
    assert all(len(code) == 2 for table in (DELIVERIES, EXCEPTIONS, SCANS) for code in table)
    assert all(len(code) == 3 and code.isdigit() for code in STATUSES)


def test_a_shipment_is_no_further_than_its_last_package() -> None:
    """Asked about by a number that is the whole shipment's, it is delivered when the last of its packages is."""
    there = {"date": "20260304", "time": "100000", "status": {"type": "D", "statusCode": "011"}}
    moving = {"date": "20260304", "time": "110000", "status": {"type": "I", "statusCode": "005"}}
    first, second = package("1Z1", activity=[there]), package("1Z2", activity=[moving])
    for packages in ((first, second), (second, first)):
        [scan] = read(shipment(*packages, inquiry=NUMBER)).scans
        assert scan.milestone is Milestone.in_transit
    assert read(shipment(first, second, inquiry=NUMBER), number="1Z1").scans[0].milestone is Milestone.delivered


def test_a_shipment_asked_by_its_own_number_gives_its_first_package() -> None:
    """The number of a shipment leads to its packages; one of another shipment is not ours."""
    document = shipment(package("1ZA", weight={"weight": "1", "unitOfMeasurement": "LBS"}), package("1ZB"))
    assert read(document).notes.pieces == ("1ZB",)
    assert read(document).notes.weight_grams == 454
    assert read(document, "1ZB").notes.pieces == ("1ZA",)
    assert read(document, "1ZC").kind is AnswerKind.malformed


@pytest.mark.parametrize(
    ("dates", "window", "expected"),
    [
        ({"SDD": "20260704"}, None, (None, None, "2026-07-04")),
        ({"SDD": "20260704", "RDD": "20260705"}, {"type": "EOD"}, (None, None, "2026-07-05")),
        (
            {"SDD": "20260704"},
            {"type": "CMT", "startTime": "", "endTime": "103000"},
            ("2026-07-04T14:30:00+00:00", "2026-07-04T14:30:00+00:00", None),
        ),
        (
            {"SDD": "20260704"},
            {"type": "EDW", "startTime": "124500", "endTime": "164500"},
            ("2026-07-04T16:45:00+00:00", "2026-07-04T20:45:00+00:00", None),
        ),
        ({"SDD": "20260704", "DEL": "20260703"}, {"type": "DEL", "endTime": "100000"}, (None, None, None)),
        ({"SDD": "string"}, {"type": "string", "startTime": "string"}, (None, None, None)),
    ],
)
def test_reads_when_it_is_expected(dates: dict[str, str], window: object, expected: tuple[str | None, ...]) -> None:
    """The rescheduled day before the scheduled one, a window where there is one, nothing once delivered."""
    given = [{"type": kind, "date": day} for kind, day in dates.items()]
    reply = read(shipment(package(deliveryDate=given, deliveryTime=window)))
    found = (reply.eta_from, reply.eta_through, reply.eta_day)
    assert tuple(one.isoformat() if one else None for one in found) == expected


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("TV1002", 400, AnswerKind.not_found),
        ("TW0001", 404, AnswerKind.not_found),
        ("250003", 400, AnswerKind.denied),
        ("10429", 200, AnswerKind.throttled),
        ("TV9999", 400, AnswerKind.malformed),
    ],
)
def test_reads_errors_by_their_code(code: str, status: int, kind: AnswerKind) -> None:
    """A wrong licence is not taken for a wrong number, whatever the HTTP status."""
    reply = read({"response": {"errors": [{"code": code, "message": "No"}]}}, status=status)
    assert reply.kind is kind and "No" in (reply.detail or "")


def test_a_scan_keeps_its_identity_when_the_rest_changes() -> None:
    """Order, words and expectations change nothing in a scan's digest; its time does."""
    event = {"date": "20260704", "time": "100000", "status": {"type": "I", "statusCode": "005", "description": "On"}}
    worded = event | {"status": event["status"] | {"description": "En route"}, "gmtDate": "20260704"}
    [one], [same] = (read(shipment(package(activity=[e]))).scans for e in (event, worded))
    [later] = read(shipment(package(activity=[event | {"time": "100001"}]))).scans
    assert one.digest == same.digest != later.digest


@pytest.mark.parametrize("number", ["1Z5R89390357567127", "1Z879E930346834440", "K1506235620"])
def test_knows_its_numbers(number: str) -> None:
    """Check digits are right for real formats, and one digit off is none of ours."""
    assert any(one.fits(number) for one in UPS.formats)
    assert not any(one.fits(number[:-1] + str((int(number[-1]) + 1) % 10)) for one in UPS.formats)
