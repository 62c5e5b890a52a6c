"""When something happened, by a carrier's own words: the instant in UTC, and how its zone was found."""

from datetime import UTC, date, datetime

from app.tracking.adapter.base import Ask
from app.zones import localise, zone, zone_of_country


def instant(written: str, place_zone: str | None, destination: str | None) -> tuple[datetime | None, str]:
    """When it happened, in UTC, and how the zone was found (`HeardScan.zone_source`).

    `written` is ISO 8601 in any of the shapes that Python reads. A time without offset is local to the scan's place,
    else to the destination. A day without a time is no instant.
    """
    written = written.strip()
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None, "unreadable"
    if is_day(written):
        return None, "date_only"
    return placed(moment, place_zone, destination)


def placed(moment: datetime, place_zone: str | None, destination: str | None) -> tuple[datetime | None, str]:
    """A moment that was read, naive or aware, as the instant in UTC, and how its zone was found."""
    if not 1970 < moment.year < 2200:  # no parcel's time; and the ends of the calendar cannot be converted
        return None, "unreadable"
    try:
        if moment.tzinfo is not None:
            return moment.astimezone(UTC), "offset"
        found = place_zone or destination or "UTC"
        return localise(moment, found), "place" if place_zone else "destination" if destination else "assumed_utc"
    except (ValueError, OverflowError):
        return None, "unreadable"


def is_day(written: str) -> bool:
    """Whether a text is a calendar day and nothing more."""
    return day(written) is not None


def day(written: str) -> date | None:
    """A calendar day written as `2026-11-27` or `20261127`, or None."""
    written = written.strip()
    if len(written) not in (8, 10):
        return None
    try:
        found = date.fromisoformat(written)
    except ValueError:
        return None
    return found if 1970 < found.year < 2200 else None


def expected_day(written: str) -> date | None:
    """The day of an expected delivery that is no more than a day: written as one, or as its midnight, whatever offset
    stands behind. Nothing is expected at midnight, and read as an instant it would be the day before further west."""
    written = written.strip()
    midnight = written[10:16] in ("T00:00", " 00:00") and written[16:19] in ("", ":00", "Z")
    return day(written[:10]) if midnight else day(written)


def home(ask: Ask) -> str | None:
    """The country that the order goes to, or None."""
    return ask.destination_country.strip().upper() if ask.destination_country else None


def destination_zone(ask: Ask, country: str | None = None) -> str | None:
    """The zone where a parcel is going: the order's own where it is the same country as the carrier's, else the
    country's. `country` is the destination by the carrier, if it tells one."""
    country = country or home(ask)
    if ask.zone and (country is None or country == home(ask)) and _is_zone(ask.zone):
        return ask.zone
    return zone_of_country(country)


def _is_zone(name: str) -> bool:
    try:
        zone(name)
    except ValueError:
        return False
    return True
