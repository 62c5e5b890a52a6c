"""Which fields there are: read off what the worst orders and every milestone give, so that it cannot be out of date."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from jinja2 import nodes

from app.messages.base import Template
from app.messages.checking.corpus import LINKS, NOW, PERSON, WORST, facts, facts_for
from app.messages.rendering.sandbox import TEXT
from app.messages.rendering.view import fields
from app.models.vocabulary import Milestone

_LOOP = frozenset({"index", "index0", "first", "last", "length", "revindex"})
_INTERNAL = frozenset({"speech"})

Shape = dict[str, Any]
"""A group's fields by name: each a group, `[]` with what one of a list is, or None for a value."""


@dataclass(frozen=True, slots=True)
class Use:
    """A field as a template names it: its path, with `[]` for one of a list, and where, both from 1."""

    path: str
    written: str
    line: int
    known: bool
    nearest: str


def shape_of(parts: Mapping[str, Any]) -> Shape:
    """All fields that a template with these parts may name."""
    template = Template("shape", "email", "en", b"", parts)
    shape: Shape = {}
    for name, (changed, person) in WORST.items():
        _merge(shape, fields(template, facts("delayed", **dict(changed)), person, LINKS, NOW))
        if name in ("split", "waiting", "told together"):
            for milestone in Milestone:
                _merge(shape, fields(template, facts_for(milestone.value, **dict(changed)), PERSON, LINKS, NOW))
    return {name: inner for name, inner in shape.items() if name not in _INTERNAL}


def _merge(shape: Shape, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if isinstance(value, Mapping):
            inner = shape.get(name)
            if not isinstance(inner, dict):
                inner = shape[name] = {}
            _merge(inner, value)
        elif isinstance(value, list | tuple):
            held = shape.setdefault(name, {})
            if isinstance(held, dict):
                for one in value:
                    _merge(held, {"[]": one})
        else:
            shape.setdefault(name, None)


def uses(source: str, shape: Shape) -> Iterator[Use]:
    """Every field that a text names, in the order of its lines. The text must be one that Jinja can read."""
    yield from _uses(TEXT.parse(source), {}, shape)


def _uses(node: nodes.Node, bound: Mapping[str, str], shape: Shape) -> Iterator[Use]:
    if isinstance(node, nodes.For):
        yield from _uses(node.iter, bound, shape)
        inner = dict(bound)
        if isinstance(node.target, nodes.Name):
            inner[node.target.name] = f"{_dotted(node.iter, bound)}.[]"
        for part in (*node.body, *node.else_):
            yield from _uses(part, inner, shape)
        return
    if isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem) and (written := _written(node)):
        yield _judged(node, written, bound, shape)
        return
    for child in node.iter_child_nodes():
        yield from _uses(child, bound, shape)


def _written(node: nodes.Node) -> str:
    if isinstance(node, nodes.Name):
        return node.name if node.ctx == "load" else ""
    if isinstance(node, nodes.Getattr):
        head = _written(node.node)
        return f"{head}.{node.attr}" if head else ""
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        head = _written(node.node)
        step = node.arg.value if isinstance(node.arg.value, str) else "[]"
        return f"{head}.{step}" if head else ""
    return ""


def _dotted(node: nodes.Node, bound: Mapping[str, str]) -> str:
    head, _, rest = _written(node).partition(".")
    return ".".join(part for part in (bound.get(head, head), rest) if part)


def _judged(node: nodes.Node, written: str, bound: Mapping[str, str], shape: Shape) -> Use:
    path = _dotted(node, bound)
    if written.startswith("loop."):
        step = written.removeprefix("loop.")
        return Use(path, written, node.lineno, step in _LOOP, _near(step, _LOOP, "loop."))
    place: Any = shape
    walked: list[str] = []
    for step in path.split("."):
        if not isinstance(place, dict):
            return Use(path, written, node.lineno, False, ".".join(walked))
        if step not in place:
            if not place:  # a list that no order has anything in tells nothing of what one of it is
                return Use(path, written, node.lineno, True, "")
            return Use(path, written, node.lineno, False, _near(step, place, "".join(f"{part}." for part in walked)))
        walked.append(step)
        place = place[step]
    return Use(path, written, node.lineno, True, "")


def _near(step: str, names: Any, before: str) -> str:
    found = get_close_matches(step, [str(name) for name in names], 1, 0.5)
    return f"{before}{found[0]}" if found else ""


@lru_cache(maxsize=4096)
def _word(written: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.]){re.escape(written)}(?!\w)")


def column_of(text: str, line: int, written: str) -> int | None:
    """Where something stands in a line, from 1; None where it is written in another way."""
    lines = text.split("\n")
    found = _word(written).search(lines[line - 1]) if 0 < line <= len(lines) else None
    return found.start() + 1 if found else None
