"""Australia Post: ten parcels a question, phrases for codes, and consignments that end with their last article."""

import json

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply, NoMilestone, RawAnswer
from app.tracking.carriers.australiapost import AustraliaPost
from app.tracking.carriers.australiapost_words import meaning_of, phrase_of

POST = AustraliaPost()
ACCESS = Access("https://digitalapi.auspost.com.au", "key", "s3cret", "0001234567")


def read(*results: object, numbers: tuple[str, ...] = ("C1",)) -> list[CarrierReply]:
    [call] = POST.calls([Ask(number, destination_country="AU") for number in numbers], ACCESS)
    return POST.read(call, RawAnswer(200, {}, json.dumps({"tracking_results": results}).encode()))


def event(description: str, date: str) -> dict[str, str]:
    return {"description": description, "date": date}


def consignment(*articles: list[dict[str, str]]) -> dict[str, object]:
    items = [{"article_id": f"A{at}", "events": events} for at, events in enumerate(articles, start=1)]
    return {"tracking_id": "C1", "trackable_items": [{"consignment_id": "C1", "items": items}]}


def test_asks_for_ten_with_the_account_in_a_header() -> None:
    """Key and secret are a Basic header, the charge account another."""
    calls = POST.calls([Ask(f"A{number}") for number in range(11)], ACCESS)
    assert [len(call.asks) for call in calls] == [10, 1]
    assert calls[1].url == "https://digitalapi.auspost.com.au/shipping/v1/track?tracking_ids=A10"
    assert calls[0].url.endswith("tracking_ids=A0,A1,A2,A3,A4,A5,A6,A7,A8,A9")
    assert calls[0].headers["Authorization"] == "Basic a2V5OnMzY3JldA=="
    assert calls[0].headers["Account-Number"] == "0001234567"


@pytest.mark.parametrize(
    ("description", "meaning"),
    [
        ("On Board for Delivery", Milestone.out_for_delivery),
        ("Onboard  for   delivery", Milestone.out_for_delivery),
        ("DELIVERED", Milestone.delivered),
        ("Delivered - Left with neighbour", Milestone.delivered),
        ("Delivered - to sender", None),
        ("Delivered to a parcel locker", None),
        ("Not delivered", None),
        ("Awaiting collection at Anytown LPO", Milestone.ready_for_pickup),
        ("Awaiting collection", Milestone.ready_for_pickup),
        ("In transit to next facility in ANYTOWN VIC", Milestone.in_transit),
        ("In transit to customer", None),
        ("Arrived in New Zealand", Milestone.in_transit),
        ("Arrived broken", None),
        ("Returned to sender", Milestone.returning),
        ("Delivered to sender", Milestone.returned),
        ("Item is in Customs", NoMilestone.movement),
        ("Customer enquiry lodged", NoMilestone.nothing),
        ("", None),
    ],
)
def test_a_phrase_means_one_thing_and_a_new_one_nothing(description: str, meaning: object) -> None:
    """Spelling and spaces do not matter; a place or a reason may follow only the phrases that are said with one."""
    assert meaning_of(description) == meaning


def test_reads_the_place_as_it_is_written() -> None:
    """The words after a phrase keep their capitals."""
    assert phrase_of("Awaiting collection at  EXAMPLE Heights LPO") == ("awaiting collection", "EXAMPLE Heights LPO")


def test_a_consignment_ends_with_its_last_article() -> None:
    """One of two delivered is movement; the second one's delivery is that of the whole, at its own time."""
    first = [event("Delivered", "2026-06-01T10:00:00+10:00")]
    second = [event("Delivered", "2026-06-02T12:00:00+10:00")]
    [half] = read(consignment(first, [event("In transit", "2026-06-01T11:00:00+10:00")]))
    assert [scan.milestone for scan in half.scans] == [None, Milestone.in_transit]
    assert all(scan.moves for scan in half.scans)
    [both] = read(consignment(first, second))
    whole = [scan for scan in both.scans if scan.milestone is Milestone.delivered]
    assert [scan.written_time for scan in whole] == ["2026-06-02T12:00:00+10:00"]
    assert whole[0].digest not in {scan.digest for scan in half.scans}
    assert half.scans[0] in both.scans


def test_a_consignment_is_delivered_whichever_article_is_heard_of_last() -> None:
    """News of an earlier delivery that comes late still ends it, although that scan was stored as movement."""
    late, early = event("Delivered", "2026-06-02T12:00:00+10:00"), event("Delivered", "2026-06-01T10:00:00+10:00")
    [before] = read(consignment([late], [event("In transit", "2026-06-01T09:00:00+10:00")]))
    [after] = read(consignment([late], [early]))
    new = [scan for scan in after.scans if scan.digest not in {scan.digest for scan in before.scans}]
    assert Milestone.delivered in {scan.milestone for scan in new}


def test_an_article_asked_for_by_its_own_number_is_read_alone() -> None:
    """The other article of its consignment is only named."""
    result = consignment([event("Delivered", "2026-06-01T10:00:00+10:00")], [event("In transit", "2026-06-01")])
    [reply] = read({**result, "tracking_id": "A1"}, numbers=("A1",))
    assert [scan.milestone for scan in reply.scans] == [Milestone.delivered]
    assert reply.notes.pieces == ("A2",)


@pytest.mark.parametrize("field", ["code", "error_code"])
def test_an_error_may_name_its_code_in_either_field(field: str) -> None:
    """The gateway's errors and the service's are spelled differently."""
    [call] = POST.calls([Ask("C1")], ACCESS)
    body = json.dumps({"errors": [{field: "API_002", "message": "Too many requests"}]}).encode()
    assert POST.read(call, RawAnswer(200, {}, body))[0].kind is AnswerKind.throttled


def test_a_digest_does_not_depend_on_order_or_company() -> None:
    """The same event in another place of another answer is the same scan."""
    first, second = event("In transit", "2026-06-01T09:00:00+10:00"), event("Delivered", "2026-06-02T09:00:00+10:00")
    [one] = read(consignment([first, second]))
    [two] = read({"tracking_id": "X"}, consignment([second, first]))
    assert {scan.digest for scan in one.scans} == {scan.digest for scan in two.scans}
