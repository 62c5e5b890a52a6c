"""The worst orders: each stresses one thing that names, items, places, promises or windows can do to a message."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

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
    Promise,
    ShopperFacts,
)
from app.models.vocabulary import Milestone

ROOT = Path(__file__).resolve().parents[2] / "templates"
PUBLIC_URL = "https://parcels.shop.example"
NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
BRANDS = ("atelier-ombre", "fjallhem")
MILESTONES = ("dispatched", "in_transit", "out_for_delivery", "delivered", "delayed")
CHANNELS = ("email", "sms")
TOKEN = "7k2m9qpx4wz8c3vnb5hjtd6rya"
LINKS = Links(parcel=f"{PUBLIC_URL}/t/{TOKEN}", short=f"https://shop.example/t/{TOKEN}")
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
        link=f"/t/{TOKEN}",
        carrier="dhl",
        tracking_number="00340434161094042557",
        milestone=Milestone.in_transit if kind is Milestone.delayed else kind,
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


def _many(count: int) -> tuple[Item, ...]:
    return tuple(Item(name=f"Thing number {index}", quantity=index + 1, price_minor=100) for index in range(count))


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
    "one item": ({"items": (Item(name="Mug"),)}, PERSON),
    "forty items": ({"items": _many(40)}, PERSON),
    "endless item": ({"items": (Item(name="Oat & rye " * 200, image_url="https://p.example/" + "a" * 5000),)}, PERSON),
    "no promise": ({"promise": Promise()}, PERSON),
    "no window": ({"eta": Eta()}, PERSON),
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
}  # fmt: skip
