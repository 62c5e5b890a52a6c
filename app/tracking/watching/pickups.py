"""When a parcel that waits to be collected is reminded of, before it goes back."""

from datetime import datetime, time, timedelta

from app.models.expectations import PickupReminder
from app.models.vocabulary import Cause, Milestone
from app.tracking.milestones import Episode
from app.tracking.watching.outlook import Outlook, anchor
from app.zones import end_of_day, localise, zone

_MORNING, _EVENING = time(9), time(20)
"""Between these hours people can do something about it; an instant outside them is moved to the morning after it."""

_PLAUSIBLE = timedelta(days=366)
"""No parcel waits for longer; a last day that is further off is none."""

_SETTLED = timedelta(days=1)
"""For so long after the shopper has heard that it is ready, nobody is reminded."""


def reminder(outlook: Outlook, by: PickupReminder) -> tuple[Episode | None, datetime | None]:
    """The reminder of the pickup that lasts at present, once it is due; else when it will be."""
    waiting = outlook.current
    if not outlook.outbound or waiting is None or waiting.milestone is not Milestone.ready_for_pickup:
        return None, None
    at = _due(outlook, waiting.occurred_at, by)
    if at is None:
        return None, None
    if at > outlook.now:
        return None, at
    names = frozenset(anchor(b"pickup", digest) for digest in waiting.digests)
    opened = anchor(b"pickup", waiting.anchor or b"")
    return Episode(Milestone.pickup_expiring, at, opened, names | {opened}, Cause.pickup_ends), None


def _due(outlook: Outlook, ready_at: datetime, by: PickupReminder) -> datetime | None:
    """The instant, UTC; None where there is none before it goes back, or nobody can say when."""
    if outlook.pickup_until is None or abs(outlook.pickup_until - ready_at.date()) > _PLAUSIBLE:
        return _by_day(ready_at + by.waited, outlook.zone) if by.waited is not None else None
    goes_back_at = end_of_day(outlook.pickup_until, outlook.zone)
    wanted = max(goes_back_at - by.before, ready_at + _SETTLED)
    if wanted >= goes_back_at:
        return None
    at = _by_day(wanted, outlook.zone)
    return at if at < goes_back_at else wanted


def _by_day(at: datetime, zone_name: str) -> datetime:
    """An instant itself where it falls by day, else the next morning where the shopper lives."""
    local = at.astimezone(zone(zone_name))
    if _MORNING <= local.time() < _EVENING:
        return at
    day = local.date() if local.time() < _MORNING else local.date() + timedelta(days=1)
    return localise(datetime.combine(day, _MORNING), zone_name)
