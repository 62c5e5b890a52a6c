"""The poller that one would write first, for comparison: a task per parcel, one blocking GET on a client of its own,
and an ORM session that looks each event up before it stores it.

Run by Celery as `-A app.bench.naive_poll`. It is correct on a good day only; nothing else uses it.
"""

import os
import sys
from functools import lru_cache

import httpx
import sqlalchemy as sa
from celery import Celery
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from app.bench.ground import Cost, Ground, Meter, await_
from app.bench.programs import running
from app.db import make_engine
from app.embedded.processes import Program
from app.models import Shipment


class _Base(DeclarativeBase):
    pass


class NaiveScan(_Base):
    """One event of a parcel, looked up before it is written."""

    __tablename__ = "bench_naive_scans"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    shipment_id: Mapped[int] = mapped_column(sa.BigInteger, index=True)
    written_time: Mapped[str]
    status: Mapped[str]


class NaivePolled(_Base):
    """When each parcel was last asked about."""

    __tablename__ = "bench_naive_polled"
    shipment_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    times: Mapped[int]


app = Celery("naive", broker=os.environ.get("DOORSTEP_BROKER_URL"), set_as_current=False)
app.conf.update(task_acks_late=True, task_ignore_result=True, worker_prefetch_multiplier=1, task_default_queue="naive")


@lru_cache(maxsize=1)
def _engine() -> sa.Engine:
    return make_engine(os.environ["DOORSTEP_DATABASE_URL"])


def poll(shipment_id: int) -> None:
    """Ask about one parcel, and store what is new of it."""
    with Session(_engine()) as session:
        shipment = session.get_one(Shipment, shipment_id)
        url = f"{os.environ['DOORSTEP_CARRIERS__DHL__BASE_URL']}/track/shipments"
        answer = httpx.get(url, params={"trackingNumber": shipment.tracking_number})
        answer.raise_for_status()
        for event in answer.json()["shipments"][0]["events"]:
            known = sa.select(NaiveScan).filter_by(
                shipment_id=shipment_id, written_time=event["timestamp"], status=event["status"]
            )
            if session.scalars(known).first() is None:
                scan = NaiveScan(shipment_id=shipment_id, written_time=event["timestamp"], status=event["status"])
                session.add(scan)
        polled = session.get(NaivePolled, shipment_id) or NaivePolled(shipment_id=shipment_id, times=0)
        polled.times += 1
        session.add(polled)
        session.commit()


app.task(name="naive.poll")(poll)


def bench_naive_poll(here: Ground, ids: list[int]) -> Cost:
    """Ask about the parcels of these row ids that way, each for the second time, on one process of a Celery worker."""
    engine = make_engine(here.endpoints["DOORSTEP_DATABASE_URL"])
    _Base.metadata.create_all(engine)
    app.conf.broker_url = here.endpoints["DOORSTEP_BROKER_URL"]
    argv = (
        sys.executable, "-m", "celery", "-A", "app.bench.naive_poll", "worker", "-c", "1", "-Q", "naive", "-l", "ERROR",
    )  # fmt: skip
    address = {"DOORSTEP_CARRIERS__DHL__BASE_URL": here.plain.url}
    with running(here, here.plain, [Program("naive", argv)], **address) as pids:
        _ask(engine, ids, 1)
        meter = Meter(here.servers, pids)
        _ask(engine, ids, 2)
        cost = meter.stop(len(ids))
    engine.dispose()
    return cost


def _ask(engine: sa.Engine, ids: list[int], times: int) -> None:
    done = sa.select(sa.func.count()).select_from(NaivePolled).where(NaivePolled.times == times)
    for shipment_id in ids:
        app.send_task("naive.poll", args=[shipment_id], queue="naive")
    await_("all has been asked", lambda: _count(engine, done) >= len(ids), 600)


def _count(engine: sa.Engine, query: sa.Select[int]) -> int:
    with engine.connect() as connection:
        return connection.scalars(query).one()
