"""When a carrier's estimate is news of its own: it moved far from what was known, or it comes before its day."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from app.models.expectations import EtaChange
from app.models.vocabulary import Cause, Milestone
from app.tracking.milestones import Episode
from app.tracking.watching.estimates import Estimate, has_moved, in_force, is_early
from app.tracking.watching.outlook import Outlook, anchor, written

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
        so_far = outlook.now + timedelta(microseconds=1)
        ends = min(estimate.last_instant(outlook.zone), until or so_far, so_far)
        for starts, stops in _ways(outlook):
            at = max(estimate.as_of, starts)
            if at < ends and (stops is None or at < stops):
                return _episode(Milestone.arriving_early, at, b"early", estimate), estimate
    return None


def _ways(outlook: Outlook) -> Iterator[tuple[datetime, datetime | None]]:
    """The stretches in which the parcel was on its way and no nearer."""
    episodes = outlook.state.episodes
    for at, episode in enumerate(episodes):
        if episode.milestone in _ON_ITS_WAY:
            yield episode.occurred_at, episodes[at + 1].occurred_at if at + 1 < len(episodes) else None
    if outlook.state.milestone in _ON_ITS_WAY and outlook.state.milestone_at is not None:
        yield outlook.state.milestone_at, None


def changes(
    outlook: Outlook, by: EtaChange, told: Collection[datetime]
) -> Iterator[tuple[Episode, Estimate, Estimate]]:
    """Each estimate that moved so far from the one last told or first known: with it, and with that one before.

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
            yield _episode(Milestone.eta_changed, estimate.as_of, b"eta_changed", estimate), estimate, known
            known = estimate


def _episode(milestone: Milestone, at: datetime, kind: bytes, estimate: Estimate) -> Episode:
    name = anchor(kind, written(estimate.as_of))
    return Episode(milestone, at, name, frozenset({name}), Cause.eta)
