"""Many orders at once, in a few statements, for tests of what only a crowd shows."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app import pipeline
from app.intake.schema import parse_order
from app.intake.store import upsert_orders
from app.models import Brand, Shipment
from app.models.vocabulary import Milestone, Source
from app.pipeline.listening.hearing import Heard
from app.pipeline.polling.routing import routes_for
from tests.pipeline.conftest import START, World, heard_scan

CHUNK = 500


def chunks(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    """The rows in handfuls that one transaction takes."""
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def crowd(world: World, count: int, brand_key: str = "fjallhem", first: int = 0, parcels: int = 1) -> list[int]:
    """Store `count` orders of so many parcels each, for as many shoppers; the parcels' row ids, in order."""
    stored: list[int] = []
    for some in chunks(range(first, first + count)):
        stored += store_orders(world, [_payload(brand_key, number, parcels) for number in some], brand_key)
    return stored


def store_orders(world: World, payloads: Sequence[Mapping[str, Any]], brand_key: str = "fjallhem") -> list[int]:
    """Store these orders together; their parcels' row ids, in order."""
    orders = [parse_order(payload, world.house.carriers) for payload in payloads]
    with world.house.sessions.begin() as session:
        brand = session.scalars(sa.select(Brand).where(Brand.key == brand_key)).one()
        route = routes_for(world.house, session, brand.id)
        upsert_orders(session, brand, orders, now=world.clock.now(), history=False, route=route)
        named = [one.tracking_number for order in orders for one in order.parcels]
        query = sa.select(Shipment.id).where(Shipment.tracking_number.in_(named)).order_by(Shipment.id)
        return list(session.scalars(query))


def _payload(brand_key: str, number: int, parcels: int) -> dict[str, object]:
    return {
        "number": str(number),
        "placed_at": (START - timedelta(days=2)).isoformat(),
        "shopper": {
            "name": "Maja Lind", "email": f"{brand_key}{number}@example.test", "phone": f"+4670{1000000 + number:07}",
            "country": "SE",
        },
        "items": [{"name": "Wool blanket", "quantity": 1, "price_minor": 49900}],
        "currency": "SEK",
        "parcels": [
            {"carrier": "dhl", "tracking_number": f"{brand_key}-{number}" + f"-{n}" * (n > 0)} for n in range(parcels)
        ],
    }  # fmt: skip


def all_reach(world: World, parcels: Sequence[int], milestone: Milestone, at: datetime | None = None) -> None:
    """Every one of these parcels is scanned, at the same instant (a moment ago)."""
    scan = heard_scan(milestone, at or world.clock.now() - timedelta(minutes=1))
    for some in chunks(parcels):
        pipeline.listen(world.house, [Heard(parcel, Source.push, (scan,)) for parcel in some], world.clock.now())
