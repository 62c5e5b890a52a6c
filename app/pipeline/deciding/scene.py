"""The rows of one batch as they stand once it is written down, in one place for everything that concludes from them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.models.vocabulary import Milestone
from app.pipeline.deciding.picture import Past
from app.pipeline.listening.hearing import Locked
from app.rules.ruleset import RuleSet


@dataclass(frozen=True, slots=True)
class Row:
    """A parcel's row with this batch's changes on top."""

    row: Any
    changes: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.changes[name] if name in self.changes else getattr(self.row, name)


@dataclass(frozen=True, slots=True)
class Scene:
    """The rows of a batch as they stand once it is written down: locked, with its `changes` by parcel, what each
    shopper was `told` before, and of which parcels only the meaning was read `again`. `retired` counts the crossings
    of each parcel and milestone that belong to a number it had before."""

    locked: Locked
    changes: Mapping[int, Mapping[str, Any]]
    told: Mapping[int, Past]
    again: Collection[int]
    rules: Mapping[int, RuleSet]
    retired: Mapping[tuple[int, Milestone], int] = field(default_factory=dict)

    def parcel(self, shipment_id: int) -> Row:
        """A parcel as it stands now."""
        return Row(self.locked.shipments[shipment_id], self.changes.get(shipment_id, {}))

    def parcels(self, order_id: int) -> list[Row]:
        """All parcels of an order, as they stand now."""
        return [self.parcel(one.id) for one in self.locked.by_order[order_id]]

    def others(self, shipment: Any) -> list[Row]:
        """The other parcels of its order, as they stand now."""
        return [self.parcel(other.id) for other in self.locked.others(shipment)]
