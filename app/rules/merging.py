"""Which messages become one: the same milestone of several parcels of an order, within their rule's window. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.models.vocabulary import ENDS, PROGRESS, Milestone
from app.rules.decide import Decided
from app.rules.quiet import Quiet, first_allowed
from app.rules.ruleset import Per, Rule


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message of an order that further parcels may join until `merge_until` (UTC)."""

    message_id: int
    rule: str
    milestone: Milestone
    channel: str
    recipient_id: str
    merge_until: datetime


def merges(rule: Rule | None) -> bool:
    """Whether a rule tells of several parcels together. One that speaks once an order does not."""
    return rule is not None and bool(rule.merge) and rule.per is Per.parcel


def join(waiting: Sequence[Waiting], decided: Decided, rule: Rule, now: datetime) -> Waiting | None:
    """The message, of those that wait for an order, that tells of this decision's parcel too; None where it needs one
    of its own. Only what the same rule says of the same milestone to the same recipient is said together."""
    if not merges(rule) or not decided.fired:
        return None
    wanted = (decided.rule, rule.when, decided.channel.value, decided.recipient_id)
    for one in waiting:
        if (one.rule, one.milestone, one.channel, one.recipient_id) == wanted and now < one.merge_until:
            return one
    return None


def awaited(when: Milestone, others: Iterable[tuple[str, Milestone]], joined: Collection[str]) -> bool:
    """Whether a message about `when` has another parcel to wait for.

    `others` are the order's other living parcels, by outside id and as they stand; `joined` those that it tells of. A
    parcel that has come as far, or to an end, will not come to it any more. What is no step of the way (a delay, an
    exception, a new estimate) may still befall every parcel that is under way.
    """
    return any(id not in joined and _may_come(when, milestone) for id, milestone in others)


_BEFALLS = frozenset(set(Milestone) - set(PROGRESS)) | {Milestone.delayed, Milestone.pickup_expiring}


def _may_come(when: Milestone, milestone: Milestone) -> bool:
    if milestone in ENDS:
        return False
    if milestone is Milestone.attempt_failed:  # it goes out once more, or to a counter
        milestone = Milestone.in_transit
    return when in _BEFALLS or PROGRESS.get(milestone, PROGRESS[Milestone.in_transit]) < PROGRESS[when]


@dataclass(frozen=True, slots=True)
class Timing:
    """When a message leaves, until when it is worth sending, and until when others may join it. All UTC."""

    send_at: datetime
    expires_at: datetime
    merge_until: datetime | None = None


def opened(decided: Decided, rule: Rule, zones: Sequence[str], waits: bool, now: datetime) -> Timing:
    """The timing of a message's first parcel. `waits`: another may still join it; else it leaves as it would alone.

    It never waits so long that its own news would be stale by the end. Where its hold or the night is longer than the
    window, others may join it for as long as it waits.
    """
    leaves = max(decided.send_at, _allowed(now + rule.merge, zones, decided.quiet))
    if not waits or leaves >= decided.expires_at:
        return Timing(decided.send_at, decided.expires_at)
    return Timing(leaves, decided.expires_at, leaves)


def joined(timing: Timing, decided: Decided, waits: bool, now: datetime) -> Timing:
    """The timing of a message that one more parcel has joined.

    Its own hold counts for it too. The message is worth sending while any of its parcels' news is; whoever's is stale
    by then is left out of it. With nobody left to wait for it leaves at once, or after the hold.
    """
    expires_at = max(timing.expires_at, decided.expires_at)
    if not waits:
        return Timing(decided.send_at, expires_at, now)
    return Timing(max(timing.send_at, decided.send_at), expires_at, timing.merge_until or now)


def let_go(
    planned_at: datetime, rule: Rule | None, zones: Sequence[str], quiet: Quiet | None, now: datetime
) -> datetime:
    """When a message leaves for which nobody is left to wait: at once, or after its rule's hold; not in the night."""
    held = planned_at + rule.hold if rule is not None else now
    return _allowed(max(now, held), zones, quiet)


def _allowed(at: datetime, zones: Sequence[str], quiet: Quiet | None) -> datetime:
    return first_allowed(at, zones, quiet) if quiet is not None else at
