"""`doorstep bench page`: how many shoppers' pages one web process serves a second, beside a bare Starlette answer.

Both are uvicorn with one process, and are called alike; each call is for another parcel, which is read, drawn and
rendered anew.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.bench.ground import Cost, Ground, Meter, ground
from app.bench.hooks import serving
from app.bench.world import PLACED, make_parcels
from app.embedded.engine import free_port, web_program
from app.errors import DoorstepError
from app.models import Scan, Shipment
from app.wiring import build_house

CALLERS = 8
"""Requests under way at once, so that the process is never idle."""

AT_ONCE = 2000
_JOURNEY = ("registered", "dispatched", "in_transit", "in_transit", "out_for_delivery")
_UVICORN = (sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning", "--lifespan", "off")


async def _answer(_request: Request) -> Response:
    return PlainTextResponse("here it is")


bare = Starlette(routes=[Route("/t/{token}", _answer)])
"""The floor: a route with a name in its path, and three words."""


@dataclass(frozen=True, slots=True)
class PageBench:
    """`floor`: the bare answer. `page`: the shopper's page, and `size` its mean number of bytes."""

    parcels: int
    floor: Cost
    page: Cost
    size: int

    @property
    def per_core(self) -> float:
        """Pages a second that one core serves which does nothing else, PostgreSQL's own work not counted."""
        return self.page.count / self.page.engine_cpu


def bench_page(parcels: int, requests: int) -> PageBench:
    """Fill a database with so many parcels of five scans each and call for so many pages, each of another parcel."""
    with ground() as here, ExitStack() as running:
        tokens = _fill(here, parcels)
        floor_port, page_port = free_port(), free_port()
        floor_server = running.enter_context(
            serving((*_UVICORN, "app.bench.page:bare", "--port", str(floor_port)), {}, floor_port)
        )
        argv = web_program("127.0.0.1", page_port, {}).argv
        web = running.enter_context(serving(argv, here.environment(here.plain), page_port))
        wanted = [tokens[number * 7919 % len(tokens)] for number in range(requests)]
        floor, _ = asyncio.run(_call(f"http://127.0.0.1:{floor_port}", wanted, floor_server.pid))
        page, size = asyncio.run(_call(f"http://127.0.0.1:{page_port}", wanted, web.pid, here.servers))
    return PageBench(parcels, floor, page, size // requests)


def _fill(here: Ground, parcels: int) -> Sequence[str]:
    """So many parcels with their scans; the secrets of their links."""
    house = build_house(here.settings(here.plain))
    for done in range(0, parcels, AT_ONCE):
        ids = make_parcels(house, min(AT_ONCE, parcels - done))
        with house.sessions.begin() as session:
            session.execute(insert(Scan), [_scan(one, step) for one in ids for step in range(len(_JOURNEY))])
            session.execute(
                sa.update(Shipment)
                .where(Shipment.id == sa.func.any(ids))
                .values(milestone="out_for_delivery", milestone_at=sa.func.now(), next_poll_at=None)
            )
    with house.sessions.begin() as session:
        session.execute(sa.text("ANALYZE"))
        tokens = session.scalars(sa.select(Shipment.link_token)).all()
    house.sessions.kw["bind"].dispose()
    return tokens


def _scan(shipment_id: int, step: int) -> dict[str, object]:
    at = PLACED + timedelta(hours=9 * step)
    return {
        "brand_id": 1,
        "shipment_id": shipment_id,
        "digest": shipment_id.to_bytes(8, "big") + bytes([step]),
        "source": "poll",
        "carrier": "dhl",
        "code": _JOURNEY[step],
        "milestone": _JOURNEY[step],
        "description": "as the carrier wrote it",
        "place": f"Place {step}",
        "written_time": at.isoformat(),
        "occurred_at": at,
        "zone_source": "text",
        "heard_at": at,
    }


async def _call(url: str, tokens: Sequence[str], process: int, servers: tuple[int, ...] = ()) -> tuple[Cost, int]:
    """Call for every page, some at once; the cost, and how many bytes came."""
    size, left = 0, iter(tokens)
    async with aiohttp.ClientSession(url) as client:

        async def get(token: str) -> int:
            async with client.get(f"/t/{token}") as answer:
                body = await answer.read()
                if answer.status != 200:
                    raise DoorstepError(f"{url}/t/… answered {answer.status}: {body[:200]!r}")
                return len(body)

        async def caller() -> None:
            nonlocal size
            for token in left:
                came = await get(token)
                size += came

        await asyncio.gather(*(get(token) for token in tokens[: 5 * CALLERS]))  # what is made once is made now
        meter = Meter(servers, (process,))
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        return meter.stop(len(tokens)), size
