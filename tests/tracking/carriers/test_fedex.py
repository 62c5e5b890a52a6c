"""The FedEx adapter: how it asks in batches, and which part of an answer is about which parcel."""

import json
from datetime import date

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply, RawAnswer
from app.tracking.carriers.fedex import Fedex
from app.tracking.carriers.fedex_codes import CODES, code_of

FEDEX = Fedex()
ACCESS = Access("http://127.0.0.1:9", "client", "s3cret", token="t0ken")


def read(document: object, *asks: Ask, status: int = 200) -> list[CarrierReply]:
    [call] = FEDEX.calls(asks, ACCESS)
    return list(FEDEX.read(call, RawAnswer(status, {}, json.dumps(document).encode())))


def complete(number: str, *results: object) -> dict[str, object]:
    return {"trackingNumber": number, "trackResults": list(results)}


def answer(*results: object, **more: object) -> dict[str, object]:
    return {"output": {"completeTrackResults": list(results)}, **more}


def shipped(day: str | None, country: str = "US", **more: object) -> dict[str, object]:
    dates = [{"type": "SHIP", "dateTime": f"{day}T00:00:00-06:00"}] if day else []
    address = {"address": {"countryCode": country}}
    return {"scanEvents": [], "dateAndTimes": dates, "recipientInformation": address, **more}


def test_asks_about_thirty_parcels_in_one_post() -> None:
    """The batch is used to its limit; numbers stand in the body, the token in the header."""
    calls = FEDEX.calls([Ask(f"7000 0000 {number:04}") for number in range(31)], ACCESS)
    assert [len(call.asks) for call in calls] == [30, 1]
    body = json.loads(calls[1].body)
    assert calls[1].url == "http://127.0.0.1:9/track/v1/trackingnumbers"
    assert calls[1].headers["Authorization"] == "Bearer t0ken"
    assert body["includeDetailedScans"] is True
    assert body["trackingInfo"] == [{"trackingNumberInfo": {"trackingNumber": "700000000030"}}]


def test_logs_in_with_a_form() -> None:
    """Client id and secret stand in the body, as FedEx wants it."""
    call = FEDEX.login.call(ACCESS)
    assert call.url == "http://127.0.0.1:9/oauth/token"
    assert call.body == b"grant_type=client_credentials&client_id=client&client_secret=s3cret"


@pytest.mark.parametrize(
    ("placed_on", "country", "meant"),
    [
        (date(2026, 5, 2), "US", "2026-05-03"),
        (date(2026, 5, 4), "US", "2026-05-03"),
        (date(2026, 5, 2), "FR", "2026-05-01"),
        (date(2025, 8, 14), "US", "2025-08-15"),
        (None, "US", "2026-05-03"),
        (None, None, "2026-05-03"),
        (date(2026, 9, 1), "US", "2026-05-03"),
    ],
)
def test_a_number_used_again_means_the_shipment_of_this_order(
    placed_on: date | None, country: str | None, meant: str
) -> None:
    """By the order's country, then by the first day of shipping after it was placed, in whatever order they come."""
    old, new, abroad = shipped("2025-08-15"), shipped("2026-05-03"), shipped("2026-05-01", "FR")
    for results in ((old, new, abroad), (abroad, new, old), (new, abroad, old)):
        marked = [dict(one, serviceDetail={"description": one["dateAndTimes"][0]["dateTime"][:10]}) for one in results]
        ask = Ask("700000000008", destination_country=country, placed_on=placed_on)
        [reply] = read(answer(complete("700000000008", *marked)), ask)
        assert reply.service == meant


def test_an_answer_about_several_is_known_again_by_its_portion() -> None:
    """The portion changes with the parcel's own part and with nothing else; order and transaction do not matter."""
    first, second = complete("700000000008", shipped("2026-05-03")), complete("700000000019", shipped("2026-05-03"))
    asks = (Ask("700000000008"), Ask("700000000019"))
    one = read(answer(first, second, transactionId="a"), *asks)
    other = read(answer(complete("700000000019", shipped("2026-05-04")), first, transactionId="b"), *asks)
    assert one[0].portion and one[0].portion == other[0].portion
    assert one[1].portion != other[1].portion


def test_one_failing_number_leaves_the_others_alone() -> None:
    """An error inside a result is that parcel's; an error beside scans is a remark."""
    gone = {"error": {"code": "TRACKING.TRACKINGNUMBER.NOTFOUND", "message": "Not found"}}
    ill = {"error": {"code": "SYSTEM.UNEXPECTED.ERROR", "message": "Try later"}}
    event = {"eventType": "IT", "date": "2026-05-03T10:00:00-06:00"}
    remark = gone | {"scanEvents": [event]}
    replies = read(
        answer(*(complete(str(at), result) for at, result in enumerate([gone, ill, remark]))),
        *(Ask(str(at)) for at in range(4)),
    )
    kinds = [AnswerKind.not_found, AnswerKind.unavailable, AnswerKind.tracked, AnswerKind.malformed]
    assert [reply.kind for reply in replies] == kinds
    assert [scan.milestone for scan in replies[2].scans] == [Milestone.in_transit]
    assert [json.loads(reply.portion or b"null") for reply in replies] == [
        *(complete(str(at), result) for at, result in enumerate([gone, ill, remark])),
        None,
    ]
    assert replies[3].portion == b"", "nobody's part is kept beside a parcel that has none"


