"""Draws `Facts` from rows: the one place where an order and its parcels become what rules and templates see."""

from collections.abc import Iterable, Sequence
from typing import Any

from app.models.facts import (
    BrandFacts,
    Eta,
    Facts,
    Item,
    News,
    OrderFacts,
    OtherParcel,
    ParcelFacts,
    Person,
    Promise,
    ShopperFacts,
    Told,
)
from app.models.vocabulary import Milestone
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

    `brand`, `order`, `shipment` and `others` (the order's other parcels) are rows of their tables.
    """
    return Facts(
        brand=BrandFacts(key=brand.key, name=brand.name),
        order=OrderFacts(
            number=order.number,
            placed_at=order.placed_at,
            currency=order.currency,
            total_minor=order.total_minor,
            parcel_count=1 + len(others),
            tags=tuple(order.tags),
        ),
        parcel=ParcelFacts(
            id=shipment.public_id,
            link=f"/t/{shipment.link_token}",
            direction=shipment.direction,
            carrier=shipment.carrier,
            tracking_number=shipment.tracking_number,
            service=shipment.service,
            milestone=Milestone(shipment.milestone),
            milestone_at=shipment.milestone_at,
            delivered_at=shipment.delivered_at,
            items=_items(shipment.items or order.items),
        ),
        other_parcels=tuple(
            OtherParcel(id=other.public_id, milestone=Milestone(other.milestone), items=_items(other.items))
            for other in others
        ),
        shopper=ShopperFacts(
            has_email=bool(order.email),
            has_phone=bool(order.phone),
            locale=order.locale,
            country=order.country,
            zone=order.zone,
            zone_source=order.zone_source,
        ),
        promise=promise_of(order, shipment),
        eta=Eta(starts_at=shipment.eta_from, ends_at=shipment.eta_through),
        news=news,
        history=tuple(told),
    )


def _items(rows: Iterable[dict[str, Any]]) -> tuple[Item, ...]:
    return tuple(Item.model_validate(row) for row in rows)
