"""What differs between two files, told in words: by field, by paragraph and by word; and line by line, as git does."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from app.messages.authoring.plain_yaml import read_yaml
from app.messages.versions.fitting import picture_size

What = Literal["added", "removed", "changed"]

_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?\n?", re.DOTALL | re.MULTILINE)
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference of one file. `field` is a front-matter field, a key with its parents, or empty for the text."""

    path: str
    what: What
    field: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        name = self.field or "text"
        if self.what == "changed":
            return f'{name}: "{_short(self.before)}" became "{_short(self.after)}"{self._words()}'
        return f'{name}: "{_short(self.before if self.after is None else self.after)}" is {self.what}'

    def _words(self) -> str:
        """The words that went and came, where they are a small part of much."""
        before, after = (self.before or "").split(), (self.after or "").split()
        if min(len(before), len(after)) < 8:
            return ""
        steps = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
        told = [
            f'"{" ".join(before[a:b])}" -> "{" ".join(after[c:d])}"' for step, a, b, c, d in steps if step != "equal"
        ]
        return f" ({', '.join(told)})" if len(told) <= 3 else ""


def differences(path: str, before: bytes | None, after: bytes | None) -> list[Difference]:
    """What a file's change comes to, in its order. None stands for a file that is not there."""
    if before == after:
        return []
    if before is None or after is None:
        what: What = "added" if before is None else "removed"
        return [Difference(path, what, "the file", _told(path, before), _told(path, after))]
    if path.endswith(".png"):
        return [Difference(path, "changed", "picture", _told(path, before), _told(path, after))]
    one, other = _text(before), _text(after)
    found = [*_told_of(path, _fields(path, one, other)), *_paragraphs(path, one, other)]
    return found or [Difference(path, "changed", "spaces and line ends", "as they were", "as they are now")]


def unified(path: str, before: bytes | None, after: bytes | None) -> str:
    """The same line by line; empty for pictures."""
    if path.endswith(".png"):
        return ""
    one, other = (_text(content or b"").splitlines(keepends=True) for content in (before, after))
    lines = difflib.unified_diff(one, other, f"before/{path}", f"after/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")


def _told(path: str, content: bytes | None) -> str | None:
    if content is None:
        return None
    size = picture_size(content) if path.endswith(".png") else None
    return f"{size[0]} by {size[1]} pixels, {len(content):,} bytes" if size else f"{len(content):,} bytes"


def _short(text: str | None) -> str:
    said = " ".join((text or "").split())
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def _split(path: str, text: str) -> tuple[Mapping[str, str], str]:
    """A file's fields, flat, and the text under them."""
    if path.endswith(".yaml"):
        source, body = text, ""
    else:
        found = _FRONT.match(text) if path.endswith(".md") else None
        source, body = (found[1], text[found.end() :]) if found else ("", text)
    try:
        fields = read_yaml(source) if source else {}
    except yaml.YAMLError:
        return {}, text
    return (dict(_flat("", fields)), body) if isinstance(fields, dict) else ({}, text)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), inner)
    else:
        yield name, str(value)


def _fields(path: str, one: str, other: str) -> Iterator[Difference]:
    before, after = _split(path, one)[0], _split(path, other)[0]
    for name in dict.fromkeys([*before, *after]):
        was, now = before.get(name), after.get(name)
        if was != now:
            what: What = "added" if was is None else "removed" if now is None else "changed"
            yield Difference(path, what, name, was, now)


def _told_of(path: str, fields: Iterator[Difference]) -> Iterator[Difference]:
    """The differences of fields; of a language's words, those that are left out in one: what lies under them counts."""
    left_out = 0
    for one in fields:
        if one.what == "removed" and path.endswith(("/words.yaml", "/page.yaml")):
            left_out += 1
        else:
            yield one
    if left_out:
        yield Difference(path, "removed", "others", f"{left_out:,} words, which are as they lie under this file", None)


def _paragraphs(path: str, one: str, other: str) -> Iterator[Difference]:
    before, after = _pieces(_split(path, one)[1]), _pieces(_split(path, other)[1])
    for step, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if step == "equal":
            continue
        yield from _pairs(path, before[a:b], list(after[c:d]))


def _pairs(path: str, before: Sequence[str], after: list[str]) -> Iterator[Difference]:
    """Each sentence that went beside the one that came for it, if one is like it."""
    for was in before:
        close = difflib.get_close_matches(was, after, n=1, cutoff=0.5)
        if close:
            after.remove(close[0])
        now = close[0] if close else None
        yield Difference(path, "changed" if close else "removed", "", was, now)
    for now in after:
        yield Difference(path, "added", "", None, now)


def _pieces(body: str) -> Sequence[str]:
    """The sentences of a text, paragraph by paragraph, without the spaces around them."""
    paragraphs = re.split(r"(?:\r?\n){2,}", body)
    sentences = [piece for one in paragraphs for piece in re.split(r"(?<=[.!?…])\s+(?=[^\s{])|\r?\n", one)]
    return [" ".join(piece.split()) for piece in sentences if piece.strip()]
