"""The calendar file says the window as calendars read it: right hours, right zone, whole days, one entry for ever."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.web.shoppers.calendar import Entry, calendar_file, called_off, media_type
from app.web.shoppers.window import Expected

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SHOP = ('Fjällhem "ute"', "hjälp+1@fjallhem.example")
ENTRY = Entry(
    "shp_1@parcels.example", 3, "Fjällhem: a, b; c\\d\r\nX:y", "Can change.", "https://x.example/t/1", "en", *SHOP
)


def unfolded(body: bytes) -> list[str]:
    text = body.decode()
    assert text.endswith("\r\n") and "\n" not in text.replace("\r\n", "")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    return text.replace("\r\n ", "").strip().split("\r\n")


def timed(start: datetime, hours: int = 2, zone: str = "Europe/Stockholm") -> list[str]:
    end, here = start + timedelta(hours=hours), ZoneInfo(zone)
    day = start.astimezone(here).date()
    return unfolded(calendar_file(ENTRY, Expected(day, day, start, end), here, NOW))


def test_a_window_stands_in_the_shoppers_zone():
    """Hours of the place, with the zone's offset beside them; text cannot begin a line of its own."""
    lines = timed(datetime(2026, 11, 24, 13, 0, tzinfo=UTC))
    assert "DTSTART;TZID=Europe/Stockholm:20261124T140000" in lines
    assert "DTEND;TZID=Europe/Stockholm:20261124T160000" in lines
    assert "TZID:Europe/Stockholm" in lines and "TZOFFSETTO:+0100" in lines
    assert "UID:shp_1@parcels.example" in lines and "SEQUENCE:6" in lines
    assert r"SUMMARY;LANGUAGE=en:Fjällhem: a\, b\; c\\d  X:y" in lines
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 1


def test_a_window_across_the_change_of_the_clocks():
    """Both offsets stand in the zone, with the moment of the change."""
    lines = timed(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    assert "DTSTART:20261025T030000" in lines  # the hour that the clock showed as it was put back
    assert [line for line in lines if line.startswith("TZOFFSETTO")] == ["TZOFFSETTO:+0200", "TZOFFSETTO:+0100"]


@pytest.mark.parametrize("zone", [f"Etc/GMT{hours:+d}" for hours in range(-14, 13)])
def test_a_day_stays_a_day(zone):
    """A date-only promise is a whole day everywhere, and no zone stands beside it."""
    day = date(2026, 11, 26)
    lines = unfolded(calendar_file(ENTRY, Expected(day, day), ZoneInfo(zone), NOW))
    assert "DTSTART;VALUE=DATE:20261126" in lines and "DTEND;VALUE=DATE:20261127" in lines
    assert "BEGIN:VTIMEZONE" not in lines


def test_days_are_whole_days_and_long_lines_are_folded():
    """A window over days ends on the day after its last; no line is longer than 75 octets, no letter torn."""
    entry = Entry("u", 0, "å" * 200, "n", "https://x.example", "sv", *SHOP)
    when = Expected(date(2026, 11, 26), date(2026, 11, 28), NOW, NOW + timedelta(days=3))
    lines = unfolded(calendar_file(entry, when, ZoneInfo("UTC"), NOW))
    assert "DTEND;VALUE=DATE:20261129" in lines and f"SUMMARY;LANGUAGE=sv:{'å' * 200}" in lines


def test_both_methods_hold_what_the_rules_ask_of_them():
    """RFC 5546, 3.2.1 and 3.2.5: one organizer, the same, no attendee; the call-off a higher number, a time, and its
    method in the media type too (RFC 5545, 8.1)."""
    here, day = ZoneInfo("Europe/Stockholm"), date(2026, 11, 24)
    when = Expected(day, day, datetime(2026, 11, 24, 13, tzinfo=UTC), datetime(2026, 11, 24, 15, tzinfo=UTC))
    told, gone = calendar_file(ENTRY, when, here, NOW), called_off(ENTRY, when, here, NOW)
    organizer = "ORGANIZER;CN=\"Fjällhem 'ute'\":mailto:hj%C3%A4lp+1@fjallhem.example"
    for body, method, status, number in ((told, "PUBLISH", "CONFIRMED", 6), (gone, "CANCEL", "CANCELLED", 7)):
        lines = unfolded(body)
        once = [organizer, f"METHOD:{method}", f"STATUS:{status}", f"SEQUENCE:{number}", "DTSTAMP:20261124T090000Z"]
        once += ["UID:shp_1@parcels.example", "DTSTART;TZID=Europe/Stockholm:20261124T140000", "VERSION:2.0"]
        assert [lines.count(one) for one in once] == [1] * len(once), lines
        assert not [line for line in lines if line.startswith(("ATTENDEE", "REQUEST-STATUS"))]
        assert lines.index("END:VTIMEZONE") < lines.index("BEGIN:VEVENT")
        assert media_type(body) == f"text/calendar; method={method}; charset=utf-8"
