"""What a mail's own style sheet says of an element, for each way of looking at the mail."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lxml.html import HtmlElement

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
class _Compound:
    """What is asked of one element, and how it stands to the one before: " ", ">", "+" or "~"."""

    stands: str
    tag: str
    names: frozenset[str]
    asked: tuple[tuple[str, str, str], ...]
    refused: tuple["_Compound", ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One selector with its declarations, in the media that it is for; `night` is said by Outlook's own marks.
    `around` are the classes that stand above the element, wherever."""

    selector: tuple[_Compound, ...]
    specificity: Specificity
    media: tuple[str, ...]
    night: bool
    declared: tuple[Declared, ...]
    around: frozenset[str]

    def counts(self, view: View) -> bool:
        """Whether the rule holds for whoever looks that way."""
        return (view.night or not self.night) and all(_holds(query, view) for query in self.media)

    def matches(self, element: HtmlElement) -> bool:
        """Whether an element is one of those that the rule is about."""
        return _matches(element, self.selector)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A style sheet's rules in order, by the class or the tag of the element that each is about ("*" for any)."""

    rules: dict[str, tuple[tuple[int, Rule], ...]]

    def about(self, element: HtmlElement, around: frozenset[str]) -> list[tuple[int, Rule]]:
        """The rules about an element, in whatever media, with their order; `around` are the classes above it."""
        keys = ("*", str(element.tag).lower(), *(f".{name}" for name in (element.get("class") or "").split()))
        return [
            (order, rule)
            for key in keys
            for order, rule in self.rules.get(key, ())
            if rule.around <= around and rule.matches(element)
        ]


class Styles:
    """The style sheets of one mail, asked of each of its elements; what was answered once is kept."""

    def __init__(self, sheets: Sequence[str]) -> None:
        self._sheets = tuple(read_sheet(sheet) for sheet in sheets)
        self._around: dict[HtmlElement, frozenset[str]] = {}
        self._about: dict[HtmlElement, list[tuple[int, Rule]]] = {}

    def about(self, element: HtmlElement) -> list[tuple[int, Rule]]:
        """The rules about an element, in whatever media, with their order among all."""
        found = self._about.get(element)
        if found is None:
            found = self._about[element] = [
                (number * 10_000 + order, rule)
                for number, sheet in enumerate(self._sheets)
                for order, rule in sheet.about(element, self._above(element))
            ]
        return found

    def _above(self, element: HtmlElement) -> frozenset[str]:
        known = self._around.get(element)
        if known is None:
            above = element.getparent()
            own = () if above is None else (above.get("class") or "").split()
            known = self._around[element] = frozenset() if above is None else self._above(above) | frozenset(own)
        return known


_REMARK = re.compile(r"/\*.*?\*/|<!--|-->", re.S)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\r\n\f]?|([^0-9a-fA-F\r\n]))")
_DECLARED = re.compile(r"([\w-]+)\s*:\s*((?:\"[^\"]*\"|'[^']*'|\([^()]*\)|[^;\"'])*)")
_SEEN = re.compile(
    r"display|visibility|opacity|color|-webkit-text-fill-color|font|font-size|(?:max-)?(?:height|width)|position|left|right"
    r"|top|bottom|margin(?:-\w+)?|overflow(?:-[xy])?|text-indent|clip(?:-path)?|transform|filter|zoom|mso-hide"
    r"|content-visibility|background(?:-color|-image)?"
)
_PIECE = re.compile(
    r"\s*([>+~])\s*|(\s+)|(\*|[A-Za-z][\w-]*)|\.([\w-]+)|#([\w-]+)"
    r"|\[\s*([\w-]+)\s*(?:([~|^$*]?=)\s*[\"']?([^\]\"']*)[\"']?\s*)?\]|(::?)([\w-]+)(?:\(([^()]*)\))?"
)
_PASSING = frozenset({
    "hover", "focus", "active", "visited", "focus-within", "focus-visible", "checked", "target", "before",
    "after", "first-line", "first-letter", "selection", "placeholder", "marker", "-webkit-scrollbar",
})  # fmt: skip
"""States and parts that a mail is not in when it is opened."""
_OUTLOOK_NIGHT = ("data-ogsc", "data-ogsb", "data-ogac", "data-ogab")


@lru_cache(maxsize=1024)
def declarations(text: str, selector: str = "") -> tuple[Declared, ...]:
    """The declarations of a style that have to do with whether something is seen, in order."""
    text = _ESCAPE.sub(_letter, _REMARK.sub("", text))
    told = []
    for found in _DECLARED.finditer(text):
        if not _SEEN.fullmatch(found[1].lower()):
            continue
        value, important, _ = found[2].strip().lower().partition("!important")
        told.append(Declared(found[1].lower(), value.strip(), bool(important), selector))
    return tuple(told)


