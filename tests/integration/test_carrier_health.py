"""A carrier that is found ill is left alone, tried with one call, and caught up with, by its stand-in's own log."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
import uvicorn

from app import pipeline
from app.bench.certificate import make_certificate
from app.demo.carrier.behaviour import CALM, Behaviour, Fault
from app.embedded.ports import free_port
from app.insight.carriers import CarrierStanding, carrier_health
from app.models import CarrierHealth, Shipment
from app.models.vocabulary import CarrierFault, CarrierState
from app.pipeline.polling.fetching import fetch
from app.tracking.adapter.base import Ask, Call
from app.tracking.carriers.dhl import Dhl
from app.tracking.health import fault_of
from tests.integration.conftest import Town
from tests.integration.test_carrier_answers import ask_at, on_their_way, speaking
from tests.serving import running


class Always(Behaviour):
    """Every answer is broken in the same way."""

    how: Fault

    def fault(self, number: str, asked: int) -> Fault | None:
        return self.how


DOWN = Always(how=Fault.error)


def standing(town: Town) -> CarrierStanding:
    with town.house.sessions() as session:
        (found,) = carrier_health(session)
    return found


def heard_of(town: Town) -> int:
    with town.house.sessions() as session:
        return session.scalars(
            sa.select(sa.func.count()).select_from(Shipment).where(Shipment.milestone == "out_for_delivery")
        ).one()


def numbers_of(amount: int) -> list[str]:
    return [f"P{n:02}" for n in range(amount)]


def test_it_opens_in_the_middle_of_a_batch_and_closes_with_one_good_call(town: Town):
    """Down, most of a batch is not asked about nor blamed; one probe at a time; then all are heard of at once."""
    numbers = numbers_of(40)
    on_their_way(town, *numbers)
    ask_at(town, town.settings.carriers["dhl"].base_url, concurrency=4)
    town.carrier.behaviour = DOWN
    town.poll()
    asked = len(town.carrier.arrivals)
    assert 5 <= asked <= 5 + 3, "five in a row, and those that were under way"
    assert sum(town.parcel(number).problem is not None for number in numbers) == asked
    assert (standing(town).state, standing(town).last_fault) == (CarrierState.open, CarrierFault.server_error)
    untouched = next(number for number in numbers if town.parcel(number).problem is None)
    assert "dhl gives no answers at present: it says that it is not able to answer" in town.told(untouched)
    for seconds in (15, 30, 60):
        assert ("poll", "dhl") not in pipeline.due_work(town.house)
        assert town.poll().parcels == 0
        town.clock.turn(seconds=seconds)
        assert ("poll", "dhl") in pipeline.due_work(town.house)
        assert town.poll().parcels == 1, "one call, to see"
        asked += 1
        assert len(town.carrier.arrivals) == asked
    town.carrier.behaviour = CALM
    town.clock.turn(seconds=120)
    town.poll()
    well = standing(town)
    assert (well.state, well.failures, well.last_fault) == (CarrierState.closed, 0, CarrierFault.server_error)
    assert well.last_answer_at == town.clock.now() and well.seconds is not None
    town.clock.turn(minutes=10)
    town.poll()
    assert heard_of(town) == 40
    assert "at present" not in town.told(untouched)
    town.assert_whole()


def test_of_many_workers_one_probes(town: Town):
    """Four processes find that the carrier may be tried; it gets one call."""
    on_their_way(town, *numbers_of(12))
    town.carrier.behaviour = DOWN
    town.poll()
    asked = len(town.carrier.arrivals)
    town.clock.turn(seconds=16)
    houses = [town.house, *(town.another_house() for _ in range(3))]
    together = threading.Barrier(len(houses))

    def ask(house: pipeline.House) -> None:
        together.wait(60)
        pipeline.poll(house, "dhl")

    threads = [threading.Thread(target=ask, args=(house,)) for house in houses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(town.carrier.arrivals) == asked + 1


def test_a_probe_whose_worker_died_is_not_waited_for(town: Town):
    """Twice the time of a call and a margin later, another may try."""
    on_their_way(town, "P00")
    town.carrier.behaviour = DOWN
    for _ in range(6):
        town.poll()
        town.clock.turn(minutes=10)
    assert standing(town).state is CarrierState.open
    with town.house.sessions.begin() as session:
        session.execute(
            sa.update(CarrierHealth)
            .values(state="probing", until=town.clock.now())
            .where(CarrierHealth.carrier == "dhl")
        )
    town.carrier.behaviour = CALM
    town.clock.turn(hours=1)
    assert town.poll().parcels == 1
    assert standing(town).state is CarrierState.closed


def test_a_carrier_that_bears_less_than_it_is_set_to_is_asked_more_slowly(town: Town):
    """Set to a thousand a second and bearing sixty, it says no a few times, and then every parcel is heard of."""
    on_their_way(town, *numbers_of(60))
    town.carrier.behaviour = Behaviour(requests_per_second=60)
    for _ in range(12):
        town.poll()
        town.clock.turn(seconds=3)
    assert heard_of(town) == 60
    told = standing(town)
    assert told.state is CarrierState.closed
    if town.carrier.answered["Too many requests"]:
        assert told.pace is not None and told.throttles > 0
        assert told.detail == "HTTP 429"


@pytest.fixture
def untrusted(tmp_path: Path, town: Town):
    """The carrier over https, with a certificate that nobody vouches for."""
    made = make_certificate(tmp_path)
    config = uvicorn.Config(
        town.carrier,
        port=free_port(),
        log_level="critical",
        lifespan="off",
        ssl_certfile=made.certificate,
        ssl_keyfile=made.key,
    )
    with running(config):
        yield f"https://127.0.0.1:{config.port}"


def fault_at(town: Town, url: str, seconds: float = 30.0) -> CarrierFault | None:
    """What one question at that address shows to be wrong."""
    carrier, one = Dhl(), Ask("P00")
    call = Call("GET", f"{url}/track/shipments?trackingNumber=P00", {"DHL-API-Key": "k"}, (one,))
    raw = town.house.loop.run(fetch(town.house.http, call, seconds))
    return fault_of([reply.kind for reply in carrier.read(call, raw)], raw)


def test_each_trouble_is_called_by_its_name(town: Town, untrusted: str):
    """Over the real wire: silence, refusal, a broken certificate, 5xx, a maintenance page, garbage, 429 and 401."""
    url = town.settings.carriers["dhl"].base_url
    on_their_way(town, "P00")
    assert fault_at(town, url) is None
    assert fault_at(town, f"http://127.0.0.1:{free_port()}") is CarrierFault.unreachable
    with speaking(b"") as hanging_up:
        assert fault_at(town, hanging_up) is CarrierFault.unreachable
    asked = len(town.carrier.arrivals)
    assert fault_at(town, untrusted) is CarrierFault.certificate
    assert len(town.carrier.arrivals) == asked, "the key was not shown to it"
    for how, fault in (
        (Fault.stall, CarrierFault.timeout),
        (Fault.error, CarrierFault.server_error),
        (Fault.html, CarrierFault.maintenance),
        (Fault.truncated, CarrierFault.malformed),
    ):
        town.carrier.behaviour = Always(how=how)
        assert fault_at(town, url, 0.3 if how is Fault.stall else 30.0) is fault
    town.carrier.behaviour = Behaviour(requests_per_second=0.0001)
    assert fault_at(town, url) is CarrierFault.throttled
    town.carrier._api_key = b"another"
    assert fault_at(town, url) is CarrierFault.denied
