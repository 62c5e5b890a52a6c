"""Whether the rules of one set agree: no two of one name, none that can never tell anything, none that tells what
somebody else tells."""

from collections.abc import Mapping, Sequence

import yaml

from app.models.expectations import Expectations
from app.models.vocabulary import Channel, Milestone
from app.rules.nodes import Nodes
from app.rules.ruleset import Reach, Rule

Read = Sequence[tuple[Rule, yaml.Node]]

_ARRIVALS = (Milestone.delivered, Milestone.all_delivered, Milestone.return_received)


def check_agreement(
    nodes: Nodes, read: Read, owners: Mapping[tuple[Milestone, Channel], str], expectations: Expectations
) -> None:
    """Note each rule that contradicts another, an owner, or what the engine is told to watch for."""
    for at, (rule, node) in enumerate(read):
        earlier = [one for one, _ in read[:at]]
        if any(one.name == rule.name for one in earlier):
            fault = f"two rules are named {rule.name!r}"
            nodes.fault(_at(node, "name"), "name", fault, "Give one of them another name.")
        _check_opened(nodes, rule, _at(node, "when"), expectations)
        _check_same(nodes, rule, node, earlier)
        _check_owners(nodes, rule, _at(node, "send"), owners)


def _at(node: yaml.Node, key: str) -> yaml.Node:
    """The value of one of a rule's keys, else the rule."""
    assert isinstance(node, yaml.MappingNode)
    return next((value for name, value in node.value if name.value == key), node)


def _check_opened(nodes: Nodes, rule: Rule, node: yaml.Node, expectations: Expectations) -> None:
    watched = {
        Milestone.delayed: expectations.delayed,
        Milestone.arriving_early: expectations.arriving_early,
        Milestone.eta_changed: expectations.eta_changed,
        Milestone.pickup_expiring: expectations.pickup_expiring,
    }
    delayed = expectations.delayed
    sourceless = (
        delayed is not None
        and not (delayed.carrier or delayed.silence)
        and delayed.promise is None
        and delayed.eta is None
    )
    if rule.when in watched and (watched[rule.when] is None or (rule.when is Milestone.delayed and sourceless)):
        problem = f"{rule.when} is switched off in `milestones`, so it would never tell anything"
        nodes.fault(node, "when", problem, f"Write `milestones: {{{rule.when}: on}}`, or leave the rule out.")
    if (rule.when is Milestone.return_received) != (rule.reach.direction == "return") and rule.when in _ARRIVALS:
        problem = f"a parcel of direction {rule.reach.direction} never comes to {rule.when}"
        nodes.fault(node, "when", problem, "A return ends in return_received, every other parcel in delivered.")


def _check_same(nodes: Nodes, rule: Rule, node: yaml.Node, earlier: Sequence[Rule]) -> None:
    for one in earlier:
        if one.when is not rule.when or one.per is not rule.per:
            continue
        shared = {(s.channel, s.audience) for s in one.send} & {(s.channel, s.audience) for s in rule.send}
        if shared and (one.condition is None or one.condition == rule.condition) and covers(one.reach, rule.reach):
            channel = sorted(channel for channel, _ in shared)[0]
            problem = f"{one.name!r}, before it, sends {channel} for {rule.when} of every parcel that it is for"
            nodes.fault(node, "rules", problem, "Keep one of them, put the narrower first, or give it another `if`.")
            return


def _check_owners(nodes: Nodes, rule: Rule, node: yaml.Node, owners: Mapping[tuple[Milestone, Channel], str]) -> None:
    for send in (one for first in rule.send for one in first.chain):
        owner = owners.get((rule.when, send.channel))
        if owner is not None and not rule.despite_owner:
            problem = f"{owner} tells {rule.when} by {send.channel} already"
            nodes.fault(node, "send", problem, "Leave it to them, or write `despite_owner: true`.")


def covers(wide: Reach, narrow: Reach) -> bool:
    """Whether every parcel that the one is for is one of the other's too."""
    if wide.direction != narrow.direction:
        return False
    if wide.services and wide.services != narrow.services:
        return False
    parts = ("carriers", "countries", "brands", "tags")
    return all(not getattr(wide, one) or _within(getattr(narrow, one), getattr(wide, one)) for one in parts)


def _within(narrow: frozenset[str], wide: frozenset[str]) -> bool:
    return bool(narrow) and narrow <= wide
