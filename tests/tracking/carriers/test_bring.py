"""What is special about Bring: its credentials, its calls, and what it is told to follow."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.errors import Forged, Unreadable
from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, RawAnswer
from app.tracking.carriers.bring import Bring
from app.tracking.milestones import KnownScan, fold
from tests.tracking.carriers.recordings import FOLDER, recordings

CARRIER = Bring()
ACCESS = Access("https://api.bring.com", "k3y", account="ops@example.com", push_secret="pu5h")
HOOK = "https://doorstep.example/hooks/carriers/bring"
PACKAGE = "370720000000000012"


def test_the_question_carries_user_and_key():
    """One GET with the Mybring user and key as headers, always in English."""
    [call] = CARRIER.calls([Ask(f" {PACKAGE} ")], ACCESS)
    assert urlsplit(call.url).path == "/tracking/api/v2/tracking.json"
    assert parse_qs(urlsplit(call.url).query) == {"q": [PACKAGE], "lang": ["en"]}
    assert (call.headers["X-Mybring-API-Uid"], call.headers["X-Mybring-API-Key"]) == ("ops@example.com", "k3y")


def event(status: str, **more: Any) -> dict[str, Any]:
    return {"status": status, "dateIso": "2026-03-04T07:00:00+01:00", "unitId": "1", "postalCode": "0024", **more}


def read(events: list[dict[str, Any]], **package: Any):
    packages = [{"packageNumber": PACKAGE, "eventSet": events, **package}]
    body = json.dumps({"consignmentSet": [{"consignmentId": "7", "packageSet": packages}]}).encode()
    [call] = CARRIER.calls([Ask(PACKAGE, destination_country="NO")], ACCESS)
    [reply] = CARRIER.read(call, RawAnswer(200, {}, body))
    return reply


def test_what_bring_hides_from_the_recipient_is_no_news():
    """An insignificant deviation is movement; a significant one is an exception."""
    hidden, shown = read([event("DEVIATION", insignificant=True), event("DEVIATION", unitId="2")]).scans
    assert (hidden.milestone, hidden.moves, hidden.unknown) == (None, True, False)
    assert shown.milestone is Milestone.exception


def test_identity_does_not_depend_on_words_or_order():
    """Norwegian texts and the other order leave every scan what it was; a repetition is one scan."""
    first, second = event("IN_TRANSIT", description="In transit"), event("DELIVERED", description="Delivered")
    before = {scan.digest for scan in read([first, second, first]).scans}
    after = {s.digest for s in read([second | {"description": "Levert"}, first | {"description": "Underveis"}]).scans}
    assert before == after and len(before) == 2


def test_a_number_used_again_is_the_latest_shipment_s():
    """Of two consignments with a package of that number, the one with the latest event is meant."""
    old = {"consignmentId": "1", "packageSet": [{"packageNumber": PACKAGE, "eventSet": [event("DELIVERED")]}]}
    new = event("PRE_NOTIFIED", dateIso="2026-09-04T07:00:00+02:00")
    body = {
        "consignmentSet": [old, {"consignmentId": "2", "packageSet": [{"packageNumber": PACKAGE, "eventSet": [new]}]}]
    }
    [call] = CARRIER.calls([Ask(PACKAGE)], ACCESS)
    [reply] = CARRIER.read(call, RawAnswer(200, {}, json.dumps(body).encode()))
    assert [scan.code for scan in reply.scans] == ["PRE_NOTIFIED"]


def test_nothing_personal_is_read():
    """Names, phone numbers, the signature and the pick-up code stand nowhere in a reply."""
    signed = event("DELIVERED", recipientSignature={"name": "Secret Person", "linkToImage": "https://secret"})
    reply = read([signed], recipientName="Secret", pickupCode="SECRET", recipientMobileNumber="+47 secret")
    assert "secret" not in repr(reply).lower()
    assert reply.notes.proof == "signature"


PUSH = CARRIER.push
ENROLMENT = CARRIER.enrolment
CALL = (FOLDER / "bring" / "calls" / "ready_for_pickup.json").read_bytes()


@pytest.mark.parametrize(
    ("headers", "access"),
    [
        ({}, ACCESS),
        ({"x-doorstep-secret": "wrong"}, ACCESS),
        ({"x-doorstep-secret": ""}, ACCESS),
        ({"x-doorstep-secret": "pü5h"}, ACCESS),
        ({"x-doorstep-secret": ""}, Access("https://api.bring.com", "k3y")),  # no secret is set: nobody gets in
    ],
)
def test_a_call_without_our_secret_is_forged(headers, access):
    """The header must hold the secret, and there must be one."""
    with pytest.raises(Forged):
        PUSH.verify(HOOK, headers, CALL, access)


def test_a_call_tells_one_event_of_one_package():
    """The recorded call is Bring's, and says what it says; its scan is known again by Bring's own id."""
    PUSH.verify(HOOK, {"x-doorstep-secret": "pu5h"}, CALL, ACCESS)
    [reply] = PUSH.read(CALL)
    assert (reply.kind, reply.tracking_number) == (AnswerKind.tracked, "370720000000000029")
    [scan] = reply.scans
    assert scan.milestone is Milestone.ready_for_pickup
    assert scan.occurred_at.isoformat() == "2026-06-03T07:30:00+00:00"
    again = json.loads(CALL) | {"pushed": "2026-06-03T09:00:00+0000"}
    assert PUSH.read(json.dumps(again).encode())[0].scans[0].digest == scan.digest


def test_what_a_call_and_an_answer_both_tell_counts_once():
    """Their scans have identities of their own, and open one episode, whichever is heard first."""
    [polled] = [one for one in recordings("bring") if one.file == "not_fetched_and_returned.json"]
    scans = [*polled.read(CARRIER)[0].scans, *PUSH.read(CALL)[0].scans]
    known = [KnownScan(scan.digest, scan.milestone, scan.occurred_at) for scan in scans]
    ready = [one for one in fold(known).episodes if one.milestone is Milestone.ready_for_pickup]
    assert len({scan.digest for scan in scans}) == 7
    assert [len(one.digests) for one in ready] == [2]
    assert fold(known[::-1]) == fold(known)


@pytest.mark.parametrize("status", ["NOT_REGISTERED", "EXPIRED"])
def test_a_call_about_the_enrolment_is_about_no_parcel(status):
    """That a webhook ended is no event of a package."""
    assert PUSH.read(json.dumps({"status": status, "package": PACKAGE, "id": "1"}).encode()) == []


def test_a_status_that_nobody_knows_is_no_milestone():
    """An unheard-of status in a call is kept as unknown."""
    [scan] = PUSH.read(json.dumps({"status": "BEAMED", "package": PACKAGE, "id": "1"}).encode())[0].scans
    assert scan.unknown and scan.milestone is None and scan.occurred_at is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"status": "DELIVERED"}', b'{"status": "DELIVERED", "package": "1"}']
)
def test_a_call_that_says_nothing_is_unreadable(body):
    """Status, package and id must be there."""
    with pytest.raises(Unreadable):
        PUSH.read(body)


def enrolments(amount: int) -> list[Ask]:
    return [Ask(f"3707200000{number:08}") for number in range(amount)]


def test_packages_are_enrolled_by_the_hundred():
    """Each batch tells where to call, with which header, and about what."""
    calls = ENROLMENT.calls(enrolments(101), ACCESS, HOOK)
    assert [len(call.asks) for call in calls] == [100, 1]
    assert calls[0].url == "https://api.bring.com/event-cast/batch/api/v1/webhooks"
    body = json.loads(calls[1].body)
    assert body["trackingIds"] == ["370720000000000100"]
    assert body["configuration"]["url"] == HOOK
    assert body["configuration"]["headers"] == [{"key": "X-Doorstep-Secret", "value": "pu5h"}]
    assert {"DELIVERED", "READY_FOR_PICKUP", "DELIVERED_SENDER"} <= set(body["event_groups"])
    assert set(body["event_groups"]) <= set(CARRIER.codes)


def test_what_cannot_be_proved_or_told_apart_is_not_enrolled():
    """Without a secret or an address nobody is told to call; what a call would name otherwise is polled."""
    some = enrolments(1)
    assert ENROLMENT.calls(some, Access("https://api.bring.com", "k3y"), HOOK) == []
    assert ENROLMENT.calls(some, ACCESS, "") == []
    assert ENROLMENT.calls(some, ACCESS, HOOK + "x" * 250) == []
    for number in ("70720000000000018", f"00{PACKAGE}", f" {PACKAGE}", "3707 2000 0000 0000 12"):
        assert ENROLMENT.calls([Ask(number)], ACCESS, HOOK) == []


@pytest.mark.parametrize(
    ("status", "body", "kinds"),
    [
        (201, b'[{"trackingId": "370720000000000000"}, {"trackingId": "370720000000000001"}]', [None, None]),
        (201, b'[{"trackingId": "370720000000000001"}]', [AnswerKind.malformed, None]),
        (201, b"", [None, None]),
        (409, b'{"reason": "exists"}', [None, None]),  # it was enrolled before
        (400, b'{"reason": "bad group"}', [AnswerKind.malformed] * 2),
        (401, b"", [AnswerKind.denied] * 2),
        (429, b"", [AnswerKind.throttled] * 2),
        (503, b"<html>", [AnswerKind.unavailable] * 2),
        (None, b"", [AnswerKind.unavailable] * 2),
    ],
)
def test_what_became_of_an_enrolment(status, body, kinds):
    """Each package is enrolled for thirty days, or has a reason why not."""
    [call] = ENROLMENT.calls(enrolments(2), ACCESS, HOOK)
    entries = ENROLMENT.read(call, RawAnswer(status, {}, body))
    assert [entry.tracking_number for entry in entries] == [ask.tracking_number for ask in call.asks]
    assert [entry.refusal and entry.refusal.kind for entry in entries] == kinds
    assert all((entry.days == 30) == (entry.refusal is None) for entry in entries)


def test_its_numbers_are_known_by_their_check_digits():
    """UPU numbers of Norway and packages by GS1; PostNord's own range in Norway is not Bring's."""

    def fit(number: str) -> bool:
        return any(one.fits(number) for one in CARRIER.formats)

    assert fit("RB123456785NO") and fit("70720000000000018")
    assert sum(fit(f"37072000000000001{digit}") for digit in range(10)) == 1
    assert not any(fit(f"37072400000000001{digit}") for digit in range(10))


def test_the_numbers_of_an_answer_are_its_packages():
    """For reading an answer of which nobody knows what was asked."""
    body = (FOLDER / "bring" / "consignment_of_two.json").read_bytes()
    assert CARRIER.numbers_in(body) == ["370720000000000036", "370720000000000043"]
    assert CARRIER.numbers_in(b"{") == []
