"""Reads a rule set: one YAML document, or the same as JSON, refused with the line and column of whatever is wrong."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import yaml

from app.errors import Fault, InvalidInput
from app.models.vocabulary import Channel, Milestone
from app.rules.agreeing import check_agreement
from app.rules.nodes import Nodes
from app.rules.one_rule import RuleReader, read_quiet_hours
from app.rules.ruleset import RuleSet
from app.rules.thresholds import read_expectations

DEFAULT_RULES = Path(__file__).with_name("default.yaml")
LONGEST = 500_000
"""Characters of a document; one of a thousand rules is far shorter."""

KEYS = ("version", "quiet_hours", "milestones", "caps", "owners", "rules")


@lru_cache(maxsize=1)
def default_rules() -> RuleSet:
    """The set that ships with the program."""
    return parse_rules(DEFAULT_RULES.read_text(encoding="utf-8"))


def parse_rules(content: str, templates: Iterable[tuple[str, str]] | None = None) -> RuleSet:
    """Read and validate a rule set. `templates` are those that exist, as (name, channel), if they are to be checked.

    Raises InvalidInput with every fault found, each with its place and what to write instead.
    """
    if len(content) > LONGEST:
        raise InvalidInput([Fault(None, "document", f"{len(content)} characters long", f"Write at most {LONGEST}.")])
    try:
        root = yaml.compose(content, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        fault = Fault(mark.line + 1 if mark else None, "document", f"not valid YAML: {problem}", "Mend the syntax.")
        raise InvalidInput([fault]) from error
    nodes = Nodes()
    found = _document(nodes, root, content, None if templates is None else frozenset(templates))
    if nodes.faults:
        raise InvalidInput(sorted(nodes.faults, key=lambda fault: fault.line or 0))
    assert found is not None
    return found


def _document(
    nodes: Nodes, root: yaml.Node | None, content: str, templates: frozenset[tuple[str, str]] | None
) -> RuleSet | None:
    if not isinstance(root, yaml.MappingNode):
        nodes.faults.append(Fault(1, "document", "no mapping", "Start with `version: 1` and a list `rules:`."))
        return None
    entries = nodes.entries(root, "document", KEYS)
    version = entries.get("version")
    if not isinstance(version, yaml.ScalarNode) or version.value != "1":
        nodes.fault(version or root, "version", "missing or not 1", "Write `version: 1`.")
    quiet = read_quiet_hours(nodes, entries.get("quiet_hours"), {})
    expectations = read_expectations(nodes, entries.get("milestones"))
    shopper_cap, rule_cap = _caps(nodes, entries.get("caps"))
    owners = _owners(nodes, entries.get("owners"))
    listed = entries.get("rules")
    if not isinstance(listed, yaml.SequenceNode):
        nodes.fault(listed or root, "rules", "missing or not a list", "Write `rules:` and a list of rules.")
        return None
    reader = RuleReader(nodes, templates, quiet, rule_cap)
    read = [(rule, node) for node in listed.value if (rule := reader.rule(node))]
    check_agreement(nodes, read, owners, expectations)
    return RuleSet(tuple(rule for rule, _ in read), content, expectations, shopper_cap, owners)


def _caps(nodes: Nodes, node: yaml.Node | None) -> tuple[int | None, int | None]:
    entries = nodes.entries(node, "caps", ("shopper", "rule")) if node is not None else {}
    return nodes.number(entries.get("shopper"), "shopper", 1), nodes.number(entries.get("rule"), "rule", 1)


def _owners(nodes: Nodes, node: yaml.Node | None) -> Mapping[tuple[Milestone, Channel], str]:
    found: dict[tuple[Milestone, Channel], str] = {}
    for milestone, told in nodes.entries(node, "owners", Milestone).items() if node is not None else ():
        for channel, by in nodes.entries(told, milestone, Channel).items():
            if isinstance(by, yaml.ScalarNode) and by.value.strip():
                found[Milestone(milestone), Channel(channel)] = by.value.strip()
            else:
                nodes.fault(by, channel, "names nobody", f"Write who tells it: `{channel}: PostNord`, say.")
    return found
