"""The pipeline in this process, with a real carrier and real providers beside it, all over loopback HTTP."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app import pipeline
from app.demo.carrier.server import CarrierStandIn
from app.demo.carrier.timetable import Step, TimedStep, Timetable
from app.demo.providers.serving import StandIn, serve
from app.embedded.ports import free_port
from app.insight.audit import audit
from app.insight.explain import explain, find_shipments
from app.insight.stories import Story
from app.insight.tell import tell
from app.intake.schema import parse_order
from app.intake.store import upsert_orders
from app.models import Attempt, Brand, Message, Receipt, Shipment
from app.models.vocabulary import Channel
from app.pipeline.house import House
from app.pipeline.leaving import delivering
from app.pipeline.polling.routing import accepted_carriers, routes_for
from app.settings import Settings
from app.wiring import build_house
from tests.pipeline.conftest import START, TurnedClock
from tests.serving import serving
from tests.web.conftest import application_on

STEPS = ((-30, Step.label), (-2, Step.van))
"""Hours from START, and what happened: out for delivery when a test begins, with nothing before it to tell."""


def eventually(what: str, condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Poll until `condition` holds; fail with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.01)


def timetable(
    number: str, steps: tuple[tuple[float, Step], ...] = STEPS, destination: str = "SE", **given: Any
) -> Timetable:
    """A parcel from Sweden, and to it unless another destination is given, whose steps show as they happen."""
    timed = tuple(
        TimedStep(at=START + timedelta(hours=hours), step=step, place="Malmö", country="SE", lag_seconds=0)
        for hours, step in steps
    )
    return Timetable(tracking_number=number, origin="SE", destination=destination, steps=timed, **given)


@dataclass
class Town:
    """The house, its clock, and how a test looks at what came of things."""

    house: House
    clock: TurnedClock
    settings: Settings
    carrier: CarrierStandIn
    engine: sa.Engine
    others: list[House] = field(default_factory=list)

    def order(self, *numbers: str, **given: Any) -> None:
        """Store one order for each tracking number; its parcel is due at once."""
        parsed = [parse_order(order_payload(number, **given), accepted_carriers(self.house)) for number in numbers]
        with self.house.sessions.begin() as session:
            brand = session.scalars(sa.select(Brand)).one()
            upsert_orders(session, brand, parsed, now=self.clock.now(), route=routes_for(self.house, session, brand.id))

    def poll(self) -> pipeline.Tally:
        return pipeline.poll(self.house, "dhl")

    def send(self) -> None:
        """Let every channel send what is due."""
        for channel in Channel:
            pipeline.send(self.house, channel)

    def parcel(self, number: str) -> Shipment:
        with self.house.sessions() as session:
            return session.scalars(sa.select(Shipment).where(Shipment.tracking_number == number)).one()

    def story(self, number: str) -> Story:
        with self.house.sessions() as session:
            (found,) = find_shipments(session, number)
            return explain(session, found)

    def told(self, number: str) -> str:
        return "\n".join(tell(self.story(number)))

    def messages(self, **where: Any) -> list[Message]:
        with self.house.sessions() as session:
            return list(session.scalars(sa.select(Message).filter_by(**where).order_by(Message.id)))

    def states(self) -> dict[str, tuple[str, str]]:
        """State and reason of each message, by channel; for tests with one message a channel."""
        return {message.channel: (message.state, message.reason) for message in self.messages()}

    def rows(self, table: type[Attempt] | type[Receipt]) -> list[Any]:
        with self.house.sessions() as session:
            return list(session.scalars(sa.select(table).order_by(table.id)))

    def another_house(self) -> House:
        """A second process's parts on the same database: its own loop, client and sessions."""
        built = replace(build_house(self.settings, engine=self.engine), clock=self.clock)
        self.others.append(built)
        return built

    def assert_whole(self) -> None:
        """Nothing is lost, repeated or without a reason."""
        with self.house.sessions() as session:
            found = audit(session, self.house.sending.settle)
        assert found.whole, found.breaches


