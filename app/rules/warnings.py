"""What whoever publishes a set should know and accept: what it takes from shoppers, and what it makes louder."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.models.vocabulary import Channel, Milestone
from app.rules.parts import CHANNELS, MILESTONES, listed
from app.rules.ruleset import Audience, Rule, RuleSet

MOST_MESSAGES = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Warned:
    """One thing to accept. `id` stays the same for the same thing, `sentence` says what will be so."""

    id: str
    sentence: str


def warnings(before: RuleSet, after: RuleSet) -> list[Warned]:
    """What to accept before `after` counts in the place of `before`; only what was not so already."""
    return [*_silenced(before, after), *_owned(before, after), *_louder(before, after)]


def _silenced(before: RuleSet, after: RuleSet) -> Iterator[Warned]:
    """Milestones of which shoppers were told on a channel, and are no longer."""
    told, tells = _tells(before), _tells(after)
    for milestone in Milestone:
        gone = [
            CHANNELS[channel]
            for channel in Channel
            if (milestone, channel) in told and (milestone, channel) not in tells
        ]
        if gone:
            said = f"Nobody is told any more that a parcel {MILESTONES[milestone]}, by {listed(gone)}."
            yield Warned(f"silent:{milestone.value}", said)


def _tells(rules: RuleSet) -> set[tuple[Milestone, Channel]]:
    return {
        (rule.when, one.channel)
        for rule in rules.rules
        for send in rule.send
        for one in send.chain
        if one.audience is Audience.shopper
    }


def _owned(before: RuleSet, after: RuleSet) -> Iterator[Warned]:
    """Facts that another sender tells, and that a rule tells too."""
    known = set(_twice(before))
    for rule, milestone, channel, owner in _twice(after):
        if (rule, milestone, channel, owner) not in known:
            said = f"Shoppers hear it twice: {owner} tells that a parcel {MILESTONES[milestone]} by {CHANNELS[channel]}"
            yield Warned(f"owner:{rule}:{channel.value}", f"{said}, and the rule {rule!r} does too.")


def _twice(rules: RuleSet) -> Iterator[tuple[str, Milestone, Channel, str]]:
    for rule in rules.rules:
        for channel in sorted({one.channel for send in rule.send for one in send.chain}):
            owner = rules.owners.get((rule.when, channel))
            if owner is not None and rule.despite_owner:
                yield rule.name, rule.when, channel, owner


def _louder(before: RuleSet, after: RuleSet) -> Iterator[Warned]:
    """Brakes that are taken off: quiet hours, caps, and whether a message may leave twice."""
    if before.shopper_cap is not None and (after.shopper_cap or MOST_MESSAGES) > before.shopper_cap:
        now = f"{after.shopper_cap:,}" if after.shopper_cap else "any number of"
        yield Warned("cap", f"One shopper may get {now} messages a day; it was {before.shopper_cap:,}.")
    old: Mapping[str, Rule] = {rule.name: rule for rule in before.rules}
    awake = []
    for rule in after.rules:
        channels = {one.channel for send in rule.send for one in send.chain}
        was = old.get(rule.name)
        loud = [one for one in sorted(channels) if one is not Channel.email and one not in rule.quiet]
        if loud and not (was is not None and all(one not in was.quiet and _sends(was, one) for one in loud)):
            awake.append(rule.name)
        if rule.resend_unconfirmed and not (was is not None and was.resend_unconfirmed):
            said = f"The rule {rule.name!r} sends twice rather than never, where nobody can say whether it was taken."
            yield Warned(f"twice:{rule.name}", said)
    if awake:
        whose = f"the rule {awake[0]!r}" if len(awake) == 1 else f"{len(awake)} rules ({_few(awake)})"
        yield Warned(
            "night",
            f"Texts may leave at night: {whose} {'has' if len(awake) == 1 else 'have'} no quiet hours for them.",
        )


def _sends(rule: Rule, channel: Channel) -> bool:
    return any(one.channel is channel for send in rule.send for one in send.chain)


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
