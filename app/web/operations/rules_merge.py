"""Two people's changes of one text put together, line by line, where they do not touch."""

import difflib
from collections.abc import Sequence

Change = tuple[int, int, Sequence[str]]
"""Lines `from` and `to` (exclusive, from 0) of the text that both began with, and what stands in their place."""

MOST_LINES = 12_000


def put_together(base: str, mine: str, theirs: str) -> str | None:
    """The text with both changes; None where they touch the same lines or lines beside each other, for then a person
    has to say what is meant, and for texts too long to be compared."""
    old, own, other = base.split("\n"), mine.split("\n"), theirs.split("\n")
    if max(len(old), len(own), len(other)) > MOST_LINES:
        return None
    ours, news = _changes(old, own), _changes(old, other)
    both = [one for one in ours if one not in news]
    if any(_touch(one, another) for one in both for another in news):
        return None
    lines = list(old)
    for start, end, instead in sorted([*both, *news], key=lambda one: one[:2], reverse=True):
        lines[start:end] = instead
    return "\n".join(lines)


def _changes(old: Sequence[str], new: Sequence[str]) -> list[Change]:
    opcodes = difflib.SequenceMatcher(None, old, new).get_opcodes()
    return [(i1, i2, list(new[j1:j2])) for tag, i1, i2, j1, j2 in opcodes if tag != "equal"]


def _touch(one: Change, other: Change) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
