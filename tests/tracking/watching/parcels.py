"""Parcels as the calendar sees them, written in hours and days from one Monday morning in Stockholm."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from app.models.vocabulary import Milestone
from app.tracking.milestones import KnownScan, fold
from app.tracking.watching.estimates import Estimate
from app.tracking.watching.outlook import Outlook

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""A Monday, 9 o'clock in Stockholm, in a fortnight without a holiday there."""

M = Milestone


def hours(after: float) -> datetime:
    """So many hours after the start."""
    return START + timedelta(hours=after)


def scan(after: float, milestone: Milestone | None = M.in_transit, name: str = "", *, moves: bool = True) -> KnownScan:
    """A scan of so many hours after the start."""
    return KnownScan(f"{name}{after}{milestone}{moves}".encode(), milestone, hours(after), moves=moves)


def says(after: float, day: date | None = None, **window: datetime) -> Estimate:
    """What the carrier expected from so many hours after the start on."""
    return Estimate(hours(after), day=day, **window)


def parcel(now: float, *scans: KnownScan, estimates: Iterable[Estimate] = (), **given: object) -> Outlook:
    """A parcel of which these scans had been heard at an hour, for a shopper in Stockholm."""
    known = {"known_at": START, "country": "SE", "listened_until": hours(now), **given}
    heard = [one for one in scans if one.occurred_at <= hours(now)]
    said = [one for one in estimates if one.as_of <= hours(now)]
    return Outlook(hours(now), fold(heard), heard, "Europe/Stockholm", estimates=said, **known)
