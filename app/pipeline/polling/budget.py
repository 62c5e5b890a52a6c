"""How many calls a carrier may be made now, and when each may begin; shared by every worker of an installation.

PostgreSQL alone gives a carrier's allowance away: one row a carrier says until which instant its time, and how many
calls of its day, have been given. Valkey, where there is one, only hands on what it was given before (`purse`): a
stretch of the carrier's time and a hundredth of its day at most, so that workers need not queue at that row. Thus
neither limit rests on Valkey. What it loses was counted as spent; while it is away, workers ask PostgreSQL; and even
workers of which only some can reach it never have the same call twice.

The day's calls are spread: what is asked in the morning leaves enough for the evening, and a fifth is kept for parcels
that are out for delivery.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import stopwatch
from app.pipeline.house import House
from app.pipeline.polling.purse import UNCOUNTED, Held, Portion
from app.tracking.adapter.base import Carrier
from app.zones import end_of_day, zone

HORIZON = 5.0
"""Seconds from now within which a call may be given its turn: a batch waits no longer for its last call to begin."""
STRETCH = 2.0
"""Seconds of a carrier's time that Valkey is given at once."""

_POLITE = 1.05
"""By so much more than it must be one call is kept from the next: what is sent evenly does not arrive so."""

RESERVE = 0.2
"""The share of a day that only parcels out for delivery may have."""
_AHEAD, _HOT_AHEAD = 2 / 24, 6 / 24
"""How much more than the share of the day that has passed may be spent: at midnight nothing would be allowed else."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When calls of one batch may begin: the first after `delay` seconds, then one every `gap`."""

    delay: float
    gap: float

    def after(self, seconds: float) -> "Pace":
        """The same pace for somebody who was told so many seconds ago."""
        return Pace(max(0.0, self.delay - seconds), self.gap)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a carrier allows in all: calls a second, and a day that begins at midnight in `day_zone` (None: any)."""

    per_second: float
    per_day: int | None = None
    day_zone: str = "UTC"

    @property
    def gap(self) -> float:
        """Seconds from one call to the next."""
        return _POLITE / self.per_second


@dataclass(frozen=True, slots=True)
class Grant:
    """Calls that may be made: `hot` about parcels out for delivery, `other` about any; all by one pace."""

    hot: int
    other: int
    pace: Pace

    @property
    def calls(self) -> int:
        """All of them."""
        return self.hot + self.other


def allowance_of(house: House, carrier: Carrier) -> Allowance:
    """What this installation was granted, else what the carrier's manual says of a new account."""
    config = house.carrier_config(carrier.name)
    per_day = carrier.requests_per_day if config.requests_per_day is None else config.requests_per_day
    return Allowance(
        config.requests_per_second or carrier.requests_per_second,
        per_day if isinstance(per_day, int) else None,
        carrier.day_zone,
    )


def within_reach(allowed: Allowance) -> int:
    """How many calls can begin, at most, before a batch would have waited too long."""
    return _slots(0.0, allowed)


def _slots(wait: float, allowed: Allowance) -> int:
    """How many calls can begin within the horizon, the first after `wait` seconds."""
    return int((HORIZON - wait) / allowed.gap) + 1 if wait <= HORIZON else 0


def within_day(per_day: int, spent: int, passed: float, *, hot: bool) -> int:
    """How many more calls may be made now, when `spent` were made today and `passed` (0 to 1) of the day is over. Pure.

    Calls that are not about a parcel out for delivery have four fifths of the day, as evenly as they come; the others
    may run further ahead. So whatever the morning asks, the evening has its part.
    """
    share = min(1.0, passed + _HOT_AHEAD) if hot else (1 - RESERVE) * min(1.0, passed + _AHEAD)
    return max(0, max(1, int(per_day * share)) - spent)


def spend(house: House, carrier: Carrier, hot: int, other: int) -> Grant | None:
    """Take calls, at most as many as are wanted, and give up the right to them: made or not, they are spent.

    In a transaction of its own, committed before any call is made. None where nothing may be asked now.
    """
    allowed = allowance_of(house, carrier)
    held = house.purse.take(_name(carrier, allowed), hot + other, allowed.gap) if house.purse else None
    if held and held.calls:
        first = min(hot, held.calls)
        return Grant(first, held.calls - first, Pace(held.delay, allowed.gap))
    return _give(house, carrier, Wanted(hot, other), allowed, held)


