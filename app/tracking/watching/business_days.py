"""Which days count where a parcel is going, and when so many of them have gone by.

Public holidays are a country's own (library `holidays`); those of a region are left out, since an order does not say
which region it goes to. A country that nobody knows has none, and works from Monday to Friday.
"""

from datetime import date, datetime, time, timedelta
from functools import lru_cache

import holidays

from app.zones import localise, zone

_DAY = timedelta(days=1)


def is_business_day(day: date, country: str | None) -> bool:
    """Whether people work on a day in an ISO 3166 country."""
    return day in _worked((country or "").upper(), day.year)


def after(start: datetime, days: int, zone_name: str, country: str | None) -> datetime:
    """The instant (UTC) at which `days` business days have gone by since `start`: the same time on the wall of the
    nth business day after. What begins on a day off begins as the next business day does."""
    local = start.astimezone(zone(zone_name))
    day, wall = local.date(), local.time()
    if not is_business_day(day, country):
        day, wall = _next(day, country), time.min
    for _ in range(days):
        day = _next(day, country)
    return localise(datetime.combine(day, wall), zone_name)


def at_least(days: int) -> timedelta:
    """A span that so many business days never fall short of, whatever the clocks do: the quick look before `after`."""
    return days * _DAY - timedelta(hours=3)


_LONGEST_REST = 40
"""Days. No country rests for longer: past it, any day will do."""


def _next(day: date, country: str | None) -> date:
    for _ in range(_LONGEST_REST):
        day += _DAY
        if is_business_day(day, country):
            break
    return day


@lru_cache(maxsize=1024)
def _worked(country: str, year: int) -> frozenset[date]:
    """A country's business days in a year. A calendar that is shared grows while others read it, so none is."""
    first = date(year, 1, 1)
    every = [first + n * _DAY for n in range((date(year + 1, 1, 1) - first).days)] if year < date.max.year else []
    try:
        calendar = holidays.country_holidays(country, years=year, expand=False)
        if holidays.DE_FACTO in calendar.supported_categories:  # on Midsummer Eve nobody in Sweden works either
            kinds = (*calendar.categories, holidays.DE_FACTO)
            calendar = holidays.country_holidays(country, years=year, expand=False, categories=kinds)
    except NotImplementedError:
        return frozenset(day for day in every if day.weekday() < 5)
    return frozenset(day for day in every if calendar.is_working_day(day))
