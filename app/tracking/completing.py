"""Whether a whole order has arrived: pure, from how its parcels stand, and blind to the order in which they arrived."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.models.vocabulary import Cause, Milestone
from app.tracking.milestones import Episode, NewCrossing


@dataclass(frozen=True, slots=True)
class Standing:
    """How one outbound parcel of an order stands. `id` is its outside id; instants are UTC, engine time."""

    id: str
    milestone: Milestone
    arrived_at: datetime | None = None
    cancelled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KnownCompletion:
    """An `all_delivered` that is written: its number, and the parcels that it was about."""

    occurrence: int
    parcels: Collection[str]


def arrived(parcels: Sequence[Standing]) -> list[Standing]:
    """The parcels that an order came in, last one last; empty while one of them has not been delivered."""
    carrying = [parcel for parcel in parcels if parcel.cancelled_at is None]
    if any(parcel.milestone is not Milestone.delivered or parcel.arrived_at is None for parcel in carrying):
        return []
    return sorted(carrying, key=lambda parcel: (parcel.arrived_at, parcel.id))


def completion(parcels: Sequence[Standing], known: Sequence[KnownCompletion]) -> NewCrossing | None:
    """The `all_delivered` to write for an order of which nothing known is left to ship, or None.

    It is opened once for a set of parcels: again only when one has come that no earlier one was about, and never for
    the loss of one. It occurred when the last arrived, or when the last that had not was called off.
    """
    here = arrived(parcels)
    if not here or all(any(parcel.id in one.parcels for one in known) for parcel in here):
        return None
    ended = [parcel.arrived_at for parcel in here if parcel.arrived_at]
    ended += [parcel.cancelled_at for parcel in parcels if parcel.cancelled_at]
    names = sorted(parcel.id for parcel in here)
    anchor = hashlib.blake2b(" ".join(["all_delivered", *names]).encode(), digest_size=16).digest()
    episode = Episode(Milestone.all_delivered, max(ended), anchor, cause=Cause.order)
    return NewCrossing(episode, max((one.occurrence for one in known), default=0) + 1, late=False)
