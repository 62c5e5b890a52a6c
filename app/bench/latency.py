"""`doorstep bench latency`: how long from a pushed scan to the provider's having the message, for one without hold."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
import httpx
import sqlalchemy as sa

from app.bench.ground import Sink, await_, ground
from app.bench.programs import await_web, running, whole_engine
from app.bench.send import housed
from app.bench.world import make_parcels
from app.clock import stopwatch, wall_now, wall_seconds
from app.embedded.engine import free_port
from app.models import Brand, Order, Shipment
from app.pipeline.house import House
from app.web.access import issue_key

LIGHT = 5.0
"""Scans a second of light load."""
CALLERS = 32
"""Callers at once, while it is found out how much the engine takes."""


@dataclass(frozen=True, slots=True)
class Latency:
    """`per_second` scans were pushed, `count` in all; seconds from the request's start to the provider's acceptance."""

    per_second: float
    count: int
    median: float
    p99: float
    longest: float


@dataclass(frozen=True, slots=True)
class LatencyBench:
    """`capacity`: scans a second that came through as messages when pushed as fast as they were taken."""

    light: Latency
    capacity: float
    half: Latency


@dataclass(frozen=True, slots=True)
class _Door:
    """Where scans are pushed to, and where their messages arrive."""

    site: str
    key: str
    sink: Sink


def bench_latency(scans: int) -> LatencyBench:
    """Push `scans` scans over HTTP for each figure, and watch the provider."""
    with ground() as here, housed(here, here.plain) as house:
        make_parcels(house, 3 * scans + 50)
        parcels = _parcels(house)
        with house.sessions.begin() as session:
            brand = session.scalars(sa.select(Brand.id).where(Brand.key == "fjallhem")).one()
            key = issue_key(session, brand, "bench", ["orders:write"])
        port = free_port()
        with running(here, here.plain, whole_engine(here, port)):
            await_web(port)
            door = _Door(f"http://127.0.0.1:{port}", key, here.plain)
            _push(door, parcels[:50], LIGHT * 4)  # wakes every process
            light = _push(door, parcels[50 : 50 + scans // 2], LIGHT)
            capacity = _capacity(door, parcels[50 + scans : 50 + 2 * scans])
            half = _push(door, parcels[50 + 2 * scans :], capacity / 2)
        return LatencyBench(light, capacity, half)


def _parcels(house: House) -> list[tuple[str, str]]:
    with house.sessions() as session:
        joined = sa.select(Shipment.public_id, Order.email).join(Order, Order.id == Shipment.order_id)
        return [(row.public_id, str(row.email)) for row in session.execute(joined.order_by(Shipment.id))]


def _push(door: _Door, parcels: Sequence[tuple[str, str]], per_second: float) -> Latency:
    """Push one scan a parcel at an even pace, whatever becomes of those before."""
    begun = asyncio.run(_paced(door, parcels, per_second))
    taken = _arrivals(door, begun)
    waits = sorted(taken[email] - at for email, at in begun.items())
    return Latency(
        per_second, len(waits), waits[len(waits) // 2], waits[min(len(waits) - 1, len(waits) * 99 // 100)], waits[-1]
    )


def _capacity(door: _Door, parcels: Sequence[tuple[str, str]]) -> float:
    started = stopwatch()
    begun = asyncio.run(_paced(door, parcels, None))
    _arrivals(door, begun)
    return len(begun) / (stopwatch() - started)


def _arrivals(door: _Door, begun: dict[str, float]) -> dict[str, float]:
    """When each recipient's message came to the provider, once all have."""
    await_("every message has arrived", lambda: begun.keys() <= _taken(door.sink).keys(), 120)
    return _taken(door.sink)


def _taken(sink: Sink) -> dict[str, float]:
    found: dict[str, float] = httpx.get(f"{sink.url}/taken", trust_env=False).json()
    return found


async def _paced(door: _Door, parcels: Sequence[tuple[str, str]], per_second: float | None) -> dict[str, float]:
    """When each push began, by the shopper's address."""
    begun: dict[str, float] = {}
    limit = asyncio.Semaphore(CALLERS if per_second is None else 10_000)
    headers = {"Authorization": f"Bearer {door.key}"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as http:

        async def one(index: int, shipment: str, email: str) -> None:
            await asyncio.sleep(index / per_second if per_second else 0)
            async with limit:
                happened = (wall_now() - timedelta(minutes=1)).isoformat()
                scan = {"milestone": "out_for_delivery", "occurred_at": happened}
                begun[email] = wall_seconds()
                url = f"{door.site}/v1/shipments/{shipment}/scans"
                async with http.post(url, json={"scans": [scan]}) as answer:
                    if answer.status >= 300:
                        raise RuntimeError(f"{answer.status}: {await answer.text()}")

        await asyncio.gather(*(one(index, *parcel) for index, parcel in enumerate(parcels)))
    return begun
