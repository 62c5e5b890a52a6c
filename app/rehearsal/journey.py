"""One parcel on its way through a rehearsal: what was heard of it by when, what that came to, what it opens."""

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from app.models.vocabulary import ENDS, Cause, Milestone
from app.pipeline.deciding.scene import Row
from app.pipeline.deciding.watching import Calendar, Seen
from app.pipeline.house import House
from app.rehearsal.reading import HeardOf, Stored
from app.rules.ruleset import RuleSet
from app.tracking.milestones import (
    Episode,
    KnownCrossing,
    KnownScan,
    NewCrossing,
    ParcelState,
    fold,
    new_crossings,
    silence,
    written_off,
)
from app.tracking.watching.estimates import Estimate
from app.tracking.watching.look import Look

OWN = frozenset({Milestone.delayed, Milestone.arriving_early, Milestone.eta_changed, Milestone.pickup_expiring})
"""What the engine itself opens, as the rules' thresholds say; a rehearsal with other thresholds opens it anew."""


@dataclass(slots=True)
class Journey:
    """A parcel's row, what was heard of it (oldest first, by when it was heard), and the crossings that stand.

    `earlier` counts its crossings, by milestone, under a number that it had before; `written_off` is when silence ended
    it, engine time. Its carrier is taken to have been listened to all along.
    """

    house: House
    order: Any
    row: Any
    heard: list[HeardOf]
    estimates: Sequence[Any] = ()
    known: list[KnownCrossing] = field(default_factory=list)
    earlier: Mapping[Milestone, int] = field(default_factory=dict)
    written_off: datetime | None = None
    _states: dict[int, ParcelState] = field(default_factory=dict)

    def hear(self, one: HeardOf) -> None:
        """Take in one more scan, whenever it was heard."""
        insort(self.heard, one, key=lambda other: other.heard_at)
        self._states.clear()

    def _count(self, now: datetime) -> int:
        return bisect_right(self.heard, now, key=lambda one: one.heard_at)

    def scans(self, now: datetime) -> list[KnownScan]:
        """What had been heard by an instant."""
        return [one.scan for one in self.heard[: self._count(now)]]

    def state(self, now: datetime) -> ParcelState:
        """What the scans that had been heard by an instant come to."""
        count = self._count(now)
        if count not in self._states:
            self._states[count] = fold(self.scans(now), self.row.direction)
        return self._states[count]

    def milestone(self, now: datetime) -> Milestone:
        """Where it stood at an instant. One that silence ended lives again with the next scan."""
        off = self.written_off
        if off is not None and off <= now and not any(off < one.heard_at <= now for one in self.heard):
            return Milestone.expired
        return self.state(now).milestone

    def given_up(self, now: datetime) -> Episode | None:
        """Its end in silence, as it stands now: it may lie ahead, and a scan puts it off. None for a parcel that has
        ended, or whose carrier nobody asks: only an answer shows that there is nothing to say."""
        row, state = self.row, self.state(now)
        rests = self.cancelled(now) or row.unfollowed_at is not None
        if rests or not row.tracking_number or row.asked_of not in self.house.carriers:
            return None
        heard = [one.heard_at for one in self.heard[: self._count(now)]]
        patience = self.house.cadence(row.asked_of).patience(state.milestone)
        known_at = row.numbered_at or self.order.placed_at
        return silence(state, self.scans(now), known_at, max(heard, default=None), patience)

    def give_up(self, now: datetime) -> list[NewCrossing]:
        """Let it end, if its silence has lasted for so long by now, and what that opens."""
        quiet = self.given_up(now)
        if quiet is None or quiet.occurred_at > now or self.milestone(now) is Milestone.expired:
            return []
        self.written_off = now
        return self._keep(new_crossings([quiet], self.known))

    def fresh(self, rules: RuleSet, now: datetime) -> list[NewCrossing]:
        """What opens at an instant that had not been open before, and stands from then on."""
        episodes = [*self.state(now).episodes, *self.look(rules, now).episodes]
        return self._keep(new_crossings(episodes, self.known))

    def own_fresh(self, rules: RuleSet, now: datetime) -> list[NewCrossing]:
        """The same, of what the engine itself opens alone."""
        return self._keep(new_crossings(self.look(rules, now).episodes, self.known))

    def _keep(self, found: Sequence[NewCrossing]) -> list[NewCrossing]:
        """Let these stand; with their numbers in the parcel's whole life."""
        for one in found:
            episode = one.episode
            self.known.append(
                KnownCrossing(episode.milestone, one.occurrence, episode.anchor, episode.occurred_at, episode.cause)
            )
        return [replace(one, occurrence=one.occurrence + self.earlier.get(one.episode.milestone, 0)) for one in found]

    def look(self, rules: RuleSet, now: datetime) -> Look:
        """What the calendar says at an instant, by these rules."""
        order = Row(self.order, {"cancelled_at": _by(self.order.cancelled_at, now)})
        estimates = [
            Estimate(one.as_of, one.starts_at, one.ends_at, one.day)
            for one in self.estimates
            if one.heard_at <= now and one.retired_at is None
        ]
        calendar = Calendar(self.house, {self.row.brand_id: rules}, {self.row.id: estimates}, now)
        state, quiet = self.state(now), self.given_up(now)
        if quiet is not None and self.milestone(now) is Milestone.expired:
            state = written_off(state, quiet)
        return calendar.look(Seen(order, self.as_of(now), state, self.scans(now), self.known, True))

    def cancelled(self, now: datetime) -> bool:
        """Whether it or its order had been cancelled by an instant."""
        return any(_by(at, now) is not None for at in (self.order.cancelled_at, self.row.cancelled_at))

    def as_of(self, now: datetime, rules: RuleSet | None = None) -> Row:
        """Its row as it stood at an instant, as far as that is stored; with `rules`, whether it was late by them."""
        state, milestone = self.state(now), self.milestone(now)
        changes: dict[str, Any] = {
            "milestone": milestone.value,
            "milestone_at": state.milestone_at if milestone is state.milestone else self.written_off,
            "delivered_at": state.delivered_at,
            "delivery_doubted_at": state.doubted_at,
            "cancelled_at": _by(self.row.cancelled_at, now),
        }
        said = [one for one in self.estimates if one.heard_at <= now and one.retired_at is None]
        if said:
            last = said[-1]
            changes |= {"eta_from": last.starts_at, "eta_through": last.ends_at, "eta_day": last.day}
        if rules is not None:
            look = self.look(rules, now)
            changes |= {"late_since": look.late_since, "eta_was": look.was}
        return Row(self.row, changes)


