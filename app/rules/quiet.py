"""Quiet hours: when a channel must let people sleep, by the clock on their own wall, across every clock change."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from app.models.facts import ShopperFacts
from app.models.quiet_hours import Quiet, parse_quiet
from app.zones import zone

__all__ = ["Quiet", "first_allowed", "is_quiet", "parse_quiet", "zones_of"]


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
