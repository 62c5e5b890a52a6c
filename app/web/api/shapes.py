"""What the API gives back: orders and parcels as a key of their brand sees them, and what telling them came to."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.models import Order, Shipment
from app.models.facts import Item, Pickup
from app.models.vocabulary import Milestone
from app.web.problems import FieldFault

_SHIPMENT = "shp_7k2mq4v8x1c9d3f5h6jn"
_NUMBER = "1042"


class CarrierNotes(BaseModel):
    """What a carrier tells of a parcel beside its events, each only where it does. `proof` is the kind of proof of
    delivery, `pieces` are the other numbers of the same consignment."""

    link: str | None = Field(None, description="The carrier's own page.")
    weight_grams: int | None = None
    proof: str | None = Field(None, examples=["signature"])
    pickup: Pickup | None = None
    pieces: list[str] = []


class ParcelView(BaseModel):
    """One parcel. Instants are UTC; `promised_on` is a calendar day where the shopper lives."""

    id: str = Field(examples=[_SHIPMENT])
    order: str = Field(description="The order's number.", examples=[_NUMBER])
    reference: str = Field(description="Tells it from the order's other parcels.", examples=["1"])
    direction: str = Field(examples=["outbound"])
    carrier: str | None = Field(examples=["dhl"])
    tracking_number: str | None = Field(examples=["00340434161094042557"])
    service: str | None
    milestone: Milestone
    milestone_at: datetime | None
    delivered_at: datetime | None
    delivery_doubted_at: datetime | None = Field(
        description="Since when its delivery is doubted: the carrier has scanned it on its way since it said delivered."
    )
    promised_on: date | None = Field(description="Its own promise, else its order's.")
    eta_from: datetime | None
    eta_through: datetime | None
    eta_day: date | None = Field(description="The day on which the carrier expects it, where it names no hours.")
    history_until: datetime | None = Field(description="What happened until then is nobody's news.")
    cancelled_at: datetime | None
    last_heard_at: datetime | None
    notes: CarrierNotes = Field(description="What the carrier tells beside its events.")
    problem: str | None = Field(description="Why the carrier's last answer could not be used.")
    page: str = Field(description="The shopper's page. Whoever has the link can open it.")
    items: list[Item]


class ShopperView(BaseModel):
    """Who is told. `zone_source` says how their zone is known: `order`, `country`, `phone` or `brand`; `zones` are all
    that it may be."""

    name: str | None
    email: str | None
    phone: str | None
    locale: str
    country: str | None
    city: str | None
    postal_code: str | None
    zone: str
    zones: list[str]
    zone_source: str


class OrderView(BaseModel):
    """One order with its parcels."""

    id: str = Field(examples=["ord_4m8w2r6t9y1z3b5c7d0f"])
    number: str = Field(examples=[_NUMBER])
    source: str = Field(examples=["shop"])
    placed_at: datetime
    shopper: ShopperView
    currency: str | None = Field(examples=["SEK"])
    total_minor: int | None = Field(description="In minor units of the currency.", examples=[129900])
    promised_on: date | None
    items: list[Item]
    tags: list[str]
    cancelled_at: datetime | None
    parcels: list[ParcelView]


class OrderPage(BaseModel):
    """A stretch of the brand's orders, newest first. `next` is the cursor of the stretch after it, or null."""

    orders: list[OrderView]
    next: str | None = Field(description="Give it as `after`.", examples=["ord_4m8w2r6t9y1z3b5c7d0f"])


class TakenParcel(BaseModel):
    """A parcel of an order that was told."""

    id: str = Field(examples=[_SHIPMENT])
    reference: str = Field(examples=["1"])
    tracking_number: str | None = Field(examples=["00340434161094042557"])
    page: str


class TakenOrder(BaseModel):
    """What telling one order came to; `index` is its place in the list that was sent."""

    index: int = Field(examples=[0])
    number: str = Field(examples=[_NUMBER])
    source: str = Field(examples=["shop"])
    id: str = Field(examples=["ord_4m8w2r6t9y1z3b5c7d0f"])
    status: Literal["created", "updated", "unchanged"]
    parcels: list[TakenParcel]
    in_flight: list[str] = Field(
        description="Messages about parcels that were cancelled hereby whose sending had begun; they may still arrive."
    )


class Taken(BaseModel):
    """What was stored, and what was refused and why. Nothing of a refused order is stored."""

    results: list[TakenOrder]
    faults: list[FieldFault]


class CancelledOrder(BaseModel):
    """What cancelling came to. `already` says that the order had been cancelled before."""

    number: str = Field(examples=[_NUMBER])
    id: str = Field(examples=["ord_4m8w2r6t9y1z3b5c7d0f"])
    cancelled_at: datetime
    already: bool
    parcels_stopped: int
    messages_stopped: int
    in_flight: list[str] = Field(description="Messages whose sending had begun; they may still arrive.")


class CancelledParcel(BaseModel):
    """What taking a parcel out of its order came to. `already` says that it had been cancelled before."""

    id: str = Field(examples=[_SHIPMENT])
    order: str = Field(description="The order's number.", examples=[_NUMBER])
    cancelled_at: datetime
    already: bool
    messages_stopped: int
    in_flight: list[str] = Field(description="Messages about it whose sending had begun; they may still arrive.")


class ScansTaken(BaseModel):
    """How many scans were told, how many of them were news, and where the parcel stands now."""

    told: int
    new: int
    milestone: Milestone
    milestone_at: datetime | None


def parcel_view(shipment: Shipment, order: Order, public_url: str) -> ParcelView:
    """A parcel's row as the API tells it."""
    own = {name: getattr(shipment, name) for name in ParcelView.model_fields if hasattr(shipment, name)}
    changed = {
        "id": shipment.public_id,
        "order": order.number,
        "promised_on": shipment.promised_on or order.promised_on,
        "cancelled_at": shipment.cancelled_at or order.cancelled_at,
        "page": page_address(public_url, shipment.link_token),
    }
    return ParcelView.model_validate(own | changed)


def order_view(order: Order, parcels: Sequence[Shipment], public_url: str) -> OrderView:
    """An order's row and its parcels' as the API tells them."""
    own: dict[str, Any] = {name: getattr(order, name) for name in OrderView.model_fields if hasattr(order, name)}
    shopper = {name: getattr(order, name) for name in ShopperView.model_fields if name != "name"}
    changed = {
        "id": order.public_id,
        "shopper": {**shopper, "name": order.shopper_name},
        "parcels": [parcel_view(parcel, order, public_url) for parcel in parcels],
    }
    return OrderView.model_validate(own | changed)


def page_address(public_url: str, link_token: str) -> str:
    """The absolute address of a parcel's page."""
    return f"{public_url.rstrip('/')}/t/{link_token}"
