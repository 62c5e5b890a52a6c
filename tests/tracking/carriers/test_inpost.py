"""InPost: two services, one vocabulary, and lockers."""

import json

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply, NoMilestone, RawAnswer
from app.tracking.carriers.inpost import InPost
from app.tracking.carriers.inpost_codes import _GROUP, _SHIPX, meaning_of

INPOST = InPost()


def read(document: object, number: str = "6", status: int = 200) -> CarrierReply:
    [call] = INPOST.calls([Ask(number, destination_country="PL")], Access("https://x.example"))
    [reply] = INPOST.read(call, RawAnswer(status, {}, json.dumps(document).encode()))
    return reply


def test_asks_shipx_unless_the_account_says_group() -> None:
    """Neither needs a key; one that is set is sent."""
    [call] = INPOST.calls([Ask("6 0/1")], Access("https://api-shipx-pl.easypack24.net"))
    assert call.url == "https://api-shipx-pl.easypack24.net/v1/tracking/60%2F1"
    assert "Authorization" not in call.headers
    [call] = INPOST.calls([Ask("62")], Access("https://api.inpost-group.com", "k3y", account="Group"))
    assert call.url == "https://api.inpost-group.com/tracking/v1/parcels?trackingNumbers=62"
    assert call.headers["Authorization"] == "Bearer k3y"


def test_no_code_stands_under_two_meanings() -> None:
    """The tables are lists under headings, where a code could slip in twice."""
    listed = [code for table in (_SHIPX, _GROUP) for codes in table.values() for code in codes.split()]
    assert len(listed) == len(set(listed)) == len(InPost.codes)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("taken_by_courier", Milestone.dispatched),
        ("collected_from_sender", Milestone.dispatched),
        ("claimed", Milestone.exception),
        ("stack_in_box_machine", Milestone.ready_for_pickup),
        ("STACK_IN_BOX_MACHINE", Milestone.ready_for_pickup),
        ("pickup_reminder_sent", NoMilestone.nothing),
        ("LMD.1001", Milestone.out_for_delivery),
        ("RTS.1002", Milestone.returned),
        ("", None),
        ("ready", None),
    ],
)
def test_means_what_the_shopper_sees(code: str, meaning: object) -> None:
    """Fetched from the sender is not delivered, a complaint is no pick-up; what is unknown stays so."""
    assert meaning_of(code) == meaning


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("resource_not_found", AnswerKind.not_found),
        ("unauthorized", AnswerKind.denied),
        ("too_many_requests", AnswerKind.throttled),
        ("service_unavailable", AnswerKind.unavailable),
        ("validation_failed", AnswerKind.malformed),
    ],
)
def test_an_error_is_read_for_what_it_is(error: str, kind: AnswerKind) -> None:
    """Its name counts, under HTTP 200 as under 400."""
    for status in (200, 400):
        assert read({"error": error, "message": "So"}, status=status).kind is kind


def test_takes_no_other_parcel_for_the_one_asked_about() -> None:
    """Neither a lone parcel of another number, nor a list without this one."""
    other = {"tracking_number": "7", "tracking_details": []}
    assert read(other).detail == "the answer is about another number"
    assert read({"parcels": [{"shipmentNumber": "7"}]}).detail == "the answer is about another number"
    assert read({}).detail == "the answer is about no parcel"


def test_an_event_with_an_id_is_known_by_it() -> None:
    """The Group's clock may be told with more or fewer digits; its id stays."""
    event = {"eventId": "a#EOL.1001", "eventCode": "EOL.1001", "timestamp": "2026-01-01T10:00:00.12Z"}
    first = read({"parcels": [{"trackingNumber": "6", "events": [event]}]})
    again = read({"parcels": [{"trackingNumber": "6", "events": [{**event, "timestamp": "2026-01-01T10:00:00Z"}]}]})
    assert first.scans[0].digest == again.scans[0].digest


def test_links_only_where_the_page_is_the_parcels() -> None:
    """The Polish page knows Polish parcels."""
    assert INPOST.link(Ask("6 1", destination_country="pl")) == "https://inpost.pl/sledzenie-przesylek?number=61"
    assert INPOST.link(Ask("61", destination_country="GB")) is None


def test_reads_no_recipient() -> None:
    """Who fetched it stands in the answer and nowhere else."""
    delivery = {"recipientName": "A PERSON", "deliveryNotes": "gave it to A PERSON"}
    event = {"eventCode": "EOL.1001", "timestamp": "2026-01-01T10:00:00Z", "delivery": delivery}
    assert "PERSON" not in repr(read({"parcels": [{"trackingNumber": "6", "events": [event]}]}))