@lru_cache(maxsize=64)
def read_sheet(text: str) -> Sheet:
    """A style sheet as its readers take it; what cannot be read is passed over."""
    found: dict[str, list[tuple[int, Rule]]] = {}
    for order, rule in enumerate(_rules(_REMARK.sub("", text), ())):
        last = rule.selector[-1]
        key = f".{min(last.names)}" if last.names else last.tag or "*"
        found.setdefault(key, []).append((order, rule))
    return Sheet({key: tuple(rules) for key, rules in found.items()})


def _rules(text: str, media: tuple[str, ...]) -> Iterator[Rule]:
    at = 0
    while (opening := text.find("{", at)) >= 0:
        head = text[at:opening].rpartition(";")[2].strip()
        end = _end(text, opening + 1)
        inside = text[opening + 1 : end]
        at = end + 1
        if head.startswith("@media"):
            yield from _rules(inside, (*media, head[6:].strip().lower()))
        elif head.startswith(("@supports", "@layer", "@container", "@document", "@-moz-document")):
            yield from _rules(inside, media)
        elif not head.startswith("@"):
            yield from _of_selectors(head, inside, media)


def _of_selectors(head: str, inside: str, media: tuple[str, ...]) -> Iterator[Rule]:
    for written in re.split(r",(?![^(\[]*[)\]])", _ESCAPE.sub(_letter, head)):
        selector = _selector(written.strip())
        if selector is not None:
            night = any(mark in written for mark in _OUTLOOK_NIGHT)
            weight = (
                written.count("#"),
                sum(len(one.names) + len(one.asked) for one in selector) + len(re.findall(r"(?<!:):(?!:)", written)),
                sum(one.tag != "" for one in selector),
            )
            declared = declarations(inside, " ".join(written.split()))
            beside = any(one.stands in "+~" for one in selector)
            around = frozenset() if beside else frozenset(name for one in selector[:-1] for name in one.names)
            if declared:
                yield Rule(selector, weight, media, night, declared, around)


def _end(text: str, start: int) -> int:
    depth = 1
    for found in re.finditer(r"[{}]", text[start:]):
        depth += 1 if found[0] == "{" else -1
        if depth == 0:
            return start + found.start()
    return len(text)


def _selector(written: str) -> tuple[_Compound, ...] | None:
    """A selector taken apart, the element it is about last; None for one that no opened mail fits, or nobody reads."""
    compounds: list[_Compound] = []
    stands, tag = " ", ""
    names: set[str] = set()
    asked: list[tuple[str, str, str]] = []
    refused: list[_Compound] = []
    at = 0
    for found in _PIECE.finditer(written):
        if found.start() != at:
            return None
        at = found.end()
        combined = found[1] or (" " if found[2] else "")
        if combined:
            compounds.append(_Compound(stands, tag, frozenset(names), tuple(asked), tuple(refused)))
            stands, tag, names, asked, refused = combined, "", set(), [], []
        elif found[3]:
            tag = "" if found[3] == "*" else found[3].lower()
        elif found[4]:
            names.add(found[4])
        elif found[5]:
            asked.append(("id", "=", found[5]))
        elif found[6]:
            if found[6] not in _OUTLOOK_NIGHT:
                asked.append((found[6].lower(), found[7] or "", found[8] or ""))
        elif found[10] in _PASSING:
            return None
        elif found[10] == "root":
            tag = "html"
        elif found[10] == "not":
            inner = _selector((found[11] or "").strip())
            refused += inner[-1:] if inner else ()
    if at != len(written) or not written:
        return None
    return (*compounds, _Compound(stands, tag, frozenset(names), tuple(asked), tuple(refused)))


def _matches(element: HtmlElement, selector: tuple[_Compound, ...]) -> bool:
    last = selector[-1]
    if not _fits(element, last):
        return False
    rest = selector[:-1]
    if not rest:
        return True
    if last.stands in "+~":
        before = element.itersiblings(preceding=True)
        beside = [one for one in before if isinstance(one.tag, str)][: 1 if last.stands == "+" else None]
        return any(_matches(one, rest) for one in beside)
    above = element.getparent()
    while above is not None:
        if _matches(above, rest):
            return True
        above = above.getparent() if last.stands == " " else None
    return False


def _fits(element: HtmlElement, one: _Compound) -> bool:
    if one.tag and one.tag != element.tag:
        return False
    if one.names and not one.names <= set((element.get("class") or "").split()):
        return False
    if not all(_asked(element.get(name), how, value) for name, how, value in one.asked):
        return False
    return not any(_fits(element, inner) for inner in one.refused)


def _asked(there: str | None, how: str, value: str) -> bool:
    if there is None:
        return False
    fits = {
        "": True,
        "=": there == value,
        "~=": value in there.split(),
        "|=": there == value or there.startswith(f"{value}-"),
        "^=": there.startswith(value),
        "$=": there.endswith(value),
        "*=": value in there,
    }
    return fits[how]


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


def _letter(found: re.Match[str]) -> str:
    if found[2]:
        return found[2]
    number = int(found[1], 16)
    return chr(number) if 0 < number < 0xD800 else ""
