"""One carrier is ill: it is left in peace, all others are heard of as soon as ever, and its own parcels catch up."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from celery import Celery
from celery.contrib.testing.worker import start_worker

from app import worker
from app.clock import Clock, stopwatch, wall_seconds
from app.demo.carrier.behaviour import CALM, Behaviour, Fault
from app.demo.carrier.server import CarrierStandIn
from app.demo.carrier.timetable import Step
from app.insight.carriers import carrier_health
from app.models import Brand, Scan, Shipment
from app.models.vocabulary import CarrierState
from app.pipeline.house import House
from app.pipeline.polling import recording
from app.settings import Settings
from app.settings.carriers import CarrierSettings
from app.tracking import health
from app.tracking.carriers.dhl import Dhl
from app.tracking.health import BackOff
from app.wiring import build_house, build_wake
from tests.integration.conftest import Town, eventually, timetable
from tests.pipeline.conftest import START
from tests.serving import serving

SPEED = 1800.0
"""Engine seconds in one: an hour lasts two seconds, and a question each half an hour comes every second."""

SILENT = 2.0
"""Seconds that a call lasts to a carrier that says nothing; on a busy machine the others are waited for longer."""

ALLOWED = 2.0
"""Calls a second of the wall clock that the ill carrier may be asked."""

ILL, WELL = "alpha", ("beta", "gamma")
PARCELS = {ILL: 5, "beta": 6, "gamma": 6}


class Down(Behaviour):
    """Takes every question and says nothing."""

    def fault(self, number: str, asked: int) -> Fault | None:
        return Fault.stall


def called(name: str) -> Dhl:
    """A carrier that speaks as DHL does, under another name."""
    carrier = Dhl()
    carrier.name = name
    return carrier


@dataclass
class Street:
    """Three carriers beside each other, and the engine that asks them, with a real worker on a real broker."""

    house: House
    carriers: dict[str, CarrierStandIn]
    engine: sa.Engine

    def send_off(self, name: str) -> None:
        """Each parcel is on the van, and something happens to it every quarter of an hour."""
        town = Town(self.house, self.house.clock, Settings(), self.carriers[name], self.engine)
        numbers = [f"{name}-{n}" for n in range(PARCELS[name])]
        steps = ((-1.0, Step.label), *((quarter / 4, Step.van) for quarter in range(80)))
        self.carriers[name].register([timetable(number, steps) for number in numbers])
        for number in numbers:
            town.order(number, parcels=[{"carrier": name, "tracking_number": number}])

    def hours(self) -> float:
        return (self.house.clock.now() - START) / timedelta(hours=1)

    def asked_beside(self, silent: list[float]) -> int:
        """How many questions reached the others well within the calls that began at these instants and were not
        answered."""
        others = [at for name in WELL for at in self.carriers[name].arrivals]
        return sum(any(call + 0.1 <= at <= call + SILENT - 0.4 for call in silent) for at in others)

    def heard_of(self, name: str) -> int:
        """How many parcels of a carrier were heard of."""
        with self.house.sessions() as session:
            return session.scalars(
                sa.select(sa.func.count(sa.distinct(Scan.shipment_id))).where(Scan.carrier == name)
            ).one()

    def state(self, name: str) -> CarrierState | None:
        with self.house.sessions() as session:
            return next((one.state for one in carrier_health(session) if one.carrier == name), None)


@contextmanager
def ticking(send: Callable[[], object]) -> Iterator[None]:
    """The tick, ten times a second."""
    over = threading.Event()

    def tick() -> None:
        while not over.wait(0.1):
            send()

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)


@contextmanager
def working(app: Celery) -> Iterator[None]:
    """A worker of eight threads. What it has begun is waited for: it would lose its connection to the next test."""
    with start_worker(
        app, pool="threads", concurrency=8, perform_ping_check=False, queues=["tick", "poll"], shutdown_timeout=60
    ) as running:
        yield
    running.pool.executor.shutdown(cancel_futures=True)


@pytest.fixture
def street(engine: sa.Engine, brand: Brand, broker_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    """The engine's clock begins to run when all of it stands; nobody sends."""
    monkeypatch.setattr(health, "BACK_OFF", dict.fromkeys(health.BACK_OFF, BackOff(3, 0.3, 0.6)))
    monkeypatch.setattr(recording, "after_failure", lambda failures, shipment_id: 0.3)
    app = worker.app
    monkeypatch.setattr(app.conf, "broker_url", broker_url)
    clock = Clock(START, wall_seconds(), SPEED)
    carriers = {name: CarrierStandIn(clock) for name in PARCELS}
    with ExitStack() as stack:
        urls = {name: stack.enter_context(serving(carrier)) for name, carrier in carriers.items()}
        settings = {
            name: CarrierSettings(
                base_url=url,
                api_key="k",
                requests_per_second=ALLOWED if name == ILL else 500,
                timeout_seconds=SILENT if name == ILL else 60,
            )
            for name, url in urls.items()
        }
        house = replace(
            build_house(Settings(), engine=engine, wake=build_wake(app)),
            clock=clock,
            carriers={name: called(name) for name in PARCELS},
            carrier_settings=settings,
        )
        monkeypatch.setattr(worker, "house", lambda: house)
        street = Street(house, carriers, engine)
        for name in WELL:
            street.send_off(name)
        stack.enter_context(working(app))
        stack.enter_context(ticking(lambda: app.send_task("doorstep.tick", expires=2.0, retry=False)))
        yield street
    house.loop.run(house.http.aclose())
    house.loop.close()


@pytest.mark.long
def test_an_ill_carrier_slows_no_other_and_is_caught_up_with_politely(street: Street):
    """While a call to it waits in vain, the others are asked; when it is well again, it is asked no more than twice a
    second, and all its parcels are heard of."""
    ill = street.carriers[ILL]
    eventually("the others are heard of", lambda: all(street.heard_of(name) == PARCELS[name] for name in WELL))
    fell_ill = street.hours()
    ill.behaviour = Down(stall_seconds=60)
    street.send_off(ILL)
    eventually("nobody asks it any more", lambda: street.state(ILL) is CarrierState.open, 60)
    asked, since = len(ill.arrivals), street.hours()
    eventually("its bad hours are over", lambda: street.hours() > fell_ill + 2.5, 60)
    silent = list(ill.arrivals)
    assert len(silent) - asked <= 2 + (street.hours() - since), "a probe now and then"
    assert street.asked_beside(silent) >= sum(PARCELS[name] for name in WELL), "as if nothing were the matter"
    well_again = stopwatch()
    ill.behaviour = CALM
    eventually("all its parcels are heard of", lambda: street.heard_of(ILL) == PARCELS[ILL], 60)
    eventually("it counts as well", lambda: street.state(ILL) is CarrierState.closed, 60)
    # What a machine holds up arrives at once, but nothing arrives early.
    caught_up = list(ill.arrivals)[len(silent) + PARCELS[ILL] - 1]
    assert caught_up - well_again >= (PARCELS[ILL] - 2) / ALLOWED
    with street.house.sessions() as session:
        blamed = sa.select(sa.func.max(Shipment.poll_failures)).where(Shipment.carrier.in_(WELL))
        assert session.scalars(blamed).one() == 0
