"""How an email's text is read where it names ready blocks: `::: journey` on a line of its own puts that block there."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from app.messages.authoring.bundle import Source
from app.messages.authoring.markup import Tags
from app.messages.shelf import BadTemplate, Shelf

OWN = frozenset({"head", "text"})
"""Blocks that only layouts name: colours by day and night, and the place of the text itself."""

_LINE = re.compile(r"^ {0,3}:::[ \t]*(.*?)[ \t]*$")
_FOLDER = "layouts/blocks/"
_KEYWORD = re.compile(r"\{%[-+]?\s*(\w+)")
_OPENS = frozenset({"if", "for"})


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the text as it flows: Markdown, a `{% … %}` around blocks, or a block by name. `line` is the file's."""

    kind: Literal["text", "tag", "block"]
    text: str
    line: int = 0


@dataclass(slots=True)
class _Part:
    kind: Literal["text", "tag", "block"]
    text: str
    line: int
    around_block: bool = False
    in_an_if: bool = False


@dataclass(slots=True)
class _Open:
    """An `if` or a `for` that is not closed yet, with its tags' places among the parts; -1 stands within a line."""

    keyword: str
    places: list[int]
    block: _Part | None = None


def block_names(shelf: Shelf) -> list[str]:
    """The blocks that a text may name, sorted: the files of `layouts/blocks/`."""
    stems = {path.removeprefix(_FOLDER).partition(".")[0] for path in shelf.paths() if path.startswith(_FOLDER)}
    return sorted(stems - OWN)


def read_flow(body: str, source: Source, known: Collection[str]) -> tuple[Piece, ...]:
    """An email's Markdown cut at the blocks it names and at the `if`s around them, in order.

    Raises BadTemplate with the line where a block is not known, stands twice, in a loop, or in half an `if`.
    """
    if ":::" not in body:
        return (Piece("text", body),)
    tags = Tags()
    try:
        parts = _parts(tags, body, source)
    except ValueError as error:
        raise BadTemplate(f"{source.label}: {error}. Mend the tag there.") from error
    _know(parts, source, known)
    _mark(parts, tags, source)
    _stand_once(parts, source)
    return tuple(_flow(parts, tags))


def check_names(names: Collection[str], source: Source, known: Collection[str]) -> None:
    """Refuse names of blocks that are not there. Raises BadTemplate with the nearest."""
    for name in names:
        if name not in known:
            raise BadTemplate(f"{source.label}, leave_out: {_unknown(name, known)}")


def _parts(tags: Tags, body: str, source: Source) -> list[_Part]:
    above = source.text.count("\n", 0, max(0, len(source.text) - len(body)))
    written = (above + at for at, line in enumerate(body.split("\n"), 1) if _LINE.match(line))
    parts: list[_Part] = []
    for line in tags.hide(body).split("\n"):
        block = _LINE.match(line)
        if block:
            parts.append(_Part("block", tags.show(block[1]), next(written, above + 1)))
        elif line.split() and all(tags.is_control(word) for word in line.split()):
            parts += [_Part("tag", word, 0) for word in line.split()]
        else:
            parts.append(_Part("text", line, 0))
    return parts


def _know(parts: list[_Part], source: Source, known: Collection[str]) -> None:
    for part in parts:
        if part.kind == "block" and part.text not in known:
            raise BadTemplate(f"{source.label}, line {part.line}: {_unknown(part.text, known)}")


def _stand_once(parts: list[_Part], source: Source) -> None:
    """Refuse a block that stands twice for everyone; in an `if` and its `else` it may."""
    seen: dict[str, int] = {}
    for part in parts:
        if part.kind != "block" or part.in_an_if:
            continue
        if part.text in seen:
            above = f"on line {seen[part.text]} and here"
            raise BadTemplate(
                f"{source.label}, line {part.line}: the block {part.text} stands twice, {above}. Take one out."
            )
        seen[part.text] = part.line


def _unknown(name: str, known: Collection[str]) -> str:
    listed = f"There are {', '.join(sorted(known))}."
    if not name:
        return f"three colons name no block, and nothing closes one. {listed}"
    near = get_close_matches(name, known, 1, 0.5)
    return f"there is no block {name!r}. {f'Did you mean {near[0]}? ' if near else ''}{listed}"


def _mark(parts: list[_Part], tags: Tags, source: Source) -> None:
    """Find the `if`s around blocks; the walls have seen already that every tag is closed."""
    opened: list[_Open] = []
    for place, part in enumerate(parts):
        if part.kind == "block":
            part.in_an_if = bool(opened)
            for one in opened:
                one.block = one.block or part
            continue
        for keyword in _keywords(part, tags):
            at = place if part.kind == "tag" else -1
            if keyword in _OPENS:
                opened.append(_Open(keyword, [at]))
            elif opened:
                opened[-1].places.append(at)
            if keyword.startswith("end") and opened:
                _close(opened.pop(), parts, source)


def _keywords(part: _Part, tags: Tags) -> list[str]:
    return [found[1] for found in _KEYWORD.finditer(tags.show(part.text))]


def _close(ended: _Open, parts: list[_Part], source: Source) -> None:
    if ended.block is None:
        return
    where = f"{source.label}, line {ended.block.line}: the block {ended.block.text}"
    if ended.keyword == "for":
        raise BadTemplate(f"{where} stands in a loop. Take it out of the `for`: it repeats what it has by itself.")
    if -1 in ended.places:
        raise BadTemplate(f"{where} stands in an `if` that shares a line with words. Give each of its tags a line.")
    for place in ended.places:
        parts[place].around_block = True


def _flow(parts: list[_Part], tags: Tags) -> list[Piece]:
    flow: list[Piece] = []
    lines: list[str] = []

    def end_text() -> None:
        text = tags.show("\n".join(lines)).strip("\n")
        lines.clear()
        if text.strip():
            flow.append(Piece("text", f"{text}\n"))

    for part in parts:
        if part.kind == "block" or part.around_block:
            end_text()
            flow.append(Piece(part.kind, tags.show(part.text), part.line))
        else:
            lines.append(part.text)
    end_text()
    return flow
