"""Which message a crossing deserves, or why none: a pure answer from facts, rules and the present instant."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from app.models.facts import Facts, ShopperFacts, Team, Told
from app.models.vocabulary import FIRED, UNREACHED, Channel, Reason
from app.rules.conditions import Condition, ConditionFailed, View
from app.rules.inputs import inputs_of
from app.rules.quiet import Quiet, first_allowed, zones_of
from app.rules.ruleset import Audience, Once, Per, Rule, RuleSet, Send
from app.rules.spans import span_words

Way = tuple[str, str, str]
"""A rule, a channel, and who is told (a role)."""


@dataclass(frozen=True, slots=True)
class Crossed:
    """One crossing to decide on. `history_until` is the parcel's baseline, `late` as the fold found it. `reread`: what
    opened it had been heard before it meant this. `team`: where the brand's own people can be written to. `unfollowed`:
    somebody of the shop stopped following the parcel. `unwanted`: the channels on which the shopper does not want news
    of this kind. `spent`: what the rules' daily caps do not let them tell."""

    facts: Facts
    late: bool = False
    history_until: datetime | None = None
    cancelled: bool = False
    reread: bool = False
    team: Team = field(default_factory=Team)
    unfollowed: bool = False
    unwanted: frozenset[Channel] = frozenset()
    spent: frozenset[Way] = frozenset()

    def inputs(self, channels: Collection[Channel]) -> dict[str, Any]:
        """What it is decided on beside its facts, as plain JSON values."""
        return {
            "late": self.late,
            "history_until": self.history_until.isoformat() if self.history_until else None,
            "cancelled": self.cancelled,
            "reread": self.reread,
            "team": self.team.model_dump(),
            "channels": sorted(channels),
            **({"unfollowed": True} if self.unfollowed else {}),
            **({"unwanted": sorted(self.unwanted)} if self.unwanted else {}),
        }

    @classmethod
    def recorded(cls, facts: Mapping[str, Any], inputs: Mapping[str, Any]) -> tuple["Crossed", frozenset[Channel]]:
        """A crossing as it was stored, with the channels that had a provider then."""
        until = inputs.get("history_until")
        crossed = cls(
            Facts.model_validate(facts),
            inputs.get("late", False),
            datetime.fromisoformat(until) if until else None,
            inputs.get("cancelled", False),
            inputs.get("reread", False),
            Team.model_validate(inputs.get("team", {})),
            inputs.get("unfollowed", False),
            frozenset(map(Channel, inputs.get("unwanted", ()))),
        )
        return crossed, frozenset(map(Channel, inputs.get("channels", ())))


@dataclass(frozen=True, slots=True)
class Decided:
    """One rule's answer on one channel. `recipient_id` is a role, never an address; `inputs` are the facts that its
    condition asked for. When `fired`, a message leaves at `send_at` unless it outlives `expires_at`."""

    rule: str
    channel: Channel
    template: str
    recipient_id: str
    fired: bool
    reason: Reason
    detail: str
    send_at: datetime
    expires_at: datetime
    priority: int
    quiet: Quiet | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def way(self) -> Way:
        """Which rule's answer it is, and on which channel to whom."""
        return self.rule, self.channel.value, self.recipient_id


def decide(crossed: Crossed, rules: RuleSet, channels: Collection[Channel], now: datetime) -> list[Decided]:
    """Every answer that the rules give to one crossing; an empty list means that no rule of the set is for it.

    `channels` are those for which a provider is set up. `now` and all instants are engine time in UTC.
    """
    looking = [rule for rule in rules.for_milestone(crossed.facts.news.milestone) if rule.reach.takes(crossed.facts)]
    if not looking:
        return []
    judge = _Judge(crossed, rules, channels, now)
    return [answer for rule in looking for answer in judge.answers(rule)]


Why = tuple[Reason, str]
NOTHING: Mapping[str, Any] = {}


