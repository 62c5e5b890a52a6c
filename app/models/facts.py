"""`Facts`: the one frozen picture of an order and its parcel that rules, templates and explanations read.

It holds no name, address or phone number; a template that greets a shopper gets those beside it, at release.
All instants are UTC; `promise.on` is a calendar day in the shopper's zone. Money is in minor units.
"""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from app.models.vocabulary import Cause, Milestone


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Item(_Frozen):
    """One line of an order or a parcel. `price_minor` is per piece, in minor units of the order's currency."""

    sku: str = ""
    name: str
    quantity: int = 1
    price_minor: int | None = None
    image_url: str | None = None


class BrandFacts(_Frozen):
    key: str
    name: str


class OrderFacts(_Frozen):
    """`items` is all that was ordered, `not_shipped` what is in no parcel yet (cancelled ones hold nothing).
    `parcel_count` counts the outbound parcels that were not cancelled."""

    number: str
    placed_at: datetime
    currency: str | None = None
    total_minor: int | None = None
    parcel_count: int = 1
    tags: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    not_shipped: tuple[Item, ...] = ()


class Pickup(_Frozen):
    """Where a parcel waits to be collected, in the carrier's own words, and the last day on which it does."""

    name: str
    address: str = ""
    hours: tuple[str, ...] = ()
    until: date | None = None


class ParcelFacts(_Frozen):
    """The parcel that the news is about. `id` is its outside id, `link` the path of its page, `carrier_page` the
    carrier's own (https). `late_since` is when the delay began that still lasts. `delivery_doubted`: its carrier said
    delivered and has scanned it on its way since."""

    id: str
    link: str
    direction: str = "outbound"
    carrier: str | None = None
    tracking_number: str | None = None
    service: str | None = None
    milestone: Milestone
    milestone_at: datetime | None = None
    delivered_at: datetime | None = None
    delivery_doubted: bool = False
    late_since: datetime | None = None
    carrier_page: str | None = None
    pickup: Pickup | None = None
    items: tuple[Item, ...] = ()


class OtherParcel(_Frozen):
    """Another parcel of the same order. `link` is the path of its page."""

    id: str
    link: str = ""
    direction: str = "outbound"
    carrier: str | None = None
    tracking_number: str | None = None
    milestone: Milestone
    milestone_at: datetime | None = None
    items: tuple[Item, ...] = ()


class ShopperFacts(_Frozen):
    """Who is told, without saying who. `zone` is the one that times are shown in, `zones` all that the shopper may be
    in; their source is `order`, `country`, `phone` or `brand`."""

    has_email: bool
    has_phone: bool
    locale: str
    country: str | None = None
    zone: str = "UTC"
    zones: tuple[str, ...] = ()
    zone_source: str = "brand"


class Team(_Frozen):
    """The brand's own people, without their addresses: where they can be written to, and by which clock they live."""

    has_email: bool = False
    has_phone: bool = False
    zone: str = "UTC"


class Promise(_Frozen):
    """What the shop promised at checkout: a day, and the instant at which it is broken."""

    on: date | None = None
    ends_at: datetime | None = None


class Eta(_Frozen):
    """What the carrier expects now: a window, or only a day where the shopper lives. `was_…` is what it expected
    before, where that differs."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    day: date | None = None
    was_starts_at: datetime | None = None
    was_ends_at: datetime | None = None
    was_day: date | None = None


class News(_Frozen):
    """The crossing itself: what happened, when, and how we came to know."""

    milestone: Milestone
    occurrence: int = 1
    cause: Cause = Cause.scan
    occurred_at: datetime
    description: str = ""
    place: str | None = None


class Told(_Frozen):
    """One message that the shopper was already meant to get, by which rule and about which parcel (its outside id)."""

    milestone: Milestone
    channel: str
    planned_at: datetime
    rule: str = ""
    parcel_id: str = ""


class Facts(_Frozen):
    """Everything a rule may ask about and a template may show, as it stood at one instant.

    `merged` are the parcels beside `parcel` that one message tells of, all of one milestone; they are among
    `other_parcels` too. `history` is what was told of this parcel, or waits to be, `order_history` of the whole
    order.
    """

    brand: BrandFacts
    order: OrderFacts
    parcel: ParcelFacts
    other_parcels: tuple[OtherParcel, ...] = ()
    merged: tuple[OtherParcel, ...] = ()
    shopper: ShopperFacts
    promise: Promise = Promise()
    eta: Eta = Eta()
    news: News
    history: tuple[Told, ...] = ()
    order_history: tuple[Told, ...] = ()


class Person(_Frozen):
    """The personal half, read at release: whom to greet and where to write."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None

    @property
    def first_name(self) -> str:
        """The first word of the name, or nothing."""
        return (self.name or "").split()[0] if (self.name or "").strip() else ""
