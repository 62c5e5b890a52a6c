"""`doorstep bench send`: what one message costs from decision to settled, beside the bare work it cannot do without."""

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
import sqlalchemy as sa

from app import pipeline
from app.bench.ground import Cost, Ground, Meter, ground
from app.bench.world import make_parcels
from app.clock import wall_now
from app.messages.base import Links, Template
from app.models import Message, TemplateVersion
from app.models.vocabulary import Channel, Milestone, Source
from app.pipeline.hearing import Heard
from app.pipeline.house import House
from app.pipeline.releasing import Release, load
from app.tracking.carriers.base import HeardScan, scan_digest
from app.wiring import build_house


@dataclass(frozen=True, slots=True)
class SendBench:
    """`floor`: render, raw POST and batched SQL alone. `engine`: claim, judge, render, begin, POST, settle."""

    floor: Cost
    engine: Cost

    @property
    def ratio(self) -> float:
        """CPU of a message over that of the floor."""
        return self.engine.cpu_ms / self.floor.cpu_ms


def bench_send(messages: int) -> SendBench:
    """Plan `messages` emails of ten lines, then send them all from one process to a local sink."""
    with ground() as here:
        house = build_house(here.settings)
        _plan(house, messages)
        pipeline.send_batch(house, Channel.email)  # compiles templates and opens connections
        floor = _floor(house, here, min(messages, 2000))
        meter, done = Meter(here.postgres), 0
        while claimed := pipeline.send_batch(house, Channel.email):
            done += claimed
        engine = meter.stop(done)
        _check_all_sent(house, messages)
        house.loop.run(house.http.aclose())
        return SendBench(floor, engine)


def _plan(house: House, messages: int) -> None:
    """Messages as the engine makes them: a scan is heard, the rules decide, an email is planned."""
    ids = make_parcels(house, messages)
    now = house.clock.now()
    scan = HeardScan(
        digest=scan_digest("bench"),
        code="transit",
        milestone=Milestone.out_for_delivery,
        description="Loaded onto the delivery vehicle",
        place="Stockholm",
        written_time=now.isoformat(),
        occurred_at=now - timedelta(minutes=2),
        zone_source="offset",
    )
    for start in range(0, len(ids), 500):
        heard = [Heard(shipment_id, Source.push, (scan,)) for shipment_id in ids[start : start + 500]]
        pipeline.listen(house, heard, now)
    with house.sessions.begin() as session:
        session.execute(sa.text("ANALYZE"))


def _check_all_sent(house: House, messages: int) -> None:
    with house.sessions() as session:
        states = dict(session.execute(sa.select(Message.state, sa.func.count()).group_by(Message.state)).all())
    if states != {"accepted": messages}:
        raise RuntimeError(f"not every message was accepted: {states}")


def _floor(house: House, here: Ground, count: int) -> Cost:
    """The same letters rendered, posted with raw aiohttp, and one batched UPDATE for every hundred of them."""
    with house.sessions() as session:
        ids = list(session.scalars(sa.select(Message.id).where(Message.state == "ready").limit(100)))
        release = load(session, ids, wall_now())[0]
        version = session.get_one(TemplateVersion, release.template_version_id)
    template = Template(version.key, version.channel, version.locale, bytes(version.digest), version.parts)
    meter = Meter(here.postgres)
    for start in range(0, count, 100):
        bodies = [_letter(house, template, release) for _ in range(min(100, count - start))]
        house.loop.run(_post(f"{here.sink_url}/v3/mail/send", bodies, 50))
        with house.sessions.begin() as session:
            session.execute(
                sa.text("UPDATE messages SET detail = NULL FROM unnest(cast(:ids AS bigint[])) AS one (id) "
                        "WHERE messages.id = one.id"),
                {"ids": ids},
            )  # fmt: skip
    return meter.stop(count)


def _letter(house: House, template: Template, release: Release) -> bytes:
    links = Links("http://127.0.0.1/t/x", "http://127.0.0.1/t/x")
    email = house.renderer.render_email(template, release.facts, release.person, links, wall_now())
    return json.dumps({"subject": email.subject, "html": email.html, "text": email.text}).encode()


async def _post(url: str, bodies: list[bytes], concurrency: int) -> None:
    limit = asyncio.Semaphore(concurrency)
    async with aiohttp.ClientSession() as http:

        async def one(body: bytes) -> None:
            async with limit, http.post(url, data=body) as answer:
                await answer.read()

        await asyncio.gather(*(one(body) for body in bodies))
