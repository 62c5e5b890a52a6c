"""When a parcel is asked about next: often when news is near, seldom when it is far, never once it has ended."""

import hashlib
from datetime import datetime, timedelta

from app.models.vocabulary import Milestone

_MINUTES: dict[Milestone, int] = {
    Milestone.registered: 180,
    Milestone.dispatched: 180,
    Milestone.in_transit: 120,
    Milestone.out_for_delivery: 30,
    Milestone.ready_for_pickup: 180,
    Milestone.attempt_failed: 120,
    Milestone.exception: 180,
    Milestone.returning: 360,
}
GIVE_UP_AFTER = timedelta(days=60)
"""A parcel of which nothing new was heard for so long is no longer asked about."""


def next_poll(milestone: Milestone, now: datetime, shipment_id: int, last_news_at: datetime) -> datetime | None:
    """The engine time of the next question, or None when the parcel can rest.

    A parcel that has been silent is asked less often, down to a quarter of the usual. Up to a tenth of the
    interval is spread by the parcel's id, so that parcels imported together are not asked together for ever.
    """
    minutes = _MINUTES.get(milestone)
    if minutes is None or now - last_news_at > GIVE_UP_AFTER:
        return None
    silent_days = max(0.0, (now - last_news_at) / timedelta(days=1))
    interval = timedelta(minutes=minutes * min(4.0, 1.0 + silent_days / 7))
    return now + interval * (0.9 + 0.1 * _spread(shipment_id))


def after_failure(failures: int, shipment_id: int) -> float:
    """Wall seconds to wait after the nth failed question in a row: 15 s doubling to an hour, with jitter."""
    return float(min(3600.0, 15.0 * 2 ** min(failures - 1, 12))) * (0.75 + 0.5 * _spread(shipment_id + failures))


def after_not_found(now: datetime, placed_at: datetime, shipment_id: int) -> datetime | None:
    """When to ask again about a number the carrier does not know: three hours at first, then twice a day, and
    never once it has been unknown for as long as a silent parcel is given."""
    if now - placed_at > GIVE_UP_AFTER:
        return None
    hours = 3 if now - placed_at < timedelta(days=3) else 12
    return now + timedelta(hours=hours) * (0.9 + 0.1 * _spread(shipment_id))


def _spread(seed: int) -> float:
    """A fraction in [0, 1) that depends on the seed alone."""
    return int.from_bytes(hashlib.blake2b(seed.to_bytes(9, "big"), digest_size=4).digest(), "big") / 2**32
