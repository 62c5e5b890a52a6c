"""Decides which known parcel an incoming one is, so that no parcel is ever watched, or told about, twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.intake.schema import IncomingParcel


class KnownParcel(Protocol):
    """What is asked of a stored parcel."""

    @property
    def reference(self) -> str: ...
    @property
    def tracking_number(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Match:
    """An incoming parcel beside the stored one it is (`position` in the stored list), or None for a new one."""

    incoming: IncomingParcel
    position: int | None
    reference: str


def match_parcels(known: Sequence[KnownParcel], incoming: Sequence[IncomingParcel]) -> list[Match]:
    """Pair an order's incoming parcels with its stored ones (oldest first), in the incoming order.

    A named parcel is found by its reference alone. An unnamed one by its tracking number; failing that, it is
    a stored one that was never named and still lacks a number (the label was made since) or, without a number
    itself, the first stored one nobody else claims. So the same order told again adds nothing.
    """
    free = dict(enumerate(known))
    found: dict[int, int] = {}
    for wanted in (_same_reference, _same_number, _still_without_number, _anything_left):
        for index, parcel in enumerate(incoming):
            if index not in found:
                position = next((at for at, stored in free.items() if wanted(parcel, stored)), None)
                if position is not None:
                    found[index] = position
                    del free[position]
    taken = {stored.reference for stored in known} | {p.reference for p in incoming if p.reference is not None}
    return [_named(parcel, found.get(index), known, taken) for index, parcel in enumerate(incoming)]


def _same_reference(parcel: IncomingParcel, stored: KnownParcel) -> bool:
    return parcel.reference == stored.reference


def _same_number(parcel: IncomingParcel, stored: KnownParcel) -> bool:
    return parcel.reference is None and parcel.tracking_number in (stored.tracking_number or "", stored.reference)


def _still_without_number(parcel: IncomingParcel, stored: KnownParcel) -> bool:
    return parcel.reference is None and stored.tracking_number is None and stored.reference.isdecimal()


def _anything_left(parcel: IncomingParcel, stored: KnownParcel) -> bool:
    return parcel.key is None


def _named(parcel: IncomingParcel, position: int | None, known: Sequence[KnownParcel], taken: set[str]) -> Match:
    if position is not None:
        return Match(parcel, position, known[position].reference)
    reference = parcel.reference or parcel.tracking_number
    if reference is None or (parcel.reference is None and reference in taken):
        reference = next(str(n) for n in range(1, len(taken) + 2) if str(n) not in taken)
    taken.add(reference)
    return Match(parcel, None, reference)
