"""What is true of scans whatever carrier they are of."""

import json
from datetime import datetime

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, Ask, HeardScan, RawAnswer
from app.tracking.adapter.telling import Told, scan_of, sent_back
from app.tracking.carriers.registry import CARRIERS

M = Milestone
ACCESS = Access("https://carrier.example", "k", "s", "a", "t")


def scan(milestone: Milestone | None, at: str | None) -> HeardScan:
    instant = datetime.fromisoformat(f"{at}T10:00:00+00:00") if at else None
    return HeardScan(f"{milestone} {at}".encode(), "", milestone, "", None, at or "", instant, "offset")


def test_what_turned_back_is_delivered_to_its_sender():
    """In whatever order it is told; what was delivered before it turned back was delivered."""
    back, home = scan(M.returning, "2026-03-04"), scan(M.delivered, "2026-03-09")
    before, never = scan(M.delivered, "2026-03-02"), scan(M.delivered, None)
    for told in ((back, home), (home, back)):
        assert {one.milestone for one in sent_back(told)} == {M.returning, M.returned}
    assert [one.milestone for one in sent_back((before, back))] == [M.delivered, M.returning]
    assert [one.milestone for one in sent_back((never, back))] == [M.delivered, M.returning]
    assert [one.digest for one in sent_back((back, home))] == [back.digest, home.digest]


ANSWERS = {
    "dhl": {"shipments": [{"id": "1", "events": [
        {"statusCode": "delivered", "status": "DELIVERED", "timestamp": "2026-03-09T10:00:00Z"},
        {"statusCode": "failure", "status": "The shipment is being returned", "timestamp": "2026-03-04T10:00:00Z"},
    ]}]},
    "easypost": {"trackers": [{"tracking_code": "1", "tracking_details": [
        {"status": "return_to_sender", "status_detail": "return", "datetime": "2026-03-04T10:00:00Z"},
        {"status": "delivered", "status_detail": "arrived_at_destination", "datetime": "2026-03-09T10:00:00Z"},
    ]}]},
    "inpost": {"tracking_number": "1", "tracking_details": [
        {"status": "delivered", "datetime": "2026-03-09T10:00:00Z"},
        {"status": "returned_to_sender", "datetime": "2026-03-04T10:00:00Z"},
    ]},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_a_parcel_that_was_sent_back_is_not_told_as_delivered(name):
    """These carriers say "delivered" at the sender's door too."""
    carrier = CARRIERS[name]
    [call] = carrier.calls([Ask("1")], ACCESS)
    [reply] = carrier.read(call, RawAnswer(200, {}, json.dumps(ANSWERS[name]).encode()))
    assert {one.milestone for one in reply.scans} == {M.returning, M.returned}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Delivered - Signed for by: MAJA LIND", "Delivered - Signed for"),
        ("DELIVERED, signed by M.LIND.\nFront door", "DELIVERED, signed"),
        ("Zugestellt, unterschrieben von Frau Lind", "Zugestellt, unterschrieben"),
        ("Signature service not requested", "Signature service not requested"),
        ("Received by the local post office", "Received by the local post office"),
    ],
)
def test_whoever_signed_is_not_kept(said, kept):
    """A carrier's sentence may end in a person's name: no log, story or page has it. The identity is of the whole."""
    told = Told(b"identity", "D", said, "2026-03-04T10:00:00Z")
    assert (scan_of(told, M.delivered, None).description, scan_of(told, M.delivered, None).digest) == (
        kept,
        b"identity",
    )


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("dhl", {"shipments": [{"id": "1", "events": [
            {"statusCode": "delivered", "description": "Done, signed for by: LIND", "timestamp": "2026-03-09"}]}]}),
        ("australiapost", {"tracking_results": [{"tracking_id": "1", "trackable_items": [
            {"article_id": "1", "events": [{"description": "Left, signed by LIND", "date": "2026-03-09"}]}]}]}),
    ],
)  # fmt: skip
def test_no_name_stands_in_a_code_or_text(name, answer):
    """DHL builds its scans itself, and Australia Post's codes are its sentences, which operations see when unknown."""
    carrier = CARRIERS[name]
    [call] = carrier.calls([Ask("1")], ACCESS)
    [reply] = carrier.read(call, RawAnswer(200, {}, json.dumps(answer).encode()))
    assert len(reply.scans) == 1 and "LIND" not in repr(reply.scans)
