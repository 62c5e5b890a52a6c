"""The facts that a condition read, by name and as they were: what an explanation shows beside its answer."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from app.models.facts import Facts

MOST = 12
"""Values of a list; the others are counted."""

LONGEST = 120
"""Characters of a text."""


def inputs_of(facts: Facts, reads: Iterable[str], now: datetime) -> dict[str, Any]:
    """The values at paths such as `parcel.items[].sku`, as plain JSON: an instant and a day as ISO 8601 text, null for
    what is missing, a list's first values and how many more there are, and of whole lines or parts only that they are
    there: their number, or true."""
    return {path: _at(facts, path, now) for path in sorted(reads)}


def _at(facts: Facts, path: str, now: datetime) -> Any:
    if path == "now":
        return now.isoformat()
    here: list[Any] = [facts]
    many = False
    for step in path.replace("[]", "").split("."):
        found = [getattr(one, step) for one in here if one is not None]
        many = many or any(isinstance(one, tuple | list) for one in found)
        here = [one for value in found for one in (value if isinstance(value, tuple | list) else (value,))]
    return _several(here) if many or "[]" in path else _plain(here[0] if here else None)


def _several(values: Sequence[Any]) -> Any:
    if any(isinstance(one, BaseModel) for one in values):
        return {"count": len(values)}
    shown = [_plain(one) for one in values[:MOST]]
    return [*shown, f"… and {len(values) - MOST} more"] if len(values) > MOST else shown


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, BaseModel):
        return True
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
