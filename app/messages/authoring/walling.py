"""What MJML may not hold before it is handed to the engine: scripts, other files, addresses that run, endless depth."""

import html
import re
from functools import lru_cache

from app.messages.authoring.styling import put_for, style_fault

MAX_LAYOUT = 200_000
MAX_ELEMENTS = 4_000
MAX_DEPTH = 60
"""The engine reads elements by calling itself, and one of thousands in each other would end the whole process."""

_ELEMENT = re.compile(r"<(/?)([A-Za-z][\w:-]*)([^<>]*)>")
_WHOLE = re.compile(r"<[A-Za-z/](?:\"[^\"]*\"|'[^']*'|[^\"'<>])*")
"""An element up to its end, which a `>` within quotes is not."""
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_BANNED = re.compile(
    r"<\s*(?:/\s*)?(script|iframe|frame|frameset|object|embed|applet|form|input|textarea|select|base|mj-include|mj-html"
    r"|mj-font|xmp|plaintext|noembed|noframes"
    r"|svg|math|noscript|template|audio|video|portal|link|button|dialog)\b",
    re.IGNORECASE,
)
_HANDLER = re.compile(r"<[^<>]*[\s\"'/](on[a-z]+)\s*=", re.IGNORECASE)
_EVENT = re.compile(
    r"[\s\"'/](on(?:abort|after|animation|aux|before|begin|blur|cancel|change|click|close|context|copy|cut|dbl|drag|drop|end"
    r"|error|finish|focus|form|fullscreen|hash|input|invalid|key|load|message|mouse|page|paste|pause|play|pointer|pop"
    r"|progress|repeat|reset|resize|scroll|search|seek|select|show|start|storage|submit|toggle|touch|transition|unload"
    r"|wheel)[a-z]*)\s*=",
    re.IGNORECASE,
)
"""Wherever it stands: a `>` within quotes hides the rest of an element from `_HANDLER`."""
_ADDRESS = re.compile(
    r"\b(href|src|action|formaction|background|url|srcset|ping|poster)\s*=\s*(\"[^\"]*\"|'[^']*')", re.IGNORECASE
)
"""`url` is the end of `background-url`, `base-url` and their like."""
_BARE = re.compile(r"[\s\"'/](href|src|formaction|srcset|ping)\s*=\s*[^\s\"'<>]", re.IGNORECASE)
_RUNS = re.compile(r"(?:javascript|vbscript|data|file)(?::|&colon;|&#)", re.IGNORECASE)
_VALUE_FIRST = re.compile(r"\A\{\{(.*?)\}\}(.*)\Z", re.DOTALL)
_SAFE_VALUE = re.compile(r"\|\s*url\s*\Z|\A\s*[-+]?\s*links\.\w+\s*[-+]?\s*\Z")
_ORDERS = re.compile(r"http-equiv\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+)", re.IGNORECASE)
_COMMENTS = {"{#": "#}", "[#": "#]"}
"""What a comment holds apart, its going joins."""
_TAGS = {"{{": "}}", "{%": "%}"}
_EMPTY = frozenset({"br", "img", "hr", "meta", "link", "col", "wbr", "area", "source"})


def check_markup(source: str) -> None:
    """Refuse MJML that could do more than be looked at, with its comments or without them.

    Raises ValueError with the line, the reason and the remedy.
    """
    if len(source) > MAX_LAYOUT:
        raise ValueError(f"it is longer than {MAX_LAYOUT:,} characters, split or shorten it")
    _look_through(source)
    joined = put_for(source, _COMMENTS, lambda comment: "\n" * comment.count("\n"))
    if joined != source:
        _look_through(joined)


def check_said(text: str) -> None:
    """Refuse words in a message's own text that would be taken for an attribute that runs something, by the text's
    line. Raises ValueError."""
    found = _EVENT.search(text)
    if found:
        raise ValueError(f"line {_line(text, found)}: a mail cannot hold the attribute {found[1]}, take it out")