class _Judge:
    """Answers to one crossing, rule by rule in the order of the document: of several that would tell a channel the
    first does. What conditions see is made when the first of them is reached."""

    def __init__(self, crossed: Crossed, rules: RuleSet, channels: Collection[Channel], now: datetime) -> None:
        self.crossed, self.rules, self.channels, self.now = crossed, rules, channels, now
        self.no_news = _no_news(crossed)
        self.tellers: dict[tuple[Channel, Audience], str] = {}

    def answers(self, rule: Rule) -> Iterator[Decided]:
        """One rule's answer for each of its sends, and for what stands in for one that cannot reach them."""
        own, inputs = self.own_answers(rule)
        yield from own
        if not any(send.fallback for send in rule.send):
            return
        answered = {(one.channel, one.recipient_id) for one in own}
        for send, answer in zip(rule.send, own, strict=True):
            for instead in in_place_of(self.crossed, rule, send, answer.reason, self.reach(rule), self.now):
                if (instead.channel, instead.recipient_id) not in answered:
                    answered.add((instead.channel, instead.recipient_id))
                    self.note(instead)
                    yield replace(instead, inputs=inputs)

    def own_answers(self, rule: Rule) -> tuple[list[Decided], Mapping[str, Any]]:
        """The answers for its sends themselves, with what its condition asked for."""
        why = self.no_news or self.stale(rule)
        asked = False
        inputs = NOTHING
        own: list[Decided] = []
        for send in rule.send:
            told = self.tellers.get((send.channel, send.audience))
            if why is None and told is None and rule.condition is not None and not asked:
                asked, why = True, self.untrue(rule.condition)
                inputs = inputs_of(self.crossed.facts, rule.condition.reads, self.now)
            answer = _answer(self.crossed, rule, send, why or self.withheld(rule, send, told), self.now, inputs)
            self.note(answer)
            own.append(answer)
        return own, inputs

    def note(self, answer: Decided) -> None:
        """Remember who tells a channel."""
        if answer.fired:
            self.tellers[answer.channel, Audience(answer.recipient_id)] = answer.rule

    def reach(self, rule: Rule) -> Callable[[Send], Why]:
        """Whether a channel that stands in for another can reach them, and no other rule tells it."""
        return lambda send: self.withheld(rule, send, self.tellers.get((send.channel, send.audience)))

    @cached_property
    def view(self) -> View:
        """The facts as the conditions that look at this milestone see them."""
        facts = self.crossed.facts
        return View(facts, self.now, self.rules.reads(facts.news.milestone))

    def stale(self, rule: Rule) -> Why | None:
        """Whether it is news no longer."""
        at = self.crossed.facts.news.occurred_at
        if at + rule.expires <= self.now:
            return Reason.stale, f"it happened at {_minute(at)} and is news for {span_words(rule.expires)}"
        return None

    def untrue(self, condition: Condition) -> Why | None:
        """Whether a condition does not hold, or has no answer."""
        try:
            holds = condition.holds(self.view)
        except ConditionFailed as failed:
            return Reason.rule_error, f"{failed}: {condition.source.strip()}"
        return None if holds else (Reason.condition_false, f"not true: {condition.source.strip()}")

    def withheld(self, rule: Rule, send: Send, told: str | None) -> Why:
        """Why a rule that would tell does not on one channel; `planned` where it does."""
        if told is not None:
            return Reason.another_rule, f"{told!r} tells it"
        before = self.told_before(rule, send)
        if before is not None:
            return Reason.told_once, f"once per {_once(rule.once)}, and it was at {_minute(before.planned_at)}"
        if self.spoken(rule, send):
            return Reason.already_told, ""
        there = reachable(self.crossed, send, self.channels)
        if there[0] is Reason.planned and (rule.name, send.channel.value, send.audience.value) in self.crossed.spent:
            return Reason.rule_cap, f"{rule.cap:,} a day" if rule.cap else ""
        return there

    def spoken(self, rule: Rule, send: Send) -> bool:
        """Whether a rule that speaks once for the whole order has spoken: then it hides no rule that tells of each
        parcel. Of what the team is told no history is kept; there the ledger's key alone knows."""
        if rule.per is not Per.order or send.audience is Audience.team:
            return False
        own = (rule.name, send.channel, self.crossed.facts.news.milestone)
        return any((one.rule, one.channel, one.milestone) == own for one in self.crossed.facts.order_history)

    def told_before(self, rule: Rule, send: Send) -> Told | None:
        """The last message of the rule on a channel, if its `once_per` lets no other follow."""
        if rule.once is None:
            return None
        whole_order = rule.once is Once.order or rule.per is Per.order
        history = self.crossed.facts.order_history if whole_order else self.crossed.facts.history
        own = [one for one in history if one.rule == rule.name and one.channel == send.channel]
        if isinstance(rule.once, timedelta):
            own = [one for one in own if one.planned_at > self.now - rule.once]
        return max(own, key=lambda one: one.planned_at) if own else None


