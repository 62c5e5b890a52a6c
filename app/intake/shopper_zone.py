"""Which zones a shopper may be in, and where that is known from: the order, the address, the phone, or the shop."""

from dataclasses import dataclass

import phonenumbers
from phonenumbers import timezone as phone_zones

from app.zones import zone_of_country, zones_of_country


@dataclass(frozen=True, slots=True)
class ShopperZone:
    """`zone` is the one that times are shown in; `zones` are all that they may be in, that one first. `source` is
    `order`, `country`, `phone` or `brand`."""

    zone: str
    zones: tuple[str, ...]
    source: str


def work_out(named: str | None, country: str | None, phone: str | None, brand_zone: str) -> ShopperZone:
    """A shopper's zone by the best that is known.

    A zone that the order names is theirs. The address's country comes next: where it has several zones, a phone number
    of that country narrows them down, as far as its prefix tells. Without a country the phone alone tells, and without
    either the shop's own zone is taken. `phone` is E.164, `country` ISO 3166.
    """
    if named:
        return ShopperZone(named, (named,), "order")
    of_country, of_phone = zones_of_country(country), _zones_of_phone(phone)
    both = tuple(name for name in of_country if name in of_phone)
    if both and len(both) < len(of_country):
        return ShopperZone(both[0], both, "phone")
    if of_country:
        return ShopperZone(of_country[0], of_country, "country")
    if of_phone:
        return ShopperZone(of_phone[0], of_phone, "phone")
    return ShopperZone(brand_zone, (brand_zone,), "brand")


def _zones_of_phone(phone: str | None) -> tuple[str, ...]:
    """The zones that a number may be in, the most populous of its country first; empty where it tells nothing."""
    if not phone:
        return ()
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return ()
    found = [name for name in phone_zones.time_zones_for_number(number) if name != phone_zones.UNKNOWN_TIMEZONE]
    first = zone_of_country(phonenumbers.region_code_for_number(number))
    return tuple(sorted(found, key=lambda name: (name != first, name)))