def _look_through(source: str) -> None:
    for pattern, said in (
        (_BANNED, "a mail cannot hold the element {0}"),
        (_HANDLER, "a mail cannot hold the attribute {0}"),
        (_EVENT, "a mail cannot hold the attribute {0}"),
    ):
        found = pattern.search(source)
        if found:
            raise ValueError(f"line {_line(source, found)}: {said.format(found[1])}, take it out")
    for order in _ORDERS.finditer(source):
        if "refresh" in html.unescape(order[1]).lower():
            raise ValueError(f"line {_line(source, order)}: a mail cannot lead elsewhere by itself, take it out")
    styled = style_fault(source)
    if styled:
        raise ValueError(f"line {_line_at(source, styled[0])}: {styled[1]}")
    found = _BARE.search(source)
    if found:
        raise ValueError(f"line {_line(source, found)}: the address of {found[1]} stands bare, put it in quotes")
    for address in _ADDRESS.finditer(source):
        fault = address_fault(address[2][1:-1])
        if fault:
            raise ValueError(f"line {_line(source, address)}: {fault}")


@lru_cache(maxsize=512)
def address_fault(address: str) -> str | None:
    """What is wrong with the address of a link or a picture as it is written in a template, or None."""
    bare = re.sub(r"[\s\x00-\x1f]", "", html.unescape(re.sub(r"&(?:Tab|NewLine);", "", address)))
    if _RUNS.match(bare) or address.lstrip().startswith("&#"):
        return f"the address {address[:40]!r} would run something, write one that begins with https://"
    if bare.startswith(("//", "/\\", "\\")):
        return f"the address {address[:40]!r} names no way to get there, write https:// first"
    if bare.startswith("{%"):
        return f"the address {address[:40]!r} begins with a tag, put the `if` around the whole link"
    value = _VALUE_FIRST.match(address.strip())
    if value is None:
        head = bare.split("{", 1)[0]
        if "{" in bare and not re.match(r"(?:https?://[^/]|mailto:|tel:|#)", head, re.IGNORECASE):
            return f"the address {address[:40]!r} does not begin as one, write it with https:// first"
        return None
    if not _SAFE_VALUE.search(value[1].strip("-+ ")) or (value[2] and value[2][0] not in "/?#"):
        return f"the address {address[:40]!r} could be any, write {{{{ … | url }}}} and nothing before it"
    return None


def check_loose(source: str) -> None:
    """Refuse tags that would make an element or an attribute of a value.

    `source` is MJML with its tags, or with letters in the place of each. Raises ValueError.
    """
    source = put_for(source, _TAGS, lambda tag: "xjinja0x" + "\n" * tag.count("\n"))
    for whole in _WHOLE.finditer(source):
        if "xjinja" in whole[0] and "xjinja" in _QUOTED.sub("", whole[0]):
            name = re.split(r"xjinja|[\s/]", whole[0].lstrip("</"), maxsplit=1)[0]
            raise ValueError(f"line {_line(source, whole)}: a tag stands loose inside <{name}>, put it in quotes")


def check_elements(hidden: str) -> None:
    """Refuse elements without end, and loose tags.

    `hidden` is MJML with letters in the place of each tag. Raises ValueError.
    """
    check_loose(hidden)
    depth = 0
    for number, element in enumerate(_ELEMENT.finditer(hidden)):
        name, inside = element[2].lower(), element[3]
        if element[1]:
            depth -= 1
        elif not inside.endswith("/") and name not in _EMPTY:
            depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"line {_line(hidden, element)}: elements stand more than {MAX_DEPTH} deep, take some out")
        if number > MAX_ELEMENTS:
            raise ValueError(f"line {_line(hidden, element)}: there are more than {MAX_ELEMENTS:,} elements, split it")


def _line(source: str, found: re.Match[str]) -> int:
    return _line_at(source, found.start())


def _line_at(source: str, place: int) -> int:
    return source.count("\n", 0, place) + 1