def spend_more(house: House, carrier: Carrier, calls: int = 1) -> Pace | None:
    """Calls beside those that a claim was given (a fuller question, say): when they may begin, or None if there are
    not enough left now. It waits for PostgreSQL or Valkey, so coroutines call it through `asyncio.to_thread`."""
    grant = spend(house, carrier, 0, calls)
    return grant.pace if grant and grant.calls == calls else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many calls a worker would make: about parcels out for delivery, and about others."""

    hot: int
    other: int


@dataclass(frozen=True, slots=True)
class Books:
    """A carrier's row as it stands: seconds until its time is free, calls given of today, how much of today is over
    and how many seconds of it are left."""

    wait: float
    spent: int
    today: date
    passed: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Given:
    """What is given away: calls, from `wait` on, and beside them time and calls that Valkey may hand on."""

    hot: int
    other: int
    spare_seconds: float
    spare_calls: int

    @property
    def calls(self) -> int:
        """The calls that are made at once."""
        return self.hot + self.other


def share_out(books: Books, allowed: Allowance, wanted: Wanted, in_hand: int | None) -> Given:
    """What may be given away now. `in_hand` are calls of today that were counted before and came back to be used first;
    None where Valkey does not answer, and nothing is given to it. Pure."""
    slots = _slots(books.wait, allowed)
    hot, other, day_left = wanted.hot, wanted.other, None
    if allowed.per_day is not None:
        spent = books.spent - (in_hand or 0)
        hot = min(hot, within_day(allowed.per_day, spent, books.passed, hot=True))
        day_left = max(0, within_day(allowed.per_day, spent, books.passed, hot=False) - hot)
        other = min(other, day_left)
    hot = max(0, min(hot, slots))
    other = max(0, min(other, slots - hot))
    if in_hand is None or not hot + other:
        return Given(hot, other, 0.0, 0)
    spare = max(0.0, min(STRETCH, HORIZON - books.wait - (hot + other) * allowed.gap))
    calls = min((allowed.per_day or 0) // 100, day_left - other) if day_left is not None else 0
    return Given(hot, other, spare, calls)


def _give(house: House, carrier: Carrier, wanted: Wanted, allowed: Allowance, held: Held | None) -> Grant | None:
    """Give calls away from the carrier's row, and a portion to Valkey where it answers."""
    began = stopwatch()
    with house.sessions.begin() as session:
        books = _books(session, carrier.name, allowed)
        in_hand = held.in_hand(books.today) if held else None
        given = share_out(books, allowed, wanted, in_hand)
        taken = books.wait + given.calls * allowed.gap + given.spare_seconds
        counted = max(in_hand or 0, given.calls + given.spare_calls)
        spent = books.spent + counted - (in_hand or 0)
        if given.calls:
            session.execute(_WRITE, {"carrier": carrier.name, "taken": taken, "day": books.today, "spent": spent})
    if house.purse and held:
        late = stopwatch() - began  # so that its end lies no later than PostgreSQL believes
        ends_in = taken - late if given.calls else 0.0
        kept = counted - given.calls if allowed.per_day is not None else UNCOUNTED
        portion = Portion(taken - given.spare_seconds, ends_in, kept, books.today, books.seconds_left - late)
        house.purse.put(_name(carrier, allowed), portion)
    return Grant(given.hot, given.other, Pace(books.wait, allowed.gap)) if given.calls else None


def _name(carrier: Carrier, allowed: Allowance) -> str:
    """Under which Valkey keeps a portion: one that was given by another allowance is left alone."""
    return f"{carrier.name}:{allowed.per_second:g}:{allowed.per_day}"


_OPEN = sa.text("""
    INSERT INTO carrier_budgets (carrier, free_at) VALUES (:carrier, clock_timestamp()) ON CONFLICT DO NOTHING
""")
_LOCK = sa.text("SELECT free_at, day, spent FROM carrier_budgets WHERE carrier = :carrier FOR NO KEY UPDATE")
_WRITE = sa.text("""
    UPDATE carrier_budgets SET day = :day, spent = :spent,
        free_at = clock_timestamp() + make_interval(secs => :taken) WHERE carrier = :carrier
""")


def _books(session: Session, carrier: str, allowed: Allowance) -> Books:
    """The carrier's row, locked, by the database's clock."""
    row = session.execute(_LOCK, {"carrier": carrier}).one_or_none()
    if row is None:
        session.execute(_OPEN, {"carrier": carrier})
        row = session.execute(_LOCK, {"carrier": carrier}).one()
    now: datetime = session.scalars(sa.text("SELECT clock_timestamp()")).one()
    today = now.astimezone(zone(allowed.day_zone)).date()
    begins = end_of_day(today - timedelta(days=1), allowed.day_zone)
    ends = end_of_day(today, allowed.day_zone)
    return Books(
        wait=max(0.0, (row.free_at - now).total_seconds()),
        spent=row.spent if row.day == today else 0,
        today=today,
        passed=(now - begins) / (ends - begins),
        seconds_left=(ends - now).total_seconds(),
    )
