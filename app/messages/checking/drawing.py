"""Whether what an element says can be seen, as far as styles tell without a browser, and which style hides it.

Sizes, colours and places are worked out from the mail's root down to the element, through its own styles, its
attributes and the mail's style sheets. What is not known (a picture as the ground, a place in per cent) hides nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lxml.html import HtmlElement

from app.messages.authoring.brands import contrast
from app.messages.checking.colours import Colour, as_hex, laid_over, read_colour
from app.messages.checking.sheets import Declared, Styles, View, declarations

FAINTEST = 2.0
"""The contrast below which text is taken to be hidden and not only pale."""
SMALLEST = 8.0
"""Pixels of letters below which nobody reads them."""
_AWAY = 400.0
"""Pixels out of its place from which on something is out of the window."""

_NEVER = frozenset({"head", "title", "style", "script", "template", "noscript"})
_SIZES = {"xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "x-large": 24.0}
_LENGTH = re.compile(r"^(-?(?:\d+\.?\d*|\.\d+))(px|pt|em|rem|%|vw|vh|)$")
_FONT = re.compile(r"(?:^|\s)(-?(?:\d+\.?\d*|\.\d+)(?:px|pt|em|rem|%|vw|vh|))(?:\s*/\s*\S+)?\s+\S")
_HIDES = {
    ("display", "none"), ("content-visibility", "hidden"), ("hidden", "hidden"), ("aria-hidden", "true"),
}  # fmt: skip
_FOLDED = Declared("element", "details")
_WHITE: Colour = (255, 255, 255, 1)
_BLACK: Colour = (0, 0, 0, 1)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What an element hands down. `hidden` is the declaration that hides it, whatever stands in it; `outlook` the one
    that hides it in Outlook; `unseen` one of `visibility`, which what stands in it may undo; `ground` is None where it
    is not known."""

    size: float = 16.0
    ink: Colour = _BLACK
    ground: Colour | None = _WHITE
    opacity: float = 1.0
    indent: float = 0.0
    hidden: Declared | None = None
    outlook: Declared | None = None
    unseen: Declared | None = None
    by: tuple[Declared, ...] = ()

    def hides(self) -> Declared | None:
        """The declaration for which text in the element cannot be seen, or None."""
        if self.hidden or self.unseen:
            return self.hidden or self.unseen
        if self.size < SMALLEST:
            return self._last("font-size", "font", "size")
        if self.ground is not None:
            seen = laid_over((*self.ink[:3], self.ink[3] * self.opacity), self.ground)
            if contrast(as_hex(seen), as_hex(self.ground)) < FAINTEST:
                return self._last("opacity", "color", "-webkit-text-fill-color", "background", "background-color")
        return None

    def _last(self, *names: str) -> Declared:
        found = [one for one in self.by if one.name in names]
        return found[-1] if found else Declared(names[0], "")


class Drawing:
    """A mail's elements as they are drawn in one view; what was worked out of an element once is kept."""

    def __init__(self, styles: Styles, view: View) -> None:
        self._styles = styles
        self._view = view
        self._drawn: dict[HtmlElement, Drawn] = {}

    def of(self, element: HtmlElement) -> Drawn:
        """What becomes of text that stands in the element itself."""
        found = self._drawn.get(element)
        if found is None:
            above = element.getparent()
            found = _drawn(element, self._declared(element), Drawn() if above is None else self.of(above))
            self._drawn[element] = found
        return found

    def _declared(self, element: HtmlElement) -> dict[str, Declared]:
        """The declaration that counts of each property."""
        weighed = [((False, -1, (0, 0, 0), number), one) for number, one in enumerate(_by_attribute(element))]
        for weight, order, rule in self._styles.about(element):
            if rule.counts(self._view):
                weighed += [((one.important, 0, weight, order), one) for one in rule.declared]
        own = declarations(element.get("style") or "")
        weighed += [((one.important, 1, (0, 0, 0), number), one) for number, one in enumerate(own)]
        weighed.sort(key=lambda pair: pair[0])
        return {one.name: one for _, one in weighed}


def _by_attribute(element: HtmlElement) -> Iterator[Declared]:
    """What an element's attributes say of its looks; any style goes before them."""
    if element.get("hidden") is not None:
        yield Declared("hidden", "hidden")
    for attribute, name in (("bgcolor", "background-color"), ("color", "color"), ("aria-hidden", "aria-hidden")):
        if element.get(attribute):
            yield Declared(name, element.get(attribute, "").lower())
    if element.tag == "font" and element.get("size") in ("1", "-2", "-3"):
        yield Declared("font-size", "x-small")


