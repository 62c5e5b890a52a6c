"""Draws `Facts` from rows: the one place where an order and its parcels become what rules and templates see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.models.facts import Eta, Facts, News, Person, Promise, Told
from app.pipeline.deciding.splitting import contents, living, not_shipped
from app.zones import end_of_day


@dataclass(frozen=True, slots=True)
class Past:
    """What was planned before, oldest first: of one parcel, and of its whole order."""

    parcel: tuple[Told, ...] = ()
    order: tuple[Told, ...] = ()


NOTHING_TOLD = Past()


def promise_of(order: Any, shipment: Any) -> Promise:
    """What was promised for this parcel: its own day, else the order's, ending where the shopper lives. Nothing was of
    one that comes back."""
    day = (shipment.promised_on or order.promised_on) if shipment.direction == "outbound" else None
    return Promise(on=day, ends_at=end_of_day(day, order.zone)) if day else Promise()


def person_of(order: Any) -> Person:
    """Whom to greet and where to write, as the order says now."""
    return Person(name=order.shopper_name, email=order.email, phone=order.phone)


def picture(
    brand: Any,
    order: Any,
    shipment: Any,
    others: Sequence[Any],
    news: News,
    told: Past = NOTHING_TOLD,
) -> Facts:
    """The facts about one parcel as its rows stand now.

    `brand`, `order`, `shipment` and `others` (the order's other parcels) are rows of their tables; `shipment` may
    know as `eta_was` the estimate before its present one.
    """
    said = {"brand": {"key": brand.key, "name": brand.name}, "news": news}
    return _picture(said | {"history": told.parcel, "order_history": told.order}, order, shipment, others)


_DECIDED = ("brand", "news", "history", "order_history")


def picture_since(decided: Mapping[str, Any], order: Any, shipment: Any, others: Sequence[Any]) -> Facts:
    """The facts as the rows stand now, about the news, brand and history of a decision: its facts as stored."""
    facts = _picture({name: decided[name] for name in _DECIDED if name in decided}, order, shipment, others)
    return facts.model_copy(update={"eta": _still_other(facts.eta, decided.get("eta") or {})})


def _still_other(eta: Eta, decided: Mapping[str, Any]) -> Eta:
    """What is expected now, beside what was expected before the decision, as far as that is still another."""
    before = Eta.model_validate(decided)
    was = {name: getattr(before, name) for name in ("was_starts_at", "was_ends_at", "was_day")}
    same = tuple(was.values()) == (eta.starts_at, eta.ends_at, eta.day)
    return eta if same else eta.model_copy(update=was)


def other_parcel(order: Any, parcel: Any, outbound: Sequence[Any]) -> dict[str, Any]:
    """One parcel as `OtherParcel`; `outbound` are those of its order that carry it to the shopper."""
    return {
        "id": parcel.public_id,
        "link": f"/t/{parcel.link_token}",
        "direction": parcel.direction,
        "carrier": parcel.carrier,
        "tracking_number": parcel.tracking_number,
        "milestone": parcel.milestone,
        "milestone_at": parcel.milestone_at,
        "items": contents(order.items, parcel, outbound),
    }


def beside(shipment: Any, others: Sequence[Any]) -> list[Any]:
    """The parcels that belong together with one: those that go its way, and were not cancelled."""
    return [other for other in others if other.direction == shipment.direction and other.cancelled_at is None]


def _picture(said: Mapping[str, Any], order: Any, shipment: Any, others: Sequence[Any]) -> Facts:
    parcels = [shipment, *others]
    outbound = living(parcels)
    # Validated in one pass: model by model it would cost half as much again, at every message that leaves.
    return Facts.model_validate(
        {
            **said,
            "order": {
                "number": order.number,
                "placed_at": order.placed_at,
                "currency": order.currency,
                "total_minor": order.total_minor,
                "parcel_count": len(outbound),
                "tags": order.tags,
                "items": order.items,
                "not_shipped": [] if order.cancelled_at else not_shipped(order.items, outbound),
            },
            "parcel": {
                "id": shipment.public_id,
                "link": f"/t/{shipment.link_token}",
                "direction": shipment.direction,
                "carrier": shipment.carrier,
                "tracking_number": shipment.tracking_number,
                "service": shipment.service,
                "milestone": shipment.milestone,
                "milestone_at": shipment.milestone_at,
                "delivered_at": shipment.delivered_at,
                "delivery_doubted": shipment.delivery_doubted_at is not None,
                "late_since": shipment.late_since,
                "carrier_page": shipment.notes.get("link"),
                "pickup": shipment.notes.get("pickup"),
                "items": contents(order.items, shipment, outbound),
            },
            "other_parcels": [other_parcel(order, other, outbound) for other in beside(shipment, others)],
            "shopper": {
                "has_email": bool(order.email),
                "has_phone": bool(order.phone),
                "locale": order.locale,
                "country": order.country,
                "zone": order.zone,
                "zones": order.zones or (order.zone,),
                "zone_source": order.zone_source,
            },
            "promise": promise_of(order, shipment),
            "eta": {
                "starts_at": shipment.eta_from,
                "ends_at": shipment.eta_through,
                "day": shipment.eta_day,
                **_was(shipment),
            },
        }
    )


def _was(shipment: Any) -> dict[str, Any]:
    was = getattr(shipment, "eta_was", None)
    return {"was_starts_at": was.starts_at, "was_ends_at": was.ends_at, "was_day": was.day} if was else {}
