"""What is asked of a language's words, those of mail and those of the page: each is known, is a text, and holds what is
filled in there. Every fault has the file's own line."""

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import yaml

from app.errors import ConfigurationError
from app.messages.authoring.fallbacks import read_fallbacks
from app.messages.authoring.plain_yaml import Entry, entries
from app.messages.authoring.wording import MAIL, PAGE, own_page_words
from app.messages.checking.findings import Finding, Severity
from app.messages.shelf import BadTemplate, File, Shelf

LONGEST, LONGEST_MAIL = 500, 2_000
_TAG = re.compile(r"\{\{|\{%|\[\[|\[%|\{#|\[#")
_BY_LAYOUTS = frozenset({
    "help", "help_link", "choices", "why", "more", "more_on_page", "one_more", "one_more_on_page", "in_this_parcel",
    "in_these_parcels", "in_this_order", "in_this_return", "also_in_order", "not_shipped", "pickup_where",
    "pickup_hours", "pickup_until", "order", "carried_by", "tracking_number", "parcel",
})  # fmt: skip
"""Words that layouts print, and that may therefore hold fields; all others are put together before."""
_TOLD_OF_A_PARCEL = frozenset({"states", "late", "late_unpromised", "doubted", "return_parcel"})
"""Parts of the page's words that are all filled with the same."""
_OPTIONAL = frozenset({"link_mail.subject", "link_mail.text"})
_FREE = frozenset({"carriers"})
_BY_FIELD = "fallbacks"


