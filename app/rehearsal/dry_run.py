"""Dry run: what a draft of the rules would have answered to each milestone of one parcel, beside the live rules.

Each stored crossing keeps what it was decided on; both sets are asked on that, at its own instant. Nothing is written,
and nothing but the database is called.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from app.errors import NotFound
from app.models import Shipment
from app.models.vocabulary import Reason
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.deciding.live_rules import as_lived_by, rules_of
from app.pipeline.house import House
from app.rehearsal.aside import outside
from app.rehearsal.backtest import as_decided_on, play
from app.rehearsal.journey import OWN
from app.rehearsal.mails import Answer, Opened
from app.rehearsal.reading import Stored, looking, read_orders
from app.rehearsal.redrawing import Span, redrawn
from app.rehearsal.stage import Stage
from app.rules.ruleset import RuleSet

Key = tuple[str, int, str, int]


class Answered(BaseModel):
    """One rule's answer on one channel. `leaves_at` is when a message leaves (UTC), None where none does; `sentence`
    says why, or what became of it. `channel` is empty where the rule is not for the parcel at all."""

    model_config = ConfigDict(frozen=True)

    rule: str
    channel: str
    recipient: str
    fired: bool
    leaves_at: datetime | None
    sentence: str


class Moment(BaseModel):
    """One milestone of the parcel (or of its order), with the answers of the live rules and of the draft. A side is
    None where that set's thresholds do not open it."""

    model_config = ConfigDict(frozen=True)

    milestone: str
    occurrence: int
    at: datetime
    live: tuple[Answered, ...] | None
    draft: tuple[Answered, ...] | None

    @property
    def same(self) -> bool:
        """Whether both would send the same at the same time."""
        return _leaving(self.live) == _leaving(self.draft)


class DryRun(BaseModel):
    """A parcel's milestones as they were concluded, oldest first. `pruned` had their facts taken away by retention."""

    model_config = ConfigDict(frozen=True)

    shipment: str
    order: str
    carrier: str | None
    tracking_number: str | None
    moments: tuple[Moment, ...]
    pruned: int


def dry_run(house: House, brand_id: int, shipment: str, draft: RuleSet) -> DryRun:
    """Ask the live rules and a draft about a brand's parcel with this outside id. Raises NotFound."""
    with looking(house.sessions) as session:
        query = sa.select(Shipment.id, Shipment.order_id)
        row = session.execute(query.where(Shipment.public_id == shipment, Shipment.brand_id == brand_id)).one_or_none()
        if row is None:
            raise NotFound("There is no such parcel. Search for it by order or tracking number.")
        (stored,) = read_orders(session, [row.order_id])
        live = rules_of(session, house, {brand_id})[brand_id]
        house = as_of_now(session, house)
        draft = as_lived_by(session, house, brand_id, draft)
    now = house.clock.now()
    opened = [as_decided_on(one, stored.decisions.get(one.id, ())) for one in stored.crossings if one.facts]
    first = min((one.at for one in opened), default=now)
    span = (min(first, stored.order.created_at) - timedelta(seconds=1), now)
    drafted = opened if live.expectations == draft.expectations else _redrawn(house, stored, opened, draft, span)
    sides = [
        _answers(play(house, stored, one, rules, span), one, rules) for rules, one in ((live, opened), (draft, drafted))
    ]
    moments = [
        Moment(
            milestone=one.name[1],
            occurrence=one.name[2],
            at=one.at,
            live=_side(sides[0], one),
            draft=_side(sides[1], one),
        )
        for one in _both(opened, drafted)
        if one.shipment_id == row.id
    ]
    parcel = stored.parcel(row.id)
    pruned = sum(not one.facts for one in stored.crossings if one.shipment_id == row.id)
    return DryRun(
        shipment=parcel.public_id,
        order=stored.order.number,
        carrier=parcel.carrier,
        tracking_number=parcel.tracking_number,
        moments=tuple(moments),
        pruned=pruned,
    )


def _redrawn(house: House, stored: Stored, opened: Sequence[Opened], draft: RuleSet, span: Span) -> list[Opened]:
    own = [one for one in opened if one.name[1] in OWN]
    again = redrawn(house, stored, own, draft, span)
    others = [one for one in opened if one.name[1] not in OWN]
    return sorted([*others, *again], key=lambda one: (one.at, one.id or 0))


def _key(opened: Opened) -> Key:
    return (opened.scope[0], opened.scope[1], opened.name[1], opened.name[2])


def _both(live: Sequence[Opened], draft: Sequence[Opened]) -> list[Opened]:
    """The crossings of either, once each, as they came."""
    found = {_key(one): one for one in (*draft, *live)}
    return sorted(found.values(), key=lambda one: (one.at, one.id or 0))


def _side(answers: Mapping[Key, tuple[Answered, ...]], opened: Opened) -> tuple[Answered, ...] | None:
    return answers.get(_key(opened))


def _answers(stage: Stage, opened: Sequence[Opened], rules: RuleSet) -> dict[Key, tuple[Answered, ...]]:
    """Each crossing's answers in the order of the rules, and of the rules that are not for the parcel why not."""
    given: dict[Key, list[Answered]] = defaultdict(list)
    for answer in stage.answers:
        given[_key(answer.opened)].append(_answered(answer))
    found = {}
    for one in opened:
        facts, said = one.crossed.facts, given[_key(one)]
        names = {answer.rule for answer in said}
        aside = [
            Answered(
                rule=rule.name, channel="", recipient="", fired=False, leaves_at=None, sentence=f"Not asked: {why}."
            )
            for rule in rules.for_milestone(facts.news.milestone)
            if rule.name not in names and (why := outside(rule.reach, facts))
        ]
        found[_key(one)] = (*said, *aside)
    return found


def _answered(answer: Answer) -> Answered:
    decided, mail = answer.decided, answer.mail
    leaves_at, said = None, answer.reason.sentence
    detail = answer.detail
    if mail is not None and answer.reason is not Reason.merged:
        leaves_at, said = mail.left_at, "It leaves."
        if mail.left_at is None:
            held = mail.withheld
            said = "It waits still." if held is None else held.reason.sentence
            detail = held.detail if held is not None else ""
    return Answered(
        rule=decided.rule,
        channel=decided.channel.value,
        recipient=decided.recipient_id,
        fired=answer.fired and (leaves_at is not None or mail is None or mail.waits or answer.reason is Reason.merged),
        leaves_at=leaves_at,
        sentence=f"{said.rstrip('.')} ({detail})." if detail else said,
    )


def _leaving(answers: Sequence[Answered] | None) -> set[tuple[str, str, datetime | None]]:
    return {(one.channel, one.recipient, one.leaves_at) for one in answers or () if one.fired}
