"""Which time zone a state or province of North America keeps, where its country alone does not tell.

Where one is split, the zone of most of its people stands here, as `app.zones` does for countries.
"""

from app.tracking.adapter.base import Ask
from app.tracking.adapter.times import destination_zone, home
from app.zones import zone_of_country

_STATES = {
    "America/New_York": "CT DC DE FL GA IN KY MA MD ME MI NC NH NJ NY OH PA RI SC VA VT WV",
    "America/Chicago": "AL AR IA IL KS LA MN MO MS ND NE OK SD TN TX WI",
    "America/Denver": "CO ID MT NM UT WY",
    "America/Phoenix": "AZ",
    "America/Los_Angeles": "CA NV OR WA",
    "America/Anchorage": "AK",
    "Pacific/Honolulu": "HI",
    "America/Puerto_Rico": "PR VI",
    "Pacific/Guam": "GU MP",
    "Pacific/Pago_Pago": "AS",
}

_PROVINCES = {
    "America/St_Johns": "NL NF",
    "America/Halifax": "NS NB PE",
    "America/Toronto": "ON QC PQ",
    "America/Winnipeg": "MB",
    "America/Regina": "SK",
    "America/Edmonton": "AB NT",
    "America/Vancouver": "BC",
    "America/Whitehorse": "YT",
    "America/Iqaluit": "NU",
}


def _by_region(zones: dict[str, str]) -> dict[str, str]:
    return {region: zone for zone, regions in zones.items() for region in regions.split()}


_REGIONS = {"US": _by_region(_STATES), "CA": _by_region(_PROVINCES)}


def zone_of_region(country: str | None, region: str) -> str | None:
    """The zone of a state (US) or province (CA) by its two letters, else of the country, else None."""
    found = _REGIONS.get(country or "", {}).get(region.strip().upper())
    return found or zone_of_country(country)


def zone_at_destination(ask: Ask, country: str | None, region: str = "") -> str | None:
    """The zone where a parcel is going: the order's own where it knows it, else that of the carrier's destination,
    by `country` (of two letters) and `region`."""
    country = country or home(ask)
    if ask.zone and country == home(ask):
        return destination_zone(ask, country)
    return zone_of_region(country, region)
