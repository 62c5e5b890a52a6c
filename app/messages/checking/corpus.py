"""The worst orders: each stresses one thing that names, items, places, promises or windows can do to a message."""

from datetime import UTC, date, datetime, timedelta

from app.messages.base import Links
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
    Pickup,
    Promise,
    ShopperFacts,
    Told,
)
from app.models.vocabulary import Cause, Milestone

PUBLIC_URL = "https://parcels.shop.example"
NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
STANDS = {
    Milestone.delayed: Milestone.in_transit,
    Milestone.arriving_early: Milestone.in_transit,
    Milestone.eta_changed: Milestone.in_transit,
    Milestone.pickup_expiring: Milestone.ready_for_pickup,
    Milestone.all_delivered: Milestone.delivered,
}
"""Where a parcel stands of which the engine itself has something to tell."""
PAGE = "7k2m9qpx4wz8c3vnb5hjtd6rya"
LINKS = Links(parcel=f"{PUBLIC_URL}/t/{PAGE}", short=f"https://shop.example/t/{PAGE}", choices=f"{PUBLIC_URL}/p/{PAGE}")
PERSON = Person(name="Hedda Lindqvist", email="hedda@post.example", phone="+46701740605")
HOSTILE = (
    "{{ 7*7 }}{% for a in b %}<script>alert(1)</script>\"'><img src=x onerror=1>\r\nBcc: all@evil.example\u202e\x00"
)
ITEMS = (Item(name="Vindpil shell jacket", image_url="https://pictures.example/jacket.png"), Item(name="Enamel mug"))


def facts(milestone: str = "out_for_delivery", **changed: object) -> Facts:
    """An ordinary parcel of a Swedish shopper; `changed` replaces whole groups, or `items`, `place`, `note` inside."""
    kind = Milestone(milestone)
    items = changed.pop("items", ITEMS)
    place, note = changed.pop("place", "Stockholm"), changed.pop("note", "Left at the front door")
    parcel = ParcelFacts(
        id="shp_1",
        link=f"/t/{PAGE}",
        carrier="dhl",
        tracking_number="00340434161094042557",
        milestone=STANDS.get(kind, kind),
        items=items,
    )
    base: dict[str, object] = {
        "brand": BrandFacts(key="fjallhem", name="Fjällhem"),
        "order": OrderFacts(number="FH-10482", placed_at=NOW - timedelta(days=4), currency="SEK", total_minor=419500),
        "parcel": parcel,
        "shopper": ShopperFacts(
            has_email=True, has_phone=True, locale="sv-SE", country="SE", zone="Europe/Stockholm", zone_source="country"
        ),
        "promise": Promise(on=date(2026, 11, 23), ends_at=datetime(2026, 11, 23, 23, tzinfo=UTC)),
        "eta": Eta(starts_at=datetime(2026, 11, 24, 13, tzinfo=UTC), ends_at=datetime(2026, 11, 24, 15, tzinfo=UTC)),
        "news": News(
            milestone=kind, occurred_at=datetime(2026, 11, 24, 5, 42, tzinfo=UTC), place=place, description=note
        ),
    }
    return Facts.model_validate({**base, **changed})


def facts_for(template: str, **changed: object) -> Facts:
    """The facts that a shipped template is for: those of its milestone, of a parcel or of a return."""
    returned = template.startswith("return_")
    milestone = template.removeprefix("return_") if returned and template != "return_received" else template
    told = facts(milestone, **changed)
    if not returned:
        return told
    return told.model_copy(update={"parcel": told.parcel.model_copy(update={"direction": "return"})})


def other(number: int, milestone: Milestone, *names: str, **given: object) -> OtherParcel:
    """Another parcel of the order, with a thing of each name in it."""
    return OtherParcel.model_validate(
        {
            "id": f"shp_{number}",
            "link": f"/t/{PAGE[:-1]}{number}",
            "carrier": "dhl",
            "tracking_number": f"0034043416109404256{number}",
            "milestone": milestone,
            "milestone_at": NOW - timedelta(hours=number),
            "items": tuple(Item(name=name) for name in names),
            **given,
        }
    )


