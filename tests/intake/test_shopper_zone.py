"""A shopper's zone is the best that is known, and it stands with its source and with every zone that it may be."""

import pytest

from app.intake.shopper_zone import work_out


@pytest.mark.parametrize(
    ("named", "country", "phone", "zone", "source", "count"),
    [
        ("Asia/Tokyo", "SE", "+46701740605", "Asia/Tokyo", "order", 1),
        (None, "SE", "+12125551234", "Europe/Stockholm", "country", 1),
        (None, "US", "+14155550123", "America/Los_Angeles", "phone", 1),
        (None, "US", "+18005551234", "America/New_York", "phone", None),
        (None, "US", "+46701740605", "America/New_York", "country", None),
        (None, "US", None, "America/New_York", "country", None),
        (None, None, "+5511987654321", "America/Sao_Paulo", "phone", 1),
        (None, None, "+61412345678", "Australia/Sydney", "phone", 8),
        (None, None, "nonsense", "Europe/Stockholm", "brand", 1),
        (None, "XX", None, "Europe/Stockholm", "brand", 1),
    ],
)
def test_the_best_that_is_known_counts(named, country, phone, zone, source, count):
    """The order's word, then the address, narrowed by the phone, then the phone, then the shop."""
    found = work_out(named, country, phone, "Europe/Stockholm")
    assert (found.zone, found.source) == (zone, source)
    assert found.zones[0] == zone and len(set(found.zones)) == len(found.zones)
    assert len(found.zones) == count if count else len(found.zones) > 3


def test_a_phone_only_narrows_its_own_country():
    """A Swedish number on an American order says nothing about where in America the shopper lives."""
    assert work_out(None, "US", "+46701740605", "UTC").zones == work_out(None, "US", None, "UTC").zones
