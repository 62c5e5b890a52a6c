"""Zones of states and provinces, and which one a destination has."""

import pytest

from app.tracking.adapter.base import Ask
from app.tracking.adapter.regions import zone_at_destination, zone_of_region


@pytest.mark.parametrize(
    ("country", "region", "zone"),
    [
        ("US", "AZ", "America/Phoenix"),
        ("US", " hi ", "Pacific/Honolulu"),
        ("US", "??", "America/New_York"),
        ("CA", "NL", "America/St_Johns"),
        ("CA", "AZ", "America/Toronto"),
        ("SE", "AZ", "Europe/Stockholm"),
        (None, "AZ", None),
    ],
)
def test_a_region_counts_only_in_its_own_country(country: str | None, region: str, zone: str | None) -> None:
    """A state's letters mean nothing elsewhere; an unknown region leaves its country's zone."""
    assert zone_of_region(country, region) == zone


@pytest.mark.parametrize(
    ("ask", "country", "zone"),
    [
        (Ask("1", destination_country="US", zone="America/Boise"), "US", "America/Boise"),
        (Ask("1", destination_country="us", zone="America/Boise"), None, "America/Boise"),
        (Ask("1", destination_country="SE", zone="Europe/Stockholm"), "US", "America/Phoenix"),
        (Ask("1", destination_country="US"), None, "America/Phoenix"),
        (Ask("1", destination_country="US", zone="No/Where"), "US", "America/New_York"),
        (Ask("1", zone="America/Boise"), None, "America/Boise"),
        (Ask("1", zone="America/Boise"), "US", "America/Phoenix"),
    ],
)
def test_the_orders_own_zone_counts_where_it_is_the_same_country(ask: Ask, country: str | None, zone: str) -> None:
    """A carrier that takes the parcel elsewhere is believed; otherwise the order knows its shopper's zone best."""
    assert zone_at_destination(ask, country, "AZ") == zone
