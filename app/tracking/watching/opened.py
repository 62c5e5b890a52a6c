"""What was opened for a parcel before, and so what is opened anew, and how often more a thing may be."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from app.models.vocabulary import Cause, Milestone
from app.tracking.milestones import Episode, KnownCrossing
from app.tracking.watching.outlook import Outlook


@dataclass(frozen=True, slots=True)
class Opened:
    """The crossings that are written of a parcel. Those up to `baseline` are history, and count against nothing; nor
    does one of which nobody was told."""

    crossings: Sequence[KnownCrossing]
    baseline: datetime | None = None

    def ever(self, milestone: Milestone) -> bool:
        """Whether a milestone was opened at all."""
        return any(one.milestone is milestone for one in self.crossings)

    def named(self, episode: Episode) -> bool:
        """Whether a crossing rests on what the episode rests on."""
        own = (one for one in self.crossings if one.milestone is episode.milestone)
        return any(one.anchor in episode.digests for one in own)

    def first(self, episodes: Sequence[Episode], times: int) -> list[Episode]:
        """The first so many of a milestone's episodes since the baseline, and as many before it: what of it may be
        said, whether it was or not."""
        more = self._untold(episodes[0].milestone) if episodes else 0
        history = islice((one for one in episodes if self._is_history(one.occurred_at)), times)
        since = islice((one for one in episodes if not self._is_history(one.occurred_at)), times + more)
        return [*history, *since]

    def fresh(self, episodes: Iterable[Episode], times: int) -> Iterator[Episode]:
        """Of a milestone's episodes that no crossing stands for, those that may be opened besides the ones that are."""
        opened: dict[Milestone, int] = {}
        for episode in episodes:
            if self._is_history(episode.occurred_at):
                yield episode
                continue
            so_far = opened.setdefault(episode.milestone, self._told(episode.milestone))
            if so_far < times:
                opened[episode.milestone] = so_far + 1
                yield episode

    def _since(self, milestone: Milestone) -> list[KnownCrossing]:
        own = (one for one in self.crossings if one.milestone is milestone)
        return [one for one in own if not self._is_history(one.occurred_at)]

    def _told(self, milestone: Milestone) -> int:
        return sum(not one.untold for one in self._since(milestone))

    def _untold(self, milestone: Milestone) -> int:
        return sum(one.untold for one in self._since(milestone))

    def _is_history(self, at: datetime) -> bool:
        return self.baseline is not None and at <= self.baseline

    def stands_for(self, delay: Episode, delays: Sequence[Episode], outlook: Outlook) -> bool:
        """Whether one of a parcel's `delays` was opened before: by the same evidence, or by other evidence that is gone
        since (a scan came late, a promise or a threshold was changed) though the parcel has not moved from there to
        here.

        A later promise that is broken too is another delay. A crossing without an anchor is of the promise, from before
        each had its name.
        """
        if self.named(delay):
            return True
        found = frozenset().union(*(one.digests for one in delays))
        gone = (one for one in self.crossings if one.milestone is delay.milestone and one.anchor not in found)
        return any(_covers(one, delay, outlook) for one in gone)


def _covers(crossing: KnownCrossing, delay: Episode, outlook: Outlook) -> bool:
    by_promise = delay.cause is Cause.promise_passed
    if crossing.anchor is None and by_promise:
        return True
    if crossing.cause is Cause.promise_passed and by_promise and crossing.occurred_at < delay.occurred_at:
        return False
    return outlook.undisturbed(crossing.occurred_at, delay.occurred_at)
