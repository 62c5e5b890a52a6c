"""The stage: what the rules answer to an order's crossings, what that plans and what leaves of it, all in memory.

It is the workers' own decision, ledger and judgement at release without their hands: nothing is stored, no provider
is called. `now` is stepped by whoever rehearses.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.messages.base import TemplateMissing
from app.messages.catalog import Catalog
from app.models.facts import Facts, Person, Told
from app.models.vocabulary import PROGRESS, Channel, MessageState, Milestone, Reason, SuppressionKind
from app.pipeline.releasing import Release, Withheld, judge
from app.rehearsal.journey import Journey
from app.rehearsal.reading import Stored
from app.rules.decide import Crossed, Decided, decide
from app.rules.ruleset import Per, RuleSet
from app.settings import SendMode

REACHABLE = Person(email="-", phone="-")
"""Somebody who can be written to: whether the order has an address was a question to the decision."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One crossing on the stage, with what it is decided on. `id` is its row's; None where it is only rehearsed."""

    id: int | None
    shipment_id: int
    scope: tuple[str, int]
    crossed: Crossed
    channels: frozenset[Channel]
    at: datetime

    @property
    def name(self) -> tuple[int, str, int]:
        """Which parcel, which milestone, which time."""
        news = self.crossed.facts.news
        return self.shipment_id, news.milestone.value, news.occurrence


@dataclass(slots=True)
class Mail:
    """One message as it would have been planned, and what became of it: where `left_at` stands it left then.

    `number` counts up in the order of planning; `template_version_id` is the row it is pinned to, where it is one that
    really waits.
    """

    number: int
    shipment_id: int
    milestone: Milestone
    occurrence: int
    decided: Decided
    facts: Facts
    planned_at: datetime
    send_at: datetime
    left_at: datetime | None = None
    withheld: Withheld | None = None
    template_version_id: int = 0
    public_id: str = ""

    @property
    def name(self) -> tuple[int, str, int, str, str]:
        """What makes it the same message to its reader, whichever rule planned it."""
        return (
            self.shipment_id,
            self.milestone.value,
            self.occurrence,
            self.decided.channel.value,
            self.decided.recipient_id,
        )

    @property
    def waits(self) -> bool:
        """Whether it has neither left nor ended."""
        return self.left_at is None and (self.withheld is None or self.withheld.state is MessageState.ready)


@dataclass(frozen=True, slots=True)
class Answer:
    """One rule's answer to one crossing, as it would have been recorded."""

    opened: Opened
    decided: Decided
    reason: Reason
    detail: str

    @property
    def fired(self) -> bool:
        """Whether it planned a message."""
        return self.reason is Reason.planned


