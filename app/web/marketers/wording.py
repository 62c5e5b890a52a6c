"""Differences for the eye: word by word, what went on the left and what came on the right."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.messages.versions.differing import Difference

Words = Sequence[tuple[str, bool]]
"""A text in pieces, each with whether it differs."""


@dataclass(frozen=True, slots=True)
class Beside:
    """One difference: in which file and field, and both texts in pieces; None where there is none."""

    path: str
    field: str
    what: str
    before: Words | None
    after: Words | None


def beside(found: Iterable[Difference]) -> list[Beside]:
    """Differences with their words side by side; sentences that only went or only came stand together, as they lie in
    the text."""
    told: list[Beside] = []
    alone: list[Difference] = []
    for one in found:
        if alone and (one.path != alone[0].path or _is_pair(one)):
            told.append(_together(alone))
            alone = []
        if _is_pair(one):
            told.append(_beside(one))
        else:
            alone.append(one)
    return [*told, _together(alone)] if alone else told


def _is_pair(one: Difference) -> bool:
    return bool(one.field) or (one.before is not None and one.after is not None)


def _together(alone: Sequence[Difference]) -> Beside:
    before = [(one.before, True) for one in alone if one.before is not None]
    after = [(one.after, True) for one in alone if one.after is not None]
    what = "changed" if before and after else "removed" if before else "added"
    return Beside(alone[0].path, "", what, _lined(before), _lined(after))


def _lined(pieces: list[tuple[str, bool]]) -> Words | None:
    return [(f"{text}\n", other) for text, other in pieces] or None


def _beside(one: Difference) -> Beside:
    if one.before is None or one.after is None:
        before = None if one.before is None else [(one.before, True)]
        after = None if one.after is None else [(one.after, True)]
        return Beside(one.path, one.field, one.what, before, after)
    left, right = _pieces(one.before), _pieces(one.after)
    before, after = [], []
    for step, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if a < b:
            before.append(("".join(left[a:b]), step != "equal"))
        if c < d:
            after.append(("".join(right[c:d]), step != "equal"))
    return Beside(one.path, one.field, one.what, before, after)


def _pieces(text: str) -> list[str]:
    """Words, each with the space behind it."""
    pieces: list[str] = []
    word = ""
    for letter in text:
        if word and word[-1].isspace() and not letter.isspace():
            pieces.append(word)
            word = ""
        word += letter
    return [*pieces, word] if word else pieces