def of_small_words(file: File, shelf: Shelf) -> Iterator[Finding]:
    """What is wrong with a `words.yaml` or a `page.yaml`, measured by the one that ships in English."""
    name = file.path.rsplit("/", 1)[-1]
    try:
        found = entries(file.text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        yield _fault(file, line, column, f"it is not YAML: {error.problem}", "Mend it there; quote texts with a colon.")
        return
    except yaml.YAMLError as error:
        yield _fault(file, None, None, f"it is not YAML: {error}", "Mend it there.")
        return
    if not found:
        yield _fault(file, 1, 1, "it holds no words", "Write `today: today` and so on.")
        return
    model = _model(_shipped_text(shelf, f"messages/en/{name}"), name == PAGE)
    for one in found if model else ():
        yield from _of_entry(file, one, model, page=name == PAGE)
    if name == MAIL:
        yield from _of_fallbacks(file, found)
    elif lacking := _lacking(shelf, file.path.split("/")[1]):
        listed = f"{', '.join(lacking[:3])}{' and others' if len(lacking) > 3 else ''}"
        yield _fault(file, None, None, f"it lacks {listed}, which the page says in English then", "Add each.")


def _lacking(shelf: Shelf, locale: str) -> list[str]:
    """The words of the page that English has and a language has not."""
    try:
        english, own = (_leaves(own_page_words(shelf, one)) for one in ("en", locale))
    except ConfigurationError:
        return []  # told already
    return [path for path in english if path not in own]


def _leaves(words: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in words.items():
        found |= _leaves(value, f"{above}{name}.") if isinstance(value, Mapping) else {f"{above}{name}": value}
    return found


def _shipped_text(shelf: Shelf, path: str) -> str:
    file = next(iter(shelf.layers(path)), None)
    return file.text if file else ""


@lru_cache(maxsize=8)
def _model(text: str, page: bool) -> Mapping[str, frozenset[str] | None]:
    """What stands under each path of the words that ship: what is filled in, None for a group of words."""
    listed = entries(text) if text else []
    model = {one.path: None if one.mapping else frozenset(_fillings(str(one.value))) for one in listed}
    if page:
        shared = [path for path in model if path.split(".")[0] in _TOLD_OF_A_PARCEL]
        of_all = frozenset(name for path in shared for name in model[path] or ())
        model |= {path: of_all for path in shared if model[path] is not None}
        for part in ("timed", "fact", "eyebrow", "lead"):
            model |= {
                f"{path}.{part}": of_all
                for path in shared
                if path.startswith("return_parcel.") and path.count(".") == 1
            }
    return model


def _of_entry(file: File, one: Entry, model: Mapping[str, frozenset[str] | None], *, page: bool) -> Iterator[Finding]:
    top, path = one.keys[0], one.path
    if one.again:
        yield _at(file, one, f"{path} stands twice, and the first is not read", "Take one of them out.")
    if top == _BY_FIELD and not page:
        return
    free = top in _FREE and len(one.keys) == 2
    if path not in model and not free:
        above = ".".join(one.keys[:-1])
        if above and model.get(above, frozenset()) is not None:
            return  # told of the group
        near = get_close_matches(path, (other for other in model if other.rpartition(".")[0] == above), 1, 0.6)
        remedy = f"Did you mean {near[0]}?" if near else "Take it out."
        yield _at(file, one, f"there is no word {path!r}, and nobody would read it", remedy)
        return
    asked = frozenset() if free else model[path]
    if (asked is None) != one.mapping:
        what = "holds words by name" if asked is None else "is one text"
        yield _at(file, one, f"{path} {what}", "Write it as in English.")
    elif not one.mapping:
        yield from _of_text(file, one, asked or frozenset(), page=page)


def _of_text(file: File, one: Entry, asked: frozenset[str], *, page: bool) -> Iterator[Finding]:
    path, text = one.path, one.value
    if not isinstance(text, str):
        said = "is empty" if text is None else f"is read as {_kind(text)} and not as a text"
        yield _at(file, one, f"{path} {said}", "Write the word in quotes.")
        return
    longest = LONGEST_MAIL if path == "link_mail.text" else LONGEST
    if not text.strip():
        yield _at(file, one, f"{path} is blank", "Write the word, or take the line out where another file has it.")
    elif len(text) > longest or ("\n" in text.strip() and path != "link_mail.text"):
        yield _at(file, one, f"{path} is no one line of at most {longest} letters", "Say it in less.")
    elif _TAG.search(text):
        if page or path not in _BY_LAYOUTS:
            yield _at(file, one, f"{path} is filled with no fields, so that tags would be shown", "Take the tag out.")
    else:
        yield from _of_fillings(file, one, asked, every=not page and path not in _OPTIONAL)


def _of_fillings(file: File, one: Entry, asked: frozenset[str], *, every: bool) -> Iterator[Finding]:
    listed = ", ".join(f"{{{name}}}" for name in sorted(asked))
    try:
        there = _fillings(one.value)
    except ValueError as error:
        remedy = f"There is {listed}, as it stands here." if asked else "Take the brace out."
        yield _at(file, one, f"{one.path}: {error}", remedy)
        return
    for name in there:
        if name not in asked:
            remedy = f"There is {listed}." if asked else "Take it out."
            yield _at(file, one, f"{one.path} is filled with no {{{name}}}", remedy)
    lacking = sorted(asked - set(there)) if every else ["link"] if one.path == "link_mail.text" else []
    for name in lacking:
        if name not in there:
            yield _at(file, one, f"{one.path} lacks {{{name}}}", f"Write {{{name}}} where it belongs.")


def _fillings(text: str) -> Sequence[str]:
    """The names in braces. Raises ValueError for braces that hold more, or do not close."""
    names = []
    try:
        for _, name, how, conversion in string.Formatter().parse(text):
            if name is not None:
                if how or conversion or not re.fullmatch(r"[a-z_]+", name):
                    raise ValueError("braces hold a name and nothing else")
                names.append(name)
    except ValueError as error:
        said = str(error) if "braces" in str(error) else "a brace stands alone"
        raise ValueError(said) from error
    return names


def _of_fallbacks(file: File, found: Sequence[Entry]) -> Iterator[Finding]:
    given = [one for one in found if one.keys[0] == _BY_FIELD]
    for one in given:
        if len(one.keys) > 1 or not one.mapping:
            words = {_BY_FIELD: {".".join(one.keys[1:]): one.value} if len(one.keys) > 1 else one.value}
            try:
                read_fallbacks(words, file.label)
            except BadTemplate as error:
                said, _, remedy = str(error).removeprefix(f"{file.label}, ").rstrip(".").rpartition(". ")
                yield _at(file, one, said or remedy, f"{remedy}." if said else "Mend it there.")


def _kind(value: object) -> str:
    return {bool: "yes or no", int: "a number", float: "a number", list: "a list"}.get(type(value), "something else")


def _at(file: File, one: Entry, message: str, remedy: str) -> Finding:
    return _fault(file, one.line, one.column, message, remedy, one.path)


def _fault(file: File, line: int | None, column: int | None, message: str, remedy: str, about: str = "") -> Finding:
    severity: Severity = "error"
    return Finding(severity, "words", file.path, file.label, line, column, message, remedy, f"{about} {message}")
