"""What a mail's own style sheet says of an element, for each way of looking at the mail."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from cssselect2 import ElementWrapper, Matcher, SelectorError, compile_selector_list
from cssselect2.compiler import CompiledSelector
from tinycss2 import parse_blocks_contents, parse_rule_list, parse_stylesheet, serialize
from tinycss2.ast import AtRule, Declaration, Node, QualifiedRule

Specificity = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class View:
    """One way of looking at a mail: how wide the screen is, and by day or by night."""

    name: str
    width: int
    night: bool


VIEWS = (
    View("", 1000, night=False),
    View("on a phone", 375, night=False),
    View("in dark mode", 1000, night=True),
    View("on a phone in dark mode", 375, night=True),
)


@dataclass(frozen=True, slots=True)
class Declared:
    """One declaration. `selector` is what it was written under, "" in an element's own style or attribute."""

    name: str
    value: str
    important: bool = False
    selector: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """The declarations of one selector, and the media that it is for; `night` is said by Outlook's own marks."""

    media: tuple[str, ...]
    night: bool
    declared: tuple[Declared, ...]

    def counts(self, view: View) -> bool:
        """Whether the rule holds for whoever looks that way."""
        return (view.night or not self.night) and all(_holds(query, view) for query in self.media)


class Sheet:
    """A style sheet's rules."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher

    def about(self, element: ElementWrapper) -> list[tuple[Specificity, int, Rule]]:
        """The rules about an element itself, in whatever media, with their weight and their order."""
        found = self._matcher.match(element)
        return [(weight, order, rule) for weight, order, part, rule in found if part is None]


_OUTLOOK_NIGHT = frozenset({"data-ogsc", "data-ogsb", "data-ogac", "data-ogab"})
_AROUND = frozenset({"supports", "layer", "container", "document", "-moz-document"})
"""What rules stand in without another reader for it."""


def declarations(text: str | Iterable[Node], selector: str = "") -> tuple[Declared, ...]:
    """The declarations of a style, in order."""
    return tuple(
        Declared(one.lower_name, serialize(one.value).strip().lower(), one.important, selector)
        for one in parse_blocks_contents(text, skip_comments=True, skip_whitespace=True)
        if isinstance(one, Declaration)
    )


@lru_cache(maxsize=64)
def read_sheet(text: str) -> Sheet:
    """A style sheet as its readers take it; what cannot be read is passed over."""
    matcher = Matcher()
    for selector, rule in _rules(parse_stylesheet(text, skip_comments=True, skip_whitespace=True), ()):
        matcher.add_selector(selector, rule)
    return Sheet(matcher)


def _rules(nodes: Iterable[Node], media: tuple[str, ...]) -> Iterator[tuple[CompiledSelector, Rule]]:
    for node in nodes:
        if isinstance(node, QualifiedRule):
            yield from _of_selectors(node, media)
        elif isinstance(node, AtRule) and node.content is not None:
            inside = parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
            if node.lower_at_keyword == "media":
                yield from _rules(inside, (*media, serialize(node.prelude).strip().lower()))
            elif node.lower_at_keyword in _AROUND:
                yield from _rules(inside, media)


def _of_selectors(rule: QualifiedRule, media: tuple[str, ...]) -> Iterator[tuple[CompiledSelector, Rule]]:
    """Each selector with the rule's declarations; one that nobody can read does not take the others with it."""
    for between, nodes in groupby(rule.prelude, key=lambda node: node == ","):
        written = [node for node in nodes if node.type != "comment"]
        kept = [node for node in written if not _is_mark(node)]
        if between:
            continue
        with suppress(SelectorError):
            for selector in compile_selector_list(kept):
                declared = declarations(rule.content, " ".join(serialize(written).split()))
                yield selector, Rule(media, len(kept) < len(written), declared)


def _is_mark(node: Node) -> bool:
    return node.type == "[] block" and serialize(node.content).strip().lower() in _OUTLOOK_NIGHT


def _holds(query: str, view: View) -> bool:
    return any(_one_holds(one.strip(), view) for one in query.split(","))


def _one_holds(query: str, view: View) -> bool:
    refused = query.startswith("not ")
    holds = not re.search(r"(?<![\w-])(?:print|speech)(?![\w-])", query)
    for name, value in re.findall(r"\(\s*([\w-]+)\s*:\s*([^)]*?)\s*\)", query):
        if name == "prefers-color-scheme":
            holds = holds and (value == "dark") == view.night
        elif name in ("max-width", "max-device-width"):
            holds = holds and view.width <= _pixels(value)
        elif name in ("min-width", "min-device-width"):
            holds = holds and view.width >= _pixels(value)
    return holds != refused


def _pixels(value: str) -> float:
    found = re.match(r"\d*\.?\d+", value)
    return float(found[0]) * (16 if value.endswith("em") else 1) if found else 0
