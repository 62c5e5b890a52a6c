"""How often a carrier is asked about what it tells of its own accord: as a safety net, for calls that get lost."""

from datetime import datetime, timedelta

from app.models.vocabulary import Milestone

_NET = timedelta(hours=12)
_NET_TODAY = timedelta(hours=3)
"""For a parcel that is out for delivery: tomorrow would be too late."""
CALLED_LATELY = timedelta(days=3)
"""For so long after a call about a parcel, the next one is expected to come by itself."""


def seldom(usual: datetime | None, now: datetime, milestone: Milestone) -> datetime | None:
    """When to ask next about a parcel of which the carrier calls: never sooner than usual, else by the net's width.

    `usual` is what the cadence gives (None: not at all); its spread is kept, so that parcels do not come due together.
    """
    if usual is None:
        return None
    net = _NET_TODAY if milestone is Milestone.out_for_delivery else _NET
    return max(usual, now + net + min((usual - now) / 10, net / 10))


def last_look(now: datetime) -> datetime:
    """When to ask once more about a parcel that a call has ended: that call may tell only the end, and those about what
    came just before it may be lost."""
    return now + _NET_TODAY


def is_covered(followed_until: datetime | None, called_at: datetime | None, now: datetime) -> bool:
    """Whether the carrier can be expected to call: it follows the number, or has called about it lately."""
    followed = followed_until is not None and followed_until > now
    return followed or (called_at is not None and now - called_at < CALLED_LATELY)
