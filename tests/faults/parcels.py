"""Parcels with news, so that there is something to send."""

from datetime import timedelta

import sqlalchemy as sa

from app.clock import wall_now
from app.db import Sessions
from app.intake.schema import parse_order
from app.intake.store import upsert_orders
from app.models import Brand, Shipment
from app.models.vocabulary import Milestone, Source
from app.pipeline import listen
from app.pipeline.house import House
from app.pipeline.listening.hearing import Heard
from app.tracking.adapter.base import HeardScan, scan_digest
from tests.daylight import zone_by_day


def plan_messages(sessions: Sessions, house: House, orders: int) -> int:
    """Plan an email and an SMS for each of `orders` parcels that are out for delivery, by the house's rules, which is
    closed; how many messages."""
    now = wall_now()
    payloads = [
        {
            "number": f"K{n:05}",
            "placed_at": (now - timedelta(days=2)).isoformat(),
            "shopper": {
                "name": "Maja Lind",
                "email": f"maja{n}@example.test",
                "phone": f"+4670174{n:04}",
                "zone": zone_by_day(),
            },
            "parcels": [{"reference": "1"}],
        }
        for n in range(orders)
    ]
    with sessions.begin() as session:
        brand = session.scalars(sa.select(Brand)).one()
        upsert_orders(session, brand, [parse_order(payload, ()) for payload in payloads], now=now)
        ids = list(session.scalars(sa.select(Shipment.id).order_by(Shipment.id)))
    at = now - timedelta(minutes=1)
    scan = HeardScan(scan_digest("k"), "van", Milestone.out_for_delivery, "On the van", "Malmö", "now", at, "offset")
    for start in range(0, len(ids), 250):
        listen(house, [Heard(one, Source.push, (scan,)) for one in ids[start : start + 250]], now)
    house.loop.run(house.http.aclose())
    house.loop.close()
    return 2 * orders
