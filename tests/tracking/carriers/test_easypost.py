"""What is special about EasyPost: how it is asked, told of numbers, and believed when it calls."""

import csv
import json
import unicodedata
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from app.errors import Forged, Unreadable
from app.tracking.adapter.base import Access, AnswerKind, Ask, RawAnswer
from app.tracking.adapter.signing import hmac_sha256
from app.tracking.carriers.easypost import EasyPost
from tests.tracking.carriers.recordings import ACCESS

PAGE = json.loads((Path(__file__).parents[2] / "recordings" / "easypost" / "whole_journey.json").read_text())


def test_fifty_numbers_are_one_question():
    """As the vendor's client asks: each number in `tracking_codes[]`; the key is the user name, without a password."""
    first, second = EasyPost().calls([Ask(f"N&{number}") for number in range(51)], ACCESS)
    asked = parse_qs(urlsplit(first.url).query)
    assert (len(asked["tracking_codes[]"]), asked["page_size"], len(second.asks)) == (50, ["100"], 1)
    assert asked["tracking_codes[]"][0] == "N&0"
    assert first.headers["Authorization"] == "Basic azN5Og=="  # k3y:


def test_a_tracker_is_made_with_its_carriers_name():
    """EasyPost's name for the carrier where it has one only."""
    calls = EasyPost.enrolment.calls([Ask("1Z1", carrier="ups"), Ask("003", carrier="dhl")], ACCESS, "")
    assert [json.loads(call.body) for call in calls] == [
        {"tracker": {"tracking_code": "1Z1", "carrier": "UPS"}},
        {"tracker": {"tracking_code": "003"}},
    ]
    assert {(call.method, call.url) for call in calls} == {("POST", "https://carrier.example/v2/trackers")}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (201, {"object": "Tracker", "tracking_code": "N1"}, None),
        (200, {"object": "Tracker", "tracking_code": "N1"}, None),
        (200, {}, AnswerKind.malformed),
        (422, {"error": {"code": "TRACKER.CREATE.ERROR", "message": "no such number"}}, AnswerKind.not_found),
        (422, {"error": {"code": "PARAMETER.INVALID", "message": "carrier"}}, AnswerKind.malformed),
        (401, {"error": {"code": "APIKEY.INACTIVE"}}, AnswerKind.denied),
        (429, {"error": {"code": "RATE_LIMITED"}}, AnswerKind.throttled),
        (500, {}, AnswerKind.unavailable),
    ],
)
def test_what_becomes_of_a_tracker(status, body, kind):
    """The one that there is already is as good as a new one; it is made again before three months are over."""
    [call] = EasyPost.enrolment.calls([Ask("N1")], ACCESS, "")
    [enrolled] = EasyPost.enrolment.read(call, RawAnswer(status, {}, json.dumps(body).encode()))
    assert (enrolled.refusal.kind if enrolled.refusal else None) == kind
    assert enrolled.days is None if kind else 80 < enrolled.days < 90


def test_a_call_tells_what_an_answer_tells():
    """The same scans with the same identities, so that hearing both is hearing once."""
    ask = Ask("9400100000000000000017", "US", "US", "America/New_York")
    [call] = EasyPost().calls([ask], ACCESS)
    [answered] = EasyPost().read(call, RawAnswer(200, {}, json.dumps(PAGE).encode()))
    event = {"object": "Event", "description": "tracker.updated", "result": PAGE["trackers"][0]}
    [pushed] = EasyPost.push.read(json.dumps(event).encode(), {ask.tracking_number: ask})
    assert (pushed.scans, pushed.eta_from, pushed.notes) == (answered.scans, answered.eta_from, answered.notes)
    assert pushed.as_of.isoformat() == "2026-03-05T15:31:00+00:00"


def test_what_is_about_no_parcel_is_about_none():
    """It calls about batches, refunds and payments too."""
    assert EasyPost.push.read(b'{"object": "Event", "result": {"object": "Batch", "tracking_code": "x"}}') == []
    assert EasyPost.push.read(b'{"result": []}') == []
    for body in (b"", b"nonsense", b"[]", b'{"result": {"tracking_code": "N", "tracking_details": {}}}'):
        with pytest.raises(Unreadable):
            EasyPost.push.read(body)


def test_its_signature_is_hexadecimal():
    """The body's digest under the secret in its form NFKD, after the scheme's name."""
    body, access = b"{}", Access("", push_secret="ﬁ①")
    assert unicodedata.normalize("NFKD", "ﬁ①") == "fi1"
    signed = f"hmac-sha256-hex={hmac_sha256('fi1', body).hex()}"
    EasyPost.push.verify("", {"x-hmac-signature": signed}, body, access)
    for wrong in (signed.removeprefix("hmac-sha256-hex="), signed.upper(), "hmac-sha256-hex=", ""):
        with pytest.raises(Forged):
            EasyPost.push.verify("", {"x-hmac-signature": wrong}, body, access)


def test_a_code_is_status_and_detail():
    """Where two facts decide: the status for most, the detail where something happened on the way."""
    codes = EasyPost.codes
    assert len(codes) == 10 * 29
    assert codes["in_transit/arrived_at_pickup_location"] == codes["delivered/arrived_at_pickup_location"]
    assert codes["out_for_delivery/delayed"] == "out_for_delivery" and codes["in_transit/delayed"] == "delayed"
    assert codes["return_to_sender/return"] == "returning"
    assert codes["return_to_sender/arrived_at_destination"] == "returned"
    assert codes["failure"] == "exception" and codes["pre_transit/label_created"] == "registered"


@pytest.mark.shared
def test_every_known_status_has_a_meaning():
    """All that the vendor's manual lists; the other reader's incident reasons are none of EasyPost's words."""
    table = Path(__file__).parents[4] / "shared" / "carriers" / "easypost" / "codes.csv"
    if not table.exists():
        pytest.skip("../shared does not lie beside this checkout")
    rows = [row for row in csv.DictReader(table.read_text().splitlines()) if "docs.easypost.com" in row["source"]]
    assert len(rows) == 10 and {row["code"] for row in rows} <= set(EasyPost.codes)
