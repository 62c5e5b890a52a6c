"""The fold: from the *set* of a parcel's scans to what it has come to. Pure, and blind to the order of arrival."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.models.vocabulary import ENDS, Cause, Milestone
from app.tracking.standing import (
    ARRIVALS,
    DOUBTED_FOR,
    FORMER,
    INPUTS,
    LASTING,
    LINKED,
    ONCE,
    RECYCLED,
    ROUND,
    TABLE,
    Effect,
    Input,
    Other,
    arrival,
)


@dataclass(frozen=True, slots=True)
class KnownScan:
    """What the fold needs of one stored scan; instants are UTC. `moves`: the carrier handled the parcel."""

    digest: bytes
    milestone: Milestone | None
    occurred_at: datetime | None
    description: str = ""
    place: str | None = None
    moves: bool = False
    heard_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch in which a milestone held: opened by one scan (`anchor`), kept up by `digests`.

    `passed`: the parcel never stood there, for it had come further when that is said to have happened.
    """

    milestone: Milestone
    occurred_at: datetime
    anchor: bytes | None
    digests: frozenset[bytes] = frozenset()
    cause: Cause = Cause.scan
    description: str = ""
    place: str | None = None
    passed: bool = False


@dataclass(frozen=True, slots=True)
class ParcelState:
    """What a parcel has come to: where it stands now, and every episode that led there, oldest first.

    `delivered_at` is when it arrived. From `doubted_at` on that is doubted: it was scanned on its way since.
    """

    milestone: Milestone = Milestone.registered
    milestone_at: datetime | None = None
    delivered_at: datetime | None = None
    episodes: tuple[Episode, ...] = ()
    doubted_at: datetime | None = None

    @property
    def delivery_doubted(self) -> bool:
        """Whether its carrier said that it arrived and has scanned it on its way since."""
        return self.doubted_at is not None

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected of the parcel."""
        return self.milestone in ENDS

    def looked_for_as(self, now: datetime) -> Milestone:
        """As what its carrier is asked about: one whose arrival was doubted lately is looked for as on its way."""
        doubted = self.doubted_at is not None and now - self.doubted_at < DOUBTED_FOR
        return Milestone.in_transit if doubted else self.milestone


def fold(scans: Iterable[KnownScan], direction: str = "outbound") -> ParcelState:
    """The state that a set of scans amounts to, for a parcel of this direction (`outbound` or `return`).

    Scans of one instant are taken in the order of a parcel's journey, then by digest, so that any arrival order and any
    repetition give the same. Each takes the parcel from where it stands by `standing.TABLE`.
    """
    told = [
        (scan.occurred_at, _AT_ONCE.get(scan.milestone, 0), digest, scan)
        for digest, scan in {scan.digest: scan for scan in scans}.items()
        if scan.occurred_at
    ]
    told.sort()  # the digests differ, so that scans themselves are never compared
    walk = _Walk(arrival(direction))
    own = _own(told)
    dispatch = _first_movement(own)
    for at, _, _, scan in own:
        if walk.over_at is not None and at >= walk.over_at:
            break
        walk.take(at, scan, scan is dispatch)
    return walk.state()


_Told = tuple[datetime, int, bytes, KnownScan]


def _own(told: list[_Told]) -> list[_Told]:
    """The scans of this parcel, oldest first: numbers are used again, and no carrier has a parcel a day before its
    label. One that had it that very day made the label late, and what leads up to it in steps of days is its own too.
    """
    label = next((at for at, _, _, scan in told if scan.milestone is Milestone.registered), None)
    if label is None or told[0][0] >= label - FORMER:
        return told
    first = next(place for place, one in enumerate(told) if one[0] >= label - FORMER)
    if any(scan.milestone in _OVER and label - at >= RECYCLED for at, _, _, scan in told[:first]):
        return told  # this parcel arrived months ago, and the label is the next one's
    while first and told[first][0] < label and told[first][0] - told[first - 1][0] <= LINKED:
        first -= 1
    return told[first:]


_AT_ONCE: dict[Milestone | None, int] = {
    milestone: place
    for place, milestone in enumerate(
        (
            None, Milestone.delayed, Milestone.registered, Milestone.dispatched, Milestone.in_transit,
            Milestone.out_for_delivery, Milestone.exception, Milestone.attempt_failed, Milestone.ready_for_pickup,
            Milestone.expired, Milestone.cancelled, Milestone.delivered, Milestone.returning, Milestone.returned,
        )
    )
}  # fmt: skip
"""In which order things happened of which a carrier gives one instant."""


def _first_movement(told: Sequence[_Told]) -> KnownScan | None:
    """A carrier that never says "dispatched" has said it with the first movement scan: where no scan says `dispatched`,
    the earliest `in_transit` scan is read as one, for the carrier has the parcel. None where it need not be."""
    first = None
    for _, _, _, scan in told:
        if scan.milestone is Milestone.dispatched:
            return None
        if first is None and scan.milestone is Milestone.in_transit:
            first = scan
    return first


_MOVES = frozenset({Effect.goes, Effect.anew, Effect.went_back, Effect.first_time, Effect.confirms})
_DEPENDS = _MOVES - {Effect.goes}
_NOT_YET_HANDED_OVER = frozenset({Milestone.registered, Milestone.exception, Milestone.cancelled, Milestone.expired})
_NOT_GOING = frozenset({Milestone.cancelled, Milestone.expired})
_OVER = ARRIVALS | {Milestone.returned}
_SAID: dict[Milestone | None, Input] = {said: said for said in INPUTS if isinstance(said, Milestone)}
_SAID[Milestone.return_received] = Milestone.delivered


class _Opened:
    """An episode that grows while the scans are gone through."""

    __slots__ = ("at", "digests", "first", "milestone", "passed")

    def __init__(self, milestone: Milestone, at: datetime, first: KnownScan, passed: bool) -> None:
        self.milestone, self.at, self.first, self.passed = milestone, at, first, passed
        self.digests = {first.digest}

    def written(self) -> Episode:
        """The episode, grown."""
        first, digests = self.first, frozenset(self.digests)
        told = (first.description, first.place)
        return Episode(self.milestone, self.at, first.digest, digests, Cause.scan, *told, self.passed)


class _Walk:
    """A parcel on its way through its scans, oldest first. What happens from `over_at` on is about the next parcel with
    its number, for it arrived long before."""

    __slots__ = (
        "_arrival", "_before", "_doubted", "_latest", "_opened", "_said", "_since", "_stands", "over_at",
    )  # fmt: skip

    def __init__(self, arrived: Milestone) -> None:
        self._arrival = arrived
        self._stands = self._before = Milestone.registered
        self._since: datetime | None = None
        self._said: datetime | None = None
        self._doubted: datetime | None = None
        self._opened: list[_Opened] = []
        self._latest: dict[Milestone, _Opened] = {}
        self.over_at: datetime | None = None

    def take(self, at: datetime, scan: KnownScan, dispatches: bool) -> None:
        """Let one scan do to the parcel what the table says. `dispatches`: it may be read as the dispatch."""
        said = _SAID.get(scan.milestone, Other.movement if scan.moves else Other.note)
        if dispatches and self._stands in _NOT_YET_HANDED_OVER:
            said = Milestone.dispatched
        effect = TABLE[self._stands][said]
        if effect is Effect.resumes:
            self._stand(self._before, at)
        if not isinstance(said, Milestone) or said is Milestone.delayed:
            return
        reached = self._arrival if said is Milestone.delivered else said
        if effect in _DEPENDS:
            effect = self._in_fact(effect, at)
        if effect in _MOVES:
            self._note(at, scan, reached, anew=reached not in ONCE)
            self._stand(reached, at)
            return
        self._note(at, scan, reached, passed=effect is not Effect.same and reached not in LASTING)
        if effect is Effect.same:
            self._say(self._since or at, at)
        elif effect is Effect.doubts:
            self._doubted = self._doubted or at

    def _in_fact(self, effect: Effect, at: datetime) -> Effect:
        """What an effect comes to that depends on what was before."""
        rested = self._said is not None and at - self._said >= ROUND
        if effect is Effect.anew and not rested:
            return Effect.same
        if effect is Effect.went_back and not rested:
            return Effect.stays
        if effect is Effect.confirms and self._doubted is None:
            return Effect.same
        if effect is Effect.first_time and self._arrival in self._latest:
            return Effect.stays
        return effect

    def _note(
        self, at: datetime, scan: KnownScan, reached: Milestone, anew: bool = False, passed: bool = False
    ) -> None:
        """Let a scan keep up the episode of its milestone; open one `anew`, or where there is none."""
        known = None if anew else self._latest.get(reached)
        if known is None:
            known = self._latest[reached] = _Opened(reached, at, scan, passed)
            self._opened.append(known)
        else:
            known.digests.add(scan.digest)

    def _stand(self, milestone: Milestone, at: datetime) -> None:
        if self._stands not in _NOT_GOING:
            self._before = self._stands
        self._stands, self._doubted = milestone, None
        self._say(at, at)

    def _say(self, since: datetime, at: datetime) -> None:
        self._since, self._said = since, at
        self.over_at = at + RECYCLED if self._stands in _OVER else None

    def state(self) -> ParcelState:
        """What it has come to."""
        arrived = self._latest.get(self._arrival)
        return ParcelState(
            milestone=self._stands,
            milestone_at=self._since,
            delivered_at=arrived.at if arrived and not arrived.passed else None,
            episodes=tuple([opened.written() for opened in self._opened]),
            doubted_at=self._doubted,
        )
