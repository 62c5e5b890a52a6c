"""The rule set: one YAML document, read with the line and column of whatever is wrong in it."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.errors import Fault, InvalidInput, nearest
from app.models.vocabulary import Channel, Milestone
from app.rules.conditions import Condition, Unfit, check
from app.rules.quiet import Quiet, parse_quiet

DEFAULT_RULES = Path(__file__).with_name("default.yaml")


class Priority(IntEnum):
    """Which message leaves first when not all can; lower is sooner."""

    urgent = 0
    normal = 1
    bulk = 2


@dataclass(frozen=True, slots=True)
class Send:
    """One message that a rule sends: through which channel, from which template."""

    channel: Channel
    template: str


@dataclass(frozen=True, slots=True)
class Rule:
    """When a parcel reaches `when`, and `condition` holds, send these, unless it takes longer than `expires` to leave.

    `resend_unconfirmed`: rather twice than never, when nobody can say whether a provider took it. `quiet`: when each
    channel must not be used, by the shopper's own clock.
    """

    name: str
    description: str
    when: Milestone
    send: tuple[Send, ...]
    expires: timedelta
    hold: timedelta = timedelta(0)
    priority: Priority = Priority.normal
    resend_unconfirmed: bool = False
    condition: Condition | None = None
    quiet: Mapping[Channel, Quiet] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A validated set of rules and the exact text it was read from."""

    rules: tuple[Rule, ...]
    content: str

    @property
    def digest(self) -> bytes:
        """The version's name: 32 bytes over the text."""
        return hashlib.blake2b(self.content.encode(), digest_size=32).digest()

    def for_milestone(self, milestone: Milestone) -> list[Rule]:
        """The rules that look at a milestone, in the order of the document."""
        return [rule for rule in self.rules if rule.when is milestone]


@lru_cache(maxsize=1)
def default_rules() -> RuleSet:
    """The set that ships with the program."""
    return parse_rules(DEFAULT_RULES.read_text(encoding="utf-8"))


