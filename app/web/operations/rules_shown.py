"""How a rule set is shown: each rule's sentence beside its lines of YAML, who tells what, and two sets beside each
other."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from app.errors import Fault, InvalidInput
from app.models.vocabulary import Channel, Milestone
from app.rules.composing import compose
from app.rules.differing import differences
from app.rules.parts import CHANNELS, MILESTONES, Sentence
from app.rules.ruleset import Audience, Rule, RuleSet
from app.rules.sentences import rule_sentence, set_sentences

MOST_PAIRS = 30_000_000
"""Pairs of lines, between the first that differ and the last, beyond which two texts are not compared line by line:
whoever looks would wait for it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One rule as it is read: `line` is where it begins in the text (from 1, 0 where that is not known)."""

    name: str
    description: str
    sentence: Sentence
    line: int


@dataclass(frozen=True, slots=True)
class Compared:
    """One rule (or a key beside the rules) of two sets: `what` is added, removed, changed or moved; `changes` are the
    keys' differences in words."""

    name: str
    what: str
    before: Sentence | None
    after: Sentence | None
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison; `kind` is same, gone, new or gap, the numbers are None where it is not in that text."""

    kind: str
    before: int | None
    after: int | None
    text: str


def shown_rules(rules: RuleSet) -> list[Shown]:
    """The rules in their order, each with its sentence."""
    lines = rule_lines(rules.content)
    return [Shown(rule.name, rule.description, rule_sentence(rule), lines.get(rule.name, 0)) for rule in rules.rules]


def rule_lines(content: str) -> Mapping[str, int]:
    """The line at which each rule of a text begins, by its name."""
    try:
        root = compose(content)
    except InvalidInput:
        return {}
    found = dict[str, int]()
    for rule in _listed(root):
        for key, value in rule.value:
            if isinstance(value, yaml.ScalarNode) and key.value == "name":
                found.setdefault(value.value, rule.start_mark.line + 1)
    return found


def _listed(root: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    pairs = root.value if isinstance(root, yaml.MappingNode) else ()
    rules = next((value for key, value in pairs if key.value == "rules"), None)
    for one in rules.value if isinstance(rules, yaml.SequenceNode) else ():
        if isinstance(one, yaml.MappingNode):
            yield one


def tellers(rules: RuleSet) -> Sequence[tuple[str, Mapping[str, tuple[str, Sequence[str]]]]]:
    """Who tells each milestone on each channel: in words, with by channel the outside owner (or nothing) and the names
    of our rules that write to shoppers."""
    found = []
    for milestone in Milestone:
        by_channel = {
            channel.value: (rules.owners.get((milestone, channel), ""), _names(rules, milestone, channel))
            for channel in Channel
        }
        if any(owner or names for owner, names in by_channel.values()):
            found.append((MILESTONES[milestone], by_channel))
    return found


def channel_names(rules: RuleSet) -> list[tuple[str, str]]:
    """The key and word of each channel that somebody tells by; a column in which all is "nobody" would say nothing."""
    owned = {channel for _, channel in rules.owners}
    told = {channel for channel in CHANNELS if any(_names(rules, milestone, channel) for milestone in Milestone)}
    return [(channel.value, word) for channel, word in CHANNELS.items() if channel in owned | told]


def _names(rules: RuleSet, milestone: Milestone, channel: Channel) -> list[str]:
    return [rule.name for rule in rules.for_milestone(milestone) if _tells(rule, channel)]


def _tells(rule: Rule, channel: Channel) -> bool:
    steps = [one for send in rule.send for one in send.chain]
    return any(one.channel is channel and one.audience is Audience.shopper for one in steps)


def compared(before: RuleSet, after: RuleSet) -> list[Compared]:
    """What differs between two sets, rule by rule in sentences; what stands beside the rules comes first."""
    changes: dict[str, list[str]] = {}
    kinds: dict[str, str] = {}
    for one in differences(before, after):
        if one.rule is None:
            continue
        kinds.setdefault(one.rule, one.what)
        changes.setdefault(one.rule, []).append(_change(one.what, one.key, one.before, one.after))
    old = {rule.name: rule_sentence(rule) for rule in before.rules}
    new = {rule.name: rule_sentence(rule) for rule in after.rules}
    names = [*(name for name in new if name in kinds), *(name for name in old if name in kinds and name not in new)]
    rows = [Compared(name, kinds[name], old.get(name), new.get(name), tuple(changes[name])) for name in names]
    return [*_beside(before, after), *rows]


def _change(what: str, key: str | None, before: str | None, after: str | None) -> str:
    if what == "moved":
        return f"stands {after} now"
    if what != "changed":
        return ""
    if before is None:
        return f"{key}: {after}"
    return f"{key}: {after}, was {before}" if after is not None else f"no {key} any more, was {before}"


def _beside(before: RuleSet, after: RuleSet) -> Iterator[Compared]:
    old, new = dict(set_sentences(before)), dict(set_sentences(after))
    for key in [*new, *(key for key in old if key not in new)]:
        if old.get(key) != new.get(key):
            what = "added" if key not in old else "changed" if key in new else "removed"
            yield Compared(key, what, old.get(key), new.get(key), ())


def unified(before: str, after: str) -> list[Line] | None:
    """The lines that differ, with three around them; None where there are too many to compare."""
    old, new = before.splitlines(), after.splitlines()
    same = _alike(old, new)
    ends = _alike(old[same:][::-1], new[same:][::-1])
    inner = (len(old) - same - ends) * (len(new) - same - ends)
    if inner > MOST_PAIRS:
        return None
    first, last = max(same - 3, 0), max(ends - 3, 0)
    found: list[Line] = []
    part, other = old[first : len(old) - last], new[first : len(new) - last]
    for group in difflib.SequenceMatcher(None, part, other).get_grouped_opcodes(3):
        if found:
            found.append(Line("gap", None, None, ""))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                pairs = zip(range(i1, i2), range(j1, j2), strict=True)
                found += [Line("same", first + i + 1, first + j + 1, part[i]) for i, j in pairs]
                continue
            found += [Line("gone", first + at + 1, None, part[at]) for at in range(i1, i2)]
            found += [Line("new", None, first + at + 1, other[at]) for at in range(j1, j2)]
    return found


def _alike(old: Sequence[str], new: Sequence[str]) -> int:
    """How many lines are the same from the beginning on."""
    found = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        found += 1
    return found


def excerpt(content: str, fault: Fault) -> str:
    """The line that a fault is in."""
    lines = content.split("\n")
    return lines[fault.line - 1][:200] if fault.line is not None and 0 < fault.line <= len(lines) else ""
