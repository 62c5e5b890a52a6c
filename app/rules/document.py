"""Reads a rule set: one YAML document, or the same as JSON, refused with the line and column of whatever is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import yaml

from app.errors import Fault, InvalidInput
from app.models.vocabulary import Channel, Milestone
from app.rules.agreeing import check_agreement
from app.rules.composing import compose
from app.rules.known import Known
from app.rules.nodes import WORD, Nodes
from app.rules.one_rule import RuleReader, Shared, read_quiet_hours
from app.rules.ruleset import RuleSet
from app.rules.thresholds import read_expectations

DEFAULT_RULES = Path(__file__).with_name("default.yaml")
MOST_RULES = 1000
MOST_FAULTS = 100

KEYS = ("version", "quiet_hours", "milestones", "caps", "owners", "rules")
CAPS = ("shopper", "rule")


@lru_cache(maxsize=1)
def default_rules() -> RuleSet:
    """The set that ships with the program."""
    return parse_rules(DEFAULT_RULES.read_text(encoding="utf-8"))


def parse_rules(content: str, known: Known | None = None) -> RuleSet:
    """Read and validate a rule set. `known` are the names that exist, if they are to be checked.

    Raises InvalidInput with every fault found (the first hundred), each with its place and what to write instead.
    """
    root = compose(content)
    nodes = Nodes(content)
    found = _document(nodes, root, content, known)
    if nodes.faults:
        raise InvalidInput(_in_order(nodes.faults))
    assert found is not None
    return found


@lru_cache(maxsize=16)  # a thousand rules are three seconds' work, and every request of theirs would do it again
def reread_rules(content: str) -> RuleSet:
    """A set that was valid when it was stored, as far as today's program, which may be stricter, can read it.

    A rule that it cannot read tells nothing, the others go on; where something beside the rules is at fault, none of
    them tells: without the quiet hours that were meant, say, they would tell at night. `unread` says what is wrong.
    """
    try:
        root = compose(content)
    except InvalidInput as error:
        return RuleSet((), content, unread=tuple(error.faults))
    nodes = Nodes(content, stored=True)
    found = _document(nodes, root, content, None)
    if found is None or nodes.beside:
        return RuleSet((), content, unread=tuple(_in_order(nodes.faults)))
    return replace(found, unread=tuple(_in_order(nodes.faults)))


def _in_order(faults: Sequence[Fault]) -> list[Fault]:
    return sorted(faults, key=lambda fault: (fault.line or 0, fault.at or 0))[:MOST_FAULTS]


def _document(nodes: Nodes, root: yaml.Node | None, content: str, known: Known | None) -> RuleSet | None:
    if not isinstance(root, yaml.MappingNode):
        nodes.faults.append(Fault(1, "document", "no mapping", "Start with `version: 1` and a list `rules:`.", 1))
        return None
    entries = nodes.entries(root, "document", KEYS)
    version = entries.get("version")
    if not isinstance(version, yaml.ScalarNode) or version.value != "1":
        nodes.fault(version or root, "version", "missing or not 1", "Write `version: 1`.")
    shared = Shared(known, read_quiet_hours(nodes, entries.get("quiet_hours"), {}), *_caps(nodes, entries.get("caps")))
    expectations = read_expectations(nodes, entries.get("milestones"), known.carriers if known else None)
    owners = _owners(nodes, entries.get("owners"))
    listed = entries.get("rules")
    if not isinstance(listed, yaml.SequenceNode):
        nodes.fault(listed or root, "rules", "missing or not a list", "Write `rules:` and a list of rules.")
        return None
    if len(listed.value) > MOST_RULES:
        nodes.fault(listed, "rules", f"{len(listed.value)} rules", f"Write at most {MOST_RULES}.")
        return None
    nodes.beside = bool(nodes.faults)
    reader = RuleReader(nodes, shared)
    read = [(rule, node) for node in listed.value if (rule := reader.rule(node))]
    check_agreement(nodes, read, owners, expectations)
    return RuleSet(tuple(rule for rule, _ in read), content, expectations, shared.shopper_cap, owners)


def _caps(nodes: Nodes, node: yaml.Node | None) -> tuple[int | None, int | None]:
    entries = nodes.entries(node, "caps", CAPS) if node is not None else {}
    return nodes.number(entries.get("shopper"), "shopper", 1), nodes.number(entries.get("rule"), "rule", 1)


def _owners(nodes: Nodes, node: yaml.Node | None) -> Mapping[tuple[Milestone, Channel], str]:
    found: dict[tuple[Milestone, Channel], str] = {}
    for milestone, told in nodes.entries(node, "owners", Milestone).items() if node is not None else ():
        for channel, by in nodes.entries(told, milestone, Channel).items():
            if isinstance(by, yaml.ScalarNode) and WORD.fullmatch(by.value):
                found[Milestone(milestone), Channel(channel)] = by.value
            else:
                nodes.fault(by, channel, "names nobody", f"Write who tells it: `{channel}: PostNord`, say.")
    return found
