"""Quiet hours: when a channel must let people sleep, by the clock on their own wall, across every clock change."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from app.models.facts import ShopperFacts
from app.zones import zone

_WRITTEN = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)$")


@dataclass(frozen=True, slots=True)
class Quiet:
    """A stretch of the day on the wall clock, from `starts` until just before `ends`; it may span midnight."""

    starts: time
    ends: time

    def __str__(self) -> str:
        return f"{self.starts:%H:%M}-{self.ends:%H:%M}"

    def covers(self, wall: time) -> bool:
        """Whether a wall clock shows a quiet time."""
        if self.starts < self.ends:
            return self.starts <= wall < self.ends
        return wall >= self.starts or wall < self.ends


def parse_quiet(written: str) -> Quiet:
    """`21:00-08:00`. Raises ValueError with the reason."""
    found = _WRITTEN.match(written.strip())
    if not found:
        raise ValueError(f"{written!r} is no stretch of the day such as 21:00-08:00")
    quiet = Quiet(time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4])))
    if quiet.starts == quiet.ends:
        raise ValueError("it begins when it ends, so it would be the whole day or none of it")
    return quiet


def zones_of(shopper: ShopperFacts) -> tuple[str, ...]:
    """The zones in which it must be day for this shopper: every one that they may be in."""
    return shopper.zones or (shopper.zone,)


def is_quiet(at: datetime, zones: Sequence[str], quiet: Quiet) -> bool:
    """Whether it is quiet at an instant in any of the zones."""
    return any(quiet.covers(at.astimezone(zone(name)).time()) for name in zones)


_LONGEST = timedelta(days=3)


def first_allowed(at: datetime, zones: Sequence[str], quiet: Quiet) -> datetime:
    """The first instant at or after `at` (UTC) that is quiet in none of the zones.

    Zones so far apart that it is always quiet in one of them have no such instant: then the first zone alone counts.
    """
    moment, limit = at, at + _LONGEST
    while moment < limit:
        sleeping = [name for name in zones if is_quiet(moment, [name], quiet)]
        if not sleeping:
            return moment
        moment = max(_wakes(moment, name, quiet) for name in sleeping)
    return first_allowed(at, zones[:1], quiet) if len(zones) > 1 else moment


def _wakes(at: datetime, name: str, quiet: Quiet) -> datetime:
    """The end of the quiet stretch that holds at an instant in a zone.

    An end that the clock shows twice counts the second time if the first has passed.
    """
    here = zone(name)
    day = at.astimezone(here).date()
    for ahead in (0, 1):
        wall = datetime.combine(day + timedelta(days=ahead), quiet.ends)
        for fold in (0, 1):
            end = wall.replace(tzinfo=here, fold=fold).astimezone(UTC)
            if end > at:
                return _skipped_back(end, at, here, quiet)
    return at + timedelta(hours=1)


def _skipped_back(end: datetime, at: datetime, here: tzinfo, quiet: Quiet) -> datetime:
    """An end that the clock skips came when it skipped; clocks are changed by whole quarters of an hour."""
    quarter = timedelta(minutes=15)
    while end.astimezone(here).time() != quiet.ends and end - quarter > at:
        if quiet.covers((end - quarter).astimezone(here).time()):
            break
        end -= quarter
    return end
