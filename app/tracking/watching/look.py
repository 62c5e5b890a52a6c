"""One look at the calendar: what it opens for a parcel that was not opened before, and when to look next. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from app.models.expectations import Expectations
from app.models.vocabulary import Cause, Milestone
from app.tracking.milestones import Episode, KnownCrossing
from app.tracking.watching.delays import delays
from app.tracking.watching.estimates import Estimate, in_force
from app.tracking.watching.news_of_estimates import changes, early
from app.tracking.watching.outlook import Outlook, anchor, written
from app.tracking.watching.pickups import reminder

_M = Milestone


@dataclass(frozen=True, slots=True)
class Look:
    """What a look came to. `episodes` are those that no crossing stands for yet; `late_since` is when the delay began
    that still lasts; `was` is what the carrier expected before, where it expects something else now; `next_at` (UTC)
    is when anything may open by time alone, None where nothing can."""

    episodes: tuple[Episode, ...] = ()
    late_since: datetime | None = None
    was: Estimate | None = None
    next_at: datetime | None = None


def look(
    outlook: Outlook, expectations: Expectations, known: Sequence[KnownCrossing], baseline: datetime | None = None
) -> Look:
    """Everything that the calendar says of a parcel, given the crossings that are written. What happened up to
    `baseline` is history, and counts against no limit on how often a thing may be said."""
    late, late_since, ahead = _late(outlook, expectations, known, baseline)
    estimated, was = _estimated(outlook, expectations, late, known, baseline)
    collecting, remind_at = (
        reminder(outlook, expectations.pickup_expiring) if expectations.pickup_expiring else (None, None)
    )
    opened = [one for one in late if not _stood_for(one, late, outlook, known)]
    fresh = chain(
        _up_to(opened, _allowed(expectations.delayed.again, _M.delayed, known, baseline), baseline)
        if expectations.delayed
        else (),
        estimated,
        () if collecting is None or _named(collecting, known) else (collecting,),
    )
    return Look(
        tuple(sorted(fresh, key=lambda one: one.occurred_at)),
        late_since,
        was,
        min((at for at in (ahead, remind_at) if at is not None), default=None),
    )


def _late(
    outlook: Outlook, expectations: Expectations, known: Sequence[KnownCrossing], baseline: datetime | None
) -> tuple[list[Episode], datetime | None, datetime | None]:
    """The delays that may be said, since when one lasts, and when another may begin."""
    if expectations.delayed is None:
        return [], None, None
    late, ahead = delays(outlook, expectations.delayed)
    lasts = late[-1].opening.since if late and late[-1].until is None and not outlook.off_now else None
    times = 1 + expectations.delayed.again
    return list(_up_to((one.episode() for one in late), times, baseline, history=times)), lasts, ahead


def _estimated(
    outlook: Outlook,
    expectations: Expectations,
    late: Sequence[Episode],
    known: Sequence[KnownCrossing],
    baseline: datetime | None,
) -> tuple[list[Episode], Estimate | None]:
    """What the carrier's estimates open, and what was expected before the present one."""
    fresh: list[Episode] = []
    said = {one.anchor for one in late if one.cause is Cause.eta_beyond_promise}
    told = {one.as_of for one in outlook.estimates if anchor(b"eta", written(one.as_of)) in said}
    if expectations.arriving_early is not None and (found := early(outlook, expectations.arriving_early)):
        episode, estimate = found
        told.add(estimate.as_of)
        if not any(one.milestone is _M.arriving_early for one in known):
            fresh.append(episode)
    was = _before(outlook)
    if expectations.eta_changed is not None:
        moved = list(changes(outlook, expectations.eta_changed, told))
        opened = [episode for episode, _now, _was in moved if not _named(episode, known)]
        fresh += _up_to(opened, _allowed(expectations.eta_changed.again, _M.eta_changed, known, baseline), baseline)
        if moved and moved[-1][1] == outlook.estimates[-1]:
            was = moved[-1][2]
    return fresh, was


def _before(outlook: Outlook) -> Estimate | None:
    """The last word before the present one that was another, None where nothing is expected now."""
    ordered = [estimate for estimate, _until in in_force(outlook.estimates)]
    if not ordered or ordered[-1].empty:
        return None
    others = [one for one in ordered[:-1] if not one.empty and one.says() != ordered[-1].says()]
    return others[-1] if others else None


def _allowed(again: int, milestone: Milestone, known: Sequence[KnownCrossing], baseline: datetime | None) -> int:
    """How often a milestone may still open."""
    own = [one for one in known if one.milestone is milestone and not _is_history(one.occurred_at, baseline)]
    return max(0, 1 + again - len(own))


def _up_to(
    episodes: Iterable[Episode], times: int, baseline: datetime | None, history: int | None = None
) -> Iterable[Episode]:
    """The first so many; those of history are counted by themselves, and all pass where `history` is None."""
    passed, so_far = 0, 0
    for one in episodes:
        if _is_history(one.occurred_at, baseline):
            so_far += 1
            if history is None or so_far <= history:
                yield one
        elif passed < times:
            passed += 1
            yield one


def _is_history(at: datetime, baseline: datetime | None) -> bool:
    return baseline is not None and at <= baseline


def _named(episode: Episode, known: Iterable[KnownCrossing]) -> bool:
    """Whether a crossing rests on what the episode rests on."""
    return any(one.milestone is episode.milestone and one.anchor in episode.digests for one in known)


def _stood_for(episode: Episode, late: Sequence[Episode], outlook: Outlook, known: Sequence[KnownCrossing]) -> bool:
    """Whether a delay was opened before: by the same evidence, or by other evidence that is gone since (a scan came
    late, a promise or a threshold was changed) though the parcel has not moved from there to here.

    A later promise that is broken too is another delay. A crossing without an anchor is of the promise, from before
    each had its name.
    """
    own = [one for one in known if one.milestone is _M.delayed]
    if any(one.anchor in episode.digests for one in own):
        return True
    resting_on = frozenset().union(*(one.digests for one in late))
    for one in (one for one in own if one.anchor not in resting_on):
        if one.anchor is None and episode.cause is Cause.promise_passed:
            return True
        promises = one.cause is episode.cause is Cause.promise_passed
        if promises and one.occurred_at < episode.occurred_at:
            continue
        if outlook.undisturbed(one.occurred_at, episode.occurred_at):
            return True
    return False
