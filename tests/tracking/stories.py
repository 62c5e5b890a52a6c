"""Scans at hours of a clock that a test reads easily, and how a parcel comes to stand in each place."""

from datetime import UTC, datetime, timedelta

from app.models.vocabulary import Milestone
from app.tracking.milestones import KnownScan

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
M = Milestone


def scan(hours: float, milestone: Milestone | None, name: str = "", *, moves: bool = True) -> KnownScan:
    """What a carrier said to have happened so many hours after the start."""
    at = START + timedelta(hours=hours)
    return KnownScan(f"{name}{hours}{milestone}".encode(), milestone, at, moves=moves)


def untimed(milestone: Milestone | None, name: str = "") -> KnownScan:
    """What a carrier said without an instant at which it happened."""
    return KnownScan(f"{name}untimed{milestone}".encode(), milestone, None, moves=True)


def story(*milestones: Milestone | None, every: float = 1.0, start: float = 0.0) -> list[KnownScan]:
    """These, one after the other, an hour (or `every`) apart."""
    return [scan(start + every * at, milestone, str(at)) for at, milestone in enumerate(milestones)]


def labelled(*milestones: Milestone | None, every: float = 1.0) -> list[KnownScan]:
    """A story that begins with its label."""
    return [scan(-0.5, Milestone.registered, "label"), *story(*milestones, every=every)]


WAYS: dict[Milestone, tuple[Milestone, ...]] = {
    M.registered: (),
    M.dispatched: (M.dispatched,),
    M.in_transit: (M.dispatched, M.in_transit),
    M.out_for_delivery: (M.dispatched, M.in_transit, M.out_for_delivery),
    M.ready_for_pickup: (M.dispatched, M.in_transit, M.ready_for_pickup),
    M.attempt_failed: (M.dispatched, M.out_for_delivery, M.attempt_failed),
    M.exception: (M.dispatched, M.in_transit, M.exception),
    M.delivered: (M.dispatched, M.in_transit, M.delivered),
    M.return_received: (M.dispatched, M.in_transit, M.delivered),
    M.returning: (M.dispatched, M.in_transit, M.returning),
    M.returned: (M.dispatched, M.returning, M.returned),
    M.cancelled: (M.dispatched, M.in_transit, M.cancelled),
    M.expired: (M.dispatched, M.in_transit, M.expired),
}
"""By what a parcel comes to stand where; `return_received` for one that goes back to the shop."""