def _many(count: int) -> tuple[Item, ...]:
    return tuple(Item(name=f"Thing number {index}", quantity=index + 1, price_minor=100) for index in range(count))


def _waiting(pickup: Pickup | None) -> ParcelFacts:
    return ParcelFacts(
        id="shp_1", link=f"/t/{PAGE}", carrier="dhl", tracking_number="1", milestone=Milestone.ready_for_pickup,
        milestone_at=NOW - timedelta(days=5), pickup=pickup, items=ITEMS,
    )  # fmt: skip


def _paid(currency: str) -> OrderFacts:
    """A dear order in a currency: with two decimals, with none, with three."""
    return OrderFacts(number="FH-10482", placed_at=NOW, currency=currency, total_minor=1_234_567_890)


_KNOWN = (
    Item(sku="VJ-1", name="Vindpil shell jacket", price_minor=349900, image_url="https://pictures.example/jacket.png"),
)
_SPLIT = OrderFacts(
    number="FH-10482", placed_at=NOW, parcel_count=5, items=_many(40), not_shipped=_many(12), tags=("vip",)
)
_REST = tuple(other(number, milestone, "Wool blanket", "Lamp") for number, milestone in enumerate(Milestone, 2))
_FIFTY = tuple(
    other(number, Milestone.in_transit, *("Oat & rye " * 30,) * 9, carrier="a carrier with a long name " * 3)
    for number in range(2, 52)
)

