"""Choosing which parcels to ask about now, within what their carrier allows; a claim is a lease, not a lock.

What is chosen from is read off the index by brand, rank and time, so that it costs the same however many parcels rest.
Where not all can be asked, those go first that are latest by their own measure: a parcel out for delivery that is a
quarter of an hour late before one on its way that is two hours late. Every parcel's turn comes, because its lateness
grows until it is asked. Brands take equal slices.

A batch does not wait to be full: the call is made when its first parcel is due, and its empty seats are taken by those
that are next, since they cost nothing. So they come due together from then on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import stopwatch
from app.models.vocabulary import Milestone
from app.pipeline.house import House
from app.pipeline.polling.budget import Grant, allowance_of, spend, within_reach
from app.pipeline.polling.budget import Pace as Pace  # what a claim gives beside the parcels
from app.pipeline.polling.putting_off import put_off
from app.tracking.adapter.base import Carrier
from app.tracking.cadence import Rank, Watched

CLAIM = 400
LEASE_SECONDS = 90.0
"""How long a claimed parcel is left alone if its worker dies, beside the time of one call. In the first half of it
every call of a batch has begun, or is left to the next one: a carrier that answers nothing would hold it for ever."""

RIDE = timedelta(minutes=20)
"""How much before its time a parcel may take an empty seat of a batch."""
_MEASURE = {Rank.hot: 15, Rank.warm: 30, Rank.cool: 120, Rank.cold: 480}
"""Minutes: by how much a parcel of each rank must be late to be as late as one of another rank."""


@dataclass(frozen=True, slots=True)
class DueParcel:
    """A parcel that is asked about now. `last_answer` is the digest of what its carrier said last; `covered` is whether
    the carrier can be expected to call about it."""

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
    asked_of: str = ""
    milestone_at: datetime | None = None
    numbered_at: datetime | None = None
    eta_from: datetime | None = None
    eta_through: datetime | None = None
    eta_day: date | None = None
    covered: bool = False
    candidates: Sequence[str] = ()

    @property
    def known_at(self) -> datetime:
        """When its number was handed to us."""
        return self.numbered_at or self.placed_at

    @property
    def quiet_since(self) -> datetime:
        """When anything new was heard of it last. What was heard of a number that it had before does not count."""
        return max(self.last_heard_at or self.known_at, self.known_at)

    def watched(self) -> Watched:
        """What the cadence looks at."""
        return Watched(
            self.id,
            self.milestone,
            self.milestone_at,
            self.quiet_since,
            self.zone,
            self.country,
            self.eta_from,
            self.eta_through,
            self.eta_day,
        )


_PAUSED = """
    SELECT 1 FROM pauses
    WHERE lifted_at IS NULL AND kind = 'carrier' AND name = :carrier
        AND (pauses.brand_id IS NULL OR pauses.brand_id = brands.id)
"""
# What is asked through another adapter than its carrier's waits for its carrier's pause as well.
_CARRIER_PAUSED = """
    SELECT 1 FROM pauses
    WHERE lifted_at IS NULL AND kind = 'carrier' AND name = shipments.carrier
        AND (pauses.brand_id IS NULL OR pauses.brand_id = shipments.brand_id)
"""
# Brand by brand and rank by rank, as the index is sorted: without it, finding nothing would mean reading all that is
# not due yet.
_WAITING = """
    SELECT brands.id FROM brands
    WHERE EXISTS (
        SELECT 1 FROM generate_series(0, 3) AS ranks (rank) CROSS JOIN LATERAL (
            SELECT 1 FROM shipments
            WHERE asked_of = :carrier AND brand_id = brands.id AND poll_rank = ranks.rank AND next_poll_at <= :now
            LIMIT 1
        ) AS due
    ) AND NOT EXISTS ({paused})
"""


def _statement(text: str) -> sa.TextClause:
    text = text.replace("{carrier_paused}", _CARRIER_PAUSED)
    return sa.text(text.replace("{waiting}", _WAITING).replace("{paused}", _PAUSED))


_ANY_DUE = _statement("SELECT EXISTS ({waiting})")
_CHOOSE = _statement("""
    WITH waiting AS MATERIALIZED ({waiting}),
    drawn AS MATERIALIZED (
        SELECT id, random() AS turn, (:amount + count(*) OVER () - 1) / count(*) OVER () AS slice FROM waiting
    ), found AS (
        SELECT picked.*, drawn.turn, drawn.slice, row_number() OVER (
            PARTITION BY drawn.id
            ORDER BY (extract(epoch FROM cast(:now AS timestamptz) - picked.next_poll_at) / 60 + :head_start)
                / (cast(:measure AS float8[]))[picked.poll_rank + 1] DESC, picked.id
        ) AS place
        FROM drawn CROSS JOIN generate_series(0, 3) AS ranks (rank) CROSS JOIN LATERAL (
            SELECT id, tracking_number, poll_rank, next_poll_at FROM shipments
            WHERE asked_of = :carrier AND brand_id = drawn.id AND poll_rank = ranks.rank AND next_poll_at <= :soon
                AND NOT EXISTS ({carrier_paused})
            ORDER BY next_poll_at
            LIMIT drawn.slice
            FOR UPDATE SKIP LOCKED
        ) AS picked
    )
    SELECT tracking_number, poll_rank, next_poll_at <= :now AS due FROM found
    WHERE place <= slice ORDER BY place, turn LIMIT :amount
