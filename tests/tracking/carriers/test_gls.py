"""What is special about GLS: batches, its token, and answers in which each number has its own fate."""

import json
from base64 import b64decode
from typing import Any

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, RawAnswer, Token
from app.tracking.carriers.gls import Gls
from tests.tracking.carriers.recordings import FOLDER

CARRIER = Gls()
ACCESS = Access("https://api.gls-group.net", "1d", "s3cret", token="t0ken")


def asks(amount: int) -> list[Ask]:
    return [Ask(f"110000001{number:02}") for number in range(amount)]


def parcel(number: str, events: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"requested": number, "unitno": number, "status": "INTRANSIT", "events": events, **more}


def event(code: str, time: str = "2026-03-04T07:00:00+0100", **more: Any) -> dict[str, Any]:
    return {"code": code, "eventDateTime": time, "country": "DE", "city": "Kiel", "postalCode": "24103", **more}


def read(batch: list[Ask], parcels: list[Any], status: int = 200):
    [call] = CARRIER.calls(batch, ACCESS)
    return CARRIER.read(call, RawAnswer(status, {}, json.dumps({"parcels": parcels}).encode()))


def test_ten_parcels_share_a_question():
    """The numbers stand in the path, and the token in a header."""
    calls = CARRIER.calls(asks(12), ACCESS)
    assert [len(call.asks) for call in calls] == [10, 2]
    assert calls[1].url.endswith("/track-and-trace-v1/tracking/simple/trackids/11000000110,11000000111")
    assert calls[0].headers["Authorization"] == "Bearer t0ken"
    assert calls[0].headers["Accept-Language"] == "en"


def test_an_odd_number_goes_alone():
    """A slash or a comma in one number does not change what the other nine are asked."""
    calls = CARRIER.calls([Ask("11000000100"), Ask("1/2"), Ask("1,2"), Ask(".."), Ask("11000000101")], ACCESS)
    assert [[ask.tracking_number for ask in call.asks] for call in calls] == [
        ["11000000100", "11000000101"],
        ["1/2"],
        ["1,2"],
        [".."],
    ]
    assert [call.url.rsplit("/", 1)[1] for call in calls] == ["11000000100,11000000101", "1%2F2", "1%2C2", "%2E%2E"]


def test_a_parcels_portion_holds_nothing_of_anothers_question():
    """One brand asks by a reference, another by the parcel's own number: neither sees how the other asked."""
    moved = [event("INBOUD.NORMAL")]
    by_reference = parcel("11000000102", moved, requested="ORDER-77")
    batch = [Ask("11000000102"), Ask("ORDER77")]
    own, _ = read(batch, [by_reference, parcel("11000000102", moved)])
    assert own.portion is not None and b"ORDER-77" not in own.portion
    assert len(own.scans) == 1 and own.notes.pieces == ()


def test_a_token_is_lent_for_key_and_secret():
    """Client credentials in a Basic header, at the gateway's own address."""
    call = CARRIER.login.call(ACCESS)
    assert (call.method, call.url) == ("POST", "https://api.gls-group.net/oauth2/v2/token")
    assert b64decode(call.headers["Authorization"].removeprefix("Basic ")) == b"1d:s3cret"
    assert CARRIER.login.read(RawAnswer(200, {}, b'{"access_token": "x", "expires_in": 3599}')) == Token("x", 3599.0)


def test_one_number_s_error_is_its_own():
    """In a batch, the unknown and the refused do not touch the found, and each has its part of the answer."""
    first, second = read(asks(2), [{"requested": "11000000100", "errorCode": "E_404_01"}, parcel("11000000101", [])])
    assert (first.kind, second.kind) == (AnswerKind.not_found, AnswerKind.tracked)
    assert first.portion is not None and b"11000000101" not in first.portion
    assert second.portion is not None and b"11000000100" not in second.portion


def test_the_same_part_is_known_again():
    """Another parcel's news does not make this one's answer a new one."""
    still = parcel("11000000100", [event("INBOUD.NORMAL")])
    before, _ = read(asks(2), [still, parcel("11000000101", [])])
    _, *rest = read(asks(2), [still, parcel("11000000101", [])])
    after, other = read(asks(2), [parcel("11000000101", [event("DELIVD.NORMAL")]), still])
    assert before.portion == after.portion
    assert rest[0].portion != other.portion


def test_a_bad_question_about_several_is_nobody_s_fault():
    """A 400 says of one number that it is none; of ten it says nothing about any."""
    body = b'{"title": "Bad Request", "status": 400, "detail": "No"}'
    for batch, kind in ((asks(1), AnswerKind.not_found), (asks(2), AnswerKind.malformed)):
        [call] = CARRIER.calls(batch, ACCESS)
        assert {reply.kind for reply in CARRIER.read(call, RawAnswer(400, {}, body))} == {kind}


def test_a_status_speaks_only_where_the_newest_event_does_not():
    """A known newest event is enough; an unknown one leaves the word to the documented status."""
    [told] = read(asks(1), [parcel("11000000100", [event("INBOUD.NORMAL")], status="DELIVERED")])
    assert [scan.milestone for scan in told.scans] == [Milestone.in_transit]
    odd = [event("NOTDEL.ODD", "2026-03-05T07:00:00+0100"), event("INBOUD.NORMAL")]
    more = {"status": "NOTDELIVERED", "statusDateTime": "2026-03-05T07:00:00+0100"}
    [told] = read(asks(1), [parcel("11000000100", odd, **more)])
    assert [(scan.milestone, scan.unknown) for scan in told.scans] == [
        (None, True),
        (Milestone.in_transit, False),
        (Milestone.attempt_failed, False),
    ]


def test_identity_does_not_depend_on_words_or_order():
    """German texts and the other order leave every scan what it was; a repetition is one scan."""
    first, second = event("INBOUD.NORMAL", description="a"), event("OUTDEL.NORMAL", description="b")
    [before] = read(asks(1), [parcel("11000000100", [first, second, first])])
    [after] = read(asks(1), [parcel("11000000100", [second | {"description": "c"}, first | {"description": "d"}])])
    assert {scan.digest for scan in before.scans} == {scan.digest for scan in after.scans}
    assert len(before.scans) == 2


@pytest.mark.parametrize(
    ("number", "fits"),
    [("604831862623", True), ("604831862624", False), ("60483186262", True), ("ZX0FGR1M", True), ("12345678", False)],
)
def test_its_numbers(number, fits):
    """Twelve digits with GLS's check digit, eleven without one, and Track IDs."""
    assert any(one.fits(number) for one in CARRIER.formats) is fits


def test_the_numbers_of_an_answer_are_those_requested():
    """For reading an answer of which nobody knows what was asked."""
    body = (FOLDER / "gls" / "reference_of_two_parcels.json").read_bytes()
    assert CARRIER.numbers_in(body) == ["ORDER77"]
    assert CARRIER.numbers_in(b"null") == []