WORST: dict[str, tuple[dict[str, object], Person]] = {
    "no name": ({}, Person()),
    "blank name": ({}, Person(name="   ")),
    "endless name": ({}, Person(name="Wolfeschlegelsteinhausen" * 40 + " the Second")),
    "emoji": ({"items": (Item(name="🧣👨‍👩‍👧 Scarf 🎁"),), "place": "🏠"}, Person(name="🦊 Fox")),
    "right to left": ({"items": (Item(name="معطف صوف أسود"),), "place": "تل أبيب"}, Person(name="יוסף כהן")),
    "hostile": (
        {
            "items": (Item(name=HOSTILE, sku=HOSTILE, image_url='javascript:alert("1")'),),
            "place": HOSTILE,
            "note": HOSTILE,
            "order": OrderFacts(number=HOSTILE, placed_at=NOW, tags=(HOSTILE,)),
            "other_parcels": (OtherParcel(id="shp_2", milestone=Milestone.in_transit, items=(Item(name=HOSTILE),)),),
        },
        Person(name=HOSTILE, email="x@y.example"),
    ),
    "hostile carrier": (
        {
            "parcel": ParcelFacts(
                id="shp_1", link="/t/x", carrier=HOSTILE, tracking_number=HOSTILE, service=HOSTILE,
                milestone=Milestone.in_transit,
            )
        },
        PERSON,
    ),
    "no items": ({"items": ()}, PERSON),
    "nameless item": ({"items": (Item(name=""),)}, PERSON),
    "one item": ({"items": (Item(name="Mug"),), "order": _paid("JPY")}, PERSON),
    "forty items": ({"items": _many(40)}, PERSON),
    "endless item": ({"items": (Item(name="Oat & rye " * 200, image_url="https://p.example/" + "a" * 5000),)}, PERSON),
    "no promise": ({"promise": Promise(), "order": _paid("EUR")}, PERSON),
    "no window": ({"eta": Eta(), "order": _paid("KWD")}, PERSON),
    "neither": ({"eta": Eta(), "promise": Promise(), "place": None, "note": ""}, PERSON),
    "window past": ({"eta": Eta(starts_at=NOW - timedelta(days=3), ends_at=NOW - timedelta(days=2))}, PERSON),
    "window upside down": ({"eta": Eta(starts_at=NOW + timedelta(days=3), ends_at=NOW + timedelta(days=1))}, PERSON),
    "window of weeks": ({"eta": Eta(starts_at=NOW - timedelta(days=1), ends_at=NOW + timedelta(days=20))}, PERSON),
    "promise ahead": ({"eta": Eta(), "promise": Promise(on=date(2026, 11, 30))}, PERSON),
    "no carrier": (
        {"parcel": ParcelFacts(id="shp_1", link="/t/x", milestone=Milestone.registered), "place": None},
        PERSON,
    ),
    "unknown zone": (
        {"shopper": ShopperFacts(has_email=True, has_phone=False, locale="xx-QQ", country="ZZ", zone="Mars/Olympus")},
        PERSON,
    ),
    "American": (
        {
            "shopper": ShopperFacts(
                has_email=True, has_phone=True, locale="en-US", country="US", zone="America/New_York"
            )
        },
        PERSON,
    ),
    "four other parcels": (
        {
            "other_parcels": tuple(
                OtherParcel(id=f"shp_{number}", milestone=milestone, items=_many(2))
                for number, milestone in enumerate(Milestone)
            )
        },
        PERSON,
    ),
    "split": ({"order": _SPLIT, "other_parcels": _REST}, PERSON),
    "told together": ({"order": _SPLIT, "merged": _REST, "other_parcels": _REST, "eta": Eta()}, Person()),
    "fifty together": (
        {"merged": _FIFTY, "other_parcels": _FIFTY, "order": OrderFacts(number="1", placed_at=NOW, parcel_count=51)},
        PERSON,
    ),
    "nobody sorted it": (
        {
            "items": (),
            "order": OrderFacts(number="1", placed_at=NOW, items=_many(9)),
            "other_parcels": (other(2, Milestone.in_transit),),
            "merged": (other(2, Milestone.in_transit, carrier=None, tracking_number=None, milestone_at=None),),
        },
        PERSON,
    ),
    "hostile split": (
        {
            "order": OrderFacts(number="1", placed_at=NOW, not_shipped=(Item(name=HOSTILE),)),
            "merged": (other(2, Milestone.in_transit, HOSTILE, link='/t/"><script>', carrier=HOSTILE),),
            "other_parcels": (other(3, Milestone.in_transit, HOSTILE, link="javascript:alert(1)"),),
        },
        PERSON,
    ),
    "waiting": ({"parcel": _waiting(Pickup(name="ICA Nära", hours=("Mon–Fri",) * 40, until=NOW.date()))}, PERSON),
    "waiting somewhere": ({"parcel": _waiting(None)}, PERSON),
    "waited in vain": ({"parcel": _waiting(Pickup(name=" ", until=date(2026, 11, 1)))}, PERSON),
    "waiting with the hostile": (
        {"parcel": _waiting(Pickup(name=HOSTILE * 5, address=HOSTILE * 5, hours=(HOSTILE,), until=date(2026, 12, 1)))},
        PERSON,
    ),
    "collected": (
        {"history": (Told(milestone=Milestone.ready_for_pickup, channel="email", planned_at=NOW),)},
        PERSON,
    ),
    "another day": (
        {"eta": Eta(day=date(2026, 11, 28), was_starts_at=NOW, was_ends_at=NOW + timedelta(hours=2))},
        PERSON,
    ),
    "another day, and that too has passed": (
        {"eta": Eta(day=date(2026, 11, 20), was_day=date(2026, 11, 19)), "promise": Promise(on=date(2026, 11, 18))},
        PERSON,
    ),
    "silence": (
        {
            "eta": Eta(),
            "promise": Promise(on=date(2026, 12, 24)),
            "news": News(milestone=Milestone.delayed, cause=Cause.silence, occurred_at=NOW),
        },
        PERSON,
    ),
    "everything known": (
        {
            "order": OrderFacts(
                number="FH-10482", placed_at=NOW - timedelta(days=4), currency="SEK", total_minor=419500, tags=("vip",),
                items=_KNOWN, not_shipped=_KNOWN, parcel_count=2,
            ),
            "parcel": ParcelFacts(
                id="shp_1", link=f"/t/{PAGE}", carrier="dhl", tracking_number="1", service="Parcel Connect",
                milestone=Milestone.ready_for_pickup, milestone_at=NOW - timedelta(days=1), delivered_at=NOW,
                late_since=NOW - timedelta(days=2), carrier_page="https://carrier.example/1", items=_KNOWN,
                pickup=Pickup(
                    name="ICA Nära", address="Storgatan 1, Umeå", hours=("Mon–Fri 8–21",), until=date(2026, 12, 1)
                ),
            ),
        },
        PERSON,
    ),
}  # fmt: skip