def in_place_of(
    crossed: Crossed, rule: Rule, send: Send, why: Reason, reach: Callable[[Send], Why], now: datetime
) -> Sequence[Decided]:
    """The answers on the channels that stand in for one that ended for `why`, as far as the first that can reach them:
    none where that is no reason to fall back, and none on a channel that the rule tells anyway.

    `reach` says whether a channel can reach them: `planned`, or why not.
    """
    answers: list[Decided] = []
    following = send.fallback if why in UNREACHED else None
    while following is not None and not any(_same_way(following, own) for own in rule.send):
        decided = _answer(crossed, rule, following, reach(following), now)
        if decided.fired:
            decided = replace(decided, reason=Reason.fell_back, detail=f"in place of the {send.channel.value}")
        answers.append(decided)
        following = following.fallback if decided.reason in UNREACHED else None
    return answers


def _same_way(one: Send, other: Send) -> bool:
    return (one.channel, one.audience) == (other.channel, other.audience)


def _answer(
    crossed: Crossed, rule: Rule, send: Send, why: Why, now: datetime, inputs: Mapping[str, Any] = NOTHING
) -> Decided:
    reason, detail = why
    expires_at, send_at = crossed.facts.news.occurred_at + rule.expires, now + rule.hold
    quiet = rule.quiet.get(send.channel)
    if quiet is not None and reason is Reason.planned:
        send_at = first_allowed(send_at, _zones(crossed, send), quiet)
        if send_at >= expires_at:
            reason, detail = Reason.quiet_hours, f"quiet until {_minute(send_at)}, and no news by then"
    return Decided(
        rule=rule.name,
        channel=send.channel,
        template=send.template,
        recipient_id=send.audience.value,
        fired=reason in FIRED,
        reason=reason,
        detail=detail,
        send_at=send_at,
        expires_at=expires_at,
        priority=int(rule.priority),
        quiet=quiet,
        inputs=inputs,
    )


def _no_news(crossed: Crossed) -> Why | None:
    """Why no rule tells anything of a crossing, or None."""
    at = crossed.facts.news.occurred_at
    if crossed.cancelled:
        return Reason.cancelled, ""
    if crossed.unfollowed:
        return Reason.unfollowed, ""
    if crossed.history_until is not None and at <= crossed.history_until:
        return Reason.history, f"it happened at {_minute(at)}, before the baseline"
    if crossed.reread:
        return Reason.history, "it was heard before its code was given this meaning"
    if crossed.late:
        return Reason.late_news, f"it happened at {_minute(at)}"
    return None


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _once(once: Once | timedelta | None) -> str:
    return span_words(once) if isinstance(once, timedelta) else str(once)


def _zones(crossed: Crossed, send: Send) -> tuple[str, ...]:
    """Where it must be day for whoever a message is to."""
    return (crossed.team.zone,) if send.audience is Audience.team else zones_of(crossed.facts.shopper)


def reachable(crossed: Crossed, send: Send, channels: Collection[Channel]) -> Why:
    """Whether a channel can reach whom it is for: `planned`, or why not."""
    team = send.audience is Audience.team
    whom: ShopperFacts | Team = crossed.team if team else crossed.facts.shopper
    if send.channel not in channels:
        return Reason.channel_off, f"no provider for {send.channel}"
    if not (whom.has_email if send.channel is Channel.email else whom.has_phone):
        lacking = "no email address" if send.channel is Channel.email else "no phone number"
        return Reason.no_address, f"{lacking} of the brand's team" if team else lacking
    if not team and send.channel in crossed.unwanted:
        return Reason.not_wanted, "they turned off news of this kind"
    return Reason.planned, ""
