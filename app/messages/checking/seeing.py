"""Whether readers see what every mail owes them: the parcel's page, the way to end it, and who writes from where."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lxml import html as markup
from lxml.html import HtmlElement

from app.messages.checking.drawing import Drawing
from app.messages.checking.sheets import VIEWS, Declared, Rule, Styles

_MARK = re.compile(
    r"""\{%-?\s*(\w+).*?%\}|<!--.*?-->|<(/?)([a-zA-Z][\w:-]*)((?:[^<>"']|"[^"]*"|'[^']*')*?)(/?)>""", re.S
)
_TAG = re.compile(r"\{%.*?%\}", re.S)
_OUTLOOK = re.compile(r"<!--\[if[^\]]*\bmso\b[^\]]*\]>(.*?)<!\[endif\]-->", re.S)
_VOID = frozenset({"img", "br", "hr", "meta", "link", "input", "area", "col", "wbr"})
_ASKS = re.compile(r"\[\s*(?!data-ogs)[\w-]+[^\[\]{}]*\][^{}]*\{")
"""A rule about an attribute, which may be filled in."""
_SAID = frozenset({"href", "aria-label", "title", "alt"})
_LETTERS = re.compile(r"[^\W_].*?[^\W_]", re.S)


@dataclass(frozen=True, slots=True)
class Owed:
    """What a mail owes its readers: an address to follow, or words to read. `field` is how layouts write it."""

    text: str
    field: str
    link: bool


@dataclass(frozen=True, slots=True)
class Hidden:
    """The declaration that hides what is owed; `view` says where, "" for everyone."""

    by: Declared
    view: str


def may_hide(source: str, owed: Sequence[Owed]) -> bool:
    """Whether some order may not see one of these in what is rendered from `source`, HTML with its tags.

    It says yes too often sooner than no: where it is not plain to see, each order is looked at.
    """
    if not _stands_alone(source):
        return True
    page = _Page(source)
    if any("{%" in sheet or _ASKS.search(sheet) for sheet in page.styles):
        return True
    return any(_may_hide(page, _TAG.sub("", source), one) for one in owed)


def _may_hide(page: "_Page", source: str, owed: Owed) -> bool:
    places = page.places(lambda text: owed.text in text or owed.field in text, link=owed.link)
    if not places or source.count(owed.field) + source.count(owed.text) > len(places):
        return True
    return any(page.hides(place) or any("{%" in told for told in page.dress(place)) for place in places)


def hidden(html: str, owed: Owed) -> Hidden | None:
    """What hides this from some reader of a mail, or None where everybody sees it once at least."""
    page = _Page(html)
    places = page.places(lambda text: owed.text in text, link=owed.link)
    if not places:
        return Hidden(Declared("comment", ""), "")
    found: Hidden | None = None
    for place in places:
        here = page.hides(place)
        if here is None:
            return None
        found = found or here
    return found


_KNOWN: dict[tuple[object, ...], Hidden | None] = {}
_BESIDE = re.compile(r"[+~](?!=)")


class _Page:
    """A mail taken apart."""

    def __init__(self, html: str) -> None:
        self._root: HtmlElement = markup.document_fromstring(html)
        self._spare = "".join(_OUTLOOK.findall(html))
        self.styles = tuple(style.text or "" for style in self._root.iter("style"))
        self._styles = Styles([_TAG.sub("", style) for style in self.styles], self._root)
        self._drawings = tuple((view, Drawing(self._styles, view)) for view in VIEWS)

    def places(self, says: Callable[[str], bool], *, link: bool) -> list[HtmlElement]:
        """The elements that hold the words, or that lead to the address; what stands in a remark is none."""
        found = []
        for element in self._root.iter("a" if link else None):
            if link:
                if says(element.get("href") or ""):
                    found.append(element)
            elif isinstance(element.tag, str):
                texts = (element.text, *(inner.tail for inner in element))
                if any(text and says(" ".join(text.split())) for text in texts):
                    found.append(element)
        return found

    def dress(self, place: HtmlElement) -> Iterator[str]:
        """Everything that styles an element and those around it, as it is written."""
        for element in (place, *place.iterancestors()):
            yield from (value for name, value in element.items() if name not in _SAID)

    def hides(self, place: HtmlElement) -> Hidden | None:
        """What hides a place in one view or another; nothing where all see it. Places that are dressed alike, as at the
        foot of every mail of a layout, are looked at once."""
        looks = self._looks(place)
        if looks not in _KNOWN:
            if len(_KNOWN) > 1_000:
                _KNOWN.clear()
            _KNOWN[looks] = self._hidden(place)
        return _KNOWN[looks]

    def _looks(self, place: HtmlElement) -> tuple[object, ...]:
        """All that its being seen depends on."""
        inside = tuple((one.tag, one.text, one.tail if one is not place else "", *one.items()) for one in place.iter())
        around = tuple(
            (one.tag, *(pair for pair in one.items() if pair[0] not in _SAID)) for one in place.iterancestors()
        )
        beside: tuple[object, ...] = ()
        if _BESIDE.search("".join(self.styles)):
            above = (place, *place.iterancestors())
            beside = tuple((one.tag, *one.items()) for each in above for one in each.itersiblings(preceding=True))
        return (
            self.styles,
            self._spare if "mso-hide" in str((self.styles, inside, around)) else "",
            inside,
            around,
            beside,
        )

    def _hidden(self, place: HtmlElement) -> Hidden | None:
        rules = {rule for one in (*place.iter(), *place.iterancestors()) for _, _, rule in self._styles.about(one)}
        looked: list[frozenset[Rule]] = []
        for view, drawing in self._drawings:
            counting = frozenset(rule for rule in rules if rule.counts(view))
            if counting in looked:
                continue  # it looks as in another view
            looked.append(counting)
            by = self._hides(place, drawing)
            if by is not None:
                return Hidden(by, view.name)
        drawn = self._drawings[0][1].of(place)
        if drawn.outlook and (place.get("href") or "\0") not in self._spare:
            return Hidden(drawn.outlook, "in Outlook")
        return None

    def _hides(self, place: HtmlElement, drawing: Drawing) -> Declared | None:
        if place.tag != "a":
            return drawing.of(place).hides()
        first: Declared | None = None
        for element, text in _words(place):
            by = drawing.of(element).hides()
            if by is None and _LETTERS.search(text):
                return None
            first = first or by
        return first or drawing.of(place).hidden or Declared("text", "")


def _words(link: HtmlElement) -> Iterator[tuple[HtmlElement, str]]:
    """The texts in a link, each with the element that it stands in, and what stands for its pictures."""
    for element in link.iter():
        if not isinstance(element.tag, str):
            continue
        if element.tag == "img":
            yield element, element.get("alt") or ""
        yield element, element.text or ""
        if element is not link:
            yield element.getparent(), element.tail or ""


def _stands_alone(source: str) -> bool:
    """Whether each `if` and `for` holds whole elements only."""
    around: list[str] = []
    for found in _MARK.finditer(source):
        keyword, closing, name, _, closed = found.groups()
        if keyword in ("if", "for"):
            around.append("%")
        elif keyword in ("elif", "else") or (keyword and keyword.startswith("end")):
            if not around or around[-1] != "%":
                return False
            if keyword.startswith("end"):
                around.pop()
        elif name and not closing and not closed and name.lower() not in _VOID:
            around.append(name)
        elif name and closing and (not around or around.pop() != name):
            return False
    return True
