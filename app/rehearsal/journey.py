"""One parcel on its way through a rehearsal: what was heard of it by when, what that came to, what it opens."""

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.models.expectations import Expectations
from app.models.vocabulary import ENDS, Cause, Milestone
from app.pipeline.deciding.answering import Row
from app.pipeline.deciding.picture import promise_of
from app.rehearsal.reading import HeardOf, Stored
from app.tracking.milestones import Episode, KnownCrossing, NewCrossing, ParcelState, delay, fold, new_crossings

OWN = frozenset({Milestone.delayed, Milestone.arriving_early, Milestone.eta_changed, Milestone.pickup_expiring})
"""What the engine itself opens, as the rules' thresholds say; a rehearsal with other thresholds opens it anew."""


@dataclass(slots=True)
class Journey:
    """A parcel's row, what was heard of it (oldest first, by when it was heard), and the crossings that stand.

    `written_off` is when silence ended it, engine time.
    """

    order: Any
    row: Any
    heard: list[HeardOf]
    estimates: Sequence[Any] = ()
    known: list[KnownCrossing] = field(default_factory=list)
    written_off: datetime | None = None
    _states: dict[int, ParcelState] = field(default_factory=dict)

    def hear(self, one: HeardOf) -> None:
        """Take in one more scan, whenever it was heard."""
        insort(self.heard, one, key=lambda other: other.heard_at)
        self._states.clear()

    def state(self, now: datetime) -> ParcelState:
        """What the scans that had been heard by an instant come to."""
        count = bisect_right(self.heard, now, key=lambda one: one.heard_at)
        if count not in self._states:
            self._states[count] = fold([one.scan for one in self.heard[:count]])
        return self._states[count]

    def milestone(self, now: datetime) -> Milestone:
        """Where it stood at an instant. One that silence ended lives again with the next scan."""
        off = self.written_off
        if off is not None and off <= now and not any(off < one.heard_at <= now for one in self.heard):
            return Milestone.expired
        return self.state(now).milestone

    def fresh(self, expectations: Expectations, now: datetime) -> list[NewCrossing]:
        """What opens at an instant that had not been open before, and stands from then on."""
        state = self.state(now)
        found = new_crossings([*state.episodes, *self._own(state, expectations, now)], self.known)
        self.keep(found)
        return found

    def own_fresh(self, expectations: Expectations, now: datetime) -> list[NewCrossing]:
        """The same, of what the engine itself opens alone."""
        found = new_crossings(self._own(self.state(now), expectations, now), self.known)
        self.keep(found)
        return found

    def keep(self, found: Sequence[NewCrossing]) -> None:
        """Let these stand."""
        for one in found:
            episode = one.episode
            self.known.append(KnownCrossing(episode.milestone, one.occurrence, episode.anchor, episode.occurred_at))

    def _own(self, state: ParcelState, expectations: Expectations, now: datetime) -> list[Episode]:
        delayed = expectations.delayed
        if delayed is None or delayed.promise is None:
            return []
        ends_at = promise_of(self.order, self.row).ends_at
        late = delay(state, ends_at + delayed.promise if ends_at else None, now)
        return [late] if late else []

    def watch_at(self, expectations: Expectations, now: datetime) -> datetime | None:
        """The next instant at which something may open though nothing is heard."""
        delayed, ends_at = expectations.delayed, promise_of(self.order, self.row).ends_at
        if delayed is None or delayed.promise is None or ends_at is None or self.state(now).ended:
            return None
        at = ends_at + delayed.promise
        return at if at > now and not self.cancelled(at) else None

    def cancelled(self, now: datetime) -> bool:
        """Whether it or its order had been cancelled by an instant."""
        return any(at is not None and at <= now for at in (self.order.cancelled_at, self.row.cancelled_at))

    def as_of(self, now: datetime) -> Row:
        """Its row as it stood at an instant, as far as that is stored."""
        state = self.state(now)
        milestone = self.milestone(now)
        said = [one for one in self.estimates if one.heard_at <= now and one.retired_at is None]
        changes: dict[str, Any] = {
            "milestone": milestone.value,
            "milestone_at": state.milestone_at if milestone is state.milestone else self.written_off,
            "delivered_at": state.delivered_at,
        }
        if said:
            last = said[-1]
            changes |= {"eta_from": last.starts_at, "eta_through": last.ends_at, "eta_day": last.day}
        return Row(self.row, changes)


def journeys_of(stored: Stored, until: datetime | None = None) -> dict[int, Journey]:
    """Every parcel of an order with the crossings that were concluded before `until` (None: all of them)."""
    found: dict[int, Journey] = {}
    for row in stored.parcels:
        journey = Journey(stored.order, row, list(stored.scans.get(row.id, ())), stored.estimates.get(row.id, ()))
        for crossing in stored.crossings:
            if crossing.shipment_id != row.id or crossing.scope != "parcel":
                continue
            if until is None or crossing.crossed_at < until:
                journey.known.append(known_as(crossing))
            if crossing.cause == Cause.silence and crossing.milestone in ENDS:
                journey.written_off = crossing.crossed_at
        found[row.id] = journey
    return found


def known_as(crossing: Any) -> KnownCrossing:
    """A stored crossing as the fold knows it."""
    anchor = bytes(crossing.anchor) if crossing.anchor is not None else None
    return KnownCrossing(Milestone(crossing.milestone), crossing.occurrence, anchor, crossing.occurred_at)
