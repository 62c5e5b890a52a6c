"""What a style in a mail may not do: load another file, however that is written, or hold a value.

A style's reader knows letters by number, comments and quotes, and what stands in an attribute is HTML first: so a style
is looked at as it is read. A value's letters are escaped for HTML and for nothing else.
"""

import html
import re

_STYLES = re.compile(
    r"<\s*(?:mj-)?style\b.*?<\s*/\s*(?:mj-)?style\b|\bstyle\s*=\s*(?:\"[^\"]*\"|'[^']*')", re.IGNORECASE | re.DOTALL
)
_LAID_OUT = re.compile(r"<\s*mj-(?!raw\b|style\b)[a-z-]+(?:\"[^\"]*\"|'[^']*'|[^\"'<>])*", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([\w-]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_WITH_VALUES = frozenset({"href", "src", "alt", "title", "name", "lang", "dir"})
"""Attributes of MJML's elements that become no part of a style; what else they have, the engine writes into one."""

_LOADS = re.compile(
    r"@import\b|\burl\s*\(\s*[\"']?\s*(?:[a-z][a-z0-9+.-]*:|//|\\)|\bimage-set\s*\(|-moz-binding\b|\bexpression\s*\(",
    re.IGNORECASE,
)
_TAG = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_REMARK = re.compile(r"/\*.*?\*/", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\r\n\f]?|([^0-9a-fA-F\r\n]))")
_DISGUISED = ("\\", "&", "/*", "{%", "{#")


def style_fault(source: str) -> tuple[int, str] | None:
    """Where in a piece of MJML a style does what it may not, as a place in the text, and what that is; or None."""
    found = _loading(source, 0)
    if found:
        return found
    for style in _STYLES.finditer(source):
        if "{{" in style[0]:
            return style.start(), "a style cannot hold a value, write the colour or the size there"
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


def _as_read(text: str) -> str:
    return _ESCAPE.sub(_letter, _REMARK.sub("", html.unescape(_TAG.sub("", text))))


def _letter(found: re.Match[str]) -> str:
    if found[2]:
        return found[2]
    number = int(found[1], 16)
    return chr(number) if 0 < number < 0xD800 else ""
