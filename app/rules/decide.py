"""Which message a crossing deserves, or why none: a pure answer from facts, rules and the present instant."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.models.facts import Facts
from app.models.vocabulary import Channel, Reason
from app.rules.conditions import ConditionFailed, View
from app.rules.quiet import Quiet, first_allowed, zones_of
from app.rules.ruleset import Rule, RuleSet, Send


@dataclass(frozen=True, slots=True)
class Crossed:
    """One crossing to decide on. `history_until` is the parcel's baseline, `late` as the fold found it. `reread`: what
    opened it had been heard before it meant this."""

    facts: Facts
    late: bool = False
    history_until: datetime | None = None
    cancelled: bool = False
    reread: bool = False

    def inputs(self, channels: Collection[Channel]) -> dict[str, Any]:
        """What it is decided on beside its facts, as plain JSON values."""
        return {
            "late": self.late,
            "history_until": self.history_until.isoformat() if self.history_until else None,
            "cancelled": self.cancelled,
            "reread": self.reread,
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
        answers += [
            _answer(crossed, rule, send, withheld or _reachable(crossed, send.channel, channels), now)
            for send in rule.send
        ]
    return answers


def _answer(crossed: Crossed, rule: Rule, send: Send, why: tuple[Reason, str], now: datetime) -> Decided:
    reason, detail = why
    expires_at, send_at = crossed.facts.news.occurred_at + rule.expires, now + rule.hold
    quiet = rule.quiet.get(send.channel)
    if quiet is not None:
        send_at = first_allowed(send_at, zones_of(crossed.facts.shopper), quiet)
        if reason is Reason.planned and send_at >= expires_at:
            reason, detail = Reason.quiet_hours, f"quiet until {send_at:%Y-%m-%d %H:%M} UTC, and no news by then"
    return Decided(
        rule=rule.name,
        channel=send.channel,
        template=send.template,
        recipient_id=send.audience.value,
        fired=reason is Reason.planned,
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


def _reachable(crossed: Crossed, channel: Channel, channels: Collection[Channel]) -> tuple[Reason, str]:
    """Whether a channel can reach the shopper: `planned`, or why not."""
    shopper = crossed.facts.shopper
    if channel not in channels:
        return Reason.channel_off, f"no provider for {channel}"
    if not (shopper.has_email if channel is Channel.email else shopper.has_phone):
        return Reason.no_address, "no email address" if channel is Channel.email else "no phone number"
    return Reason.planned, ""
