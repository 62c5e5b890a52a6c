"""How a rule set is written: each rule's keys as the document would say them, for people who compare two sets."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import Enum

from app.models.expectations import Delay, EtaChange, Expectations, PickupReminder, SilenceLimit
from app.models.vocabulary import Channel
from app.rules.quiet import Quiet
from app.rules.ruleset import Audience, Per, Priority, Reach, Rule, RuleSet, Send


def rule_as_written(rule: Rule) -> dict[str, str]:
    """A rule's keys and values, without those that say what holds anyway; `name` is not among them."""
    written = {
        "description": rule.description,
        "when": rule.when.value,
        "for": _reach(rule.reach),
        "if": rule.condition.source.strip() if rule.condition else "",
        "per": rule.per.value if rule.per is not Per.parcel else "",
        "send": _listed(_send(one) for one in rule.send),
        "fallback": _listed(_way(one) for one in rule.send if one.fallback),
        "hold": span(rule.hold),
        "merge": span(rule.merge),
        "expires": span(rule.expires),
        "once_per": rule.once.value if isinstance(rule.once, Enum) else span(rule.once),
        "priority": rule.priority.name if rule.priority is not Priority.normal else "",
        "quiet_hours": _quiet(rule.quiet),
        "cap": str(rule.cap or ""),
        "resend_unconfirmed": "true" if rule.resend_unconfirmed else "",
        "despite_owner": "true" if rule.despite_owner else "",
    }
    return {key: value for key, value in written.items() if value}


def rest_as_written(rules: RuleSet) -> dict[str, str]:
    """What stands beside the rules and is not already said by each of them."""
    owned = {f"owners.{milestone}.{channel}": by for (milestone, channel), by in rules.owners.items()}
    written = {**_expectations(rules.expectations), "caps.shopper": str(rules.shopper_cap or ""), **owned}
    return {key: value for key, value in written.items() if value}


def span(length: timedelta | None) -> str:
    """`48h`; nothing for none at all."""
    if not length:
        return ""
    seconds = int(length.total_seconds())
    for unit, amount in (("h", 3600), ("m", 60)):
        if seconds % amount == 0:
            days, hours = divmod(seconds // amount, 24)
            return f"{days}d" if unit == "h" and not hours and days > 7 else f"{seconds // amount}{unit}"
    return f"{seconds}s"


def _reach(reach: Reach) -> str:
    named = {
        "carrier": reach.carriers,
        "service": reach.services,
        "country": reach.countries,
        "brand": reach.brands,
        "tag": reach.tags,
        "direction": () if reach.direction == "outbound" else (reach.direction,),
    }
    return _listed(f"{key} {' or '.join(sorted(words))}" for key, words in named.items() if words)


def _send(send: Send) -> str:
    to = f" to {send.audience.value}" if send.audience is not Audience.shopper else ""
    return f"{send.channel.value} {send.template!r}{to}"


def _way(send: Send) -> str:
    return " → ".join([send.channel.value, *(_send(one) for one in send.chain[1:])])


def _quiet(quiet: Mapping[Channel, Quiet]) -> str:
    return _listed(f"{channel.value} {hours}" for channel, hours in sorted(quiet.items()))


def _expectations(expectations: Expectations) -> dict[str, str]:
    return {
        "milestones.delayed": _delay(expectations.delayed),
        "milestones.arriving_early": f"by {span(expectations.arriving_early)}"
        if expectations.arriving_early
        else "off",
        "milestones.eta_changed": _change(expectations.eta_changed),
        "milestones.pickup_expiring": _reminder(expectations.pickup_expiring),
    }


def _delay(delay: Delay | None) -> str:
    if delay is None:
        return "off"
    sources = [
        "promise off" if delay.promise is None else f"promise with a grace of {span(delay.promise) or '0h'}",
        f"carrier {'on' if delay.carrier else 'off'}",
        "eta off" if delay.eta is None else f"eta beyond {span(delay.eta) or '0h'}",
        *(_limit(one) for one in delay.silence),
    ]
    return _listed([*sources, f"again {delay.again}"])


def _limit(limit: SilenceLimit) -> str:
    narrowed = [one for one in (limit.carrier, limit.service, limit.stage) if one]
    return f"silence of {limit.days}bd{' for ' if narrowed else ''}{' '.join(narrowed)}"


def _change(change: EtaChange | None) -> str:
    return f"by {span(change.by)}, again {change.again}" if change else "off"


def _reminder(reminder: PickupReminder | None) -> str:
    if reminder is None:
        return "off"
    return f"before {span(reminder.before)}, waited {span(reminder.waited) or 'off'}"


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(parts)
