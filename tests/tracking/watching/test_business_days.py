"""Business days are those of the country where the parcel is going."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tracking.watching.business_days import after, at_least, is_business_day


@pytest.mark.parametrize(
    ("country", "day", "worked"),
    [
        ("SE", date(2026, 6, 19), False),  # Midsummer Eve
        ("DE", date(2026, 6, 19), True),
        ("DE", date(2026, 10, 3), False),
        ("SA", date(2026, 3, 6), False),  # a Friday
        ("SA", date(2026, 3, 8), True),  # a Sunday
        ("CN", date(2026, 2, 28), True),  # a Saturday that is worked in exchange for the New Year's week
        ("US", date(2026, 11, 26), False),
        (None, date(2026, 12, 25), True),
        (None, date(2026, 3, 7), False),
        ("XX", date(2026, 3, 6), True),
        ("se", date(2026, 1, 6), False),
    ],
)
def test_a_country_has_its_own_week_and_holidays(country, day, worked):
    """Of one that nobody knows, Monday to Friday are worked, whatever the day is elsewhere."""
    assert is_business_day(day, country) is worked


@pytest.mark.parametrize(
    ("start", "days", "zone", "country", "ends"),
    [
        ("2026-03-02T09:00", 3, "Europe/Stockholm", "SE", "2026-03-05T08:00"),
        ("2026-03-05T09:00", 3, "Europe/Stockholm", "SE", "2026-03-10T08:00"),  # over a weekend
        ("2026-03-07T15:00", 1, "Europe/Stockholm", "SE", "2026-03-09T23:00"),  # begins as Monday does
        ("2026-04-02T10:00", 1, "Europe/Stockholm", "SE", "2026-04-07T08:00"),  # over Easter and into summer time
        ("2026-04-02T10:00", 1, "America/New_York", "US", "2026-04-03T14:00"),  # Good Friday is worked there
        ("2026-12-23T12:00", 2, "Europe/Berlin", "DE", "2026-12-28T11:00"),
    ],
)
def test_business_days_go_by_on_the_wall_where_the_parcel_is_going(start, days, zone, country, ends):
    """The same hour some business days later, across weekends, holidays and clock changes."""
    from zoneinfo import ZoneInfo

    began = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    assert after(began, days, zone, country) == datetime.fromisoformat(ends).replace(tzinfo=UTC)


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
    st.integers(1, 9),
    st.sampled_from([("SE", "Europe/Stockholm"), ("US", "America/New_York"), ("CN", "Asia/Shanghai"), (None, "UTC")]),
    st.timedeltas(timedelta(0), timedelta(days=3)),
)
def test_later_starts_end_later_and_the_quick_look_never_overlooks(start, days, place, more):
    """Waiting is monotone, and never shorter than the span by which it is ruled out beforehand."""
    country, zone = place
    ends = after(start, days, zone, country)
    assert ends - start >= at_least(days)
    assert ends <= after(start + more, days, zone, country)
