"""Times as carriers write them: a day stays a day, and a local time is one instant, also where clocks change."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from app.tracking.adapter.base import Access, Ask, RawAnswer
from app.tracking.adapter.times import expected_day, instant
from app.tracking.carriers.registry import CARRIERS
from app.zones import zone as zone_named

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


@pytest.mark.parametrize(("written", "utc"), [
    ("2026-03-29T01:59:59", "2026-03-29T00:59:59"),
    ("2026-03-29T02:00:00", "2026-03-29T01:00:00"),  # no clock showed it: as long after the jump as it says
    ("2026-03-29T02:30:00", "2026-03-29T01:30:00"),
    ("2026-03-29T03:00:00", "2026-03-29T01:00:00"),
    ("2026-10-25T01:59:59", "2026-10-24T23:59:59"),
    ("2026-10-25T02:30:00", "2026-10-25T00:30:00"),  # clocks showed it twice: the first time
    ("2026-10-25T03:00:00", "2026-10-25T02:00:00"),
    ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00"),  # the second time, where the carrier says which
    ("2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00"),
])  # fmt: skip
def test_a_local_time_is_one_instant_where_clocks_change(written, utc):
    """In Berlin, by the place of the scan or by where the parcel goes."""
    at = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    source = "offset" if written[19:] else "place"
    assert instant(written, "Europe/Berlin", "America/New_York") == (at, source)
    assert instant(written, None, "Europe/Berlin")[0] == at


@pytest.mark.parametrize(("zone", "day"), [
    ("Europe/Berlin", "2026-03-29"), ("Europe/Berlin", "2026-10-25"), ("America/Sao_Paulo", "2018-11-04"),
    ("Australia/Lord_Howe", "2026-04-05"), ("Africa/Casablanca", "2026-03-22"), ("Pacific/Apia", "2011-12-31"),
])  # fmt: skip
def test_times_that_a_clock_showed_keep_their_order(zone, day):
    """Every five minutes of the day on which clocks change and of the days beside it, as the place's own clock had
    them: none is read as earlier than the one before, but for the hour that came twice."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(days=1)
    before = None
    for step in range(0, 3 * 24 * 60, 5):
        true = start + timedelta(minutes=step)
        local = true.astimezone(zone_named(zone))
        read, _ = instant(local.replace(tzinfo=None).isoformat(), zone, None)
        assert read == true if not local.fold else timedelta(0) < true - read <= timedelta(hours=1)
        assert before is None or local.fold or read > before
        before = read


@pytest.mark.parametrize("written", ["2026-03-29", "20260329", "29.03.2026", "", "02:30", "2026-02-30T10:00", "now"])
def test_what_is_no_instant_is_never_made_one(written):
    """A day without a time is none, on the day of the change as on any other."""
    assert instant(written, "Europe/Berlin", None)[0] is None
