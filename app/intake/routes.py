"""Who is asked about a parcel, as intake needs to know it; who decides that is handed in."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """Where questions about a parcel go: `asked_of` is the adapter's name, or None where nobody can be asked.

    `candidates` are the adapters to ask in turn, likeliest first, where nobody knows whose number it is; `problem` is
    why nobody is asked, where somebody could mend that.
    """

    asked_of: str | None = None
    candidates: tuple[str, ...] = ()
    problem: str | None = None


Router = Callable[[str | None, str | None, str | None], Route]
"""The route of a parcel by its carrier's name (None: not known), tracking number and destination country."""


def nobody(_carrier: str | None, _number: str | None, _country: str | None) -> Route:
    """The router of an installation that asks nobody."""
    return Route()
