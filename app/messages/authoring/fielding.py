"""What a compiled part reads, held to the documented fields; and what is printed in the place of a blank one.

Faults are told where a person wrote them: in the message's file, or in the layout or block that it is set in.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.messages.authoring.bundle import Source
from app.messages.rendering.sandbox import Refused, Sandbox, parsed, sections
from app.messages.rendering.using import Places, unread
from app.messages.shelf import BadTemplate, Shelf

_PRINTED = re.compile(r"\{\{([-+]?)\s*([a-z_][a-z0-9_.]*)\s*(\|[^{}]*?)?([-+]?)\}\}")


def check_part(environment: Sandbox, text: str, source: Source, shelf: Shelf) -> None:
    """Refuse a part that does what templates may not, or reads what is not documented.

    Raises BadTemplate with file, line, column and the nearest right name.
    """
    try:
        read = sections(environment, text)
    except Refused as error:
        raise BadTemplate(f"{source.label}: {error}.") from error
    faults = unread(read)
    if faults:
        written, said = faults[0]
        label, line, column = _where(written, source, shelf)
        raise BadTemplate(f"{label}, line {line}, column {column}: {said}.")


def check_written(environment: Sandbox, pieces: Mapping[str, str], source: Source) -> None:
    """Refuse what a person wrote and templates may not do, by the line of the file. `pieces` are the texts of the
    message by the name of their field (`subject`, `variables.2`), or `body`. Raises BadTemplate."""
    for name, piece in pieces.items():
        try:
            sections(environment, piece, loops=1)
        except Refused:
            _refuse(environment, name, piece, source)


def _refuse(environment: Sandbox, name: str, piece: str, source: Source) -> None:
    try:
        parsed(environment, "\n" * _lines_above(name, piece, source.text) + piece, loops=1)
    except Refused as error:
        raise BadTemplate(f"{source.label}, {name}, {error}.") from error


def _lines_above(name: str, piece: str, text: str) -> int:
    if text.endswith(piece):
        return text.count("\n", 0, len(text) - len(piece))
    found = re.search(rf"^[ \t]*[\"']?{re.escape(name.split('.')[-1])}[\"']?[ \t]*:", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) if found else 0


def _where(written: str, source: Source, shelf: Shelf) -> tuple[str, int, int]:
    for label, text in _files(source, shelf):
        places = Places(text).all(written)
        if places:
            return label, *places[0]
    return source.label, 1, 1


def _files(source: Source, shelf: Shelf) -> Iterator[tuple[str, str]]:
    yield source.label, source.text
    for path in shelf.paths():
        file = shelf.file(path) if path.startswith("layouts/") else None
        if file is not None:
            yield file.label, file.text


def with_fallbacks(text: str, words: Mapping[str, Any]) -> str:
    """A part in which each field that is printed as it is, and has a fallback in this language, prints that where it
    comes out blank. An `if` on the field still says no."""
    fallbacks: Mapping[str, str] = words.get("fallbacks") or {}
    if not fallbacks:
        return text

    def filled(found: re.Match[str]) -> str:
        opens, path, filters, closes = found.groups()
        if path not in fallbacks:
            return found[0]
        return f'{{{{{opens} ({path} or "{fallbacks[path]}") {filters or ""}{closes}}}}}'

    return _PRINTED.sub(filled, text)
