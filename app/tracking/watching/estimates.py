"""What a carrier expects and how that compares: with the promise, and with what it expected before.

A day stays a day: it is compared by the calendar where the shopper lives, never through an instant. So is everything
where the threshold is a day or more, because people wait for a day and not for an hour of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import zip_longest

from app.zones import end_of_day, zone

_DAY = timedelta(days=1)
_NONE = timedelta(0)
_PLAUSIBLE = timedelta(days=366)
"""Nobody expects a parcel further from now: 9999-12-31 and 0001-01-01 are how some say that they do not know."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One word of a carrier: a window (UTC), or a day where the shopper lives; none of them: it took its word back.
    It stands from `as_of` until the next."""

    as_of: datetime
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    day: date | None = None

    @property
    def empty(self) -> bool:
        """Whether it expects nothing any more, or nothing that can be meant."""
        if self.day is not None:
            return abs(self.day - self.as_of.date()) > _PLAUSIBLE
        instant = self.ends_at or self.starts_at
        return instant is None or abs(instant - self.as_of) > _PLAUSIBLE

    def says(self) -> tuple[datetime | None, datetime | None, date | None]:
        """What it expects, whenever it was said."""
        return self.starts_at, self.ends_at, self.day

    def last_instant(self, zone_name: str) -> datetime:
        """When it has come at the latest, UTC. Not for an empty one."""
        instant = self.ends_at or self.starts_at
        if instant is not None:
            return instant
        assert self.day is not None
        return end_of_day(self.day, zone_name)

    def last_day(self, zone_name: str) -> date:
        """The day on which it has come at the latest. Midnight is the end of the day before it."""
        instant = self.ends_at or self.starts_at
        if instant is None:
            assert self.day is not None
            return self.day
        return (instant - timedelta(microseconds=1)).astimezone(zone(zone_name)).date()

    @property
    def is_day(self) -> bool:
        """Whether it is only a day."""
        return self.ends_at is None and self.starts_at is None


def behind(estimate: Estimate, promised_on: date, zone_name: str, by: timedelta) -> timedelta:
    """How much later than promised it is expected, negative where earlier, in the measure that `by` asks for."""
    if estimate.is_day or by >= _DAY:
        return (estimate.last_day(zone_name) - promised_on).days * _DAY
    return estimate.last_instant(zone_name) - end_of_day(promised_on, zone_name)


def is_beyond(estimate: Estimate, promised_on: date, zone_name: str, by: timedelta) -> bool:
    """Whether it is expected after the promised day, and by at least so much."""
    late = behind(estimate, promised_on, zone_name, by)
    return late > _NONE and late >= by


def is_early(estimate: Estimate, promised_on: date, zone_name: str, by: timedelta) -> bool:
    """Whether it is expected on an earlier day than promised, and at least so long before that day ends."""
    if estimate.last_day(zone_name) >= promised_on:
        return False
    return -behind(estimate, promised_on, zone_name, by) >= by


def has_moved(estimate: Estimate, known: Estimate, zone_name: str, by: timedelta) -> bool:
    """Whether it lies at least so far from what was known."""
    if estimate.is_day or known.is_day or by >= _DAY:
        apart = abs((estimate.last_day(zone_name) - known.last_day(zone_name)).days) * _DAY
    else:
        apart = abs(estimate.last_instant(zone_name) - known.last_instant(zone_name))
    return apart > _NONE and apart >= by


def in_force(estimates: Sequence[Estimate]) -> list[tuple[Estimate, datetime | None]]:
    """Each with the instant from which the next word stood in its place, oldest first."""
    ordered = sorted(estimates, key=lambda one: one.as_of)
    return list(zip_longest(ordered, (one.as_of for one in ordered[1:])))
