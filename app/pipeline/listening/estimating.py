"""What a carrier expects of a parcel and notes of it, and when an older word gives way to a newer one."""

from datetime import datetime
from typing import Any, cast

from app.models.vocabulary import Source
from app.pipeline.house import House
from app.pipeline.listening.hearing import Heard
from app.tracking.adapter.base import Ask

_ESTIMATE = ("eta_from", "eta_through", "eta_day")
_TOLD = (*_ESTIMATE, "service", "notes", "estimated_as_of")


def estimate(house: House, order: Any, entry: Heard, shipment: Any, now: datetime) -> dict[str, Any]:
    """The columns for what was heard of a parcel beside its scans.

    Only a carrier's answer may take an earlier estimate back. Its call may have been long under way, or tell only what
    is new: so it counts where it was said after all that stands, and for what it says.
    """
    answered = entry.source is Source.poll
    if not answered and not (entry.source is Source.push and _newer(entry, shipment)):
        return {name: getattr(shipment, name) for name in _TOLD}
    says = entry if answered or entry.estimates else shipment
    return {
        **{name: getattr(says, name) for name in _ESTIMATE},
        "service": entry.service or shipment.service,
        "notes": _link(house, order, shipment) | shipment.notes | entry.notes.told(),
        # A carrier's clock that runs ahead must not silence what it says later.
        "estimated_as_of": now if answered else min(cast("datetime", entry.as_of), now),
    }


def _newer(entry: Heard, shipment: Any) -> bool:
    """Whether a call was said after the last answer, and after the last call that counted."""
    stands_since = [at for at in (shipment.estimated_as_of, shipment.last_polled_at) if at is not None]
    return entry.as_of is not None and all(entry.as_of >= at for at in stands_since)


def _link(house: House, order: Any, shipment: Any) -> dict[str, str]:
    """The carrier's own page of the parcel, where it did not name one itself."""
    carrier = house.carriers.get(shipment.carrier) if shipment.tracking_number else None
    link = carrier.link(Ask(shipment.tracking_number, destination_country=order.country)) if carrier else None
    return {"link": link} if link else {}
