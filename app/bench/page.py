"""`doorstep bench page`: how many shoppers' pages one web process serves a second, beside a bare Starlette answer.

Both are uvicorn with one process, and are called alike; each call is for another parcel, which is read, drawn and
rendered anew.
"""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.bench.ground import Cost, Meter
from app.bench.hooks import serving
from app.bench.quarter import quarter
from app.embedded.engine import web_program
from app.embedded.ports import free_ports
from app.errors import DoorstepError

CALLERS = 8
"""Requests under way at once, so that the process is never idle."""

_ROUNDS_BEFORE = 60
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
    def with_database(self) -> float:
        """Pages a second of one core that does PostgreSQL's work as well."""
        return 1000 / self.page.cpu_ms

    @property
    def per_core(self) -> float:
        """Pages a second that one core serves which does nothing else, PostgreSQL's own work not counted."""
        return self.page.count / self.page.engine_cpu


def bench_page(parcels: int, requests: int, told: Callable[[str], None] = lambda line: None) -> PageBench:
    """Call for so many pages of a shop's quarter, each of another parcel while there are as many."""
    with quarter(parcels, told) as here, ExitStack() as running:
        told("pages are called for")
        floor_port, page_port = free_ports(2)
        floor_server = running.enter_context(
            serving((*_UVICORN, "app.bench.page:bare", "--port", str(floor_port)), {}, floor_port)
        )
        argv = web_program("127.0.0.1", page_port, {}).argv
        web = running.enter_context(serving(argv, {**here.endpoints}, page_port))
        wanted = [here.token(1 + number * 7919 % parcels) for number in range(requests)]
        floor, _ = asyncio.run(_call(f"http://127.0.0.1:{floor_port}", wanted, floor_server.pid))
        page, size = asyncio.run(_call(f"http://127.0.0.1:{page_port}", wanted, web.pid, here.servers))
    return PageBench(parcels, floor, page, size // requests)


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

        for _ in range(_ROUNDS_BEFORE):  # what is made once, and once a connection, is made now
            await asyncio.gather(*(get(token) for token in tokens[:CALLERS]))
        meter = Meter(servers, (process,))
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        return meter.stop(len(tokens)), size
