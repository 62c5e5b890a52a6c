"""One look at the calendar: what it opens for a parcel that was not opened before, and when to look next. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.models.expectations import Expectations
from app.models.vocabulary import Cause, Milestone
from app.tracking.milestones import Episode, KnownCrossing
from app.tracking.watching.delays import delays
from app.tracking.watching.estimates import Estimate, in_force
from app.tracking.watching.news_of_estimates import changes, early
from app.tracking.watching.opened import Opened
from app.tracking.watching.outlook import Outlook, anchor, as_bytes
from app.tracking.watching.pickups import reminder


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
    opened = Opened(known, baseline)
    late = _late(outlook, expectations, opened)
    estimated = _estimated(outlook, expectations, late.said, opened)
    collecting = _collecting(outlook, expectations, opened)
    fresh = [*late.look.episodes, *estimated.episodes, *collecting.episodes]
    return Look(
        tuple(sorted(fresh, key=lambda one: one.occurred_at)),
        late.look.late_since,
        estimated.was,
        min((at for at in (late.look.next_at, collecting.next_at) if at is not None), default=None),
    )


@dataclass(frozen=True, slots=True)
class _Late:
    """A look for delays, and all of them that may be `said`."""

    look: Look = Look()
    said: Sequence[Episode] = ()


def _late(outlook: Outlook, expectations: Expectations, opened: Opened) -> _Late:
    if expectations.delayed is None:
        return _Late()
    late, ahead = delays(outlook, expectations.delayed)
    lasts = late[-1].opening.since if late and late[-1].until is None and not outlook.off_now else None
    times = 1 + expectations.delayed.again
    said = opened.first([one.episode() for one in late], times)
    fresh = opened.fresh([one for one in said if not opened.stands_for(one, said, outlook)], times)
    return _Late(Look(tuple(fresh), lasts, next_at=ahead), said)


def _estimated(outlook: Outlook, expectations: Expectations, late: Sequence[Episode], opened: Opened) -> Look:
    """What the carrier's estimates open beside the delays, and what was expected before the present one."""
    first_early = early(outlook, expectations.arriving_early) if expectations.arriving_early is not None else None
    said = {one.anchor for one in late if one.cause is Cause.eta_beyond_promise}
    told = {one.as_of for one in outlook.estimates if anchor(b"eta", as_bytes(one.as_of)) in said}
    if first_early and first_early[0].occurred_at == first_early[1].as_of:
        told.add(first_early[1].as_of)
    moved = list(changes(outlook, expectations.eta_changed, told)) if expectations.eta_changed else []
    times = 1 + expectations.eta_changed.again if expectations.eta_changed else 0
    fresh = list(opened.fresh([one.episode for one in moved if not opened.named(one.episode)], times))
    # What was told as a change is not told once more when the parcel comes to be on its way.
    if first_early and not opened.ever(Milestone.arriving_early) and first_early[1] not in [one.now for one in moved]:
        fresh.append(first_early[0])
    ordered = [estimate for estimate, _until in in_force(outlook.estimates)]
    was = moved[-1].was if moved and moved[-1].now is ordered[-1] else _before(ordered)
    return Look(tuple(fresh), was=was)


def _before(ordered: Sequence[Estimate]) -> Estimate | None:
    """The last word before the present one that was another, None where nothing is expected now."""
    if not ordered or ordered[-1].empty:
        return None
    others = [one for one in ordered[:-1] if not one.empty and one.says() != ordered[-1].says()]
    return others[-1] if others else None


def _collecting(outlook: Outlook, expectations: Expectations, opened: Opened) -> Look:
    """The reminder of a parcel that waits to be collected."""
    if expectations.pickup_expiring is None:
        return Look()
    due, next_at = reminder(outlook, expectations.pickup_expiring)
    return Look((due,) if due is not None and not opened.named(due) else (), next_at=next_at)
