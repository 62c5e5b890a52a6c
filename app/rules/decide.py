"""Which message a crossing deserves, or why none: a pure answer from facts, rules and the present instant."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from app.models.facts import Facts, ShopperFacts, Team
from app.models.vocabulary import FIRED, UNREACHED, Channel, Reason
from app.rules.conditions import ConditionFailed, View
from app.rules.quiet import Quiet, first_allowed, zones_of
from app.rules.ruleset import Audience, Rule, RuleSet, Send


@dataclass(frozen=True, slots=True)
class Crossed:
    """One crossing to decide on. `history_until` is the parcel's baseline, `late` as the fold found it. `reread`: what
    opened it had been heard before it meant this. `team`: where the brand's own people can be written to."""

    facts: Facts
    late: bool = False
    history_until: datetime | None = None
    cancelled: bool = False
    reread: bool = False
    team: Team = field(default_factory=Team)

    def inputs(self, channels: Collection[Channel]) -> dict[str, Any]:
        """What it is decided on beside its facts, as plain JSON values."""
        return {
            "late": self.late,
            "history_until": self.history_until.isoformat() if self.history_until else None,
            "cancelled": self.cancelled,
            "reread": self.reread,
            "team": self.team.model_dump(),
            "channels": sorted(channels),
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


def decide(crossed: Crossed, rules: RuleSet, channels: Collection[Channel], now: datetime) -> list[Decided]:
    """Every answer that the rules give to one crossing; an empty list means that no rule looks at its milestone.

    `channels` are those for which a provider is set up. `now` and all instants are engine time in UTC.
    """
    looking = rules.for_milestone(crossed.facts.news.milestone)
    view = View(crossed.facts, now) if any(rule.condition for rule in looking) else None
    answers: list[Decided] = []
    for rule in looking:
        withheld = _withheld(crossed, rule, view, now)
        answers += _answers(crossed, rule, withheld, channels, now)
    return answers


def _answers(
    crossed: Crossed, rule: Rule, withheld: tuple[Reason, str] | None, channels: Collection[Channel], now: datetime
) -> list[Decided]:
    """A rule's answer on each channel, and on those that stand in for one that cannot reach them."""

    def reach(send: Send) -> tuple[Reason, str]:
        return reachable(crossed, send, channels)

    answers = [_answer(crossed, rule, send, withheld or reach(send), now) for send in rule.send]
    answered = {(one.channel, one.recipient_id) for one in answers}
    for send, own in zip(rule.send, tuple(answers), strict=True):
        for instead in in_place_of(crossed, rule, send, own.reason, reach, now):
            if (instead.channel, instead.recipient_id) not in answered:
                answered.add((instead.channel, instead.recipient_id))
                answers.append(instead)
    return answers


def in_place_of(
    crossed: Crossed, rule: Rule, send: Send, why: Reason, reach: Callable[[Send], tuple[Reason, str]], now: datetime
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


def _answer(crossed: Crossed, rule: Rule, send: Send, why: tuple[Reason, str], now: datetime) -> Decided:
    reason, detail = why
    expires_at, send_at = crossed.facts.news.occurred_at + rule.expires, now + rule.hold
    quiet = rule.quiet.get(send.channel)
    if quiet is not None:
        send_at = first_allowed(send_at, _zones(crossed, send), quiet)
        if reason is Reason.planned and send_at >= expires_at:
            reason, detail = Reason.quiet_hours, f"quiet until {send_at:%Y-%m-%d %H:%M} UTC, and no news by then"
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
    )


def _withheld(crossed: Crossed, rule: Rule, view: View | None, now: datetime) -> tuple[Reason, str] | None:
    """Why a rule sends nothing of a crossing on any channel, or None."""
    news = crossed.facts.news
    if crossed.cancelled:
        return Reason.cancelled, ""
    if crossed.history_until is not None and news.occurred_at <= crossed.history_until:
        return Reason.history, f"it happened at {news.occurred_at:%Y-%m-%d %H:%M} UTC, before the baseline"
    if crossed.reread:
        return Reason.history, "it was heard before its code was given this meaning"
    if crossed.late:
        return Reason.late_news, f"it happened at {news.occurred_at:%Y-%m-%d %H:%M} UTC"
    if news.occurred_at + rule.expires <= now:
        return Reason.stale, f"it happened at {news.occurred_at:%Y-%m-%d %H:%M} UTC and is news for {rule.expires}"
    if rule.condition is not None and view is not None:
        try:
            if not rule.condition.holds(view):
                return Reason.condition_false, f"not true: {rule.condition.source.strip()}"
        except ConditionFailed as failed:
            return Reason.rule_error, f"{failed}: {rule.condition.source.strip()}"
    return None


def _zones(crossed: Crossed, send: Send) -> tuple[str, ...]:
    """Where it must be day for whoever a message is to."""
    return (crossed.team.zone,) if send.audience is Audience.team else zones_of(crossed.facts.shopper)


def reachable(crossed: Crossed, send: Send, channels: Collection[Channel]) -> tuple[Reason, str]:
    """Whether a channel can reach whom it is for: `planned`, or why not."""
    team = send.audience is Audience.team
    whom: ShopperFacts | Team = crossed.team if team else crossed.facts.shopper
    if send.channel not in channels:
        return Reason.channel_off, f"no provider for {send.channel}"
    if not (whom.has_email if send.channel is Channel.email else whom.has_phone):
        lacking = "no email address" if send.channel is Channel.email else "no phone number"
        return Reason.no_address, f"{lacking} of the brand's team" if team else lacking
    return Reason.planned, ""
