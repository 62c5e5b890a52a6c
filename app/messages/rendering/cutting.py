"""Where a source may be cut so that its pieces, read one by one, say what the whole says.

Messages differ in their words; the journey, the lists and the foot that they are set in are the same in many. A piece
that is known by its text has to be read once.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

FAR = 200
"""Letters without a tag that are worth a piece of their own."""

_VALUE = r"(?:[^{}%'\"]++|'[^'{}%\\]*+'|\"[^\"{}%\\]*+\")*+"
_TAG = re.compile(rf"\{{\{{{_VALUE}\}}\}}|\{{%\s*+([a-z]++){_VALUE}%\}}")
_UNUSUAL = re.compile(r"\{[{%][-+{%]|\{#|\r|[-+][}%]\}")
_OPENS = frozenset({"if", "for"})
_GOES_ON = frozenset({"else", "elif"})
_CLOSES = frozenset({"endif", "endfor"})


@dataclass(slots=True)
class _Part:
    """A stretch of the source that is read as one; `whole` where it is an `if` or a `for` from its first tag to its
    last."""

    start: int
    end: int
    whole: bool


def cut(source: str) -> list[str]:
    """The source in pieces, which together are the source; in one where it has something that is seldom written.

    A cut lies where no `if` or `for` is open, at the start of a line or between two letters, so that the spaces that
    Jinja takes away around a tag are the same on either side.
    """
    parts = _parts(source)
    places = sorted({0, len(source), *(place for part in parts for place in (part.start, part.end))})
    return [source[start:end] for start, end in pairwise(places)]


def has_tag(piece: str) -> bool:
    """Whether a piece has anything to fill in."""
    return "{{" in piece or "{%" in piece or "{#" in piece


def _parts(source: str) -> list[_Part]:
    parts: list[_Part] = []
    for start, end, whole in _outermost(source):
        left = _back(source, start, parts[-1].end if parts else 0)
        if parts and (left is None or (start - parts[-1].end < FAR and not whole and not parts[-1].whole)):
            parts[-1].end, parts[-1].whole = end, parts[-1].whole and whole
        else:
            parts.append(_Part(left or 0, end, whole))
    limits = [*(part.start for part in parts[1:]), len(source)]
    for part, limit in zip(parts, limits, strict=False):
        part.end = _on(source, part.end, limit)
    return parts


def _outermost(source: str) -> list[tuple[int, int, bool]]:
    """Each printed field and each `if` or `for` that stands in no other: start, end, and whether it is the latter."""
    found: list[tuple[int, int, bool]] = []
    depth, opened, tags = 0, 0, 0
    for tag in _TAG.finditer(source):
        tags += 1
        keyword = tag[1]
        if keyword is None:
            if depth == 0:
                found.append((tag.start(), tag.end(), False))
        elif keyword in _OPENS:
            opened = tag.start() if depth == 0 else opened
            depth += 1
        elif keyword in _CLOSES and depth > 0:
            depth -= 1
            if depth == 0:
                found.append((opened, tag.end(), True))
        elif keyword not in _GOES_ON or depth == 0:
            return []
    usual = depth == 0 and tags == source.count("{{") + source.count("{%") and not _UNUSUAL.search(source)
    return found if usual else []


def _back(source: str, place: int, least: int) -> int | None:
    """The last place at or before `place` where a cut may lie."""
    for one in range(place, least - 1, -1):
        if one == 0 or _may(source, one):
            return one
    return None


def _on(source: str, place: int, most: int) -> int:
    """The first place at or after `place` where a cut may lie; `most` where there is none before."""
    while place < most and not _may(source, place):
        place += 1
    return place


def _may(source: str, place: int) -> bool:
    before = source[place - 1]
    return before == "\n" or not (before.isspace() or source[place].isspace())
