"""A shop's quarter in a database of its own: a few parcels that the engine was really told of, and the mass."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import sqlalchemy as sa
from fastapi import FastAPI

from app.bench.ground import servers_of
from app.bench.million import write_million
from app.db import make_engine
from app.embedded import Embedded
from app.models import Order
from app.models.vocabulary import Channel
from app.pipeline import send_batch
from app.pipeline.house import House
from app.schema import migrate
from app.settings import Settings
from app.web.access.keys import issue_key
from app.web.main import create_app
from app.wiring import build_house, ensure_brands

BRAND, MESSAGE = "fjallhem", "messages/en/delivered.email.md"

_REAL = 8
_SCOPES = ("orders:write", "orders:read", "rules:read", "rules:write", "templates:read", "templates:write")


@dataclass(frozen=True, slots=True)
class Quarter:
    """`told` is one of the real parcels as the API shows it; the mass is named by its orders' ids, from `first` on.
    `servers` are the ids of PostgreSQL's and Valkey's processes, `endpoints` how another process finds them."""

    house: House
    engine: sa.Engine
    endpoints: Mapping[str, str]
    servers: tuple[int, ...]
    told: Mapping[str, Any]
    first: int
    parcels: int

    def token(self, nth: int) -> str:
        """The secret of the link of the nth parcel of the mass, from 1 on."""
        return f"{self.first + nth - 1:026}"


@contextmanager
def quarter(parcels: int, told: Callable[[str], None] = lambda line: None) -> Iterator[Quarter]:
    """So many parcels of one brand, spread over 90 days, on a PostgreSQL that does nothing besides; gone afterwards."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="doorstep-quarter-")))
        endpoints = stack.enter_context(Embedded(home, durable=False))
        engine = make_engine(endpoints.database_url)
        stack.callback(engine.dispose)
        migrate(engine)
        carriers: Any = {name: {"api_key": "bench"} for name in ("dhl",)}
        settings = Settings(
            send="shadow", carriers=carriers, public_url="http://127.0.0.1", database_url=endpoints.database_url
        )
        house = build_house(settings, engine=engine, wake=lambda kind, which: None)
        first_told = _tell_some(house)
        with house.sessions() as session:
            last = session.scalar(sa.select(sa.func.max(Order.id))) or 0
        write_million(house, ensure_brands(house.sessions, house.catalog)[BRAND], parcels, told)
        with house.sessions() as session:
            first = session.scalars(sa.select(sa.func.min(Order.id)).where(Order.id > last)).one()
        _rest(engine)
        yield Quarter(house, engine, endpoints.environment(), servers_of(home), first_told, first, parcels)
        house.loop.run(house.http.aclose())


def _rest(engine: sa.Engine) -> None:
    """Let PostgreSQL write down what it still has to, and clean up nothing of its own accord."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in ("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()", "CHECKPOINT"):
            connection.execute(sa.text(statement))


def _tell_some(house: House) -> Mapping[str, Any]:
    """Some parcels as a shop tells them, with all that the engine makes of it; the third of them."""
    brand_id = ensure_brands(house.sessions, house.catalog)[BRAND]
    with house.sessions.begin() as session:
        key = issue_key(session, brand_id, "bench", _SCOPES)
    app = create_app(Settings(public_url=house.public_url), house)
    told = asyncio.run(_tell(app, house, key))
    for channel in Channel:
        send_batch(house, channel)
    return told


async def _tell(app: FastAPI, house: House, key: str) -> Mapping[str, str]:
    """Tell a few orders and what happened to their parcels; the first parcel, as the API shows it."""
    now = house.clock.now()
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url=house.public_url, headers=headers) as http:
        orders = [_order(number, (now - timedelta(days=2)).isoformat()) for number in range(_REAL)]
        (await http.post("/v1/orders", json={"orders": orders})).raise_for_status()
        parcels = []
        for number in range(_REAL):
            order = (await http.get(f"/v1/orders/R{number}")).raise_for_status().json()
            parcels.append(order["parcels"][0])
            steps = (("dispatched", 30), ("in_transit", 12), ("out_for_delivery", 3), ("delivered", 1))
            scans = [
                {"milestone": milestone, "occurred_at": (now - timedelta(hours=hours)).isoformat(), "place": "Malmö"}
                for milestone, hours in steps[: 2 + number % 3]
            ]
            path = f"/v1/shipments/{parcels[-1]['id']}/scans"
            for scan in scans:
                (await http.post(path, json=scan)).raise_for_status()
        await _publish(http)
        return dict(parcels[2])


async def _publish(http: httpx.AsyncClient) -> None:
    """Publish the rules with a comment more, and a message with a line more, so that each history has a page."""
    rules = (await http.get("/v1/rules")).raise_for_status()
    headers = {"If-Match": "*", "Content-Type": "application/yaml"}
    text, why = f"{rules.text}# as before\n", {"why": "the history's first"}
    (await http.put("/v1/rules", content=text, params=why, headers=headers)).raise_for_status()
    file = f"/v1/templates/files/{MESSAGE}"
    message = (await http.get(file)).raise_for_status()
    (await http.put(file, content=message.content + b"\nThank you.\n", headers={"If-Match": "*"})).raise_for_status()
    wanted = {"paths": [MESSAGE], "why": "the history's first"}
    (await http.post("/v1/templates/publish", json=wanted, headers={"If-Match": "*"})).raise_for_status()


def _order(number: int, placed_at: str) -> dict[str, Any]:
    items = [{"sku": "FH-1", "name": "Wool blanket", "quantity": 2, "price_minor": 49900}]
    parcels = [
        {"reference": one, "carrier": "dhl", "tracking_number": f"REAL{number}{one}", "items": items}
        for one in ("1", "2")
    ]
    return {
        "number": f"R{number}",
        "placed_at": placed_at,
        "shopper": {"name": "Maja Lind", "email": "maja@example.test", "phone": "+46701740605", "country": "SE"},
        "items": items,
        "parcels": parcels,
    }
