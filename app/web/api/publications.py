"""How what was published is paged through, rules and templates alike: newest first, each page begun by a number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Query


@dataclass(frozen=True, slots=True)
class Leaf:
    """Which page: at most `limit` publications older than number `before` (None: from the newest on)."""

    before: int | None
    limit: int


class Numbered(Protocol):
    """A publication, as its brand counts them."""

    @property
    def number(self) -> int:
        """From 1 on."""


def _leaf(
    before: Annotated[int | None, Query(ge=1, le=2_000_000_000)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Leaf:
    return Leaf(before, limit)


Turned = Annotated[Leaf, Depends(_leaf)]
"""The page that an address asks for."""


def following(found: Sequence[Numbered], leaf: Leaf) -> int | None:
    """The `before` of the page that follows; None for the last."""
    return found[-1].number if len(found) == leaf.limit and found[-1].number > 1 else None
