"""Reads stored scans again after their code was given another meaning: in batches, resumable, and telling nobody.

A mapping remembers how far the scans have been gone through on its account, and each batch moves that mark in the
transaction that changes the parcels: killed at any moment, it goes on from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import stopwatch
from app.log import logger
from app.models.event_counts import count_states
from app.pipeline.codes.applying import Standing, as_read, meaning_of, standing
from app.pipeline.deciding.concluding import conclude_again
from app.pipeline.house import House
from app.pipeline.listening.hearing import lock_parcels

AT_ONCE = 300
"""Scans read again in one transaction, and so at most the parcels locked by it."""

WINDOW = 20_000
"""Scans looked through in one transaction: no index finds a code, because each scan would pay for it."""

_ENOUGH_SECONDS = 20.0

log = logger(__name__)

_JOB = sa.text("""
    SELECT id, brand_id, carrier, code, refold_after FROM code_mappings
    WHERE refold_after IS NOT NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
""")
_UPTO = sa.text("SELECT max(id) FROM (SELECT id FROM scans WHERE id > :after ORDER BY id LIMIT :window) AS ahead")
_FOUND = sa.text("""
    SELECT id, shipment_id FROM scans
    WHERE id > :after AND id <= :upto AND carrier = :carrier AND code = :code AND source IN ('poll', 'push')
        AND retired_at IS NULL AND (cast(:brand AS bigint) IS NULL OR brand_id = :brand)
    ORDER BY id LIMIT :amount
""")
_AS_STORED = sa.text("""
    SELECT id, shipment_id, brand_id, carrier, code, milestone, moves, mapping_id, read_as
    FROM scans WHERE id = ANY(:ids) ORDER BY id
""")
_CHANGE = sa.text("""
    UPDATE scans SET milestone = said.milestone, moves = said.moves, mapping_id = said.mapping_id,
        read_as = said.read_as
    FROM unnest(
        cast(:ids AS bigint[]), cast(:milestones AS text[]), cast(:moves AS boolean[]),
        cast(:mapping_ids AS bigint[]), cast(:read_as AS text[])
    ) AS said (id, milestone, moves, mapping_id, read_as)
    WHERE scans.id = said.id
""")

# A message that waits to tell what no scan says any more would not be true at the moment it leaves. One of several
# parcels is looked at again as it leaves, and goes without those of which it is not true.
_UNTRUE = sa.text("""
    WITH untrue AS MATERIALIZED (
        SELECT messages.id FROM messages JOIN crossings ON crossings.id = messages.crossing_id
        WHERE messages.shipment_id = ANY(:ids) AND crossings.cause = 'scan' AND messages.merge_until IS NULL
            AND (messages.state IN ('held', 'ready')
                OR (messages.state = 'sending' AND messages.open_attempt_id IS NULL))
            AND NOT EXISTS (
                SELECT 1 FROM scans
                WHERE scans.shipment_id = messages.shipment_id AND scans.retired_at IS NULL AND (
                    scans.milestone = crossings.milestone
                    OR (crossings.milestone = 'dispatched' AND scans.milestone = 'in_transit')
                    OR (crossings.milestone = 'return_received' AND scans.milestone = 'delivered')
                )
            )
        ORDER BY messages.id FOR NO KEY UPDATE OF messages
    )
    UPDATE messages SET state = 'superseded', reason = 'overtaken', ended_at = :now, lease_token = NULL,
        lease_until = NULL, detail = 'the carrier''s code has been given another meaning'
    FROM untrue WHERE messages.id = untrue.id RETURNING messages.id
""")
_MOVE_ON = sa.text("UPDATE code_mappings SET refold_after = :after WHERE id = :id")


@dataclass(slots=True)
class Refolded:
    """What reading again came to."""

    scans: int = 0
    parcels: int = 0
    mappings: int = 0
    whole: bool = True
    """Whether nothing was left for the next time."""


def refold(house: House, enough: float = _ENOUGH_SECONDS) -> Refolded:
    """Read again what mappings have changed, for at most `enough` seconds; what is left waits for the next time."""
    done, started, more = Refolded(), stopwatch(), True
    while more and stopwatch() - started < enough:
        with house.sessions.begin() as session:
            more = _batch(session, house, house.clock.now(), done)
    done.whole = not more
    return done


def _batch(session: Session, house: House, now: datetime, done: Refolded) -> bool:
    """One bounded piece of one mapping's work; False when there was none, or somebody else is at it."""
    job = session.execute(_JOB).one_or_none()
    if job is None:
        return False
    after = {"after": job.refold_after}
    upto = session.scalars(_UPTO, {**after, "window": WINDOW}).one()
    if upto is None:
        session.execute(_MOVE_ON, {"id": job.id, "after": None})
        done.mappings += 1
        log.info("code read again", carrier=job.carrier, code=job.code, scans=done.scans, parcels=done.parcels)
        return True
    wanted = {"carrier": job.carrier, "code": job.code, "brand": job.brand_id, "amount": AT_ONCE}
    found = session.execute(_FOUND, {**after, **wanted, "upto": upto}).all()
    if found:
        _read_again(session, house, found, now, done)
    reached = found[-1].id if len(found) == AT_ONCE else upto
    session.execute(_MOVE_ON, {"id": job.id, "after": reached})
    return True


def _read_again(session: Session, house: House, found: Sequence[Any], now: datetime, done: Refolded) -> None:
    locked = lock_parcels(session, [one.shipment_id for one in found])
    stored = session.execute(_AS_STORED, {"ids": [one.id for one in found]}).all()
    mapped = standing(session, {one.carrier for one in stored})
    changes = [change for one in stored if (change := _changed(one, mapped))]
    if not changes:
        return
    columns = ("ids", "milestones", "moves", "mapping_ids", "read_as")
    rows = [change[1:] for change in changes]
    session.execute(_CHANGE, dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))
    touched = sorted({change[0] for change in changes})
    conclude_again(session, house, locked, touched, now)
    count_states(session, session.scalars(_UNTRUE, {"ids": touched, "now": now}).all())
    done.scans += len(changes)
    done.parcels += len(touched)


def _changed(scan: Any, mapped: Standing) -> tuple[int, int, str | None, bool, int | None, str | None] | None:
    """A scan's parcel, and its columns as they should be; None where they are so already."""
    meant = mapped.of(scan.carrier, scan.code, scan.brand_id)
    if meant is None and scan.mapping_id is None:
        return None
    read = scan.read_as or as_read(scan.milestone, scan.moves)
    if meant is None:
        word = meaning_of(read)
        back = (None if word in ("movement", "nothing") else word.value, word != "nothing", None, None)
        return (scan.shipment_id, scan.id, *back)
    now_so = (meant.milestone.value if meant.milestone else None, meant.moves, meant.id, read)
    if now_so == (scan.milestone, scan.moves, scan.mapping_id, scan.read_as):
        return None
    return (scan.shipment_id, scan.id, *now_so)
