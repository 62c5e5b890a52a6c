"""`doorstep bench poll`: what one polled parcel costs, beside one bare GET and the naive design in the same run."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import sqlalchemy as sa

from app import pipeline
from app.bench.ground import TURNS, Cost, Ground, Meter, Pair, ground
from app.bench.naive_poll import bench_naive_poll
from app.bench.world import PLACED, make_parcels
from app.models import Shipment
from app.pipeline.house import House
from app.wiring import build_house, settle_in


@dataclass(frozen=True, slots=True)
class PollBench:
    """`usual`: bare GETs and polls in turns, where nine parcels in ten say what they said. `fresh`: every parcel
    answers for the first time. `naive`: a task, a client and a session for each, and no parcel with anything new."""

    usual: Pair
    fresh: Cost
    naive: Cost


def bench_poll(parcels: int, naive: int) -> PollBench:
    """Ask about `parcels` parcels of ten events: all new, then in turns bare and with another tenth of them told of
    one event more; and about `naive` of them the way one would write first."""
    with ground() as here:
        house = build_house(here.settings(here.plain))
        ids, numbers = make_parcels(house, parcels), [f"BENCH{n:08}" for n in range(parcels)]
        urls = [f"{here.plain.url}/track/shipments?trackingNumber={number}" for number in numbers]
        house.loop.run(_bare(house.http, urls[:200], 50))
        settle_in()
        fresh = _poll_all(house, here, parcels)
        turns: list[tuple[Cost, Cost]] = []
        for turn in range(TURNS):
            meter = Meter()
            house.loop.run(_bare(house.http, urls, 50))
            floor = meter.stop(parcels)
            _make_fresh(here, numbers[turn::TURNS])
            turns.append((floor, _poll_all(house, here, parcels)))
        house.loop.run(house.http.aclose())
        return PollBench(Pair.of(turns), fresh, bench_naive_poll(here, ids[:naive]))


def _poll_all(house: House, here: Ground, parcels: int) -> Cost:
    with house.sessions.begin() as session:
        session.execute(sa.update(Shipment).values(next_poll_at=PLACED))
        session.execute(sa.text("ANALYZE shipments"))
    meter, done = Meter(here.servers), 0
    while done < parcels:
        tally = pipeline.poll(house, "dhl")
        if tally.parcels == 0:
            raise RuntimeError(f"only {done} of {parcels} parcels were polled")
        done += tally.parcels
    return meter.stop(done)


def _make_fresh(here: Ground, numbers: Sequence[str]) -> None:
    with httpx.Client() as client:
        client.put(f"{here.plain.url}/fresh", content=json.dumps(list(numbers)))


async def _bare(http: httpx.AsyncClient, urls: Sequence[str], concurrency: int) -> None:
    """GET each address and read the answer, on as many connections as the engine uses."""
    limit = asyncio.Semaphore(concurrency)

    async def one(url: str) -> None:
        async with limit:
            (await http.get(url, headers={"DHL-API-Key": "bench"})).raise_for_status()

    for start in range(0, len(urls), 200):
        await asyncio.gather(*(one(url) for url in urls[start : start + 200]))
