"""Which fields a brand's files need, and who needs a field: for whoever writes one, changes one, or takes one away."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from app.messages.authoring.bundle import named
from app.messages.authoring.wording import is_message
from app.messages.checking.writing import first_read
from app.messages.rendering.fields import FIELDS, Field, known
from app.messages.rendering.sandbox import Refused
from app.messages.rendering.using import Use, breaking, uses
from app.messages.shelf import BadTemplate, Shelf


@dataclass(frozen=True, slots=True)
class Need:
    """A field that a file reads, and where first: line and column count from 1."""

    field: Field
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Reader:
    """A file that reads a field, or something inside it, and where first. `message` is (name, channel, language) of
    the message that the file is; None for a layout or a block, which every email that is set in it reads."""

    path: str
    line: int
    column: int

    @property
    def message(self) -> tuple[str, str, str] | None:
        found = named(self.path) if self.path.startswith("messages/") else None
        return (*found, self.path.split("/")[1]) if found else None


def needed(path: str, text: str) -> list[Need]:
    """The documented fields that a file reads, each once and in its order; groups and lists are left out where
    something inside them is read. None of what cannot be read: the check says why."""
    found = [use for use in _uses(path, text) if use.path in FIELDS]
    inside = {use.path for use in found}
    own = [use for use in found if not any(_within(one, use.path) and one != use.path for one in inside)]
    first = {use.path: use for use in reversed(own)}
    ordered = sorted(first.values(), key=lambda use: (use.line, use.column))
    return [Need(FIELDS[use.path], use.line, use.column) for use in ordered]


def new_needs(path: str, before: str, after: str) -> list[Need]:
    """The fields that a file needs and did not need before."""
    known_before = {need.field.path for need in needed(path, before)}
    return [need for need in needed(path, after) if need.field.path not in known_before]


def who_uses(shelf: Shelf, field: str) -> list[Reader]:
    """The files of a brand that read a field, or anything inside it: messages by name, then what they are set in."""
    found = []
    for path, text in _texts(shelf).items():
        use = next((use for use in _uses(path, text) if _within(use.path, field)), None)
        if use is not None:
            found.append(Reader(path, use.line, use.column))
    return sorted(found, key=lambda one: (one.message is None, one.message or (), one.path))


def how_many_use(shelf: Shelf) -> Mapping[str, int]:
    """By field, how many files of a brand read it, or anything inside it."""
    counted = dict.fromkeys(FIELDS, 0)
    for path, text in _texts(shelf).items():
        read = {use.path for use in _uses(path, text)}
        for field in FIELDS:
            counted[field] += any(_within(one, field) for one in read)
    return counted


def broken_by(shelf: Shelf, old: Mapping[str, Field], new: Mapping[str, Field] = FIELDS) -> dict[str, list[Use]]:
    """The files of a brand that would break, or are broken, where the documented fields change from `old` to `new`,
    each with the readings of fields that are gone or of another kind."""
    found: dict[str, list[Use]] = {}
    for path, text in _texts(shelf).items():
        try:
            found |= breaking({path: _read(path, text)}, old, new)
        except Refused:
            continue  # the check says why
    return found


def _texts(shelf: Shelf) -> dict[str, str]:
    """What a brand's messages are written in, by path, and what they are set in; small words read no field."""
    found = {}
    for path in shelf.paths():
        if path.startswith("layouts/") or is_message(path):
            file = shelf.file(path)
            try:
                found[path] = file.text if file else ""
            except BadTemplate:
                continue  # the check says why
    return found


def _read(path: str, text: str) -> str:
    return first_read(text) if path.startswith("layouts/") else text


@lru_cache(maxsize=4096)
def _uses(path: str, text: str) -> tuple[Use, ...]:
    try:
        return tuple(use for use in uses(_read(path, text)) if known(use.path))
    except Refused:
        return ()


def _within(path: str, sought: str) -> bool:
    return path == sought or path.startswith((f"{sought}.", f"{sought}["))
