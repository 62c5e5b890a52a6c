"""What a mail's own style sheet says of an element, for each way of looking at the mail."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from cssselect2 import ElementWrapper, Matcher, SelectorError, compile_selector_list
from cssselect2.compiler import CompiledSelector
from lxml.html import HtmlElement
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


class Styles:
    """The style sheets of one mail, asked of each of its elements; what was answered once is kept."""

    def __init__(self, sheets: Iterable[str], root: HtmlElement) -> None:
        self._sheets = tuple(read_sheet(sheet) for sheet in sheets)
        self._wrapped = {one.etree_element: one for one in ElementWrapper.from_html_root(root).iter_subtree()}
        self._about: dict[HtmlElement, list[tuple[Specificity, int, Rule]]] = {}

    def about(self, element: HtmlElement) -> list[tuple[Specificity, int, Rule]]:
        """The rules about an element itself, in whatever media, with their weight and their order among all."""
        found = self._about.get(element)
        if found is None:
            wrapped = self._wrapped.get(element)  # None for a comment
            found = self._about[element] = [
                (weight, number * 10_000 + order, rule)
                for number, sheet in enumerate(self._sheets)
                for weight, order, part, rule in (sheet.match(wrapped) if wrapped is not None else ())
                if part is None
            ]
        return found


_SEEN = re.compile(
    r"display|visibility|opacity|color|-webkit-text-fill-color|font|font-size|(?:max-)?(?:height|width)|position|left|right"
    r"|top|bottom|margin(?:-\w+)?|overflow(?:-[xy])?|text-indent|clip(?:-path)?|transform|filter|zoom|mso-hide"
    r"|content-visibility|background(?:-color|-image)?"
)
_OUTLOOK_NIGHT = frozenset({"data-ogsc", "data-ogsb", "data-ogac", "data-ogab"})
_AROUND = frozenset({"supports", "layer", "container", "document", "-moz-document"})
"""What rules stand in without another reader for it."""


@lru_cache(maxsize=1024)
def declarations(text: str) -> tuple[Declared, ...]:
    """The declarations of an element's own style that have to do with whether it is seen, in order."""
    return _declarations(text, "")


def _declarations(text: str | Iterable[Node], selector: str) -> tuple[Declared, ...]:
    return tuple(
        Declared(one.lower_name, serialize(one.value).strip().lower(), one.important, selector)
        for one in parse_blocks_contents(text, skip_comments=True, skip_whitespace=True)
        if isinstance(one, Declaration) and _SEEN.fullmatch(one.lower_name)
    )


@lru_cache(maxsize=64)
def read_sheet(text: str) -> Matcher:
    """A style sheet's rules about what is seen, as its readers take them; what cannot be read is passed over."""
    matcher = Matcher()
    for selector, rule in _rules(parse_stylesheet(text, skip_comments=True, skip_whitespace=True), ()):
        if rule.declared:
            matcher.add_selector(selector, rule)
    return matcher


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
                declared = _declarations(rule.content, " ".join(serialize(written).split()))
                yield selector, Rule(media, len(kept) < len(written), declared)


def _is_mark(node: Node) -> bool:
    return node.type == "[] block" and serialize(node.content).strip().lower() in _OUTLOOK_NIGHT


@lru_cache(maxsize=256)
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
