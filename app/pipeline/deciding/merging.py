"""Merges what several parcels of an order come to within their rule's window: one message, with a ledger key for each.

It runs with the order locked, so that of two workers the second sees the message that the first has planned. A message
that has begun to leave is locked by whoever sends it, and is not joined: the next parcel gets one of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.facts import Facts
from app.models.vocabulary import Milestone
from app.pipeline.deciding.pinned_rules import pinned_rules
from app.pipeline.deciding.scene import Scene
from app.pipeline.deciding.splitting import living
from app.pipeline.house import House
from app.rules import merging
from app.rules.decide import Decided
from app.rules.merging import Timing, Waiting, awaited, let_go, merges
from app.rules.quiet import parse_quiet, zones_of
from app.rules.ruleset import Rule


@dataclass(slots=True)
class Gathering:
    """A message that tells of several parcels: one that waits already, or one that this batch begins.

    `covers` are the outside ids of the parcels that it tells of, `rule` the rule that they joined it by.
    """

    message_id: int
    public_id: str
    timing: Timing | None
    covers: set[str] = field(default_factory=set)
    begun: bool = False
    facts: Facts | None = None
    rule: Rule | None = None

    def take(self, facts: Facts, decided: Decided, rule: Rule | None, now: datetime) -> bool:
        """Tell of one more parcel; whether it is the one by which the message comes to be."""
        assert rule is not None
        first = self.timing is None
        self.covers.add(facts.parcel.id)
        self.facts, self.rule = facts, rule
        if self.timing is None:
            self.timing = merging.opened(decided, rule, zones_of(facts.shopper), self.waits(), now)
        else:
            self.timing = merging.joined(self.timing, decided, self.waits(), now)
        return first

    def waits(self) -> bool:
        """Whether another parcel of the order may still come to it."""
        assert self.facts is not None and self.rule is not None
        others = ((other.id, other.milestone) for other in self.facts.other_parcels)
        return self.facts.parcel.direction == "outbound" and awaited(self.rule.when, others, self.covers)


_WAITING = """
    SELECT messages.id, messages.public_id, messages.brand_id, messages.order_id, messages.rule, messages.milestone,
        messages.channel, messages.recipient_id, messages.merge_until, messages.send_at, messages.expires_at,
        messages.planned_at, messages.quiet, messages.rule_set_version_id, ARRAY(
            SELECT shipments.public_id FROM ledger_keys JOIN shipments ON shipments.id = ledger_keys.scope_id
            WHERE ledger_keys.message_id = messages.id AND ledger_keys.scope = 'parcel') AS covers
    FROM messages
    WHERE messages.order_id = ANY(:ids) AND messages.state IN ('held', 'ready') AND messages.merge_until > :now
        AND messages.rendered_at IS NULL
    ORDER BY messages.id
"""
_LOCKED = sa.text(_WAITING + " FOR NO KEY UPDATE OF messages")
_LOOK = sa.text(_WAITING)


@dataclass(slots=True)
class Gatherings:
    """The messages that a batch's decisions may join, by order. Nothing is read where no rule merges."""

    waiting: dict[int, list[Waiting]] = field(default_factory=lambda: defaultdict(list))
    by_id: dict[int, Gathering] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Session, order_ids: Iterable[int], now: datetime) -> "Gatherings":
        """What waits for these locked orders, locked too."""
        found, ids = cls(), sorted(set(order_ids))
        rows = session.execute(_LOCKED, {"ids": ids, "now": now}).all() if ids else []
        for row in rows:
            timing = Timing(row.send_at, row.expires_at, row.merge_until)
            found.by_id[row.id] = Gathering(row.id, row.public_id, timing, set(row.covers))
            found.waiting[row.order_id].append(_waiting(row))
        return found

    def of_decision(self, message: Mapping[str, Any], decided: Decided, rule: Rule | None, now: datetime) -> Gathering:
        """The message that tells of a decision: one that waits, or `message`, its own, for others to join."""
        assert rule is not None
        waiting = self.waiting[message["order_id"]]
        found = merging.join(waiting, decided, rule, now)
        if found is None:
            names = (message["rule"], rule.when, message["channel"], message["recipient_id"])
            found = Waiting(message["id"], *names, now + rule.merge)
            waiting.append(found)
            self.by_id[found.message_id] = Gathering(found.message_id, message["public_id"], None, begun=True)
        return self.by_id[found.message_id]

    def timing(self, message_id: int) -> dict[str, Any]:
        """The columns of a new message's timing, where it tells of several parcels or waits for them."""
        gathering = self.by_id.get(message_id)
        return asdict(gathering.timing) if gathering is not None and gathering.timing is not None else {}

    def move(self, session: Session) -> None:
        """Write down the new timing of the messages that others have joined."""
        moved = [one for one in self.by_id.values() if one.rule is not None and not one.begun]
        _move(session, [(one.message_id, one.timing) for one in moved if one.timing is not None])


def _waiting(row: Any) -> Waiting:
    milestone = Milestone(row.milestone)
    return Waiting(row.id, row.rule, milestone, row.channel, row.recipient_id, row.merge_until)


def let_go_early(session: Session, house: House, scene: Scene, shipment_ids: Sequence[int], now: datetime) -> None:
    """Let merged messages leave for which no parcel is left to wait: the others have come further, or are gone."""
    orders = {scene.parcel(one).order_id for one in shipment_ids}
    split = sorted(order_id for order_id in orders if len(scene.locked.by_order[order_id]) > 1)
    if not split:
        return
    free = [row for row in session.execute(_LOOK, {"ids": split, "now": now}).all() if not _has_to_wait(scene, row)]
    if not free:
        return
    still = {row.id for row in session.execute(_LOCKED, {"ids": split, "now": now}).all()}
    rules = pinned_rules(session, house, {row.rule_set_version_id for row in free})
    moved = []
    for row in free:
        order = scene.locked.orders[row.order_id]
        pinned = rules.get(row.rule_set_version_id)
        rule = pinned.named(row.rule) if pinned is not None else None
        quiet = parse_quiet(row.quiet) if row.quiet else None
        at = let_go(row.planned_at, rule if merges(rule) else None, order.zones or (order.zone,), quiet, now)
        moved.append((row.id, Timing(min(at, row.send_at), row.expires_at, now)))
    _move(session, [one for one in moved if one[0] in still])


def _has_to_wait(scene: Scene, row: Any) -> bool:
    parcels = living(scene.parcels(row.order_id))
    others = ((parcel.public_id, Milestone(parcel.milestone)) for parcel in parcels)
    return awaited(Milestone(row.milestone), others, row.covers)


_MOVE = sa.text("""
    UPDATE messages SET send_at = said.send_at, expires_at = said.expires_at, merge_until = said.merge_until
    FROM unnest(cast(:ids AS bigint[]), cast(:send_at AS timestamptz[]), cast(:expires_at AS timestamptz[]),
        cast(:merge_until AS timestamptz[])) AS said (id, send_at, expires_at, merge_until)
    WHERE messages.id = said.id
""")


def _move(session: Session, moved: Sequence[tuple[int, Timing]]) -> None:
    if not moved:
        return
    columns = ("send_at", "expires_at", "merge_until")
    values: dict[str, list[Any]] = {name: [getattr(timing, name) for _, timing in moved] for name in columns}
    session.execute(_MOVE, {**values, "ids": [message_id for message_id, _ in moved]})