def test_an_error_over_a_whole_batch_loses_no_parcel() -> None:
    """That "a number" is not known, said over several, says it of none; alone, it says it of that one."""
    document = {"errors": [{"code": "TRACKING.TRACKINGNUMBER.INVALID", "message": "Invalid"}]}
    assert {reply.kind for reply in read(document, Ask("1"), Ask("2"), status=400)} == {AnswerKind.malformed}
    assert read(document, Ask("1"), status=400)[0].kind is AnswerKind.not_found


@pytest.mark.parametrize(
    ("event", "said", "milestone"),
    [
        ("DE", "Delivery exception Customer not available or business closed", Milestone.attempt_failed),
        ("DE", "Delivery exception Weather delay", Milestone.exception),
        ("DL", "Delivered Left at front door. Signature Service not requested.", Milestone.delivered),
        ("DL", "Delivered Package returned to shipper", Milestone.returned),
        ("IT", "Delivered to shipper", Milestone.in_transit),
        ("ow", "On the way", Milestone.in_transit),
        ("AE", "Shipment arriving early", None),
        ("QQ", "Delivered", None),
    ],
)
def test_words_tell_apart_only_what_a_code_leaves_open(event: str, said: str, milestone: Milestone | None) -> None:
    """Two codes end in several ways; the words beside any other change nothing."""
    meaning = CODES.get(code_of(event, said))
    assert (meaning if isinstance(meaning, Milestone) else None) == milestone


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"standardTransitTimeWindow": {"window": {"ends": "2026-07-04T00:00:00-06:00"}}}, (None, "2026-07-04")),
        (
            {
                "estimatedDeliveryTimeWindow": {"window": {"begins": "2026-07-04T08:00:00-04:00"}},
                "standardTransitTimeWindow": {"window": {"ends": "2026-07-05T00:00:00-06:00"}},
            },
            ("2026-07-04T12:00:00+00:00", None),
        ),
        ({"dateAndTimes": [{"type": "ESTIMATED_DELIVERY", "dateTime": "2026-07-04T00:00:00"}]}, (None, "2026-07-04")),
        (
            {
                "dateAndTimes": [{"type": "ACTUAL_DELIVERY", "dateTime": "2026-07-04T11:00:00-04:00"}],
                "standardTransitTimeWindow": {"window": {"ends": "2026-07-04T00:00:00-06:00"}},
            },
            (None, None),
        ),
        ({"estimatedDeliveryTimeWindow": {"window": {}}}, (None, None)),
    ],
)
def test_a_day_written_as_midnight_stays_a_day(result: dict[str, object], expected: tuple[str | None, ...]) -> None:
    """FedEx's midnights carry an offset of FedEx's own: no instant is made of them."""
    [reply] = read(answer(complete("1", {"scanEvents": [], **result})), Ask("1", destination_country="US"))
    found = (reply.eta_from, reply.eta_day)
    assert tuple(one.isoformat() if one else None for one in found) == expected


@pytest.mark.parametrize(
    ("written", "instant", "source"),
    [
        ("2026-07-01T00:00:00", None, "date_only"),
        ("2026-07-01T00:00:00-05:00", "2026-07-01T05:00:00+00:00", "offset"),
        ("2026-07-01T00:00:01", "2026-07-01T06:00:01+00:00", "place"),
    ],
)
def test_a_scan_at_a_bare_midnight_has_a_day_only(written: str, instant: str | None, source: str) -> None:
    """A pickup without an hour comes as a midnight without an offset; it must not stand before the label."""
    place = {"stateOrProvinceCode": "CO", "countryCode": "US"}
    document = answer(complete("1", {"scanEvents": [{"eventType": "PU", "date": written, "scanLocation": place}]}))
    [scan] = read(document, Ask("1"))[0].scans
    assert (scan.occurred_at and scan.occurred_at.isoformat(), scan.zone_source) == (instant, source)


@pytest.mark.parametrize(
    "number", ["986578788855", "041441760228964", "9611020987654312345672", "9622001560000000000000794808390594"]
)
def test_knows_its_numbers(number: str) -> None:
    """Check digits are right for real formats, and one digit off is none of ours."""
    assert any(one.fits(number) for one in FEDEX.formats)
    assert not any(one.fits(number[:-1] + str((int(number[-1]) + 1) % 10)) for one in FEDEX.formats)