def parse_rules(content: str, templates: Iterable[str] | None = None) -> RuleSet:
    """Read and validate a rule set; `templates` are the template names that exist, if they are to be checked.

    Raises InvalidInput with every fault found, each with its line and what to write instead.
    """
    try:
        root = yaml.compose(content, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        fault = Fault(mark.line + 1 if mark else None, "document", f"not valid YAML: {problem}", "Mend the syntax.")
        raise InvalidInput([fault]) from error
    reading = _Reading(frozenset(templates) if templates is not None else None)
    rules = reading.document(root)
    if reading.faults:
        raise InvalidInput(reading.faults)
    return RuleSet(tuple(rules), content)


_DURATION = re.compile(r"^(\d{1,4})\s*(s|m|h|d)$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class _Reading:
    """One pass over the document's nodes, which know their lines; collects faults instead of stopping at one."""

    def __init__(self, templates: frozenset[str] | None) -> None:
        self.templates = templates
        self.faults: list[Fault] = []
        self.quiet: dict[Channel, Quiet] = {}

    def fault(self, node: yaml.Node, column: str, problem: str, remedy: str) -> None:
        where = f"{column} (column {node.start_mark.column + 1})"
        self.faults.append(Fault(node.start_mark.line + 1, where, problem, remedy))

    def document(self, root: yaml.Node | None) -> list[Rule]:
        if not isinstance(root, yaml.MappingNode):
            self.faults.append(Fault(1, "document", "no mapping", "Start with `version: 1` and a list `rules:`."))
            return []
        entries = self.entries(root, "document", {"version", "quiet_hours", "rules"})
        version = entries.get("version")
        if not isinstance(version, yaml.ScalarNode) or version.value != "1":
            self.fault(version or root, "version", "missing or not 1", "Write `version: 1`.")
        self.quiet = self.quiet_hours(entries.get("quiet_hours"), {})
        listed = entries.get("rules")
        if not isinstance(listed, yaml.SequenceNode):
            self.fault(listed or root, "rules", "missing or not a list", "Write `rules:` and a list of rules.")
            return []
        rules = [rule for node in listed.value if (rule := self.rule(node))]
        self.check_collisions(rules, listed)
        return rules

    def entries(self, node: yaml.MappingNode, what: str, known: set[str]) -> dict[str, yaml.Node]:
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in known:
                self.fault(key, name, f"unknown key in {what}", nearest(name, known))
            elif name in found:
                self.fault(key, name, "written twice", "Keep one of the two.")
            else:
                found[name] = value
        return found

    def rule(self, node: yaml.Node) -> Rule | None:
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, "rules", "a rule is not a mapping", "Write `- name: …` with `when:` and `send:`.")
            return None
        known = {
            "name", "description", "when", "if", "send", "expires", "hold", "priority", "quiet_hours",
            "resend_unconfirmed",
        }  # fmt: skip
        entries = self.entries(node, "a rule", known)
        faults_before = len(self.faults)
        name = self.text(entries, node, "name")
        when = self.choice(entries, node, "when", Milestone)
        sends = self.sends(entries.get("send"), node, when)
        expires = self.duration(entries, node, "expires", required=True)
        hold = self.duration(entries, node, "hold", required=False)
        priority = Priority.normal
        if "priority" in entries:
            chosen = self.choice(entries, node, "priority", Priority.__members__)
            priority = Priority[chosen] if chosen else priority
        condition = self.condition(entries.get("if"))
        resend = self.resending(entries.get("resend_unconfirmed"), sends)
        if len(self.faults) > faults_before or when is None:
            return None
        description = entries.get("description")
        return Rule(
            name=name,
            description=str(description.value).strip() if isinstance(description, yaml.ScalarNode) else "",
            when=Milestone(when),
            send=sends,
            expires=expires,
            hold=hold,
            priority=priority,
            resend_unconfirmed=resend,
            condition=condition,
            quiet=self.quiet_hours(entries.get("quiet_hours"), self.quiet),
        )

    def quiet_hours(self, node: yaml.Node | None, usual: Mapping[Channel, Quiet]) -> dict[Channel, Quiet]:
        """Each channel's quiet hours: as usual, where nothing is written; none, where `none` is."""
        if node is None:
            return dict(usual)
        if isinstance(node, yaml.ScalarNode) and node.value == "none":
            return {}
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, "quiet_hours", "not a mapping", 'Write `quiet_hours: {sms: "21:00-08:00"}`, or `none`.')
            return {}
        found = dict(usual)
        for name, written in self.entries(node, "quiet_hours", set(Channel)).items():
            found.pop(Channel(name), None)
            if not isinstance(written, yaml.ScalarNode) or written.value == "none":
                continue
            try:
                found[Channel(name)] = parse_quiet(written.value)
            except ValueError as error:
                self.fault(written, name, str(error), 'Write `"21:00-08:00"`, in quotes, or `none`.')
        return found

    def condition(self, node: yaml.Node | None) -> Condition | None:
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            self.fault(node, "if", "not an expression", 'Write `if: parcel.carrier == "dhl"`, say.')
            return None
        try:
            return check(node.value)
        except Unfit as unfit:
            line, column = _place(node, unfit)
            self.faults.append(Fault(line, f"if (column {column})", unfit.problem, unfit.remedy))
            return None

    def resending(self, node: yaml.Node | None, sends: tuple[Send, ...]) -> bool:
        if node is None:
            return False
        written = node.value if isinstance(node, yaml.ScalarNode) else None
        if written not in ("true", "false"):
            self.fault(node, "resend_unconfirmed", "neither true nor false", "Write `resend_unconfirmed: true`.")
        elif written == "true" and any(send.channel is not Channel.email for send in sends):
            remedy = "Give the email a rule of its own, and write it there."
            self.fault(node, "resend_unconfirmed", "only an email may be sent twice on a guess", remedy)
        return written == "true"

    def text(self, entries: Mapping[str, yaml.Node], rule: yaml.Node, key: str) -> str:
        node = entries.get(key)
        if isinstance(node, yaml.ScalarNode) and re.fullmatch(r"[A-Za-z0-9][\w .-]{0,79}", node.value):
            return str(node.value)
        self.fault(node or rule, key, "missing or not a short plain name", f"Write `{key}: out_for_delivery`, say.")
        return ""

    def choice(self, entries: Mapping[str, yaml.Node], rule: yaml.Node, key: str, allowed: Iterable[Any]) -> str | None:
        node, names = entries.get(key), {str(value) for value in allowed}
        if isinstance(node, yaml.ScalarNode) and node.value in names:
            return str(node.value)
        written = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        self.fault(node or rule, key, f"{written!r} is not known" if node else "missing", nearest(written, names))
        return None

    def duration(self, entries: Mapping[str, yaml.Node], rule: yaml.Node, key: str, *, required: bool) -> timedelta:
        node = entries.get(key)
        if node is None and not required:
            return timedelta(0)
        found = _DURATION.match(node.value.strip()) if isinstance(node, yaml.ScalarNode) else None
        if found:
            return timedelta(**{_UNITS[found[2]]: int(found[1])})
        self.fault(node or rule, key, "missing or not a duration", f"Write `{key}: 48h`; units are s, m, h and d.")
        return timedelta(0)

    def sends(self, node: yaml.Node | None, rule: yaml.Node, when: str | None) -> tuple[Send, ...]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self.fault(node or rule, "send", "missing or empty", "Write `send: [email, sms]`.")
            return ()
        sends = [send for entry in node.value if (send := self.one_send(entry, when))]
        if len({send.channel for send in sends}) < len(sends):
            self.fault(node, "send", "the same channel twice", "One rule sends one message a channel.")
        return tuple(sends)

    def one_send(self, node: yaml.Node, when: str | None) -> Send | None:
        if isinstance(node, yaml.MappingNode):
            entries = self.entries(node, "send", {"channel", "template"})
        else:
            entries = {"channel": node}
        channel = self.choice(entries, node, "channel", Channel)
        template = entries.get("template")
        name = str(template.value) if isinstance(template, yaml.ScalarNode) else (when or "")
        if self.templates is not None and name and name not in self.templates:
            self.fault(template or node, "template", f"no template {name!r}", nearest(name, self.templates))
        return Send(Channel(channel), name) if channel else None

    def check_collisions(self, rules: list[Rule], node: yaml.Node) -> None:
        self._twice(node, [rule.name for rule in rules], lambda name: f"two rules are named {name!r}")
        claimed = [f"{send.channel} for {rule.when}" for rule in rules for send in rule.send]
        self._twice(node, claimed, lambda what: f"two rules send {what}, and the shopper would get only one of them")

    def _twice(self, node: yaml.Node, names: list[str], problem: Callable[[str], str]) -> None:
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.fault(node, "rules", problem(name), "Keep one of them.")


def _place(node: yaml.ScalarNode, unfit: Unfit) -> tuple[int, int]:
    """Where in the document a fault inside a scalar stands: line and column from 1."""
    start = node.start_mark
    if node.style in ("|", ">"):  # its text begins on the next line, without the indentation
        line = start.line + 1 + unfit.line
        written = (start.buffer or "").split("\n")[line - 1 : line]
        return line, unfit.column + sum(len(text) - len(text.lstrip(" ")) for text in written)
    indented = start.column + (1 if node.style else 0) if unfit.line == 1 else 0
    return start.line + unfit.line, indented + unfit.column
