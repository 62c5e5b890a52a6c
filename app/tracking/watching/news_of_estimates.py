"""When a carrier's estimate is news of its own: it moved far from what was known, or it comes before its day."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.models.expectations import EtaChange
from app.models.vocabulary import Cause, Milestone
from app.tracking.milestones import Episode
from app.tracking.watching.estimates import Estimate, has_moved, in_force, is_early
from app.tracking.watching.outlook import Outlook, anchor, as_bytes

_ON_ITS_WAY = frozenset({Milestone.dispatched, Milestone.in_transit})


def early(outlook: Outlook, by: timedelta) -> tuple[Episode, Estimate] | None:
    """The first time that it was expected so much before the promised day while it was on its way, with the estimate
    that said so."""
    on = outlook.promised_on if outlook.outbound else None
    if on is None:
        return None
    for estimate, until in in_force(outlook.estimates):
        if estimate.empty or not is_early(estimate, on, outlook.zone, by):
            continue
        for at in _turns(outlook, estimate, until):
            if outlook.stage(at) in _ON_ITS_WAY:
                return _episode(Milestone.arriving_early, at, b"early", estimate), estimate
    return None


def _turns(outlook: Outlook, estimate: Estimate, until: datetime | None) -> list[datetime]:
    """The instants until now at which the parcel may have come to be on its way while an estimate stood and lay
    ahead."""
    later = [scan.occurred_at for scan in outlook.scans if scan.occurred_at and scan.occurred_at > estimate.as_of]
    ends = [at for at in (until, estimate.last_instant(outlook.zone)) if at is not None]
    return [at for at in sorted([estimate.as_of, *later]) if at < min(ends) and at <= outlook.now]


@dataclass(frozen=True, slots=True)
class Change:
    """An estimate that moved far: what is expected `now`, and what `was` told last or known first."""

    episode: Episode
    now: Estimate
    was: Estimate


def changes(outlook: Outlook, by: EtaChange, told: Collection[datetime]) -> Iterator[Change]:
    """Each estimate that moved so far from the one last told or first known.

    `told` are the instants of estimates that are told as something else; they count as known, and open nothing here.
    """
    known: Estimate | None = None
    if not outlook.outbound:
        return
    for estimate, _until in in_force(outlook.estimates):
        if estimate.empty:
            continue
        if known is None or estimate.as_of in told:
            known = estimate
        elif has_moved(estimate, known, outlook.zone, by.by) and not outlook.was_off(estimate.as_of):
            episode = _episode(Milestone.eta_changed, estimate.as_of, b"eta_changed", estimate)
            yield Change(episode, estimate, known)
            known = estimate


def _episode(milestone: Milestone, at: datetime, kind: bytes, estimate: Estimate) -> Episode:
    name = anchor(kind, as_bytes(estimate.as_of))
    return Episode(milestone, at, name, frozenset({name}), Cause.eta)
