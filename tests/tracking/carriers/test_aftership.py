"""What is special about AfterShip: how it is asked, told of numbers, and believed when it calls."""

import csv
import json
from base64 import b64encode
from pathlib import Path

import pytest

from app.errors import Forged, Unreadable
from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, RawAnswer
from app.tracking.adapter.signing import hmac_sha256
from app.tracking.carriers.aftership import AfterShip
from tests.tracking.carriers.recordings import ACCESS

PAGE = json.loads((Path(__file__).parents[2] / "recordings" / "aftership" / "whole_journey.json").read_text())


def test_fifty_numbers_are_one_question():
    """Comma-separated, a page large enough for numbers that several carriers use, the key in its header."""
    first, second = AfterShip().calls([Ask(f"N {number}&x=1", carrier="ups") for number in range(51)], ACCESS)
    assert (len(first.asks), len(second.asks)) == (50, 1)
    assert second.url == "https://carrier.example/tracking/2025-07/trackings?tracking_numbers=N50%26x%3D1&limit=200"
    assert first.headers["as-api-key"] == "k3y" and first.method == "GET"


def test_a_number_is_registered_with_its_carrier_and_nobodys_address():
    """The carrier's slug where there is one only; else AfterShip goes by the number. Nobody is to be written to."""
    asks = [Ask("1Z1", carrier="ups"), Ask("003", carrier="dhl"), Ask("X", carrier="unheard-of"), Ask("Y")]
    calls = AfterShip.enrolment.calls(asks, ACCESS, "https://shop.example/hooks/carriers/aftership")
    assert [json.loads(call.body) for call in calls] == [
        {"tracking_number": "1Z1", "slug": "ups"},
        {"tracking_number": "003"},
        {"tracking_number": "X"},
        {"tracking_number": "Y"},
    ]
    assert {(call.method, call.url) for call in calls} == {
        ("POST", "https://carrier.example/tracking/2025-07/trackings")
    }


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (201, 201, None), (400, 4003, None), (400, 4012, AnswerKind.not_found), (400, 4005, AnswerKind.not_found),
        (400, 4001, AnswerKind.malformed), (401, 401, AnswerKind.denied), (200, 403, AnswerKind.denied),
        (429, 429, AnswerKind.throttled), (200, 429, AnswerKind.throttled), (503, 503, AnswerKind.unavailable),
        (None, 0, AnswerKind.unavailable), (200, 0, AnswerKind.malformed),
    ],
)  # fmt: skip
def test_what_becomes_of_a_registration(status, code, kind):
    """ "Already exists" is success; a number that is none is told apart from a request that is."""
    [call] = AfterShip.enrolment.calls([Ask("N1")], ACCESS, "")
    body = json.dumps({"meta": {"code": code, "message": "words"}, "data": {}}).encode()
    [enrolled] = AfterShip.enrolment.read(call, RawAnswer(status, {}, body))
    assert enrolled.tracking_number == "N1"
    assert (enrolled.refusal.kind if enrolled.refusal else None) == kind


def test_a_call_tells_what_an_answer_tells():
    """The same scans with the same identities, so that hearing both is hearing once."""
    ask = Ask("SF7700000000101", "CN", "SE", "Europe/Stockholm")
    [call] = AfterShip().calls([ask], ACCESS)
    [answered] = AfterShip().read(call, RawAnswer(200, {}, json.dumps(PAGE).encode()))
    event = {"event": "tracking_update", "ts": 1772700000, "msg": PAGE["data"]["trackings"][0]}
    [pushed] = AfterShip.push.read(json.dumps(event).encode(), {ask.tracking_number: ask})
    assert pushed.scans == answered.scans and pushed.eta_day == answered.eta_day
    assert pushed.as_of.isoformat() == "2026-03-05T08:40:00+00:00"
    assert pushed.scans[-1].milestone is Milestone.delivered


@pytest.mark.parametrize("subtag", ["Delivered_001", "Exception_001", "InTransit_009"])
def test_a_corrected_checkpoint_is_the_same_one(subtag):
    """AfterShip corrects its own reading of what a carrier said; what the carrier said stays one scan."""
    tracking = json.loads(json.dumps(PAGE["data"]["trackings"][0]))
    before = AfterShip.push.read(json.dumps({"msg": tracking}).encode())[0].scans
    tracking["checkpoints"][3] |= {"subtag": subtag, "tag": subtag.split("_")[0]}
    after = AfterShip.push.read(json.dumps({"msg": tracking}).encode())[0].scans
    assert [scan.digest for scan in after] == [scan.digest for scan in before]


def test_what_changes_at_every_look_is_no_change():
    """The part of an answer by which it is known again leaves out when AfterShip looked, and how often."""
    [call] = AfterShip().calls([Ask("SF7700000000101")], ACCESS)
    portions = set()
    for look in range(3):
        page = json.loads(json.dumps(PAGE))
        page["data"]["trackings"][0] |= {"updated_at": f"2026-03-0{look + 1}T00:00:00+00:00", "tracked_count": look}
        portions.add(AfterShip().read(call, RawAnswer(200, {}, json.dumps(page).encode()))[0].portion)
    assert len(portions) == 1


def test_what_is_about_no_parcel_is_about_none():
    """Other events are no news, and what cannot be read says why."""
    assert AfterShip.push.read(b'{"event": "ping"}') == []
    assert AfterShip.push.read(b'{"msg": {"tracking_number": null}}') == []
    for body in (b"", b"<html>", b"[1]", b'{"msg": {"tracking_number": "N", "checkpoints": "x"}}'):
        with pytest.raises(Unreadable):
            AfterShip.push.read(body)
    for ts in (True, -1, 10**30, "1772700000", None, 1.5):
        assert AfterShip.push.read(json.dumps({"ts": ts, "msg": {"tracking_number": "N"}}).encode())[0].as_of is None


def test_its_signature_is_base64():
    """The body's own digest under the secret, and nothing else."""
    body = b'{"msg": {}}'
    signed = {"aftership-hmac-sha256": b64encode(hmac_sha256("pu5h", body)).decode()}
    AfterShip.push.verify("", signed, body, ACCESS)
    for headers, access in ((signed, Access("")), ({}, ACCESS), ({"aftership-hmac-sha256": "x"}, ACCESS)):
        with pytest.raises(Forged):
            AfterShip.push.verify("", headers, body, access)


@pytest.mark.shared
def test_every_known_subtag_has_a_meaning():
    """The nine tags and 45 subtags that are known of are all in the table."""
    table = Path(__file__).parents[4] / "shared" / "carriers" / "aftership" / "codes.csv"
    if not table.exists():
        pytest.skip("../shared does not lie beside this checkout")
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert {row["code"] for row in rows} | {row["normalised_status"] for row in rows} <= set(AfterShip.codes)