@dataclass(slots=True)
class Stage:
    """One order on the stage. `told` are the messages that really were planned, for which `mails` stand in.

    `capped` says what a daily cap answered, `draw` the facts that a message is released on; `on_release` is told of
    each that was judged.
    """

    stored: Stored
    rules: RuleSet
    catalog: Catalog
    journeys: Mapping[int, Journey]
    told: Sequence[Any] = ()
    person: Person = REACHABLE
    suppressed: Mapping[Channel, SuppressionKind] = field(default_factory=dict)
    capped: Callable[[Opened, Decided], Reason | None] = lambda _opened, _decided: None
    draw: Callable[[Mail, datetime], Facts] = lambda mail, _at: mail.facts
    on_release: Callable[[Mail, datetime], None] = lambda _mail, _at: None
    mails: list[Mail] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    taken: set[tuple[Any, ...]] = field(default_factory=set)

    def decide(self, together: Sequence[Opened], now: datetime) -> list[Answer]:
        """Each rule's answer to crossings that one batch opened, and the messages that follow from them."""
        given: list[Answer] = []
        seen = [(one, self._as_told(one, now)) for one in together]
        for one, crossed in seen:
            for decided in decide(crossed, self.rules, one.channels, now):
                given.append(self._answer(one, crossed, decided, now))
        self.answers += given
        return given

    def _answer(self, opened: Opened, crossed: Crossed, decided: Decided, now: datetime) -> Answer:
        if not decided.fired:
            return Answer(opened, decided, decided.reason, decided.detail)
        try:
            self.template(crossed.facts, decided)
        except TemplateMissing as error:
            return Answer(opened, decided, Reason.no_template, str(error))
        if (cap := self.capped(opened, decided)) is not None:
            return Answer(opened, decided, cap, "")
        key = self._key(opened, decided)
        if key in self.taken:
            return Answer(opened, decided, Reason.already_told, "")
        self.taken.add(key)
        news = crossed.facts.news
        self.mails.append(
            Mail(
                number=len(self.mails) + 1,
                shipment_id=opened.shipment_id,
                milestone=news.milestone,
                occurrence=news.occurrence,
                decided=decided,
                facts=crossed.facts,
                planned_at=now,
                send_at=decided.send_at,
            )
        )
        return Answer(opened, decided, Reason.planned, decided.detail)

    def template(self, facts: Facts, decided: Decided) -> Any:
        """The template that a message would be pinned to. Raises TemplateMissing."""
        return self.catalog.resolve(facts.brand.key, self.stored.order.locale, decided.template, decided.channel)

    def _key(self, opened: Opened, decided: Decided) -> tuple[Any, ...]:
        """Its place in the ledger: taken once, for the parcel or for the order."""
        news, rule = opened.crossed.facts.news, self.rules.named(decided.rule)
        of_order = rule is not None and rule.per is Per.order
        scope = ("order", self.stored.order.id, 1) if of_order else (*opened.scope, news.occurrence)
        return *scope, news.milestone.value, decided.channel.value, decided.recipient_id

    def _as_told(self, opened: Opened, now: datetime) -> Crossed:
        """What a crossing is decided on, its history as it would be: without what really was planned and would not have
        been, with what would have been and was not."""
        really = {(one.shipment_id, *_said(one)) for one in self.told if one.planned_at < now}
        mails = [one for one in self.mails if one.planned_at < now and not one.public_id]
        would = {(one.shipment_id, *_would_say(one)) for one in mails}
        if really == would:
            return opened.crossed
        facts, names = opened.crossed.facts, {one.id: one.public_id for one in self.stored.parcels}
        gone, extra = really - would, sorted(would - really, key=lambda one: one[3])
        own = [(one[0] == opened.shipment_id, _told(one, names)) for one in extra]
        history = _without(facts.history, {one[1:] for one in gone if one[0] == opened.shipment_id})
        of_order = _without(facts.order_history, {one[1:] for one in gone})
        changed = facts.model_copy(
            update={
                "history": (*history, *(told for mine, told in own if mine)),
                "order_history": (*of_order, *(told for _, told in own)),
            }
        )
        was = opened.crossed
        return Crossed(changed, was.late, was.history_until, was.cancelled, was.reread)

    def release(self, until: datetime, *, at_last: bool = False) -> None:
        """Let everything leave whose time comes before `until` (and `at_last`, then too), each judged at its own
        instant, urgent ones first."""
        until += datetime.resolution if at_last else timedelta(0)
        while due := [one for one in self.mails if one.waits and one.send_at < until]:
            mail = min(due, key=lambda one: (one.send_at, one.decided.priority, one.number))
            now = max(mail.send_at, mail.planned_at)
            mail.withheld = judge(self.released(mail, now), now, SendMode.live, frozenset())
            if mail.withheld is None:
                mail.left_at = now
            elif mail.withheld.again_at is not None:
                mail.send_at = mail.withheld.again_at
            self.on_release(mail, now)

    def released(self, mail: Mail, now: datetime, person: Person | None = None) -> Release:
        """A message as it is judged at an instant, and rendered for a person: the shopper unless another is given."""
        journey, order, decided = self.journeys[mail.shipment_id], self.stored.order, mail.decided
        others = [one for one in self.mails if one is not mail and _on_same_channel(one, mail) and _stands(one)]
        own = PROGRESS.get(mail.milestone, 0)
        return Release(
            id=mail.number,
            public_id=mail.public_id or f"rehearsed {mail.number}",
            brand_id=order.brand_id,
            channel=decided.channel,
            milestone=mail.milestone,
            template_version_id=mail.template_version_id,
            tries=0,
            expires_at=decided.expires_at,
            facts=self.draw(mail, now),
            person=person or self.person,
            address_digest=None,
            suppressed=self.suppressed.get(decided.channel),
            rendered_at=now,
            parcel_milestone=journey.milestone(now),
            cancelled=journey.cancelled(now),
            told_further=any(PROGRESS.get(one.milestone, 0) > own for one in others),
            told_newer=any(one.milestone is mail.milestone and one.number > mail.number for one in others),
            unasked=False,
            as_decided=True,
            avoid=None,
            priority=decided.priority,
            quiet=str(decided.quiet) if decided.quiet else None,
            erased=order.erased_at is not None and order.erased_at <= now,
        )


def _said(message: Any) -> tuple[str, str, datetime, str]:
    return message.milestone, message.channel, message.planned_at, message.rule


def _would_say(mail: Mail) -> tuple[str, str, datetime, str]:
    return mail.milestone.value, mail.decided.channel.value, mail.planned_at, mail.decided.rule


def _told(one: tuple[int, str, str, datetime, str], names: Mapping[int, str]) -> Told:
    shipment_id, milestone, channel, at, rule = one
    said = Milestone(milestone)
    return Told(milestone=said, channel=channel, planned_at=at, rule=rule, parcel_id=names.get(shipment_id, ""))


def _without(history: Sequence[Told], gone: Collection[tuple[str, str, datetime, str]]) -> list[Told]:
    """A history without some of its entries. One that was stored before rules stood in it goes by the rest."""
    nameless = {one[:3] for one in gone}
    return [
        one
        for one in history
        if (one.milestone.value, one.channel, one.planned_at, one.rule) not in gone
        and not (not one.rule and (one.milestone.value, one.channel, one.planned_at) in nameless)
    ]


def _on_same_channel(one: Mail, other: Mail) -> bool:
    return one.shipment_id == other.shipment_id and one.decided.channel is other.decided.channel


def _stands(mail: Mail) -> bool:
    return mail.left_at is not None or mail.waits
