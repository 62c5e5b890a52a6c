"""What is asked of a layout's MJML: attributes that the engine knows, tags that close, a language, readable colours."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from app.messages.authoring.brands import MIN_CONTRAST, Colours, contrast
from app.messages.checking.findings import Finding
from app.messages.checking.writing import at
from app.messages.shelf import File

_EVERYWHERE = "css-class mj-class"
_PADDING = "padding padding-top padding-right padding-bottom padding-left"
_BORDER = "border border-top border-right border-bottom border-left border-radius"
_TYPE = (
    "color font-family font-size font-style font-weight letter-spacing line-height text-decoration text-transform "
    "text-align"
)
_GROUND = "background-color background-url background-repeat background-size background-position background-position-x"
ATTRIBUTES: Mapping[str, frozenset[str]] = {
    tag: frozenset(f"{_EVERYWHERE} {names}".split())
    for tag, names in {
        "mj-text": f"{_PADDING} {_TYPE} align container-background-color height",
        "mj-button": (
            f"{_PADDING} {_BORDER} {_TYPE} align background-color container-background-color height href inner-padding "
            "name rel target title vertical-align width"
        ),
        "mj-image": (
            f"{_PADDING} {_BORDER} align alt container-background-color fluid-on-mobile font-size height href "
            "max-height name rel sizes src srcset target title usemap width"
        ),
        "mj-section": f"{_PADDING} {_BORDER} {_GROUND} background-position-y direction full-width text-align",
        "mj-wrapper": f"{_PADDING} {_BORDER} {_GROUND} background-position-y direction full-width gap text-align",
        "mj-column": (
            f"{_PADDING} {_BORDER} background-color direction inner-background-color inner-border inner-border-top "
            "inner-border-right inner-border-bottom inner-border-left inner-border-radius vertical-align width"
        ),
        "mj-divider": (
            f"{_PADDING} align border-color border-style border-width container-background-color width"
        ),
        "mj-spacer": f"{_PADDING} {_BORDER} container-background-color height vertical-align width",
        "mj-group": "background-color direction vertical-align width",
        "mj-body": "width background-color id lang dir title",
    }.items()
}  # fmt: skip
"""Of the tags that mails are made of; a tag that is not listed is not asked. (https://documentation.mjml.io)"""

_STATEMENT = re.compile(r"\[%.*?%\]|\{%.*?%\}|\[#.*?#\]|\{#.*?#\}|<!--.*?-->", re.S)
_PRINTED = re.compile(r"\[\[.*?\]\]|\{\{.*?\}\}", re.S)
_OTHERWISE = re.compile(r"([\[{])%-?\s*(?:else|elif)\b(?:(?![\[{]%-?\s*(?:if|endif)\b).)*", re.S)
_STYLES = re.compile(r"(<(mj-style|style)\b[^>]*>)(.*?)(?=</\2)", re.S)
_PALETTE = re.compile(r"\[\[\s*light\.([a-z_]+)\s*\]\]")
_TAG = re.compile(r"""<(/?)([a-zA-Z][\w-]*)((?:[^<>"']|"[^"]*"|'[^']*')*?)(/?)>""")
_NAMED = re.compile(r"""(?<![\w-])([a-zA-Z][\w-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_HEX = re.compile(r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})$")
_VOID = frozenset({"img", "br", "hr", "meta", "link", "input", "area", "col", "wbr"})


@dataclass(frozen=True, slots=True)
class _Open:
    """A tag that is open, where, and the ground under what stands in it (`#rrggbb`; "" where it is not known)."""

    name: str
    start: int
    ground: str


def of_markup(file: File, colours: Colours) -> Iterator[Finding]:
    """What is wrong with the MJML of a layout, each with its place. `colours` are those of the brand that it is for;
    of a choice between two texts the first is read. A block lies on the brand's paper, anything else on white."""
    text = file.text
    plain = _plain(text, colours)
    if not file.path.startswith("layouts/blocks/") and not re.search(r"<mjml\b[^>]*\blang\s*=", plain):
        start = max(plain.find("<mjml"), 0)
        message = "it does not say which language it is in, so that screen readers read it in another"
        yield at(file, text, start, "error", "lang", message, 'Write <mjml lang="[[ locale.name ]]" …>.', "lang")
    around = colours.light.paper if file.path.startswith("layouts/blocks/") else "#ffffff"
    stack: list[_Open] = []
    for found in _TAG.finditer(plain):
        closing, name, given, closed = found.groups()
        if closing:
            yield from _closed(file, text, stack, name, found.start())
            continue
        yield from _attributes(file, text, name, given, found.start(3))
        under = stack[-1].ground if stack else around
        color, ground = _colours(given, under)
        yield from _contrast(file, text, color, ground, found.start())
        if not closed and name.lower() not in _VOID:
            stack.append(_Open(name, found.start(), ground))
    for left in stack:
        if left.name.startswith("mj"):
            yield _unclosed(file, text, left)


def _plain(text: str, colours: Colours) -> str:
    """The text at the same offsets with the brand's colours put in, and without statements, comments and styles."""
    palette = colours.light.model_dump()
    text = _PALETTE.sub(lambda found: str(palette.get(found[1], "x")).ljust(len(found[0])), text)
    text = _OTHERWISE.sub(lambda found: _blank(found[0]), text)
    text = _STATEMENT.sub(lambda found: _blank(found[0]), text)
    text = _STYLES.sub(lambda found: found[1] + _blank(found[3]), text)
    return _PRINTED.sub(lambda found: "x" * len(found[0]), text)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _closed(file: File, text: str, stack: list[_Open], name: str, start: int) -> Iterator[Finding]:
    names = [one.name for one in stack]
    if name not in names:
        if name.startswith("mj"):
            message = f"</{name}> closes what was not opened"
            yield at(
                file, text, start, "error", "balance", message, f"Open <{name}> above, or take it out.", f"/{name}"
            )
        return
    while stack:
        last = stack.pop()
        if last.name == name:
            return
        if last.name.startswith("mj"):
            yield _unclosed(file, text, last)


def _unclosed(file: File, text: str, left: _Open) -> Finding:
    message = f"<{left.name}> is opened and not closed"
    return at(file, text, left.start, "error", "balance", message, f"Close it with </{left.name}>.", left.name)


def _attributes(file: File, text: str, name: str, given: str, start: int) -> Iterator[Finding]:
    known = ATTRIBUTES.get(name)
    for found in _NAMED.finditer(given) if known is not None else ():
        if known is not None and found[1] not in known:
            near = get_close_matches(found[1], sorted(known), 1, 0.6)
            remedy = f"Did you mean {near[0]}?" if near else "Take it out, or write it into a style."
            message = f"{name} knows no attribute {found[1]!r}, and drops it"
            yield at(file, text, start + found.start(), "error", "attribute", message, remedy, f"{name} {found[1]}")


def _colours(given: str, under: str) -> tuple[str, str]:
    """The colour that a tag sets its text in, "" where it sets none, and the ground that lies under it."""
    named = {found[1]: found[2] or found[3] or "" for found in _NAMED.finditer(given)}
    style = {
        part.partition(":")[0].strip().lower(): part.partition(":")[2].strip()
        for part in named.get("style", "").split(";")
    }
    color = style.get("color") or named.get("color", "")
    grounds = (style.get("background-color"), style.get("background"), named.get("background-color"),
               named.get("inner-background-color"), named.get("bgcolor"))  # fmt: skip
    ground = next((one for one in grounds if one), None)
    return _hex(color), under if ground is None else _hex(ground)


def _hex(colour: str) -> str:
    colour = colour.strip()
    if not _HEX.match(colour):
        return ""
    return colour if len(colour) == 7 else "#" + "".join(digit * 2 for digit in colour[1:])


def _contrast(file: File, text: str, color: str, ground: str, start: int) -> Iterator[Finding]:
    if color and ground and (ratio := contrast(color, ground)) < MIN_CONTRAST:
        message = f"text in {color} on {ground} has a contrast of {ratio:.2f}"
        remedy = f"Move one of them until it is {MIN_CONTRAST}."
        yield at(file, text, start, "error", "contrast", message, remedy, f"{color} {ground}")
