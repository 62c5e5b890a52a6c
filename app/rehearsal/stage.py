"""The stage: what the rules answer to an order's crossings, what that plans and what leaves of it, all in memory.

It is the workers' own decision, ledger, merging and judgement at release without their hands: nothing is stored, no
provider is called. `now` is stepped by whoever rehearses.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from app.messages.base import Template, TemplateMissing
from app.models.facts import Facts, Person
from app.models.vocabulary import Channel, Milestone, Reason, SuppressionKind
from app.pipeline.deciding.merging import Gathering, Gatherings
from app.pipeline.deciding.planned import Planned
from app.pipeline.deciding.planning import template_of, with_templates
from app.pipeline.deciding.splitting import living
from app.pipeline.deciding.still_so import no_longer
from app.pipeline.deciding.whole_orders import last_parcel
from app.pipeline.house import House
from app.pipeline.leaving.judging import Release, judge
from app.pipeline.leaving.releasing import together
from app.pipeline.leaving.team import TEAM, team_of, team_person
from app.rehearsal.journey import Journey
from app.rehearsal.mails import Answer, Cover, Mail, Opened
from app.rehearsal.reading import Stored, ToldOf
from app.rehearsal.remembering import as_told
from app.rules.decide import Crossed, Decided, decide
from app.rules.merging import Timing, Waiting, awaited, let_go, merges
from app.rules.quiet import zones_of
from app.rules.ruleset import Per, RuleSet
from app.settings import SendMode
from app.tracking.outdated import stood_before

REACHABLE = Person(email="-", phone="-")
"""Somebody who can be written to: whether the order has an address was a question to the decision."""


@dataclass(slots=True)
class Stage:
    """One order on the stage. `told` is what really was planned about it since the rehearsal begins, for which `mails`
    stand in; those with an outside id are of before.

    `recorded` says what a rehearsal cannot work out (a daily cap, what was told under another number), `draw` the facts
    that a message is released on; `on_release` is told of each that was judged.
    """

    stored: Stored
    rules: RuleSet
    house: House
    journeys: Mapping[int, Journey]
    told: Sequence[ToldOf] = ()
    person: Person = REACHABLE
    suppressed: Mapping[Channel, SuppressionKind] = field(default_factory=dict)
    recorded: Callable[[Opened, Decided], tuple[Reason, str] | None] = lambda _opened, _decided: None
    draw: Callable[[Cover, datetime], Facts] = lambda cover, _at: cover.facts
    on_release: Callable[[Mail, datetime], None] = lambda _mail, _at: None
    mails: list[Mail] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    taken: set[tuple[Any, ...]] = field(default_factory=set)

    def decide(self, together: Sequence[Opened], now: datetime) -> list[Answer]:
        """Each rule's answer to crossings that one batch opened, and the messages that follow from them."""
        given: list[Answer] = []
        gatherings = self._gatherings(now)
        seen = [(one, self._as_told(one, now)) for one in together]
        for one, crossed in seen:
            decided = decide(crossed, self.rules, one.channels, now)
            planned = with_templates(self.house, [self._planned(one, crossed, answer) for answer in decided], now)
            given += [self._answer(gatherings, one, entry, now) for entry in planned]
        self.answers += given
        self.let_go(now)
        return given

    def _planned(self, opened: Opened, crossed: Crossed, decided: Decided) -> Planned:
        news, order = crossed.facts.news, self.stored.order
        crossing = {
            "order_id": order.id,
            "scope": opened.scope[0],
            "scope_id": opened.scope[1],
            "milestone": news.milestone.value,
            "occurrence": news.occurrence,
        }
        return Planned(opened.id or 0, crossing, crossed.facts, decided, order.locale, self.rules)

    def _answer(self, gatherings: Gatherings, opened: Opened, planned: Planned, now: datetime) -> Answer:
        decided = planned.decided
        if not decided.fired:
            return Answer(opened, decided, decided.reason, decided.detail)
        try:
            template_of(self.house, planned)
        except TemplateMissing as error:
            return Answer(opened, decided, Reason.no_template, str(error))
        if (known := self.recorded(opened, decided)) is not None:
            return Answer(opened, decided, *known)
        if planned.key in self.taken:
            return Answer(opened, decided, Reason.already_told, "")
        self.taken.add(planned.key)
        cover = Cover(opened.shipment_id, planned.facts, now, decided.expires_at)
        if not planned.merges:
            mail = self._mail(cover, decided, now)
            return Answer(opened, decided, decided.reason, decided.detail, mail)
        return self._gathered(gatherings, opened, planned, cover, now)

    def _gathered(
        self, gatherings: Gatherings, opened: Opened, planned: Planned, cover: Cover, now: datetime
    ) -> Answer:
        """The answer where a message may tell of several parcels: its own, or one that waits."""
        decided, number = planned.decided, len(self.mails) + 1
        row = {
            "id": number,
            "public_id": f"rehearsed {number}",
            "order_id": self.stored.order.id,
            "rule": decided.rule,
            "channel": decided.channel.value,
            "recipient_id": decided.recipient_id,
        }
        gathering = gatherings.of_decision(row, decided, planned.rule, now)
        first = gathering.take(planned.facts, decided, planned.rule, now)
        if first:
            mail = self._mail(cover, decided, now)
        else:
            mail = self.mails[gathering.message_id - 1]
            mail.covers.append(cover)
        timing = gathering.timing
        assert timing is not None
        mail.send_at, mail.expires_at, mail.merge_until = timing.send_at, timing.expires_at, timing.merge_until
        if first:
            return Answer(opened, decided, decided.reason, decided.detail, mail)
        beside = self.stored.parcel(mail.shipment_id).public_id
        return Answer(opened, decided, Reason.merged, f"with parcel {beside}", mail)

    def _mail(self, cover: Cover, decided: Decided, now: datetime) -> Mail:
        news = cover.facts.news
        mail = Mail(
            number=len(self.mails) + 1,
            milestone=news.milestone,
            occurrence=news.occurrence,
            decided=decided,
            covers=[cover],
            planned_at=now,
            send_at=decided.send_at,
            expires_at=decided.expires_at,
        )
        self.mails.append(mail)
        return mail

    def _gatherings(self, now: datetime) -> Gatherings:
        """What waits for further parcels of the order at an instant."""
        found = Gatherings()
        names = {one.id: one.public_id for one in self.stored.parcels}
        for mail in self._merging(now):
            timing = Timing(mail.send_at, mail.expires_at, mail.merge_until)
            covers = {names[one.shipment_id] for one in mail.covers}
            name = mail.public_id or f"rehearsed {mail.number}"
            found.by_id[mail.number] = Gathering(mail.number, name, timing, covers)
            told = mail.decided.channel.value, mail.decided.recipient_id
            assert mail.merge_until is not None
            waiting = Waiting(mail.number, mail.decided.rule, mail.milestone, *told, mail.merge_until)
            found.waiting[self.stored.order.id].append(waiting)
        return found

    def _merging(self, now: datetime) -> list[Mail]:
        return [one for one in self.mails if one.waits and one.merge_until is not None and one.merge_until > now]

    def let_go(self, now: datetime) -> None:
        """Let merged messages leave for which no parcel is left to wait."""
        parcels = living([one.as_of(now) for one in self.journeys.values()])
        for mail in self._merging(now):
            others = ((one.public_id, Milestone(one.milestone)) for one in parcels)
            covers = {one.public_id for one in parcels if mail.tells_of(one.id)}
            if awaited(mail.milestone, others, covers):
                continue
            rule = self.rules.named(mail.decided.rule)
            zones, own = zones_of(mail.facts.shopper), rule if merges(rule) else None
            mail.send_at = min(mail.send_at, let_go(mail.planned_at, own, zones, mail.decided.quiet, now))
            mail.merge_until = now

    def template(self, mail: Mail) -> Template:
        """The template that a message would be pinned to. Raises TemplateMissing."""
        order, facts = self.stored.order, mail.facts
        return template_of(self.house, Planned(0, {}, facts, mail.decided, order.locale, self.rules))

    def _as_told(self, opened: Opened, now: datetime) -> Crossed:
        """What a crossing is decided on, its history as it would be under these rules."""
        really = {one for one in self.told if one.since < now}
        would = {
            told
            for mail in self.mails
            for cover in mail.covers
            if not cover.real and cover.since < now and mail.decided.recipient_id != TEAM
            for told in [_told_of(cover, mail)]
            if told in really or not mail.taken_back
        }
        if really == would:
            return opened.crossed
        names, was = {one.id: one.public_id for one in self.stored.parcels}, opened.crossed
        return replace(was, facts=as_told(was.facts, opened.shipment_id, really, would, names))

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
            if mail.taken_back:
                self._free(mail)
            self.on_release(mail, now)

    def _free(self, mail: Mail) -> None:
        """Let a later parcel tell the order what a message that spoke for all of it did not."""
        rule, told = self.rules.named(mail.decided.rule), (mail.decided.channel.value, mail.decided.recipient_id)
        if rule is not None and rule.per is Per.order:
            self.taken.discard(("order", self.stored.order.id, mail.milestone.value, 1, *told))

    def released(self, mail: Mail, now: datetime, person: Person | None = None) -> Release:
        """A message as it is judged at an instant, and rendered for a person: the shopper unless another is given."""
        lasts = mail.expires_at - max(one.facts.news.occurred_at for one in mail.covers)
        newest = {one.shipment_id: one for one in mail.covers}
        several = len(newest) > 1
        releases = [
            self._of_one(mail, one, one.facts.news.occurred_at + lasts if several else mail.expires_at, now)
            for one in newest.values()
        ]
        found = together(releases, now) if len(releases) > 1 else releases[0]
        return found if person is None else replace(found, person=person)

    def _of_one(self, mail: Mail, cover: Cover, expires_at: datetime, now: datetime) -> Release:
        order, decided, brand = self.stored.order, mail.decided, self.stored.brand.key
        team = decided.recipient_id == TEAM
        parcels = [one.as_of(now) for one in self.journeys.values()]
        whole = mail.milestone is Milestone.all_delivered
        last = last_parcel(order, parcels) if whole else None
        about = self.journeys[last.id if last is not None else cover.shipment_id]
        row, facts = about.as_of(now, self.rules), self.draw(cover, now)
        channel = [
            one
            for one in self.mails
            if one.tells_of(row.id) and _same_way(one.decided, decided) and (one.left_at or one.waits)
        ]
        return Release(
            id=mail.number,
            public_id=mail.public_id or f"rehearsed {mail.number}",
            brand_id=order.brand_id,
            channel=decided.channel,
            milestone=mail.milestone,
            template_version_id=mail.template_version_id,
            tries=0,
            expires_at=expires_at,
            facts=facts,
            person=team_person(self.house, brand) if team else self.person,
            address_digest=None,
            suppressed=None if team else self.suppressed.get(decided.channel),
            rendered_at=now,
            parcel_id=row.public_id,
            parcel_milestone=Milestone(row.milestone),
            stood_already=stood_before(row.milestone_at, cover.facts.news.occurred_at),
            delivery_doubted=row.delivery_doubted_at is not None,
            cancelled=about.cancelled(now),
            told=frozenset(one.milestone for one in channel),
            told_newer=any(one.milestone is mail.milestone and one.number > mail.number for one in channel),
            gone=whole and last is None,
            unasked=False,
            as_decided=True,
            avoid=None,
            priority=decided.priority,
            quiet=str(decided.quiet) if decided.quiet else None,
            erased=order.erased_at is not None and order.erased_at <= now,
            undone=no_longer(mail.milestone, facts, row),
            recipient_id=decided.recipient_id,
            zones=(team_of(self.house, brand).zone,) if team else (),
        )


def _told_of(cover: Cover, mail: Mail) -> ToldOf:
    said = mail.milestone.value, mail.decided.channel.value, mail.planned_at, mail.decided.rule
    return ToldOf(cover.shipment_id, cover.since, *said)


def _same_way(one: Decided, other: Decided) -> bool:
    """Whether two messages go by one channel to one reader."""
    return (one.channel, one.recipient_id) == (other.channel, other.recipient_id)
