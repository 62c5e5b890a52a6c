"""The fold: from the *set* of a parcel's scans to what it has come to. Pure, and blind to the order of arrival."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.models.vocabulary import ENDS, PROGRESS, Cause, Milestone


@dataclass(frozen=True, slots=True)
class KnownScan:
    """What the fold needs of one stored scan; instants are UTC. `moves`: the carrier handled the parcel."""

    digest: bytes
    milestone: Milestone | None
    occurred_at: datetime | None
    description: str = ""
    place: str | None = None
    moves: bool = True
    heard_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch in which a milestone held: opened by one scan (`anchor`), kept up by `digests`."""

    milestone: Milestone
    occurred_at: datetime
    anchor: bytes | None
    digests: frozenset[bytes] = frozenset()
    cause: Cause = Cause.scan
    description: str = ""
    place: str | None = None


@dataclass(frozen=True, slots=True)
class ParcelState:
    """What a parcel has come to: where it stands now, and every episode that led there, oldest first."""

    milestone: Milestone = Milestone.registered
    milestone_at: datetime | None = None
    delivered_at: datetime | None = None
    episodes: tuple[Episode, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected of the parcel."""
        return self.milestone in ENDS


# What a later scan of an earlier stage may not undo: once here, only these may follow.
_AFTER_END: dict[Milestone, frozenset[Milestone]] = {
    Milestone.delivered: frozenset({Milestone.returning, Milestone.returned}),
    Milestone.returned: frozenset(),
    Milestone.cancelled: frozenset(PROGRESS),
    Milestone.expired: frozenset(PROGRESS),
}


# What a carrier calls delayed is evidence of one (`watching.delays`), and no stage of the way.
_STAGES = frozenset(Milestone) - {Milestone.delayed}


def fold(scans: Iterable[KnownScan]) -> ParcelState:
    """The state that a set of scans amounts to.

    Scans without a readable time or without a milestone are no news. Scans of one instant are taken in the
    order of a parcel's journey, then by digest, so that any arrival order and any repetition give the same.
    """
    news = sorted(
        {scan.digest: scan for scan in scans if scan.milestone in _STAGES and scan.occurred_at}.values(),
        key=_journey_order,
    )
    episodes = _episodes(_with_dispatch(news))
    current = _moving_again(_current(episodes), episodes, news)
    delivered = [episode.occurred_at for episode in episodes if episode.milestone is Milestone.delivered]
    return ParcelState(
        milestone=current.milestone if current else Milestone.registered,
        milestone_at=current.occurred_at if current else None,
        delivered_at=delivered[0] if delivered else None,
        episodes=tuple(episodes),
    )


def _journey_order(scan: KnownScan) -> tuple[datetime, int, bytes]:
    assert scan.occurred_at and scan.milestone
    return scan.occurred_at, PROGRESS.get(scan.milestone, 4), scan.digest


def _with_dispatch(news: Sequence[KnownScan]) -> list[KnownScan]:
    """A carrier that never says "dispatched" has said it with the first movement scan.

    Where no scan says `dispatched`, the earliest `in_transit` scan is read as one: the carrier has the parcel.
    """
    if any(scan.milestone is Milestone.dispatched for scan in news):
        return list(news)
    first = next((scan for scan in news if scan.milestone is Milestone.in_transit), None)
    return [
        KnownScan(scan.digest, Milestone.dispatched, scan.occurred_at, scan.description, scan.place)
        if scan is first
        else scan
        for scan in news
    ]


def _episodes(news: Sequence[KnownScan]) -> list[Episode]:
    """Group the scans into episodes.

    `registered`, `dispatched`, `in_transit` and the ends happen once in a parcel's life: their scans belong
    to one episode, however they are scattered. The others open anew after something else has happened.
    """
    opened: list[tuple[KnownScan, set[bytes]]] = []
    for scan in news:
        match = next((entry for entry in reversed(opened) if _same_episode(entry[0], scan, opened)), None)
        if match:
            match[1].add(scan.digest)
        else:
            opened.append((scan, {scan.digest}))
    return [
        Episode(
            milestone=first.milestone,  # type: ignore[arg-type]  # scans without one are filtered in `fold`
            occurred_at=first.occurred_at,  # type: ignore[arg-type]
            anchor=first.digest,
            digests=frozenset(digests),
            description=first.description,
            place=first.place,
        )
        for first, digests in opened
    ]


_ONCE = frozenset(
    {
        Milestone.registered,
        Milestone.dispatched,
        Milestone.in_transit,
        Milestone.delivered,
        Milestone.returned,
        Milestone.expired,
    }
)


def _same_episode(first: KnownScan, scan: KnownScan, opened: Sequence[tuple[KnownScan, set[bytes]]]) -> bool:
    if first.milestone is not scan.milestone:
        return False
    return scan.milestone in _ONCE or opened[-1][0] is first


def _current(episodes: Sequence[Episode]) -> Episode | None:
    """The latest episode, except that an end stands until something that may follow it."""
    current: Episode | None = None
    for episode in episodes:
        if current and current.milestone in ENDS and episode.milestone not in _AFTER_END[current.milestone]:
            continue
        current = episode
    return current


def _moving_again(current: Episode | None, episodes: Sequence[Episode], news: Sequence[KnownScan]) -> Episode | None:
    """A parcel that is scanned on its way after an exception is on its way: the exception is over, though no new
    episode opens."""
    if current is None or current.milestone is not Milestone.exception:
        return current
    moves = (scan.occurred_at for scan in news if scan.milestone is Milestone.in_transit)
    moved = next((at for at in moves if at and at > current.occurred_at), None)
    way = next((episode for episode in episodes if episode.milestone is Milestone.in_transit), None)
    return replace(way, occurred_at=moved) if way and moved else current


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
    """A crossing that is already written: it keeps its number whatever is heard later."""

    milestone: Milestone
    occurrence: int
    anchor: bytes | None
    occurred_at: datetime
    cause: Cause = Cause.scan


@dataclass(frozen=True, slots=True)
class NewCrossing:
    """An episode that no crossing stands for yet. `late`: a newer one of its kind is known."""

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
        late = max([newest[episode.milestone], *(one.occurred_at for one in same_kind)]) > episode.occurred_at
        found.append(NewCrossing(episode, occurrence, late))
        written.append(KnownCrossing(episode.milestone, occurrence, episode.anchor, episode.occurred_at))
    return found


def _stands_for(crossing: KnownCrossing, episode: Episode) -> bool:
    if episode.milestone in _ONCE or episode.anchor is None:
        return True
    return crossing.anchor in episode.digests
