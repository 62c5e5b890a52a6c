"""Days that carriers expect to deliver on: a day stays one, whatever the shape it is written in."""

import json
from datetime import date

import pytest

from app.tracking.adapter.base import Access, Ask, RawAnswer
from app.tracking.adapter.times import expected_day
from app.tracking.carriers.registry import CARRIERS

ACCESS = Access("https://carrier.example", "k", "s", "a", "t")
MIDNIGHT = "2026-03-04T00:00:00Z"


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-03-04", date(2026, 3, 4)),
        ("20260304", date(2026, 3, 4)),
        (MIDNIGHT, date(2026, 3, 4)),
        ("2026-03-04T00:00:00", date(2026, 3, 4)),
        ("2026-03-04T00:00:00-06:00", date(2026, 3, 4)),
        ("2026-03-04 00:00:00.000Z", date(2026, 3, 4)),
        ("2026-03-04T00:00:01Z", None),
        ("2026-03-04T17:00:00Z", None),
        ("2026-03-04T00:30", None),
        ("2026-13-04T00:00:00Z", None),
        ("", None),
    ],
)
def test_a_midnight_is_a_day(written, day):
    """Nothing is delivered at midnight; as an instant it would be the day before, west of where it was written."""
    assert expected_day(written) == day


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("dhl", {"shipments": [{"id": "1", "estimatedTimeOfDelivery": MIDNIGHT}]}),
        ("postnord", {"TrackingInformationResponse": {"shipments": [
            {"shipmentId": "1", "estimatedTimeOfArrival": MIDNIGHT, "items": [{"itemId": "1", "events": []}]}]}}),
        ("easypost", {"trackers": [{"tracking_code": "1", "tracking_details": [], "est_delivery_date": MIDNIGHT}]}),
        ("aftership", {"meta": {"code": 200}, "data": {"trackings": [
            {"tracking_number": "1", "checkpoints": [], "expected_delivery": MIDNIGHT}]}}),
        ("aftership", {"meta": {"code": 200}, "data": {"trackings": [
            {"tracking_number": "1", "checkpoints": [], "latest_estimated_delivery": {
                "datetime_min": "2026-03-02T00:00:00Z", "datetime_max": MIDNIGHT}}]}}),
    ],
)  # fmt: skip
def test_a_day_is_the_same_for_a_shopper_anywhere(name, answer):
    """In Honolulu as in Auckland: the fourth."""
    carrier = CARRIERS[name]
    for zone, country in (("Pacific/Honolulu", "US"), ("Pacific/Auckland", "NZ")):
        [call] = carrier.calls([Ask("1", destination_country=country, zone=zone)], ACCESS)
        [reply] = carrier.read(call, RawAnswer(200, {}, json.dumps(answer).encode()))
        assert (reply.eta_day, reply.eta_from, reply.eta_through) == (date(2026, 3, 4), None, None)
