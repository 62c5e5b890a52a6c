"""Draws `Facts` from rows: the one place where an order and its parcels become what rules and templates see."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.models.facts import Eta, Facts, News, Person, Promise, Told
from app.zones import end_of_day


def promise_of(order: Any, shipment: Any) -> Promise:
    """What was promised for this parcel: its own day, else the order's, ending where the shopper lives."""
    day = shipment.promised_on or order.promised_on
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
    told: Iterable[Told] = (),
) -> Facts:
    """The facts about one parcel as its rows stand now.

    `brand`, `order`, `shipment` and `others` (the order's other parcels) are rows of their tables; `shipment` may
    know as `eta_was` the estimate before its present one.
    """
    return _picture({"key": brand.key, "name": brand.name}, order, shipment, others, news, tuple(told))


def picture_since(decided: Mapping[str, Any], order: Any, shipment: Any, others: Sequence[Any]) -> Facts:
    """The facts as the rows stand now, about the news, brand and history of a decision: its facts as stored."""
    facts = _picture(decided["brand"], order, shipment, others, decided["news"], decided["history"])
    return facts.model_copy(update={"eta": _still_other(facts.eta, decided.get("eta") or {})})


def _still_other(eta: Eta, decided: Mapping[str, Any]) -> Eta:
    """What is expected now, beside what was expected before the decision, as far as that is still another."""
    before = Eta.model_validate(decided)
    was = {name: getattr(before, name) for name in ("was_starts_at", "was_ends_at", "was_day")}
    same = tuple(was.values()) == (eta.starts_at, eta.ends_at, eta.day)
    return eta if same else eta.model_copy(update=was)


def _picture(brand: Any, order: Any, shipment: Any, others: Sequence[Any], news: Any, history: Any) -> Facts:
    # Validated in one pass: model by model it would cost half as much again, at every message that leaves.
    return Facts.model_validate(
        {
            "brand": brand,
            "order": {
                "number": order.number,
                "placed_at": order.placed_at,
                "currency": order.currency,
                "total_minor": order.total_minor,
                "parcel_count": 1 + len(others),
                "tags": order.tags,
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
                "late_since": shipment.late_since,
                "carrier_page": shipment.notes.get("link"),
                "pickup": shipment.notes.get("pickup"),
                "items": shipment.items or order.items,
            },
            "other_parcels": [
                {"id": other.public_id, "milestone": other.milestone, "items": other.items} for other in others
            ],
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
            "news": news,
            "history": history,
        }
    )


def _was(shipment: Any) -> dict[str, Any]:
    was = getattr(shipment, "eta_was", None)
    return {"was_starts_at": was.starts_at, "was_ends_at": was.ends_at, "was_day": was.day} if was else {}
