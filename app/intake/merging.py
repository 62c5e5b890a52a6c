"""Makes one order of two consecutive rows: their parcels side by side, the rows of one parcel together."""

from dataclasses import dataclass
from typing import Any

from app.intake.schema import IncomingOrder, IncomingParcel

_MAX_PARCELS = 100
_APART = {"parcels", "shopper", "promised_on", "source", "number"}


@dataclass(frozen=True, slots=True)
class Merged:
    """Two rows as one order, and the mapping's names of the fields in which they disagree."""

    order: IncomingOrder
    differing: tuple[str, ...]


def merge_rows(first: IncomingOrder, second: IncomingOrder) -> Merged | None:
    """One order of two rows with one parcel each in the second, or None when they are not the same order's.

    Where both speak of a field, the second holds, as it would if it came later. A different promise belongs to
    the second row's parcel alone.
    """
    if (first.source, first.number) != (second.source, second.number) or len(first.parcels) == _MAX_PARCELS:
        return None
    said = {name: getattr(second, name) for name in second.model_fields_set - _APART}
    shopper = {name: getattr(second.shopper, name) for name in second.shopper.model_fields_set}
    differing = _differing(first, said) + _differing(first.shopper, shopper)
    promise: dict[str, Any] = {}
    parcel = second.parcels[0]
    if second.promised_on != first.promised_on and second.promised_on is not None:
        if first.promised_on is None:
            promise = {"promised_on": second.promised_on}
        else:
            parcel = parcel.model_copy(update={"promised_on": second.promised_on})
    parcels = _with(first.parcels, parcel)
    update = said | promise | {"shopper": first.shopper.model_copy(update=shopper), "parcels": parcels}
    return Merged(first.model_copy(update=update), tuple(differing))


def _differing(first: Any, said: dict[str, Any]) -> list[str]:
    names = {"total_minor": "total"}
    return sorted(
        names.get(name, name)
        for name, value in said.items()
        if name in first.model_fields_set and getattr(first, name) != value
    )


def _with(parcels: tuple[IncomingParcel, ...], parcel: IncomingParcel) -> tuple[IncomingParcel, ...]:
    """The parcels with one more, or with one of them told further: items add up, scans are a set."""
    known = next((at for at, other in enumerate(parcels) if _same(other, parcel)), None)
    if known is None:
        return (*parcels, parcel)
    before = parcels[known]
    said = {name: getattr(parcel, name) for name in parcel.model_fields_set - {"items", "scans"}}
    if parcel.items:
        said["items"] = (*before.items, *parcel.items)
    if parcel.scans:
        said["scans"] = (*before.scans, *(scan for scan in parcel.scans if scan not in before.scans))
    return (*parcels[:known], before.model_copy(update=said), *parcels[known + 1 :])


def _same(one: IncomingParcel, other: IncomingParcel) -> bool:
    if one.reference is not None and other.reference is not None:
        return one.reference == other.reference
    return one.tracking_number == other.tracking_number