""")
_CLAIM = _statement("""
    WITH taken AS MATERIALIZED (
        SELECT shipments.id FROM shipments JOIN brands ON brands.id = shipments.brand_id
        WHERE shipments.tracking_number = any(:numbers) AND shipments.asked_of = :carrier
            AND shipments.next_poll_at IS NOT NULL AND NOT EXISTS ({paused}) AND NOT EXISTS ({carrier_paused})
        ORDER BY shipments.next_poll_at LIMIT :most
        FOR UPDATE OF shipments SKIP LOCKED
    ), claimed AS (
        UPDATE shipments SET next_poll_at = :leased_until
        FROM taken WHERE shipments.id = taken.id
        RETURNING shipments.id, shipments.order_id, shipments.brand_id, shipments.tracking_number,
            shipments.milestone, shipments.last_heard_at, shipments.last_answer, shipments.poll_failures,
            shipments.problem, shipments.carrier, shipments.asked_of, shipments.milestone_at, shipments.numbered_at,
            shipments.eta_from, shipments.eta_through, shipments.eta_day, shipments.candidates
    )
    SELECT claimed.*, orders.country, orders.zone, orders.placed_at
    FROM claimed JOIN orders ON orders.id = claimed.order_id
    ORDER BY claimed.id
""")


def any_due(session: Session, carrier: str, now: datetime) -> bool:
    """Whether a parcel of this carrier is due that may be asked about."""
    return bool(session.scalar(_ANY_DUE, {"carrier": carrier, "now": now}))


def claim_due(
    session: Session, house: House, carrier: Carrier, now: datetime, most: int | None = None
) -> tuple[list[DueParcel], Pace]:
    """Claim the parcels of a carrier that are due, at most as many as its budget allows in the next seconds, and all
    that have the same numbers: they are asked about once.

    A claim moves `next_poll_at` ahead by the lease: if this worker dies, the parcel simply comes due again.
    """
    config, seats = house.carrier_config(carrier.name), carrier.batch_size
    calls = within_reach(allowance_of(house, carrier))
    put_off(session, house, carrier.name, _soon(carrier, now))
    choice = _choose(session, carrier, now, min(CLAIM if most is None else most, calls * seats))
    if not choice:
        return [], Pace(0, 0)
    wanted = wanted_calls(choice, seats)
    grant = spend(house, carrier, *wanted)
    if grant is None:
        return [], Pace(0, 0)
    granted = stopwatch()
    rows = session.execute(
        _CLAIM,
        {
            "carrier": carrier.name,
            "numbers": seated(choice, grant, seats),
            "most": 2 * CLAIM,
            "leased_until": house.clock.after_wall(LEASE_SECONDS + config.timeout_seconds),
        },
    ).all()
    return [DueParcel(**{**row._asdict(), "milestone": Milestone(row.milestone)}) for row in rows], grant.pace.after(
        stopwatch() - granted
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A number that could be asked about. `due`: its time has come; otherwise it may only take an empty seat."""

    number: str
    hot: bool
    due: bool


def _soon(carrier: Carrier, now: datetime) -> datetime:
    """Until when a parcel may be due to be asked about now."""
    return now if carrier.batch_size == 1 else now + RIDE


def _choose(session: Session, carrier: Carrier, now: datetime, amount: int) -> list[Candidate]:
    """The numbers that could be asked about, the latest by their own measure first, each once."""
    values = {
        "carrier": carrier.name,
        "now": now,
        "soon": _soon(carrier, now),
        "amount": amount,
        "measure": [float(_MEASURE[rank]) for rank in Rank],
        "head_start": float(_MEASURE[Rank.hot]),
    }
    found: dict[str, Candidate] = {}
    for row in session.execute(_CHOOSE, values):
        before = found.get(row.tracking_number)
        hot = row.poll_rank == Rank.hot or bool(before and before.hot)
        found[row.tracking_number] = Candidate(row.tracking_number, hot, row.due or bool(before and before.due))
    return list(found.values())


def wanted_calls(choice: Sequence[Candidate], seats: int) -> tuple[int, int]:
    """How many calls ask about all that is due: those filled with parcels out for delivery, and the others."""
    due = sum(one.due for one in choice)
    hot = -(-sum(one.hot for one in choice if one.due) // seats)
    return hot, -(-due // seats) - hot


def seated(choice: Sequence[Candidate], grant: Grant, seats: int) -> list[str]:
    """The numbers that are asked about in the calls that were granted: what is due, in order; then what rides along.

    Parcels that are not out for delivery have the calls that were granted for them, and seats left empty by others.
    """
    due = [one for one in choice if one.due]
    hot = [one.number for one in due if one.hot][: grant.calls * seats]
    others = [one.number for one in due if not one.hot][: grant.calls * seats - len(hot)]
    chosen = set(hot) | set(others)
    taken = [one.number for one in due if one.number in chosen]
    riders = [one.number for one in choice if not one.due]
    return taken + riders[: grant.calls * seats - len(taken) if seats > 1 else 0]
