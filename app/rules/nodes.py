"""Reads the nodes of a YAML (or JSON) document, which know their lines, and collects what is wrong with them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import yaml

from app.errors import Fault, nearest
from app.rules.conditions import Unfit

_DURATION = re.compile(r"([0-9]{1,4})\s*(s|m|h|d)\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_BUSINESS_DAYS = re.compile(r"([0-9]{1,3})\s*bd\Z")
LONGEST_NAME = 80
"""Characters of a name, and of whatever a message quotes."""
NAME = re.compile(rf"[A-Za-z0-9][\w .-]{{0,{LONGEST_NAME - 1}}}")
WORD = re.compile(rf"(?=\S)[^\x00-\x1f]{{1,{LONGEST_NAME}}}(?<=\S)")
"""One of several words: any text of one line, without blanks around it."""
MOST_WORDS = 500
LONGEST_SPAN = timedelta(days=365)
ON, OFF = frozenset({"on", "true", "yes"}), frozenset({"off", "false", "no"})

Entries = Mapping[str, yaml.Node]


class Nodes:
    """One pass over a document: every reader gives a usable value and notes the fault instead of stopping at it.

    `stored`: whether it was valid once, and is read again. `beside`: whether some of the faults are of none of the
    rules."""

    def __init__(self, content: str = "", stored: bool = False) -> None:
        self.faults: list[Fault] = []
        self.stored = stored
        self.beside = False
        self._lines = content.split("\n")

    def fault(self, node: yaml.Node, column: str, problem: str, remedy: str) -> None:
        """Note what is wrong with a node, by its line and column."""
        mark = node.start_mark
        self.faults.append(Fault(mark.line + 1, column[:LONGEST_NAME], problem, remedy, mark.column + 1))

    def unfit(self, node: yaml.ScalarNode, column: str, unfit: Unfit) -> None:
        """Note what is wrong inside a scalar, at its own place."""
        line, at = _place(node, unfit, self._lines)
        self.faults.append(Fault(line, column, unfit.problem, unfit.remedy, at))

    def entries(self, node: yaml.Node, what: str, known: Iterable[str]) -> dict[str, yaml.Node]:
        """A mapping's values by key; unknown and repeated keys are faults."""
        names, found = set(known), dict[str, yaml.Node]()
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, what, "not a mapping", f"Write keys below it: {', '.join(sorted(names))}.")
            return found
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name == "<<":
                self.fault(key, name, "merge keys are not read", "Write the keys out.")
            elif name not in names:
                self.fault(key, name or what, f"unknown key in {what}", nearest(name[:LONGEST_NAME], names))
            elif name in found:
                self.fault(key, name, "written twice", "Keep one of the two.")
            else:
                found[name] = value
        return found

    def text(self, entries: Entries, rule: yaml.Node, key: str) -> str:
        """A short plain name, which must be there."""
        node = entries.get(key)
        if isinstance(node, yaml.ScalarNode) and NAME.fullmatch(node.value):
            return str(node.value)
        self.fault(node or rule, key, "missing or not a short plain name", f"Write `{key}: out_for_delivery`, say.")
        return ""

    def choice(self, entries: Entries, rule: yaml.Node, key: str, allowed: Iterable[Any]) -> str | None:
        """One of the known words, which must be there."""
        node, names = entries.get(key), {str(value) for value in allowed}
        if isinstance(node, yaml.ScalarNode) and node.value in names:
            return str(node.value)
        written = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        problem = f"{shown(written)} is not known" if node else "missing"
        self.fault(node or rule, key, problem, nearest(written[:LONGEST_NAME], names))
        return None

    def words(self, node: yaml.Node | None, column: str, fits: Callable[[str], str | None]) -> tuple[str, ...]:
        """One word or a list of them; `fits` says of each what to write instead, or nothing where it is one."""
        if node is None:
            return ()
        listed = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not listed:
            self.fault(node, column, "an empty list", "Name at least one, or leave the key out.")
        found: list[str] = []
        for one in listed[:MOST_WORDS]:
            if not isinstance(one, yaml.ScalarNode) or not WORD.fullmatch(one.value):
                remedy = (
                    f"Write `{column}: first` or `{column}: [first, second]`, each of at most {LONGEST_NAME} letters."
                )
                self.fault(one, column, "not a word", remedy)
            elif meant := fits(one.value):
                self.fault(one, column, f"{shown(one.value)} is not known", meant)
            else:
                found.append(one.value)
        if len(listed) > MOST_WORDS:
            self.fault(node, column, f"{len(listed)} words", f"Write at most {MOST_WORDS}.")
        return tuple(found)

    def duration(self, entries: Entries, parent: yaml.Node, key: str, default: timedelta | None) -> timedelta:
        """A span such as `48h`; without a default it must be there."""
        node = entries.get(key)
        if node is None and default is not None:
            return default
        found = _DURATION.match(node.value.strip()) if isinstance(node, yaml.ScalarNode) else None
        if found:
            span = timedelta(**{_UNITS[found[2]]: int(found[1])})
            if span > LONGEST_SPAN:
                self.fault(node or parent, key, "longer than a year", f"Write `{key}: 365d` at most.")
            return span
        self.fault(node or parent, key, "missing or not a duration", f"Write `{key}: 48h`; units are s, m, h and d.")
        return default or timedelta(0)

    def business_days(self, node: yaml.Node, key: str) -> int:
        """A number of business days such as `3bd`."""
        found = _BUSINESS_DAYS.match(node.value.strip()) if isinstance(node, yaml.ScalarNode) else None
        if found and int(found[1]):
            return int(found[1])
        self.fault(node, key, "no number of business days", f"Write `{key}: 3bd`.")
        return 1

    def number(self, node: yaml.Node | None, key: str, least: int = 0) -> int | None:
        """A whole number, None where nothing is written."""
        if node is None:
            return None
        if isinstance(node, yaml.ScalarNode) and re.fullmatch(r"[0-9]{1,9}", node.value) and int(node.value) >= least:
            return int(node.value)
        self.fault(node, key, f"no whole number from {least} to 999,999,999", f"Write `{key}: {max(least, 3)}`, say.")
        return None

    def switched(self, node: yaml.Node | None) -> bool | None:
        """`on` or `off`; None for anything else, which is then read as what it says."""
        if isinstance(node, yaml.ScalarNode):
            return True if node.value in ON else False if node.value in OFF else None
        return None

    def truth(self, node: yaml.Node | None, key: str) -> bool:
        """`true` or `false`; false where nothing is written."""
        if node is None:
            return False
        said = self.switched(node)
        if said is None:
            self.fault(node, key, "neither true nor false", f"Write `{key}: true`.")
        return bool(said)


def _place(node: yaml.ScalarNode, unfit: Unfit, lines: Sequence[str]) -> tuple[int, int]:
    """Where in the document a fault inside a scalar stands: line and column from 1."""
    start = node.start_mark
    if node.style in ("|", ">"):  # its text begins on the next line, without the indentation
        line = start.line + 1 + unfit.line
        written = lines[line - 1] if line <= len(lines) else ""
        return line, unfit.column + len(written) - len(written.lstrip(" "))
    indented = start.column + (1 if node.style else 0) if unfit.line == 1 else 0
    return start.line + unfit.line, indented + unfit.column


def shown(text: str) -> str:
    """What was written, as a message quotes it: cut short, on one line."""
    quoted = repr(text)
    return quoted if len(quoted) <= 60 else f"{quoted[:57]}…{quoted[0]}"
