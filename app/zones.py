"""Which time zone a place or a person is in, and where that knowledge came from."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from babel.core import Locale, UnknownLocaleError, get_global

# Countries with several zones, by the one in which most people live. Where no better fact is known
# (an address's region, a phone's area), this is the guess, and it is recorded as one.
_POPULOUS = {
    "US": "America/New_York", "CA": "America/Toronto", "BR": "America/Sao_Paulo", "AU": "Australia/Sydney",
    "RU": "Europe/Moscow", "MX": "America/Mexico_City", "ID": "Asia/Jakarta", "ES": "Europe/Madrid",
    "PT": "Europe/Lisbon", "CL": "America/Santiago", "NZ": "Pacific/Auckland", "CN": "Asia/Shanghai",
    "DE": "Europe/Berlin", "AR": "America/Argentina/Buenos_Aires", "KZ": "Asia/Almaty", "UA": "Europe/Kyiv",
    "CY": "Asia/Nicosia", "MY": "Asia/Kuala_Lumpur", "EC": "America/Guayaquil", "GL": "America/Nuuk",
    "PF": "Pacific/Tahiti", "CD": "Africa/Kinshasa", "MN": "Asia/Ulaanbaatar", "UZ": "Asia/Tashkent",
}  # fmt: skip


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises ValueError when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no IANA time zone") from error


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Every zone name this installation knows."""
    return frozenset(available_timezones())


@lru_cache(maxsize=512)
def zone_of_country(country: str | None) -> str | None:
    """The zone in which most people of an ISO 3166 country live, or None for an unknown country."""
    if not country:
        return None
    country = country.upper()
    if country in _POPULOUS:
        return _POPULOUS[country]
    known = get_global("territory_zones").get(country, [])
    return str(known[0]) if known else None


# Babel's territories that are no country's code in ISO 3166: groupings, pseudo-locales, "unknown".
_NO_COUNTRIES = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"})


@lru_cache(maxsize=1)
def country_codes() -> frozenset[str]:
    """Every country's code of two capital letters (ISO 3166)."""
    return frozenset(str(code) for code in Locale("en").territories if len(str(code)) == 2) - _NO_COUNTRIES


@lru_cache(maxsize=512)
def rest_day(country: str | None) -> int:
    """The weekday (Monday is 0) on which next to nothing is delivered in a country: the last of its weekend."""
    try:
        return int(Locale.parse(f"und_{(country or '').upper()}").weekend_end)
    except (UnknownLocaleError, ValueError):
        return 6


@lru_cache(maxsize=512)
def zones_of_country(country: str | None) -> tuple[str, ...]:
    """Every zone that people of an ISO 3166 country live by, the most populous first; empty for an unknown country."""
    first = zone_of_country(country)
    if country is None or first is None:
        return ()
    listed = [name for name in get_global("territory_zones").get(country.upper(), []) if name in zone_names()]
    return (first, *(str(name) for name in listed if name != first))


def written_day(written: str) -> date | None:
    """The calendar day that is written (2026-11-27), or None for what is no day of these times."""
    try:
        found = date.fromisoformat(written)
    except ValueError:
        return None
    return found if 1970 <= found.year <= 9000 else None


def begin_of_day(day: date, zone_name: str) -> datetime:
    """The instant, in UTC, at which a calendar day begins where people live by `zone_name`."""
    return end_of_day(day - timedelta(days=1), zone_name)


def end_of_day(day: date, zone_name: str) -> datetime:
    """The instant, in UTC, at which a calendar day ends where people live by `zone_name`."""
    midnight = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone(zone_name))
    return midnight.astimezone(UTC)


def localise(naive: datetime, zone_name: str) -> datetime:
    """A wall-clock time of a place as an instant in UTC.

    A time that occurs twice (clocks go back) is taken as the first; one that never occurs (clocks go
    forward) is moved past the gap, as `zoneinfo` does for `fold=0`.
    """
    return naive.replace(tzinfo=zone(zone_name)).astimezone(UTC)
