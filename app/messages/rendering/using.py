"""Which fields a template's source reads, by its syntax tree: each by its documented path, where it stands, and what
is not documented with the field that was probably meant."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import nodes

from app.messages.rendering.fields import FIELDS, Field, known, nearest
from app.messages.rendering.sandbox import TEXT, Sandbox, sections

_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_LOOP = frozenset({"index", "index0", "first", "last", "length", "revindex"})
Scope = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Use:
    """One reading of a field: its documented path, and where it stands (line and column count from 1)."""

    path: str
    line: int
    column: int
    written: str

    def said(self, fields: Mapping[str, Field] = FIELDS) -> str:
        """What is wrong with it, for a field that is not documented, with the remedy."""
        meant = nearest(self.path, fields)
        remedy = f"Write {meant}" if meant else "`doorstep templates fields` lists them all"
        return f"there is no field called {self.written!r}. {remedy}"


def uses(text: str, environment: Sandbox = TEXT) -> list[Use]:
    """Every reading of a field in a source, in order; a loop's name is told as the list's (`items[].name`).

    Raises Refused when the source cannot be read.
    """
    places = Places(text)
    read = [one for tree in sections(environment, text) if not isinstance(tree, str) for one in _read(tree)]
    return [Use(path, *places.next(written), written) for path, written in read]


def unread(trees: Iterable[str | nodes.Template]) -> list[tuple[str, str]]:
    """Each reading of what is not documented, in a source's `sections`: as it is written, and what is wrong with it."""
    return [one for tree in trees if not isinstance(tree, str) for one in _unread_of(tree)]


@lru_cache(maxsize=512)
def _unread_of(tree: nodes.Template) -> tuple[tuple[str, str], ...]:
    return tuple((written, Use(path, 0, 0, written).said()) for path, written in _read(tree) if not known(path))


@lru_cache(maxsize=512)
def _read(tree: nodes.Template) -> tuple[tuple[str, str], ...]:
    return tuple((path, written) for path, written, _ in _readings(tree, {}))


def needs(texts: Iterable[str]) -> frozenset[str]:
    """The documented fields that sources need, groups and lists left out where something inside them is read."""
    return frozenset(use.path for text in texts for use in uses(text) if known(use.path))


def unknown(text: str, fields: Mapping[str, Field] = FIELDS, environment: Sandbox = TEXT) -> list[Use]:
    """The readings of what is not documented."""
    return [use for use in uses(text, environment) if not known(use.path, fields)]


def breaking(texts: Mapping[str, str], old: Mapping[str, Field], new: Mapping[str, Field]) -> dict[str, list[Use]]:
    """Which sources, by name, read a field that `old` documents and `new` does not, or documents as another kind."""
    gone = {path for path, field in old.items() if path not in new or new[path].kind != field.kind}
    found = {name: [use for use in uses(text) if _within(use.path, gone)] for name, text in texts.items()}
    return {name: broken for name, broken in found.items() if broken}


def _within(path: str, gone: set[str]) -> bool:
    return path in gone or path.removesuffix("[]") in gone


class Places:
    """Where each written field stands in an authored text, one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tags = [(tag.start(), _QUOTED.sub(_blanked, tag[0])) for tag in _TAG.finditer(text)]
        self._found: dict[str, list[tuple[int, int]]] = {}
        self._given: dict[str, int] = {}

    def next(self, written: str) -> tuple[int, int]:
        """Line and column of the next occurrence; of the last one where there are no more, 1 and 1 where none."""
        places = self.all(written)
        number = self._given.get(written, 0)
        self._given[written] = number + 1
        return places[min(number, len(places) - 1)] if places else (1, 1)

    def all(self, written: str) -> list[tuple[int, int]]:
        """Line and column of every occurrence."""
        if written not in self._found:
            first, *rest = map(re.escape, written.split("."))
            after = "".join(rf"(?:\[\d+\])?\s*(?:\.\s*{part}|\[\s*['\"]{part}['\"]\s*\])" for part in rest)
            pattern = re.compile(rf"(?<![\w.'\"]){first}{after}(?!\w)")
            self._found[written] = [
                self._place(start + found.start()) for start, tag in self._tags for found in pattern.finditer(tag)
            ]
        return self._found[written]

    def _place(self, offset: int) -> tuple[int, int]:
        return self._text.count("\n", 0, offset) + 1, offset - self._text.rfind("\n", 0, offset)


def _blanked(found: re.Match[str]) -> str:
    inside = found[0][1:-1]
    return found[0] if re.fullmatch(r"\w+", inside) else " " * len(found[0])


def _readings(node: nodes.Node, scope: Scope) -> Iterator[tuple[str, str, nodes.Node]]:
    """Paths that are read under a node in the order of the source: path, as written, and the node."""
    named = _named(node, scope)
    if named is not None:
        path, written = named
        head, _, rest = path.partition(".")
        if head != "loop" or "loop" not in scope or rest not in _LOOP:
            yield path, written, node
        return
    for child, inner in _children(node, scope):
        yield from _readings(child, inner)


def _children(node: nodes.Node, scope: Scope) -> Iterator[tuple[nodes.Node, Scope]]:
    if not isinstance(node, nodes.For):
        yield from ((child, scope) for child in node.iter_child_nodes())
        return
    yield node.iter, scope
    listed = _named(node.iter, scope)
    target = node.target.name if isinstance(node.target, nodes.Name) else ""
    inner = {**scope, target: f"{listed[0] if listed else '?'}[]", "loop": "loop"}
    yield from ((child, inner) for child in (*node.body, *([node.test] if node.test else ())))
    yield from ((child, scope) for child in node.else_)


def _named(node: nodes.Node, scope: Scope) -> tuple[str, str] | None:
    """A chain of names as (documented path, as written), or None for anything else."""
    if isinstance(node, nodes.Name):
        return scope.get(node.name, node.name), node.name
    if isinstance(node, nodes.Filter) and node.name in ("first", "last") and node.node is not None:
        listed = _named(node.node, scope)
        return (f"{listed[0]}[]", listed[1]) if listed and listed[0] in FIELDS and _is_list(listed[0]) else None
    if isinstance(node, nodes.Getattr):
        before = _named(node.node, scope)
        return (f"{before[0]}.{node.attr}", f"{before[1]}.{node.attr}") if before else None
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        before, key = _named(node.node, scope), node.arg.value
        if before is None:
            return None
        return (f"{before[0]}[]", before[1]) if isinstance(key, int) else (f"{before[0]}.{key}", f"{before[1]}.{key}")
    return None


def _is_list(path: str) -> bool:
    return FIELDS[path].kind == "list"
