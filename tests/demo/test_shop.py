"""The sample shop: always the same orders, believable, acceptable to intake, and reaching nobody real."""

import csv
import io
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import phonenumbers
import pytest

from app.demo.carrier.answers import Parcel
from app.demo.carrier.behaviour import CALM
from app.demo.carrier.timetable import Step
from app.demo.shop import CSV_COLUMNS, ORDERING, SampleOrder, as_api, as_csv, as_timetables, sample_orders
from app.demo.shop_journeys import Outcome
from app.demo.shop_people import phone_number
from app.intake.schema import parse_order
from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, Ask, RawAnswer
from app.tracking.carriers.dhl import Dhl
from app.zones import end_of_day, zone_of_country

START = datetime(2026, 3, 2, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def orders() -> list[SampleOrder]:
    """Three hundred orders, as the demo takes them."""
    return sample_orders(300, START, 7)


def ended(order: SampleOrder) -> datetime:
    return max(parcel.timetable.steps[-1].at for parcel in order.parcels)


def promise_ends(order: SampleOrder) -> datetime:
    return end_of_day(order.promised_on, zone_of_country(order.shopper.country) or "UTC")


def test_the_same_arguments_give_the_same_orders(orders: list[SampleOrder]) -> None:
    """Orders depend on count, start and seed; another seed gives others."""
    assert sample_orders(300, START, 7) == orders
    assert sample_orders(300, START.astimezone(), 7) == orders
    assert sample_orders(300, START, 8) != orders


def test_names_nothing_twice(orders: list[SampleOrder]) -> None:
    """Order numbers, tracking numbers, email addresses and phone numbers are each one order's own."""
    for values in (
        [order.number for order in orders],
        [parcel.tracking_number for order in orders for parcel in order.parcels],
        [order.shopper.email for order in orders if order.shopper.email],
        [order.shopper.phone for order in orders if order.shopper.phone],
    ):
        assert len(set(values)) == len(values)


def test_reaches_nobody_real(orders: list[SampleOrder]) -> None:
    """Addresses end in a domain that cannot exist; numbers are valid and from ranges kept for fiction."""
    kept = ("+4670174060", "+4670174061", "+467017406", "+4917139200", "+49176040690", "+493023125")
    assert all(order.shopper.email.endswith("@example.test") for order in orders if order.shopper.email)
    for number in {phone_number(index) for index in range(1295)}:
        assert phonenumbers.is_valid_number(phonenumbers.parse(number))
        assert number.startswith(kept)
    assert all(5 <= int(phone_number(index)[-2:]) <= 99 for index in range(95))
    assert len({phone_number(index) for index in range(1295)}) == 1295


def test_everyone_can_be_reached_somehow(orders: list[SampleOrder]) -> None:
    """Most shoppers have both addresses, some only one, none neither."""
    ways = Counter((order.shopper.email is not None, order.shopper.phone is not None) for order in orders)
    assert ways[False, False] == 0
    assert ways[True, True] > 200
    assert min(ways[True, False], ways[False, True]) > 5


def test_sends_to_the_countries_of_each_brand(orders: list[SampleOrder]) -> None:
    """Each brand has its own shoppers' countries, and both have many orders."""
    lands = {brand: {o.shopper.country for o in orders if o.brand == brand} for brand in {o.brand for o in orders}}
    assert lands == {"fjallhem": {"SE", "NO", "FI", "DE"}, "atelier-ombre": {"FR", "BE", "DE", "GB"}}
    assert min(Counter(order.brand for order in orders).values()) > 100


def test_orders_and_parcels_hold_the_same_goods(orders: list[SampleOrder]) -> None:
    """One to four items; a tenth of the orders in two parcels, which share the items out."""
    assert {len(order.items) for order in orders} == {1, 2, 3, 4}
    assert sum(len(order.parcels) == 2 for order in orders) == 30
    for order in orders:
        assert tuple(item for parcel in order.parcels for item in parcel.items) == order.items
        assert all(parcel.items for parcel in order.parcels)
        assert order.total_minor == sum(item.price_minor * item.quantity for item in order.items) > 0


def test_the_whole_sample_fits_into_six_days(orders: list[SampleOrder]) -> None:
    """Everything is ordered in a day and a half, most is there in two to four days, the last within six."""
    placed = [order.placed_at for order in orders]
    assert placed == sorted(placed)
    assert placed[0] >= START and placed[-1] < START + ORDERING
    assert max(map(ended, orders)) < START + timedelta(days=6)
    days = [(ended(order) - order.placed_at) / timedelta(days=1) for order in orders]
    assert sum(1 < took < 4.5 for took in days) > 0.85 * len(days)


def test_what_is_called_late_is_late_and_nothing_else(orders: list[SampleOrder]) -> None:
    """An order misses its promise exactly if it was dealt that; about one in eight was."""
    for order in orders:
        if order.outcome is not Outcome.sent_back:
            assert (ended(order) >= promise_ends(order)) == (order.outcome is Outcome.late), order.number
    kinds = Counter(order.outcome for order in orders)
    assert 0.1 < kinds[Outcome.late] / len(orders) < 0.14
    assert kinds[Outcome.sent_back] == 2
    assert min(kinds[Outcome.attempt_first], kinds[Outcome.collected]) >= 5


@pytest.mark.parametrize("start", [START, datetime(2026, 3, 27, 6, tzinfo=UTC), datetime(2026, 10, 23, 22, tzinfo=UTC)])
def test_journeys_are_told_in_order_in_every_season(start: datetime) -> None:
    """Each parcel has a label, a pick-up, two to four scans on the way, and an end, also when clocks change."""
    for order in sample_orders(200, start, 3):
        for parcel in order.parcels:
            steps = [timed.step for timed in parcel.timetable.steps]
            assert steps[:2] == [Step.label, Step.pickup]
            assert 2 <= sum(step.milestone is Milestone.in_transit for step in steps) <= 4
            assert steps[-1] in (Step.delivered, Step.returned)
            assert parcel.timetable.steps[0].at > order.placed_at


def test_the_adapter_reads_every_journey_back(orders: list[SampleOrder]) -> None:
    """What the stand-in makes of a timetable, the DHL adapter turns into the same instants and milestones."""
    for table in as_timetables(orders):
        body = Parcel(table, CALM).body((START + timedelta(days=9)).timestamp())
        assert body is not None
        [call] = Dhl().calls(
            [Ask(table.tracking_number, destination_country=table.destination)], Access("https://api-eu.dhl.com")
        )
        [reply] = Dhl().read(call, RawAnswer(200, {}, body))
        read = [(scan.occurred_at, scan.milestone) for scan in reversed(reply.scans)]
        assert read == [(timed.at, timed.step.milestone) for timed in table.steps]


def test_intake_accepts_every_order(orders: list[SampleOrder]) -> None:
    """The API's bodies pass intake, and say the same as the orders."""
    for order, payload in zip(orders, as_api(orders), strict=True):
        taken = parse_order(payload, {"dhl"})
        assert (taken.number, taken.placed_at, taken.promised_on) == (order.number, order.placed_at, order.promised_on)
        assert (taken.total_minor, taken.shopper.email) == (order.total_minor, order.shopper.email)
        assert [p.tracking_number for p in taken.parcels] == [p.tracking_number for p in order.parcels]


def test_the_file_has_a_row_for_each_parcel(orders: list[SampleOrder]) -> None:
    """The CSV's rows are the parcels, with their items in words and the total in whole units."""
    rows = list(csv.DictReader(io.StringIO(as_csv(orders))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [row["tracking_number"] for row in rows] == [p.tracking_number for o in orders for p in o.parcels]
    by_number = {order.number: order for order in orders}
    for row in rows:
        order = by_number[row["order_number"]]
        [parcel] = [p for p in order.parcels if p.reference == row["parcel_reference"]]
        lines = [line.split("x ", 1) for line in row["items"].split("|")]
        assert [(int(n), name) for n, name in lines] == [(item.quantity, item.name) for item in parcel.items]
        assert row["total"] == f"{order.total_minor // 100}.{order.total_minor % 100:02d}"
        assert date.fromisoformat(row["promised_on"]) == order.promised_on


def test_a_small_sample_still_has_every_kind() -> None:
    """Thirty orders are enough to see lateness, a failed attempt, a pick-up point and a return."""
    assert {order.outcome for order in sample_orders(30, START, 1)} == set(Outcome)
    assert sample_orders(0, START, 1) == []
