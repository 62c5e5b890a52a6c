"""A house with real PostgreSQL and templates, a clock that a test turns, and providers that do as they are told."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.channels.base import Answer, Asking, Finding, Outgoing, Question, Report, Verdict
from app.clock import Clock
from app.errors import Unreadable
from app.intake.schema import parse_order
from app.intake.store import upsert_orders
from app.models import Brand, Message, Shipment
from app.models.vocabulary import AttemptOutcome, Channel, Milestone, Source
from app.pipeline import listen
from app.pipeline.house import House
from app.pipeline.leaving import delivering
from app.pipeline.leaving.judging import Withheld
from app.pipeline.leaving.preparing import prepare, read
from app.pipeline.leaving.writing import Letter
from app.pipeline.listening.hearing import Heard
from app.pipeline.polling.routing import accepted_carriers, routes_for
from app.settings import SendingSettings, Settings
from app.tracking.adapter.base import HeardScan, scan_digest
from app.wiring import build_house

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class TurnedClock(Clock):
    """Stands still until the test moves it."""

    def __init__(self, at: datetime = START) -> None:
        object.__setattr__(self, "at", at)
        object.__setattr__(self, "speed", 1.0)

    def now(self) -> datetime:
        return self.at

    def turn(self, **by: float) -> datetime:
        object.__setattr__(self, "at", self.at + timedelta(**by))
        return self.at


def prepared(house: House, claimed: Sequence[int], now: datetime) -> tuple[list[Letter], list[Withheld]]:
    """Claimed emails, read and rendered: what leaves of them, and what does not."""
    reading = read(house, claimed, now)
    letters, withheld = prepare(house, Channel.email, reading.releases, reading.templates, now, {})
    return letters, [*reading.withheld, *withheld]


@dataclass
class Obedient:
    """A provider that answers as `answer` says and keeps what it was handed."""

    name: str
    kind: str
    asking: Asking = Asking.callbacks
    sender: str = "test"
    answer: Callable[[Outgoing], Verdict] = lambda outgoing: Verdict(AttemptOutcome.accepted, "ref")
    sent: list[Outgoing] = field(default_factory=list)
    silence_tells: bool = True
    asking_pause: float = 0.0
    records: Callable[[Question], Finding] = lambda question: Finding(Answer.unclear, "nobody knows")
    asked: list[Question] = field(default_factory=list)

    async def lookup(self, question: Question) -> Finding:
        self.asked.append(question)
        return self.records(question)

    async def send(self, outgoing: Outgoing) -> Verdict:
        verdict = self.answer(outgoing)
        self.sent.append(outgoing)
        return verdict

    def reports(self, url: str, headers: Mapping[str, str], body: bytes) -> list[Report]:
        raise Unreadable("tests hand their reports in")

    async def aclose(self) -> None:
        return None


@dataclass
class World:
    """What a test moves: the house, its clock and its two providers."""

    house: House
    clock: TurnedClock
    email: Obedient
    sms: Obedient
    woken: list[tuple[str, str]]

    def with_(self, **changes: object) -> "World":
        return replace(self, house=replace(self.house, **changes))

    def order(
        self, number: str = "1001", *, history: bool = False, parcels: int | Sequence[object] = 1, **given: object
    ) -> list[int]:
        """Store an order with so many parcels, or these; their row ids."""
        if isinstance(parcels, int):
            parcels = [{"carrier": "dhl", "tracking_number": f"T{number}-{n}"} for n in range(parcels)]
        payload = {
            "number": number,
            "placed_at": (START - timedelta(days=2)).isoformat(),
            "shopper": {"name": "Maja Lind", "email": "maja@example.test", "phone": "+46701740605", "country": "SE"},
            "items": [{"name": "Wool blanket", "quantity": 1, "price_minor": 49900}],
            "currency": "SEK",
            "parcels": list(parcels),
            **given,
        }
        with self.house.sessions.begin() as session:
            brand = session.scalars(sa.select(Brand).where(Brand.key == "fjallhem")).one()
            order = parse_order(payload, accepted_carriers(self.house))
            route = routes_for(self.house, session, brand.id)
            upsert_orders(session, brand, [order], now=self.clock.now(), history=history, route=route)
            numbers = [parcel["tracking_number"] for parcel in payload["parcels"]]
            return list(
                session.scalars(
                    sa.select(Shipment.id).where(Shipment.tracking_number.in_(numbers)).order_by(Shipment.id)
                )
            )

    def scan(self, shipment_id: int, milestone: Milestone | None, hours_ago: float = 0.1, name: str = "") -> None:
        """Let the engine hear of one scan."""
        at = self.clock.now() - timedelta(hours=hours_ago)
        listen(self.house, [Heard(shipment_id, Source.push, (heard_scan(milestone, at, name),))], self.clock.now())

    def messages(self, **where: object) -> list[Message]:
        with self.house.sessions() as session:
            return list(session.scalars(sa.select(Message).filter_by(**where).order_by(Message.id)))

    def states(self) -> list[tuple[str, str, str]]:
        return [(m.milestone, m.channel, m.state) for m in self.messages()]


def heard_scan(milestone: Milestone | None, at: datetime, name: str = "") -> HeardScan:
    return HeardScan(
        digest=scan_digest("test", str(milestone), at.isoformat(), name),
        code=str(milestone),
        milestone=milestone,
        description=f"It is {milestone}",
        place="Malmö",
        written_time=at.isoformat(),
        occurred_at=at,
        zone_source="offset",
    )


def a_minute_passes() -> None:
    """On the clock by which the running loop cuts calls short; so a test waits for none, and needs none that a machine
    which stalls could use up before its call is made."""
    loop = asyncio.get_running_loop()
    before = loop.time
    vars(loop)["time"] = lambda: before() + 60


@pytest.fixture
def world(engine: sa.Engine, brand: Brand) -> Iterator[World]:
    """A house in live mode whose providers are `Obedient`."""
    with calls_may_be_late(), built_world(engine) as built:
        yield built


@contextmanager
def calls_may_be_late() -> Iterator[None]:
    """A machine that stalls for some seconds between a commit and its call is not what these tests ask about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivering, "LATEST_SECONDS", 30.0)
        yield


@contextmanager
def built_world(engine: sa.Engine) -> Iterator[World]:
    """The same on a database that outlives one test, with its brand in place."""
    clock, woken = TurnedClock(), []
    email, sms = Obedient("sendgrid", "email"), Obedient("twilio", "sms")
    settings = Settings(send="shadow", carriers={"dhl": {"api_key": "k", "requests_per_day": "none"}})
    built = build_house(settings, engine=engine, wake=lambda kind, which: woken.append((kind, which)))
    house = replace(
        built,
        clock=clock,
        transports={Channel.email: (email,), Channel.sms: (sms,)},
        send_mode="live",
        sending=SendingSettings(deadline=30.0, margin=0.05, settle=3600),
    )
    yield World(house, clock, email, sms, woken)
    house.loop.run(house.http.aclose())
    house.loop.close()