def _drawn(element: HtmlElement, told: dict[str, Declared], above: Drawn) -> Drawn:
    size = _size(told, above.size)
    if "hidden" in told and "display" in told:
        del told["hidden"]  # a style that displays it goes before
    unfolds = element.tag == "summary" and above.hidden is _FOLDED
    hidden = (None if unfolds else above.hidden) or _gone(element, told, size)
    unseen = above.unseen
    if "visibility" in told:
        unseen = told["visibility"] if told["visibility"].value in ("hidden", "collapse") else None
    mso = told.get("mso-hide")
    ink = told.get("-webkit-text-fill-color") or told.get("color")
    indent = _length(told["text-indent"].value, size) if "text-indent" in told else above.indent
    if hidden is None and abs(indent or 0) >= _AWAY and "text-indent" in told:
        hidden = told["text-indent"]
    return replace(
        above,
        size=size,
        ink=(read_colour(ink.value) if ink and ink.value not in _UNSAID else None) or above.ink,
        ground=_ground(told, above.ground),
        opacity=above.opacity * _opacity(told),
        indent=indent or 0.0,
        hidden=hidden,
        outlook=above.outlook or (mso if mso and mso.value == "all" else None),
        unseen=unseen,
        by=(*above.by, *(told[name] for name in _TOLD if name in told and told[name].value not in _UNSAID)),
    )


_UNSAID = frozenset({"inherit", "currentcolor", "unset", ""})
_TOLD = ("font", "font-size", "background", "background-color", "color", "-webkit-text-fill-color", "opacity")


def _gone(element: HtmlElement, told: dict[str, Declared], size: float) -> Declared | None:
    """The declaration that takes an element away with all that stands in it."""
    if element.tag in _NEVER:
        return Declared("element", str(element.tag))
    if element.tag == "details" and element.get("open") is None:
        return _FOLDED
    for name, value in _HIDES:
        if name in told and told[name].value == value:
            return told[name]
    clips = any(told[name].value.startswith(("hidden", "clip")) for name in _OVERFLOWS if name in told)
    for name in ("height", "max-height", "width", "max-width") if clips else ():
        if name in told and (length := _length(told[name].value, size)) is not None and length <= 1:
            return told[name]
    placed = told.get("position")
    sides = ("left", "right", "top", "bottom") if placed and placed.value != "static" else ()
    for name in (*sides, "margin-left", "margin-right", "margin-top", "margin-bottom", "margin"):
        lengths = (_length(one, size) for one in told[name].value.split()) if name in told else ()
        if any(length is not None and (length <= -_AWAY or length >= 3000) for length in lengths):
            return told[name]
    for name, pattern in _CUT_OFF:
        if name in told and pattern.search(told[name].value):
            return told[name]
    return None


_OVERFLOWS = ("overflow", "overflow-x", "overflow-y")
_CUT_OFF = (
    ("clip", re.compile(r"rect\(\s*(?:0|1px)")),
    ("clip-path", re.compile(r"inset\(\s*(?:[5-9]\d|100)%|circle\(\s*0|polygon\(\s*0(?:px|%)?\s+0(?:px|%)?\s*\)")),
    ("transform", re.compile(r"scale[xy]?\(\s*0?(?:\.0\d*)?\s*[,)]|translate[xy]?\([^)]*-?\d{4,}px|rotate[xy]\(\s*90")),
    ("filter", re.compile(r"opacity\(\s*0?(?:\.0\d*)?%?\s*\)")),
    ("zoom", re.compile(r"^0?(?:\.[01]\d*)?%?$")),
)  # fmt: skip


def _size(told: dict[str, Declared], above: float) -> float:
    font = told.get("font-size") or told.get("font")
    if font is None:
        return above
    value = font.value
    if font.name == "font":
        found = _FONT.search(f" {value}")
        value = found[1] if found else ""
    if value in _SIZES or value in ("smaller", "larger"):
        return _SIZES.get(value, above * (0.83 if value == "smaller" else 1.2))
    length = _length(value, above)
    return above if length is None else length


def _length(value: str, size: float) -> float | None:
    """Pixels; a per cent is of `size`, of the screen about ten pixels each."""
    found = _LENGTH.match(value)
    if not found:
        return None
    unit = {"em": size, "rem": 16.0, "%": size / 100, "pt": 4 / 3, "vw": 10.0, "vh": 8.0}.get(found[2], 1.0)
    return float(found[1]) * unit


def _opacity(told: dict[str, Declared]) -> float:
    found = re.match(r"(\d*\.?\d+)(%?)$", told["opacity"].value) if "opacity" in told else None
    return min(1.0, float(found[1]) / (100 if found[2] else 1)) if found else 1.0


def _ground(told: dict[str, Declared], above: Colour | None) -> Colour | None:
    for name in ("background-color", "background"):
        if name not in told or told[name].value in _UNSAID:
            continue
        value = told[name].value
        if "url(" in value or "gradient(" in value:
            return None
        colour = read_colour(value)
        if colour is not None:
            return laid_over(colour, above) if above is not None else (colour if colour[3] == 1 else None)
    image = told.get("background-image")
    return None if image and image.value not in ("none", *_UNSAID) else above