def order_payload(tracking_number: str, **given: Any) -> dict[str, Any]:
    """An order as a shop tells it, with one DHL parcel of that number."""
    return {
        "number": f"N-{tracking_number}",
        "placed_at": (START - timedelta(days=2)).isoformat(),
        "shopper": {"name": "Maja Lind", "email": "maja@example.test", "phone": "+46701740605", "country": "SE"},
        "items": [{"name": "Wool blanket", "quantity": 1, "price_minor": 49900}],
        "currency": "SEK",
        "parcels": [{"carrier": "dhl", "tracking_number": tracking_number}],
        **given,
    }


def hurry(town: Town) -> None:
    """Let a provider's answer be waited for a few seconds only, where none comes. A call that does not begin in three
    quarters of that is not made, so they must do for a machine that does much else."""
    town.house = replace(town.house, sending=town.house.sending.model_copy(update={"deadline": 3.0}))


def give_up(town: Town) -> None:
    """Let the time be over in which the calls so far could have been answered. Who would wait for it would have to
    set it short, and a machine that stands for as long would make calls late that are to be in time."""
    with town.house.sessions.begin() as session:
        session.execute(sa.update(Attempt).values(deadline_at=Attempt.begun_at))


def close(house: House) -> None:
    house.loop.run(house.http.aclose())
    house.loop.close()


@pytest.fixture
def clock() -> TurnedClock:
    """Engine time that stands until a test turns it; the carrier goes by it too."""
    return TurnedClock()


@pytest.fixture
def carrier(clock: TurnedClock) -> CarrierStandIn:
    """A carrier that behaves until told otherwise."""
    return CarrierStandIn(clock)


@pytest.fixture
def carrier_url(carrier: CarrierStandIn) -> Iterator[str]:
    """Where it listens."""
    with serving(carrier) as url:
        yield url


@pytest.fixture(scope="module")
def providers() -> Iterator[StandIn]:
    """SendGrid's and Twilio's stand-in, for all tests of a file."""
    with serve() as stand_in:
        yield stand_in


NOBODYS_PORT = 9
"""Where nobody listens."""


@pytest.fixture
def web_port(request: pytest.FixtureRequest) -> int:
    """The port that the web application will listen on, known beforehand because links and callbacks name it; without
    the application always the same, so that what was compiled for one test serves the next."""
    return free_port() if "web" in request.fixturenames else NOBODYS_PORT


@pytest.fixture
def settings(providers: StandIn, carrier_url: str, web_port: int) -> Settings:
    """A live installation on the stand-ins. What answers is waited for as long as a busy machine takes; a test in which
    somebody does not is in a hurry (`hurry`)."""
    account = providers.account
    return Settings(
        send="live",
        public_url=f"http://127.0.0.1:{web_port}",
        carriers={
            "dhl": {
                "base_url": carrier_url,
                "api_key": "k",
                "requests_per_second": 1000,
                "requests_per_day": "none",
                "timeout_seconds": 15,
            }
        },
        sendgrid={
            "api_key": account.api_key,
            "base_url": providers.url,
            "webhook_public_key": account.webhook_public_key,
        },
        twilio={
            "account_sid": account.account_sid,
            "auth_token": account.auth_token,
            "from": account.sender,
            "base_url": providers.url,
            "segments_per_second": {"long_code": None, "alphanumeric": None},
        },
        sending={"deadline": 60.0, "margin": 0.2, "settle": 3600},
    )


@pytest.fixture
def town(
    settings: Settings,
    engine: sa.Engine,
    brand: Brand,
    clock: TurnedClock,
    carrier: CarrierStandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Town]:
    """A house wired by `wiring` as in production, but for the clock, and with patience: a call that a machine that
    stands has held up for seconds is made all the same, for most tests send once and look."""
    monkeypatch.setattr(delivering, "LATEST_SECONDS", 60.0)
    built = replace(build_house(settings, engine=engine), clock=clock)
    town = Town(built, clock, settings, carrier, engine)
    yield town
    for house in (built, *town.others):
        with contextlib.closing(house.loop):
            house.loop.run(house.http.aclose())


@pytest.fixture
def web(town: Town, web_port: int) -> Iterator[str]:
    """The web application at the address that links and callbacks name."""
    with serving(application_on(town.settings, town.another_house()), web_port, "on") as url:
        yield url
