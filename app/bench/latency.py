"""`doorstep bench latency`: how long from a carrier's call until the provider has its message, if nothing holds it."""

import asyncio
import hashlib
import hmac
import json
from base64 import b64encode
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
from app.embedded.ports import free_port
from app.models import Order, Shipment
from app.pipeline.house import House

SIGNED_UNDER = "bench"
LIGHT = 5.0
"""Scans a second of light load."""
CALLERS = 32
"""Callers at once, while it is found out how much the engine takes."""


@dataclass(frozen=True, slots=True)
class Latency:
    """`per_second` calls were made, each with one scan that counts, `count` in all; seconds from the request's start to
    the provider's acceptance."""

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
    """Where the carrier calls, and where the messages arrive."""

    site: str
    sink: Sink


def bench_latency(scans: int) -> LatencyBench:
    """Make `scans` signed calls over HTTP for each figure, and watch the provider."""
    with ground() as here, housed(here, here.plain) as house:
        make_parcels(house, 3 * scans + 50)
        parcels = _parcels(house)
        port = free_port()
        with running(
            here, here.plain, whole_engine(here, port), DOORSTEP_CARRIERS__AFTERSHIP__PUSH_SECRET=SIGNED_UNDER
        ):
            await_web(port)
            door = _Door(f"http://127.0.0.1:{port}/hooks/carriers/aftership", here.plain)
            _push(door, parcels[:50], LIGHT * 4)  # wakes every process
            light = _push(door, parcels[50 : 50 + scans // 2], LIGHT)
            capacity = _capacity(door, parcels[50 + scans : 50 + 2 * scans])
            half = _push(door, parcels[50 + 2 * scans :], capacity / 2)
        return LatencyBench(light, capacity, half)


def _parcels(house: House) -> list[tuple[str, str]]:
    """Each parcel's number and its shopper's address; all of them are AfterShip's to speak of, and none is due."""
    with house.sessions.begin() as session:
        tomorrow = house.clock.now() + timedelta(days=1)
        session.execute(sa.update(Shipment).values(asked_of="aftership", next_poll_at=tomorrow))
        joined = sa.select(Shipment.tracking_number, Order.email).join(Order, Order.id == Shipment.order_id)
        return [(str(row.tracking_number), str(row.email)) for row in session.execute(joined.order_by(Shipment.id))]


def _push(door: _Door, parcels: Sequence[tuple[str, str]], per_second: float) -> Latency:
    """Call about each parcel once, at an even pace, whatever becomes of those before."""
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
    """When each call began, by the shopper's address."""
    begun: dict[str, float] = {}
    limit = asyncio.Semaphore(CALLERS if per_second is None else 10_000)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def one(index: int, number: str, email: str) -> None:
            await asyncio.sleep(index / per_second if per_second else 0)
            async with limit:
                body = _call(number)
                signature = b64encode(hmac.new(SIGNED_UNDER.encode(), body, hashlib.sha256).digest()).decode()
                begun[email] = wall_seconds()
                async with http.post(door.site, data=body, headers={"aftership-hmac-sha256": signature}) as answer:
                    if answer.status >= 300:
                        raise RuntimeError(f"{answer.status}: {await answer.text()}")

        await asyncio.gather(*(one(index, *parcel) for index, parcel in enumerate(parcels)))
    return begun


def _call(number: str) -> bytes:
    """What AfterShip says of a parcel that has been on its way for days and went out for delivery a minute ago."""
    now = wall_now()
    ways = [("InTransit_003", timedelta(hours=6 * step), f"Handled at place {step}") for step in range(9, 0, -1)]
    checkpoints = [
        {
            "slug": "dhl",
            "tag": subtag.split("_")[0],
            "subtag": subtag,
            "checkpoint_time": (now - ago).isoformat(),
            "message": message,
            "location": "Malmö",
        }
        for subtag, ago, message in [*ways, ("OutForDelivery_001", timedelta(minutes=1), "Loaded for delivery")]
    ]
    tracking = {"tracking_number": number, "slug": "dhl", "checkpoints": checkpoints}
    return json.dumps({"event": "tracking_update", "ts": int(now.timestamp()), "msg": tracking}).encode()
