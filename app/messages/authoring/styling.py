"""What a style in a mail may not do: load another file, however that is written, or hold a value.

A style's reader knows letters by number, comments and quotes, and what stands in an attribute is HTML first: so a style
is looked at as it is read. A value's letters are escaped for HTML and for nothing else.
"""

import html
import re
from collections.abc import Callable, Iterator, Mapping

_OPENS = re.compile(r"<\s*(?:mj-)?style\b", re.IGNORECASE)
_CLOSES = re.compile(r"<\s*/\s*(?:mj-)?style\b", re.IGNORECASE)
_INLINE = re.compile(r"\bstyle\s*=\s*(?:\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_LAID_OUT = re.compile(r"<\s*mj-(?!raw\b|style\b)[a-z-]+(?:\"[^\"]*\"|'[^']*'|[^\"'<>])*", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"(?<![\w-])([\w-]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_WITH_VALUES = frozenset({"href", "src", "alt", "title", "name", "lang", "dir"})
"""Attributes of MJML's elements that become no part of a style; what else they have, the engine writes into one."""

_LOADS = re.compile(
    r"@import\b|\burl\s*\(\s*(?:[\"']\s*)?(?:[a-z][a-z0-9+.-]*:|//|\\)|\bimage-set\s*\(|-moz-binding\b|\bexpression\s*\(",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\r\n\f]?|([^0-9a-fA-F\r\n]))")
_DISGUISED = ("\\", "&", "/*", "{%", "{#")


def style_fault(source: str) -> tuple[int, str] | None:
    """Where in a piece of MJML a style does what it may not, as a place in the text, and what that is; or None."""
    found = _loading(source, 0)
    if found:
        return found
    for start, style in _styles(source):
        if "{{" in style:
            return start, "a style cannot hold a value, write the colour or the size there"
    for element in _LAID_OUT.finditer(source):
        if "{{" in element[0]:
            for name, value in _ATTRIBUTE.findall(element[0]):
                if "{{" in value and name.lower() not in _WITH_VALUES:
                    return element.start(), f"{name} becomes a style, which cannot hold a value, write it out"
    return None


def _loading(source: str, start: int) -> tuple[int, str] | None:
    found = _LOADS.search(source)
    if found is None and any(sign in source for sign in _DISGUISED):
        # Line by line, so that the place is told as near as it can be.
        for line in source.splitlines(keepends=True):
            plain = _as_read(line)
            hidden = _LOADS.search(plain) if plain != line else None
            if hidden:
                return start, f"a style cannot load another file, take {hidden[0]!r} out"
            start += len(line)
        hidden = _LOADS.search(_as_read(source))
        return (0, f"a style cannot load another file, take {hidden[0]!r} out") if hidden else None
    return (found.start(), f"a style cannot load another file, take {found[0]!r} out") if found else None


def _styles(source: str) -> Iterator[tuple[int, str]]:
    """Every style in the text, in elements and in attributes, with its place. One that is not closed has no end."""
    end = 0
    for opening in _OPENS.finditer(source):
        if opening.start() >= end:
            closing = _CLOSES.search(source, opening.end())
            end = closing.start() if closing else len(source)
            yield opening.start(), source[opening.start() : end]
    for inline in _INLINE.finditer(source):
        yield inline.start(), inline[0]


def _as_read(text: str) -> str:
    told = html.unescape(put_for(text, {"{%": "%}", "{#": "#}"}, lambda tag: ""))
    return _ESCAPE.sub(_letter, put_for(told, {"/*": "*/"}, lambda remark: ""))


def put_for(source: str, pairs: Mapping[str, str], put: Callable[[str], str]) -> str:
    """`source` with what `put` gives for each piece from an opening to its closing; what is never closed stays.

    Every letter is looked at a few times only, whatever is opened and not closed.
    """
    openings = re.compile("|".join(map(re.escape, pairs)))
    pieces: list[str] = []
    lost: set[str] = set()
    at = 0
    for opening in openings.finditer(source):
        if opening.start() < at or opening[0] in lost:
            continue
        end = source.find(pairs[opening[0]], opening.end())
        if end < 0:
            lost.add(opening[0])
            continue
        end += len(pairs[opening[0]])
        pieces += [source[at : opening.start()], put(source[opening.start() : end])]
        at = end
    return "".join((*pieces, source[at:]))


def _letter(found: re.Match[str]) -> str:
    if found[2]:
        return found[2]
    number = int(found[1], 16)
    return chr(number) if 0 < number < 0xD800 else ""
