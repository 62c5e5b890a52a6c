"""Composes one YAML document, or the same as JSON, into nodes that know their places, and refuses what has no bound.

Nothing is constructed: a scalar stays the text that was written. There are no anchors, aliases, tags or merge keys, so
a document is never larger than it looks, and nesting ends soon, so nobody's stack does.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from app.errors import Fault, InvalidInput

LONGEST = 500_000
"""Characters of a document; one of a thousand rules is far shorter."""

DEEPEST = 12
"""Levels of mappings and lists; a rule set needs six."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # twelve times as fast, where libyaml is there


def compose(content: str) -> yaml.Node | None:
    """The document's root node, None for an empty one. Raises InvalidInput with the place and the remedy."""
    if len(content) > LONGEST:
        raise refused(None, f"{len(content):,} characters long", f"Write at most {LONGEST:,}.")
    _check_letters(content)
    text = _json_as_yaml(content) if content.lstrip("\ufeff \t\r\n").startswith(("{", "[")) else content
    try:
        return _Composer(yaml.parse(text, Loader=_LOADER)).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise refused(mark, f"not valid YAML: {problem}", _remedy(content, mark)) from error


def refused(mark: Any, problem: str, remedy: str) -> InvalidInput:
    """The refusal of a whole document for what stands at `mark`, a place of either of PyYAML's two kinds, or None."""
    line, at = (mark.line + 1, mark.column + 1) if mark else (None, None)
    return InvalidInput([Fault(line, "document", problem, remedy, at)])


_HALVES = re.compile(r"(?<!\\)((?:\\\\)*)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)


def _json_as_yaml(content: str) -> str:
    """What JSON allows and YAML does not, in its place: tabs between tokens, a letter beyond U+FFFF as two halves."""

    def whole(found: re.Match[str]) -> str:
        high, low = int(found[2], 16), int(found[3], 16)
        return f"{found[1]}\\U{0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF):08x}"

    return _HALVES.sub(whole, content.replace("\t", " "))


def _check_letters(content: str) -> None:
    """YAML has no word for some characters, and no line for them either; here they are found with their place."""
    for at, letter in enumerate(content):
        if (letter < " " and letter not in "\t\r\n") or letter == "\x7f" or "\ud800" <= letter <= "\udfff":
            before = content[:at]
            mark = yaml.Mark("", at, before.count("\n"), at - before.rfind("\n") - 1, None, 0)
            raise refused(mark, f"the character {letter!a} cannot be written in YAML", "Take it out.")


def _remedy(content: str, mark: Any) -> str:
    line = content.split("\n")[mark.line] if mark and mark.line <= content.count("\n") else ""
    if "\t" in line:
        return "Indent with spaces, not with tabs."
    if ": " in line.partition(": ")[2]:
        return "Put the text in quotes: it holds a colon."
    return "Mend the syntax: keys and lists that belong together stand in one column, and brackets are closed."


class _Composer:
    """Builds nodes from a parser's events without recursion, and stops at the first thing without bound."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._open: list[tuple[yaml.CollectionNode, list[yaml.Node]]] = []
        self._root: yaml.Node | None = None

    def document(self) -> yaml.Node | None:
        """The one document's root."""
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
                raise refused(event.start_mark, "a second document", "Keep one, without `---` between.")
            if isinstance(event, yaml.NodeEvent):
                self._check(event)
            if isinstance(event, yaml.ScalarEvent):
                style: Any = event.style or None  # libyaml writes '' where nothing is quoted
                self._place(yaml.ScalarNode("", event.value, _start(event), _start(event), style))
            elif isinstance(event, yaml.CollectionStartEvent):
                self._enter(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._leave(event)
        return self._root

    def _check(self, event: yaml.NodeEvent) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise refused(event.start_mark, "anchors and aliases are not read", "Write it out.")
        if getattr(event, "tag", None):
            raise refused(event.start_mark, "tags are not read", "Leave out what begins with `!`.")

    def _enter(self, event: yaml.CollectionStartEvent) -> None:
        if len(self._open) >= DEEPEST:
            raise refused(event.start_mark, f"nested more than {DEEPEST} levels deep", "A rule set needs six.")
        mapping = isinstance(event, yaml.MappingStartEvent)
        children: list[yaml.Node] = []
        node = (yaml.MappingNode if mapping else yaml.SequenceNode)("", [], _start(event), _start(event))
        self._place(node)
        self._open.append((node, children))

    def _leave(self, event: yaml.CollectionEndEvent) -> None:
        node, children = self._open.pop()
        paired = isinstance(node, yaml.MappingNode)
        node.value = list(zip(children[::2], children[1::2], strict=True)) if paired else children

    def _place(self, node: yaml.Node) -> None:
        if self._open:
            self._open[-1][1].append(node)
        else:
            self._root = node


def _start(event: yaml.Event) -> Any:
    """Where an event begins, a place of either of PyYAML's two kinds."""
    return event.start_mark
