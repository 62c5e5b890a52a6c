"""Reads the nodes of a YAML (or JSON) document, which know their lines, and collects what is wrong with them."""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import yaml

from app.errors import Fault, nearest
from app.rules.conditions import Unfit

_DURATION = re.compile(r"^(\d{1,4})\s*(s|m|h|d)$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_BUSINESS_DAYS = re.compile(r"^(\d{1,3})\s*bd$")
_NAME = re.compile(r"[A-Za-z0-9][\w .-]{0,79}")
_ON, _OFF = frozenset({"on", "true", "yes"}), frozenset({"off", "false", "no"})

Entries = Mapping[str, yaml.Node]


class Nodes:
    """One pass over a document: every reader gives a usable value and notes the fault instead of stopping at it."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, node: yaml.Node, column: str, problem: str, remedy: str) -> None:
        """Note what is wrong with a node, by its line and column."""
        where = f"{column} (column {node.start_mark.column + 1})"
        self.faults.append(Fault(node.start_mark.line + 1, where, problem, remedy))

    def unfit(self, node: yaml.ScalarNode, column: str, unfit: Unfit) -> None:
        """Note what is wrong inside a scalar, at its own place."""
        line, at = _place(node, unfit)
        self.faults.append(Fault(line, f"{column} (column {at})", unfit.problem, unfit.remedy))

    def entries(self, node: yaml.Node, what: str, known: Iterable[str]) -> dict[str, yaml.Node]:
        """A mapping's values by key; unknown and repeated keys are faults."""
        names, found = set(known), dict[str, yaml.Node]()
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, what, "not a mapping", f"Write keys below it: {', '.join(sorted(names))}.")
            return found
        for key, value in node.value:
            name = str(key.value)
            if name not in names:
                self.fault(key, name, f"unknown key in {what}", nearest(name, names))
            elif name in found:
                self.fault(key, name, "written twice", "Keep one of the two.")
            else:
                found[name] = value
        return found

    def text(self, entries: Entries, rule: yaml.Node, key: str) -> str:
        """A short plain name, which must be there."""
        node = entries.get(key)
        if isinstance(node, yaml.ScalarNode) and _NAME.fullmatch(node.value):
            return str(node.value)
        self.fault(node or rule, key, "missing or not a short plain name", f"Write `{key}: out_for_delivery`, say.")
        return ""

    def choice(self, entries: Entries, rule: yaml.Node, key: str, allowed: Iterable[Any]) -> str | None:
        """One of the known words, which must be there."""
        node, names = entries.get(key), {str(value) for value in allowed}
        if isinstance(node, yaml.ScalarNode) and node.value in names:
            return str(node.value)
        written = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        self.fault(node or rule, key, f"{written!r} is not known" if node else "missing", nearest(written, names))
        return None

    def words(self, node: yaml.Node | None, column: str, known: Iterable[str] | None = None) -> tuple[str, ...]:
        """One word or a list of them, each of the known ones where these are given."""
        if node is None:
            return ()
        listed = node.value if isinstance(node, yaml.SequenceNode) else [node]
        names = None if known is None else set(known)
        found = []
        for one in listed:
            if not isinstance(one, yaml.ScalarNode) or not one.value.strip():
                self.fault(one, column, "not a word", f"Write `{column}: [first, second]`.")
            elif names is not None and one.value not in names:
                self.fault(one, column, f"{one.value!r} is not known", nearest(one.value, names))
            else:
                found.append(str(one.value).strip())
        return tuple(found)

    def duration(self, entries: Entries, parent: yaml.Node, key: str, default: timedelta | None) -> timedelta:
        """A span such as `48h`; without a default it must be there."""
        node = entries.get(key)
        if node is None and default is not None:
            return default
        found = _DURATION.match(node.value.strip()) if isinstance(node, yaml.ScalarNode) else None
        if found:
            return timedelta(**{_UNITS[found[2]]: int(found[1])})
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
        if isinstance(node, yaml.ScalarNode) and re.fullmatch(r"\d{1,9}", node.value) and int(node.value) >= least:
            return int(node.value)
        self.fault(node, key, f"no whole number from {least}", f"Write `{key}: {max(least, 3)}`, say.")
        return None

    def switched(self, node: yaml.Node | None) -> bool | None:
        """`on` or `off`; None for anything else, which is then read as what it says."""
        if isinstance(node, yaml.ScalarNode):
            return True if node.value in _ON else False if node.value in _OFF else None
        return None

    def truth(self, node: yaml.Node | None, key: str) -> bool:
        """`true` or `false`; false where nothing is written."""
        if node is None:
            return False
        said = self.switched(node)
        if said is None:
            self.fault(node, key, "neither true nor false", f"Write `{key}: true`.")
        return bool(said)


def _place(node: yaml.ScalarNode, unfit: Unfit) -> tuple[int, int]:
    """Where in the document a fault inside a scalar stands: line and column from 1."""
    start = node.start_mark
    if node.style in ("|", ">"):  # its text begins on the next line, without the indentation
        line = start.line + 1 + unfit.line
        written = (start.buffer or "").split("\n")[line - 1 : line]
        return line, unfit.column + sum(len(text) - len(text.lstrip(" ")) for text in written)
    indented = start.column + (1 if node.style else 0) if unfit.line == 1 else 0
    return start.line + unfit.line, indented + unfit.column
