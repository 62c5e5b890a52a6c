"""A sample shop: orders of two brands across the whole life of a parcel, the same ones for the same seed."""

import csv
import io
import random
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from app.demo.carrier.timetable import Timetable
from app.demo.shop_journeys import Journey, Outcome, Route, journey
from app.demo.shop_people import HOUSES, LANDS, RATES, House, Land, phone_number
from app.zones import localise, zone_of_country

ORDERING = timedelta(hours=36)
"""All orders are placed within so much time from the start."""

_AIR = {("SE", "DE"), ("SE", "FI"), ("FR", "GB")}
"""Ways that take a day longer."""

CSV_COLUMNS = (
    "order_number", "placed_at", "name", "email", "phone", "locale", "country", "city", "postal_code", "currency",
    "total", "promised_on", "items", "carrier", "tracking_number", "parcel_reference",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SampleShopper:
    """Who ordered; at least one of `email` and `phone` is there."""

    name: str
    email: str | None
    phone: str | None
    locale: str
    country: str
    city: str
    postal_code: str


@dataclass(frozen=True, slots=True)
class SampleItem:
    """One line; `price_minor` is for one piece, in hundredths of the order's currency."""

    sku: str
    name: str
    quantity: int
    price_minor: int


@dataclass(frozen=True, slots=True)
class SampleParcel:
    """One parcel with what is in it and what will happen to it."""

    reference: str
    carrier: str
    tracking_number: str
    items: tuple[SampleItem, ...]
    timetable: Timetable


@dataclass(frozen=True, slots=True)
class SampleOrder:
    """One order, and how it is going to turn out."""

    brand: str
    number: str
    placed_at: datetime
    shopper: SampleShopper
    currency: str
    promised_on: date
    items: tuple[SampleItem, ...]
    parcels: tuple[SampleParcel, ...]
    outcome: Outcome

    @property
    def total_minor(self) -> int:
        """What the order costs, in hundredths of its currency."""
        return sum(item.quantity * item.price_minor for item in self.items)


def sample_orders(count: int, start: datetime, seed: int) -> list[SampleOrder]:
    """`count` orders placed from `start` on, oldest first. The same arguments give the same orders."""
    start = start.astimezone(UTC)
    return [_order(index, count, start, seed) for index in range(count)]


def as_timetables(orders: Sequence[SampleOrder]) -> list[Timetable]:
    """What the carrier stand-in is to do with the parcels."""
    return [parcel.timetable for order in orders for parcel in order.parcels]


def as_api(orders: Sequence[SampleOrder]) -> list[dict[str, Any]]:
    """The orders as bodies of `POST /v1/orders`. The brand is not in them: the API key names it."""
    return [_payload(order) for order in orders]


def as_csv(orders: Sequence[SampleOrder]) -> str:
    """The orders as a file for `doorstep import`, a row for each parcel. The brand is given at the import."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for order in orders:
        writer.writerows(_row(order, parcel) for parcel in order.parcels)
    return text.getvalue()


def _order(index: int, count: int, start: datetime, seed: int) -> SampleOrder:
    dice = random.Random(f"{seed}:{index}")  # noqa: S311  a sample, not a secret
    house = dice.choice(HOUSES)
    land = LANDS[dice.choice(house.lands)]
    placed_at = (start + ORDERING * ((index + dice.random()) / count)).replace(microsecond=0)
    outcome = _outcome(index, count)
    number = f"{house.prefix}-{seed % 90 + 10}{index:05d}"
    items = _items(house, land, dice, at_least=2 if _in_two(index) else 1)
    shopper = _shopper(index, land, dice)
    parcels, planned = _parcels(index, number, placed_at, items, _Plan(house, shopper, outcome, start), dice)
    slack = {Outcome.on_time: dice.choice((0, 0, 1)), Outcome.late: 0}.get(outcome, 1)
    return SampleOrder(
        brand=house.key,
        number=number,
        placed_at=placed_at,
        shopper=shopper,
        currency=land.currency,
        promised_on=planned + timedelta(days=slack),
        items=items,
        parcels=parcels,
        outcome=outcome,
    )


def _outcome(index: int, count: int) -> Outcome:
    """Dealt out rather than drawn, so that even a small sample has every kind: 12 % late, and a few of the rest.

    The one or two that go back are among the first orders, because a return takes longest.
    """
    if index == 5 or (index == 30 and count >= 100):
        return Outcome.sent_back
    kinds = {2: Outcome.late, 10: Outcome.late, 19: Outcome.late, 7: Outcome.attempt_first, 14: Outcome.collected}
    return kinds.get(index % 25, Outcome.on_time)


def _in_two(index: int) -> bool:
    """Every tenth order travels in two parcels."""
    return index % 10 == 3


def _shopper(index: int, land: Land, dice: random.Random) -> SampleShopper:
    first, last = dice.choice(land.first_names), dice.choice(land.last_names)
    city, postal_code = dice.choice(land.cities)
    reach = dice.random()
    return SampleShopper(
        name=f"{first} {last}",
        email=f"{_ascii(first)}.{_ascii(last)}.{index}@example.test" if reach >= 0.07 else None,
        phone=phone_number(index) if reach < 0.86 else None,
        locale=land.locale,
        country=land.country,
        city=city,
        postal_code=postal_code,
    )


def _ascii(name: str) -> str:
    plain = name.replace("ß", "ss").replace("ø", "o").replace("æ", "ae").replace("Ø", "O")
    letters = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in letters if letter.isalnum())


def _items(house: House, land: Land, dice: random.Random, at_least: int) -> tuple[SampleItem, ...]:
    goods = dice.sample(house.goods, max(at_least, dice.choice((1, 1, 1, 2, 2, 3, 4))))
    return tuple(
        SampleItem(sku, name, dice.choice((1, 1, 1, 1, 2)), round(cents * RATES[land.currency]))
        for sku, name, cents in goods
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """What all parcels of one order share."""

    house: House
    shopper: SampleShopper
    outcome: Outcome
    start: datetime

    def route(self, placed_at: datetime, dice: random.Random) -> Route:
        """The way; orders late in the sample take no slow one, so that the sample ends within six days."""
        house, shopper = self.house, self.shopper
        abroad = shopper.country != house.origin
        transit = 1 + abroad + ((house.origin, shopper.country) in _AIR or dice.random() < 0.25)
        if placed_at - self.start > ORDERING * 0.6 or self.outcome is Outcome.sent_back:
            transit = min(transit, 2)
        return Route(house.origin, house.warehouse, house.hub, shopper.country, shopper.city, transit)


def _parcels(
    index: int, number: str, placed_at: datetime, items: tuple[SampleItem, ...], plan: _Plan, dice: random.Random
) -> tuple[tuple[SampleParcel, ...], date]:
    """The order's parcels, and the day by which all of them were meant to be there. Where there are two, only the
    second has bad luck."""
    split = 1 if _in_two(index) else len(items)
    route = plan.route(placed_at, dice)
    parcels, planned = [], []
    for turn, contents in enumerate(part for part in (items[:split], items[split:]) if part):
        unlucky = split == len(items) or turn == 1
        way = journey(route, placed_at, plan.outcome if unlucky else Outcome.on_time, dice)
        tracking_number = f"003499{dice.randrange(10**6):06d}{index:07d}{turn + 1}"
        timetable = _timetable(tracking_number, route, way)
        parcels.append(SampleParcel(f"{number}-{turn + 1}", "dhl", tracking_number, contents, timetable))
        planned.append(way.planned)
    return tuple(parcels), max(planned)


def _timetable(tracking_number: str, route: Route, way: Journey) -> Timetable:
    zone = zone_of_country(route.destination) or "UTC"
    return Timetable(
        tracking_number=tracking_number,
        service="parcel-de" if route.destination == "DE" else "ecommerce-europe",
        origin=route.origin,
        destination=route.destination,
        eta_from=localise(datetime.combine(way.planned, time(9)), zone),
        eta_through=localise(datetime.combine(way.planned, time(18)), zone),
        steps=way.steps,
    )


def _payload(order: SampleOrder) -> dict[str, Any]:
    shopper = order.shopper
    return {
        "source": "shop",
        "number": order.number,
        "placed_at": order.placed_at.isoformat(),
        "shopper": {name: getattr(shopper, name) for name in shopper.__dataclass_fields__},
        "currency": order.currency,
        "total_minor": order.total_minor,
        "promised_on": order.promised_on.isoformat(),
        "items": [_line(item) for item in order.items],
        "tags": [],
        "parcels": [
            {
                "reference": parcel.reference,
                "carrier": parcel.carrier,
                "tracking_number": parcel.tracking_number,
                "items": [_line(item) for item in parcel.items],
                "promised_on": order.promised_on.isoformat(),
            }
            for parcel in order.parcels
        ],
    }


def _line(item: SampleItem) -> dict[str, Any]:
    return {
        "sku": item.sku,
        "name": item.name,
        "quantity": item.quantity,
        "price_minor": item.price_minor,
        "image_url": None,
    }


def _row(order: SampleOrder, parcel: SampleParcel) -> dict[str, Any]:
    shopper = order.shopper
    return {
        "order_number": order.number,
        "placed_at": order.placed_at.isoformat(),
        "name": shopper.name,
        "email": shopper.email or "",
        "phone": shopper.phone or "",
        "locale": shopper.locale,
        "country": shopper.country,
        "city": shopper.city,
        "postal_code": shopper.postal_code,
        "currency": order.currency,
        "total": f"{order.total_minor / 100:.2f}",
        "promised_on": order.promised_on.isoformat(),
        "items": "|".join(f"{item.quantity}x {item.name}" for item in parcel.items),
        "carrier": parcel.carrier,
        "tracking_number": parcel.tracking_number,
        "parcel_reference": parcel.reference,
    }
