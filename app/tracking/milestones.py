"""The crossings: which episodes of a parcel are news, by what was said and by what was not. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.models.vocabulary import PROGRESS, Cause, Milestone
from app.tracking.folding import Episode, KnownScan, ParcelState, fold
from app.tracking.standing import ONCE

__all__ = [
    "Episode",
    "KnownCrossing",
    "KnownScan",
    "NewCrossing",
    "ParcelState",
    "fold",
    "new_crossings",
    "silence",
    "written_off",
]


def silence(
    state: ParcelState, scans: Iterable[KnownScan], known_at: datetime, heard_at: datetime | None, patience: timedelta
) -> Episode | None:
    """The episode that opens when a parcel's last sign of life is `patience` old: it has expired. Whether that is so
    by now is for the caller to compare.

    `known_at` is when it was handed to us, `heard_at` when anything new was heard last: that counts only where the
    carrier gave a scan no time of its own. A later scan moves the instant, so that the parcel lives again.
    """
    if state.ended:
        return None
    instants = [known_at]
    for scan in scans:
        instants += [scan.occurred_at or heard_at or known_at]
    return Episode(Milestone.expired, max(instants) + patience, anchor=None, cause=Cause.silence)


def written_off(state: ParcelState, quiet: Episode) -> ParcelState:
    """The state of a parcel that has expired in silence."""
    return replace(state, milestone=quiet.milestone, milestone_at=quiet.occurred_at, episodes=(*state.episodes, quiet))


@dataclass(frozen=True, slots=True)
class KnownCrossing:
    """A crossing that is already written: it keeps its number whatever is heard later. `untold`: nobody was told of
    it, nor will be."""

    milestone: Milestone
    occurrence: int
    anchor: bytes | None
    occurred_at: datetime
    cause: Cause = Cause.scan
    untold: bool = False


@dataclass(frozen=True, slots=True)
class NewCrossing:
    """An episode that no crossing stands for yet. `late`: a newer one of its kind is known, or the parcel had come
    further when it is said to have happened."""

    episode: Episode
    occurrence: int
    late: bool


def new_crossings(episodes: Iterable[Episode], known: Sequence[KnownCrossing]) -> list[NewCrossing]:
    """The crossings to write for these episodes, oldest first, given those that are written.

    An episode belongs to a crossing when it holds the scan that opened it; a milestone that happens once, or
    was opened by silence, belongs to the one crossing of its kind. Of several that are heard of at once only the
    newest is news: a carrier that wavers a hundred times between two polls is worth one message.
    """
    written = list(known)
    found: list[NewCrossing] = []
    ordered = sorted(episodes, key=lambda e: (e.occurred_at, PROGRESS.get(e.milestone, 4)))
    newest = {episode.milestone: episode.occurred_at for episode in ordered}
    for episode in ordered:
        same_kind = [crossing for crossing in written if crossing.milestone is episode.milestone]
        if any(_stands_for(crossing, episode) for crossing in same_kind):
            continue
        occurrence = max((crossing.occurrence for crossing in same_kind), default=0) + 1
        late = (
            episode.passed
            or max([newest[episode.milestone], *(one.occurred_at for one in same_kind)]) > episode.occurred_at
        )
        found.append(NewCrossing(episode, occurrence, late))
        written.append(KnownCrossing(episode.milestone, occurrence, episode.anchor, episode.occurred_at))
    return found


def _stands_for(crossing: KnownCrossing, episode: Episode) -> bool:
    if episode.milestone in ONCE or episode.anchor is None:
        return True
    return crossing.anchor in episode.digests
