"""`doorstep bench send`: what one message costs from decision to settled, beside the bare work it cannot do without."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import sqlalchemy as sa

from app import pipeline
from app.bench.floor import Floor
from app.bench.ground import TURNS, Cost, Ground, Meter, Pair, Sink, await_, ground
from app.bench.naive import bench_naive
from app.bench.programs import running, senders
from app.bench.world import make_parcels
from app.models import Message
from app.models.vocabulary import Channel, Milestone, Source
from app.pipeline.house import House
from app.pipeline.listening.hearing import Heard
from app.tracking.adapter.base import HeardScan, scan_digest
from app.wiring import build_house, settle_in

PATIENCE = 600.0


@dataclass(frozen=True, slots=True)
class SendBench:
    """`plain` and `tls`: one process beside its floor. `cores` and `cores_tls`: two of Celery's processes on two cores,
    everything counted but the sink. `naive`: the design that one would write first, over TLS."""

    plain: Pair
    tls: Pair
    cores: Cost
    cores_tls: Cost
    naive: Cost


def bench_send(messages: int, naive: int) -> SendBench:
    """Send `messages` emails of ten lines each way, and `naive` of them the naive way."""
    with ground() as here:
        return SendBench(  # in this order, so that each floor is of the same minutes as all that is set beside it
            plain=_pair(here, here.plain, messages),
            cores=_on_two_cores(here, here.plain, messages),
            tls=_pair(here, here.tls, messages),
            cores_tls=_on_two_cores(here, here.tls, messages),
            naive=bench_naive(here, naive),
        )


@contextmanager
def housed(here: Ground, sink: Sink) -> Iterator[House]:
    """A house in this process that sends to `sink`."""
    house = build_house(here.settings(sink))
    try:
        yield house
    finally:
        house.loop.run(house.http.aclose())
        house.loop.close()
        house.sessions.kw["bind"].dispose()


def _pair(here: Ground, sink: Sink, messages: int) -> Pair:
    with housed(here, sink) as house:
        batch = house.sending.batch
        per_round = max(1, messages // TURNS // batch) * batch
        plan_messages(house, per_round * TURNS + 2 * batch)
        floor = Floor(house, here, sink, per_round * TURNS + batch)
        settle_in()
        _turn(lambda: pipeline.send_batch(house, Channel.email), 2 * batch)  # compiles and connects
        floor.send(batch)
        costs: list[tuple[Cost, Cost]] = []
        for _ in range(TURNS):
            bare = Meter(here.servers)
            floor.send(per_round)
            floored = bare.stop(per_round)
            meter = Meter(here.servers)
            _turn(lambda: pipeline.send_batch(house, Channel.email), per_round)
            costs.append((floored, meter.stop(per_round)))
        floor.close()
        _check_all_sent(house)
        return Pair.of(costs)


def _turn(send: Callable[[], int], messages: int) -> None:
    done = 0
    while done < messages:
        sent = send()
        if sent == 0:
            raise RuntimeError(f"only {done} of {messages} messages were due")
        done += sent


def _on_two_cores(here: Ground, sink: Sink, messages: int) -> Cost:
    """Celery's own processes send it all; measured from a tenth of it on, when they are all awake, to nine tenths."""
    with housed(here, sink) as house:
        plan_messages(house, messages)
        before = sink.count()
        with running(here, sink, senders(here)) as pids:
            await_("a tenth has left", lambda: sink.count() - before >= messages // 10, PATIENCE)
            meter, began = Meter(here.servers, pids), sink.count()
            await_("nine tenths have left", lambda: sink.count() - before >= messages * 9 // 10, PATIENCE)
            cost = meter.stop(sink.count() - began)
            await_("all is settled", lambda: not _pending(house), PATIENCE)
        _check_all_sent(house)
        return cost


def plan_messages(house: House, messages: int) -> None:
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
    unheard = replace(house, wake=lambda kind, which: None)
    for start in range(0, len(ids), 500):
        heard = [Heard(shipment_id, Source.push, (scan,)) for shipment_id in ids[start : start + 500]]
        pipeline.listen(unheard, heard, now)
    with house.sessions.begin() as session:
        session.execute(sa.text("ANALYZE"))


def _pending(house: House) -> int:
    with house.sessions() as session:
        left = sa.select(sa.func.count()).select_from(Message).where(Message.state.in_(["held", "ready", "sending"]))
        return int(session.scalars(left).one())


def _check_all_sent(house: House) -> None:
    with house.sessions() as session:
        states = dict(session.execute(sa.select(Message.state, sa.func.count()).group_by(Message.state)).all())
    if set(states) != {"accepted"}:
        raise RuntimeError(f"not every message was accepted: {states}")
