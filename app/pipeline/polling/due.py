"""Choosing which parcels to ask about now, within what their carrier allows; a claim is a lease, not a lock."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.models import CarrierBudget
from app.models.vocabulary import Milestone
from app.pipeline.house import House
from app.tracking.carriers.base import Carrier

CLAIM = 400
LEASE_SECONDS = 90.0
"""How long a claimed parcel is left alone if its worker dies, beside the time of one call. In the first half of it
every call of a batch has begun, or is left to the next one: a carrier that answers nothing would hold it for ever."""

_HORIZON_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class DueParcel:
    """A parcel that is asked about now. `last_answer` is the digest of what its carrier said last."""

    id: int
    order_id: int
    brand_id: int
    tracking_number: str
    milestone: Milestone
    last_heard_at: datetime | None
    last_answer: bytes | None
    poll_failures: int
    problem: str | None
    carrier: str | None
    country: str | None
    zone: str
    placed_at: datetime


@dataclass(frozen=True, slots=True)
class Pace:
    """When calls of one batch may begin: the first after `delay` seconds, then one every `gap`."""

    delay: float
    gap: float


_DUE = sa.text("""
    WITH waiting AS MATERIALIZED (
        SELECT brands.id FROM brands CROSS JOIN LATERAL (
            SELECT 1 FROM shipments
            WHERE asked_of = :carrier AND brand_id = brands.id AND next_poll_at <= :now LIMIT 1
        ) AS due
        WHERE NOT EXISTS (
            SELECT 1 FROM pauses
            WHERE lifted_at IS NULL AND kind = 'carrier' AND name = :carrier
                AND (pauses.brand_id IS NULL OR pauses.brand_id = brands.id)
        )
    ), due AS MATERIALIZED (
        SELECT picked.id
        FROM (SELECT id FROM waiting ORDER BY random()) AS brands
        CROSS JOIN LATERAL (
            SELECT id FROM shipments
            WHERE asked_of = :carrier AND brand_id = brands.id AND next_poll_at <= :now
            ORDER BY next_poll_at
            LIMIT (SELECT (:amount + count(*) - 1) / greatest(count(*), 1) FROM waiting)
            FOR UPDATE SKIP LOCKED
        ) AS picked
        LIMIT :amount
    ), claimed AS (
        UPDATE shipments SET next_poll_at = :leased_until
        FROM due WHERE shipments.id = due.id
        RETURNING shipments.id, shipments.order_id, shipments.brand_id, shipments.tracking_number,
            shipments.milestone, shipments.last_heard_at, shipments.last_answer, shipments.poll_failures,
            shipments.problem, shipments.carrier
    )
    SELECT claimed.*, orders.country, orders.zone, orders.placed_at
    FROM claimed JOIN orders ON orders.id = claimed.order_id
    ORDER BY claimed.id
""")


def claim_due(
    session: Session, house: House, carrier: Carrier, now: datetime, most: int = CLAIM
) -> tuple[list[DueParcel], Pace]:
    """Claim the parcels of a carrier that are due, at most as many as its budget allows in the next seconds.

    Each brand with parcels due gets an equal slice, in an order drawn anew: neither one with a flood of parcels nor
    the oldest shuts the others out, however few calls there are. A claim moves `next_poll_at` ahead by the lease:
    if this worker dies, the parcel simply comes due again.
    """
    config = house.carrier_config(carrier.name)
    per_second = config.requests_per_second or carrier.requests_per_second
    wait, allowed = _budget(session, carrier, per_second)
    amount = min(most, allowed * carrier.batch_size)
    if amount < 1:
        return [], Pace(0, 0)
    rows = session.execute(
        _DUE,
        {
            "carrier": carrier.name,
            "now": now,
            "leased_until": house.clock.after_wall(LEASE_SECONDS + config.timeout_seconds),
            "amount": amount,
        },
    ).all()
    due = [DueParcel(**{**row._asdict(), "milestone": Milestone(row.milestone)}) for row in rows]
    calls = -(-len(due) // carrier.batch_size)
    _spend(session, carrier, calls / per_second)
    return due, Pace(wait, 1 / per_second)


def _budget(session: Session, carrier: Carrier, per_second: float) -> tuple[float, int]:
    """Seconds until the next call may begin, and how many calls may begin within the horizon. Locks the budget."""
    session.execute(
        insert(CarrierBudget).values(carrier=carrier.name, free_at=sa.func.clock_timestamp()).on_conflict_do_nothing()
    )
    ahead = session.scalars(
        sa.select(sa.extract("epoch", CarrierBudget.free_at - sa.func.clock_timestamp()))
        .where(CarrierBudget.carrier == carrier.name)
        .with_for_update()
    ).one()
    wait = max(0.0, float(ahead))
    return wait, max(0, int((_HORIZON_SECONDS - wait) * per_second)) or (1 if wait == 0 else 0)


def _spend(session: Session, carrier: Carrier, seconds: float) -> None:
    start = sa.func.greatest(CarrierBudget.free_at, sa.func.clock_timestamp())
    session.execute(
        sa.update(CarrierBudget)
        .where(CarrierBudget.carrier == carrier.name)
        .values(free_at=start + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds))
    )
