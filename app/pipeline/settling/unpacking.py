"""Large requests of a provider: stored as they came in one row, answered at once, unpacked by the worker."""

import hashlib
from collections.abc import Sequence
from functools import partial

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.channels.base import Transport, one_line
from app.db import cause_of
from app.errors import Unreadable
from app.log import logger
from app.models import ReceiptBatch
from app.pipeline.halving import in_halves
from app.pipeline.house import House
from app.pipeline.settling.settling import keep_reports

log = logger(__name__)

LARGE = 32_000
"""Bytes. A smaller request is unpacked while its sender waits; that costs milliseconds and saves a row."""


def keep_batch(house: House, provider: str, url: str, body: bytes) -> bool:
    """Store a verified request as it came; whether it is new."""
    row = {"provider": provider, "url": url, "digest": hashlib.sha256(body).digest(), "body": body}
    statement = insert(ReceiptBatch).values(row).on_conflict_do_nothing().returning(ReceiptBatch.id)
    with house.sessions.begin() as session:
        return session.scalars(statement).one_or_none() is not None


def unpack_batches(house: House) -> int:
    """Store the reports in every waiting request, each request in a transaction of its own; how many requests."""
    with house.sessions() as session:
        waiting = session.scalars(
            sa.select(ReceiptBatch.id).where(ReceiptBatch.unpacked_at.is_(None)).order_by(ReceiptBatch.id).limit(100)
        ).all()
    for batch_id in waiting:
        in_halves([batch_id], partial(_unpack, house), partial(_set_aside, house))
    return len(waiting)


def _unpack(house: House, batch_ids: Sequence[int]) -> None:
    with house.sessions.begin() as session:
        query = sa.select(ReceiptBatch).where(ReceiptBatch.id == batch_ids[0], ReceiptBatch.unpacked_at.is_(None))
        batch = session.scalars(query.with_for_update(skip_locked=True)).one_or_none()
        if batch is None:
            return
        keep_reports(session, batch.provider, _transport(house, batch.provider).read(batch.url, batch.body))
        batch.unpacked_at = session.scalars(sa.select(sa.func.clock_timestamp())).one()


def _transport(house: House, provider: str) -> Transport:
    for transports in house.transports.values():
        for transport in transports:
            if transport.name == provider:
                return transport
    raise Unreadable(f"{provider} is no longer in use")


def _set_aside(house: House, batch_id: int, error: Exception) -> None:
    """A request that cannot be unpacked is kept with the reason, and holds up no other."""
    problem = one_line(cause_of(error))
    log.error("reports could not be unpacked", batch=batch_id, error=problem)
    with house.sessions.begin() as session:
        session.execute(
            sa.update(ReceiptBatch)
            .where(ReceiptBatch.id == batch_id)
            .values(unpacked_at=sa.func.clock_timestamp(), problem=problem)
        )
