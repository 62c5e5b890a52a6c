"""`Outlook`: a parcel as the calendar sees it at one instant, and what its way so far says about time."""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from app.models.vocabulary import ENDS, Milestone
from app.tracking.milestones import Episode, KnownScan, ParcelState, fold
from app.tracking.watching.estimates import Estimate
from app.zones import end_of_day

_M = Milestone

MOVING: frozenset[Milestone] = frozenset(
    {
        _M.dispatched, _M.in_transit, _M.out_for_delivery, _M.attempt_failed, _M.ready_for_pickup, _M.delivered,
        _M.returning, _M.returned, _M.return_received,
    }
)  # fmt: skip
"""Milestones at which a parcel has moved. A label, a mishap and a carrier's "later than planned" move nothing."""

ARRIVED: frozenset[Milestone] = ENDS | {_M.ready_for_pickup, _M.returning}
"""Where a parcel is no longer on its way to the shopper, and so cannot be late."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of life: an instant, and what names it."""

    at: datetime
    digest: bytes


@dataclass(frozen=True)
class Outlook:
    """What the calendar looks at. Instants are UTC; `promised_on` and `pickup_until` are days in `zone`, where the
    shopper lives, in `country` (ISO 3166).

    `known_at` is since when the parcel could have been heard of (None: it never could). Up to `listened_until` its
    carrier was listened to: past that, silence is ours and not the carrier's. `outbound`: it goes to the shopper;
    of one that comes back nobody promised anything. `estimates` are what its carrier expected, oldest first.
    """

    now: datetime
    state: ParcelState
    scans: Sequence[KnownScan]
    zone: str
    listened_until: datetime
    known_at: datetime | None = None
    country: str | None = None
    carrier: str | None = None
    service: str | None = None
    outbound: bool = True
    promised_on: date | None = None
    pickup_until: date | None = None
    estimates: Sequence[Estimate] = ()

    @cached_property
    def promise_ends_at(self) -> datetime | None:
        """The instant at which the promised day ends where the shopper lives."""
        return end_of_day(self.promised_on, self.zone) if self.promised_on and self.outbound else None

    @cached_property
    def signs(self) -> list[Sign]:
        """Every sign of life, oldest first: scans, and where the carrier gave one no time, when it was heard."""
        found = [Sign(at, scan.digest) for scan in self.scans if (at := _lived_at(scan)) is not None and at <= self.now]
        return sorted(found, key=lambda sign: (sign.at, sign.digest))

    @cached_property
    def moves(self) -> list[datetime]:
        """The instants at which the parcel moved, oldest first."""
        return sorted(scan.occurred_at for scan in self.scans if scan.occurred_at and _moves(scan))

    @property
    def arrived(self) -> frozenset[Milestone]:
        """Where it is no longer waited for. What comes back to the shop is on its way while it is returning."""
        return ARRIVED if self.outbound else ARRIVED - {Milestone.returning}

    @cached_property
    def _arrivals(self) -> list[datetime]:
        """The instants at which it stopped being on its way to the shopper, oldest first."""
        return sorted(
            one.occurred_at for one in self.state.episodes if one.milestone in self.arrived and not one.passed
        )

    @property
    def off_now(self) -> bool:
        """Whether it has arrived, waits to be collected, goes back or has ended."""
        return self.state.milestone in self.arrived

    def was_off(self, at: datetime) -> bool:
        """Whether it was no longer on its way just before an instant."""
        state = self.state
        if state.milestone is Milestone.expired and state.milestone_at is not None and state.milestone_at < at:
            return True
        return self._stood(scan for scan in self.scans if scan.occurred_at and scan.occurred_at < at) in self.arrived

    def closed_after(self, at: datetime) -> datetime | None:
        """When what was so at an instant was over: the parcel moved later, or arrived then or later."""
        later = self.moves[bisect_right(self.moves, at) :][:1]
        arrived = self._arrivals[bisect_left(self._arrivals, at) :][:1]
        return min([*later, *arrived], default=None)

    def undisturbed(self, one: datetime, other: datetime) -> bool:
        """Whether nothing moved after the earlier of two instants and up to the later."""
        first, last = sorted((one, other))
        closed = self.closed_after(first)
        return closed is None or closed > last

    def stage(self, at: datetime) -> Milestone:
        """Where the parcel stood at an instant."""
        return self._stood(scan for scan in self.scans if scan.occurred_at and scan.occurred_at <= at)

    def _stood(self, scans: Iterable[KnownScan]) -> Milestone:
        return fold(scans, "outbound" if self.outbound else "return").milestone

    @property
    def current(self) -> Episode | None:
        """The episode that the parcel stands in."""
        stands, since = self.state.milestone, self.state.milestone_at
        own = [one for one in self.state.episodes if one.milestone is stands and since and one.occurred_at <= since]
        return own[-1] if own else None


def _lived_at(scan: KnownScan) -> datetime | None:
    return scan.occurred_at or (scan.heard_at if scan.moves else None)


def _moves(scan: KnownScan) -> bool:
    return scan.moves if scan.milestone is None else scan.milestone in MOVING


def anchor(kind: bytes, *parts: bytes) -> bytes:
    """What tells one thing that no scan opened from the next: 16 bytes over its kind and what it rests on."""
    return hashlib.blake2b(b"\x1f".join((kind, *parts)), digest_size=16).digest()


def as_bytes(at: datetime | date) -> bytes:
    """An instant or a day as part of an anchor."""
    return at.isoformat().encode()
