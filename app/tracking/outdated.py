"""Whether news is still true, and still news, as its message leaves: the table's other half. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from app.models.vocabulary import PROGRESS, Milestone, Reason
from app.tracking.standing import ARRIVALS, LASTING

_ARRIVAL_IS_NEAR = PROGRESS[Milestone.out_for_delivery]
_OFF_THE_WAY = frozenset({Milestone.cancelled, Milestone.expired})
_STANDINGS = frozenset(
    {
        Milestone.out_for_delivery, Milestone.ready_for_pickup, Milestone.attempt_failed, Milestone.exception,
        Milestone.returning, *ARRIVALS, Milestone.returned, *_OFF_THE_WAY,
    }
)  # fmt: skip
"""What tells where the parcel is, and is true only while it is there."""

_TRUE_WHILE = {Milestone.pickup_expiring: Milestone.ready_for_pickup, Milestone.all_delivered: Milestone.delivered} | {
    milestone: milestone for milestone in _STANDINGS
}
"""Where a parcel must stand for the news to be true; nothing is said here of other news."""

_NEAR = frozenset({Milestone.out_for_delivery, Milestone.attempt_failed})
"""So near that it can only be late by not having come: what was late before it came so far is late no more."""


@dataclass(frozen=True, slots=True)
class Now:
    """How it stands as a message is about to leave: where the parcel stands, whether its arrival is doubted, what the
    shopper was told of it on the same channel, and whether the same was told, or will be, of a later time. `already`:
    it stood there before the news came."""

    stands: Milestone
    doubted: bool = False
    told: Collection[Milestone] = ()
    told_newer: bool = False
    already: bool = False


def stood_before(since: datetime | None, news_at: datetime) -> bool:
    """Whether a parcel that has stood where it is `since` an instant (UTC) stood there before its news came."""
    return since is not None and since < news_at


def outdated(news: Milestone, now: Now) -> Reason | None:
    """Why news is not told any more, or None: `overtaken` where the parcel has come further, or the shopper knows more;
    `no_longer_so` where it was so, and is not."""
    where = _TRUE_WHILE.get(news)
    own, reached = PROGRESS.get(where or news, 0), PROGRESS.get(now.stands, 0)
    if now.told_newer or (now.stands in _OFF_THE_WAY and news not in _OFF_THE_WAY):
        return Reason.overtaken
    if now.doubted and where in ARRIVALS:
        return Reason.no_longer_so
    if news is Milestone.delayed and now.stands in _NEAR and now.already:
        return None  # it went out, or was tried, and has not come since
    if reached > own and (reached >= _ARRIVAL_IS_NEAR or any(PROGRESS.get(told, 0) > own for told in now.told)):
        return Reason.overtaken
    if news in LASTING and any(PROGRESS.get(told, 0) > own for told in now.told if told is not Milestone.delayed):
        return Reason.overtaken  # whatever came between: who knows that it was at the door knows that it was sent
    if where is not None and now.stands is not where:
        return Reason.no_longer_so
    return None
