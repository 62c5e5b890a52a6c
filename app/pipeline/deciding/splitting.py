"""Works out what each parcel of an order holds, and what is in none of them yet: pure, over rows and their items.

Items are plain dicts as they are stored: `sku` (may be missing), `name`, `quantity`. A return is no part of the split,
and a parcel that was cancelled holds nothing.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Items = Sequence[Mapping[str, Any]]


def living(parcels: Iterable[Any]) -> list[Any]:
    """The parcels that carry the order to the shopper: outbound, and not cancelled."""
    return [parcel for parcel in parcels if parcel.direction == "outbound" and parcel.cancelled_at is None]


def contents(ordered: Items, parcel: Any, outbound: Sequence[Any]) -> Items:
    """What a parcel holds: what was said of it, else the whole order where no other of the `outbound` (living) ones
    carries any of it.

    Empty where the shop did not say which of several parcels holds what: then nothing is known.
    """
    if parcel.items or parcel.direction != "outbound":
        return list(parcel.items)
    return ordered if all(other.id == parcel.id for other in outbound) else []


def not_shipped(ordered: Items, outbound: Sequence[Any]) -> list[dict[str, Any]]:
    """What was ordered and is in none of the order's `outbound` (living) parcels, by quantity and in its own lines.

    Empty where all is shipped, or where a parcel without items may hold the rest. What is in a parcel and was never
    ordered counts for nothing.
    """
    if any(not parcel.items for parcel in outbound):
        return []
    left = [int(line.get("quantity", 1)) for line in ordered]
    lines = _Lines(ordered, left)
    for parcel in outbound:
        for item in parcel.items:
            lines.take(item)
    return [{**line, "quantity": amount} for line, amount in zip(ordered, left, strict=True) if amount > 0]


class _Lines:
    """The order's lines, found by what an item says of itself: its sku, else its name where either has no sku."""

    def __init__(self, ordered: Items, left: list[int]) -> None:
        self.left = left
        self.exact: dict[tuple[str, str], deque[int]] = defaultdict(deque)
        self.by_sku: dict[str, deque[int]] = defaultdict(deque)
        self.by_name: dict[str, deque[int]] = defaultdict(deque)
        for at, line in enumerate(ordered):
            sku = line.get("sku", "")
            self.exact[sku, line["name"]].append(at)
            self.by_name[line["name"]].append(at)
            if sku:
                self.by_sku[sku].append(at)

    def take(self, item: Mapping[str, Any]) -> None:
        """Take an item's quantity out of the lines that it may be, the likeliest first."""
        sku, name = item.get("sku", ""), item["name"]
        likely = [self.exact.get((sku, name))]
        likely += [self.by_sku.get(sku), self.exact.get(("", name))] if sku else [self.by_name.get(name)]
        amount = int(item.get("quantity", 1))
        for lines in likely:
            amount = self._from(lines, amount)

    def _from(self, lines: deque[int] | None, amount: int) -> int:
        """Take up to `amount` out of these lines; what of it could not be taken."""
        while lines and amount:
            taken = min(amount, self.left[lines[0]])
            self.left[lines[0]] -= taken
            amount -= taken
            if not self.left[lines[0]]:  # an emptied line is never looked at again, however many items name it
                lines.popleft()
        return amount