def _by(at: datetime | None, now: datetime) -> datetime | None:
    """An instant that has come; None for one that has not."""
    return at if at is not None and at <= now else None


def journeys_of(house: House, stored: Stored, until: datetime | None = None) -> dict[int, Journey]:
    """Every parcel of an order with the crossings that were concluded before `until` (None: all of them)."""
    found: dict[int, Journey] = {}
    for row in stored.parcels:
        scans, estimates = list(stored.scans.get(row.id, ())), stored.estimates.get(row.id, ())
        journey = Journey(house, stored.order, row, scans, estimates)
        own = [one for one in stored.crossings if one.shipment_id == row.id and one.scope == "parcel"]
        earlier: dict[Milestone, int] = {}
        for crossing in own:
            if crossing.retired_at is not None:
                milestone = Milestone(crossing.milestone)
                earlier[milestone] = max(earlier.get(milestone, 0), crossing.occurrence)
        journey.earlier = earlier
        for crossing in own:
            if crossing.retired_at is None and (until is None or crossing.crossed_at < until):
                journey.known.append(known_as(crossing, earlier))
            if crossing.cause == Cause.silence and crossing.milestone in ENDS:
                journey.written_off = crossing.crossed_at
        found[row.id] = journey
    return found


def known_as(crossing: Any, earlier: Mapping[Milestone, int]) -> KnownCrossing:
    """A stored crossing as the fold knows it: numbered from 1 under its present number."""
    anchor = bytes(crossing.anchor) if crossing.anchor is not None else None
    milestone = Milestone(crossing.milestone)
    number = crossing.occurrence - earlier.get(milestone, 0)
    return KnownCrossing(milestone, number, anchor, crossing.occurred_at, Cause(crossing.cause))
