"""Rows to measure on: orders and parcels, written as fast as the database takes them."""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.models import Brand, Order, Shipment, link_token, public_id
from app.pipeline.house import House
from app.wiring import ensure_brands

PLACED = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
_ITEMS = [
    {"sku": f"FH-{n:03}", "name": f"Wool blanket, moss, size {n}", "quantity": 1, "price_minor": 49900}
    for n in range(10)
]


def make_parcels(house: House, count: int) -> list[int]:
    """Store `count` more orders of ten lines with one due DHL parcel each; the parcels' row ids."""
    brand_id = ensure_brands(house.sessions, house.catalog)["fjallhem"]
    with house.sessions.begin() as session:
        brand = session.get_one(Brand, brand_id)
        first = session.scalars(sa.select(sa.func.count()).select_from(Order)).one()
        orders = session.scalars(
            insert(Order).returning(Order.id),
            [_order(brand, first + index) for index in range(count)],
        ).all()
        ids = session.scalars(
            insert(Shipment).returning(Shipment.id),
            [_shipment(brand_id, order_id, first + index) for index, order_id in enumerate(orders)],
        ).all()
        session.execute(sa.text("ANALYZE"))
    return list(ids)


def _order(brand: Brand, index: int) -> dict[str, object]:
    return {
        "public_id": public_id("ord"),
        "brand_id": brand.id,
        "source": "bench",
        "number": f"B{index:07}",
        "placed_at": PLACED,
        "shopper_name": "Maja Lind",
        "email": f"shopper{index}@example.test",
        "phone": None,
        "locale": "en",
        "country": "SE",
        "zone": brand.zone,
        "zone_source": "brand",
        "currency": "SEK",
        "total_minor": 499000,
        "items": _ITEMS,
        "digest": index.to_bytes(8, "big"),
    }


def _shipment(brand_id: int, order_id: int, index: int) -> dict[str, object]:
    return {
        "public_id": public_id("shp"),
        "link_token": link_token(),
        "brand_id": brand_id,
        "order_id": order_id,
        "reference": "1",
        "carrier": "dhl",
        "asked_of": "dhl",
        "tracking_number": f"BENCH{index:08}",
        "next_poll_at": PLACED,
    }
