"""The calendar file of a parcel's window (RFC 5545): hours in the shopper's zone, a promised day as a whole day.

Pure. The entry keeps its UID, and its SEQUENCE rises with every change, so that a calendar that has it moves it; and
when there is no window any more, it is called off (RFC 5546, section 3.2.5), so that a calendar takes it out. Both name
the shop as the organizer, the same one, for that is by whom a calendar lets an entry be taken back; the call-off keeps
a time beside it, without which Google's and Outlook's calendars take no file. Nobody is invited, and nothing answered.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from app.web.shoppers.window import Expected

_OCTETS = 75
"""Of a line, RFC 5545, section 3.1; longer ones are folded."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands in the calendar: `uid` is the parcel's for ever, `sequence` rises with what is known of
    it, `page` is the address of its page; `shop` and `mailbox` are the name and the address of who organizes it."""

    uid: str
    sequence: int
    title: str
    note: str
    page: str
    language: str
    shop: str
    mailbox: str


def calendar_file(entry: Entry, when: Expected, zone: ZoneInfo, now: datetime) -> bytes:
    """A VCALENDAR with one VEVENT (and the VTIMEZONE that it needs), CRLF-ended, in UTF-8."""
    # Odd where it calls off, even where it tells: higher than what was told, lower than what is told next.
    return _file("PUBLISH", _event(entry, 2 * entry.sequence, "CONFIRMED", when, zone, now))


def called_off(entry: Entry, was: Expected, zone: ZoneInfo, now: datetime) -> bytes:
    """The same entry taken back: its window, which `was` told last, is gone, and no other has come in its place."""
    return _file("CANCEL", _event(entry, 2 * entry.sequence + 1, "CANCELLED", was, zone, now))


def media_type(body: bytes) -> str:
    """Of such a file: the method stands in it too (RFC 5545, section 8.1)."""
    method = "CANCEL" if b"\r\nMETHOD:CANCEL\r\n" in body else "PUBLISH"
    return f"text/calendar; method={method}; charset=utf-8"


def _file(method: str, inside: Iterable[str]) -> bytes:
    head = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Doorstep//Parcel//EN", "CALSCALE:GREGORIAN")
    lines = (*head, f"METHOD:{method}", *inside, "END:VCALENDAR")
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line)).encode()


def _event(entry: Entry, sequence: int, status: str, when: Expected, zone: ZoneInfo, now: datetime) -> list[str]:
    timed = when.starts_at is not None and when.ends_at is not None and when.first == when.last
    zoned = _zone(zone, when.starts_at, when.ends_at) if timed and when.starts_at and when.ends_at else []
    return [
        *zoned,
        "BEGIN:VEVENT",
        f"UID:{entry.uid}",
        f"DTSTAMP:{now.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"SEQUENCE:{sequence}",
        *_times(when, zone, timed=timed),
        f"ORGANIZER;CN={_quoted(entry.shop)}:mailto:{quote(entry.mailbox, safe='@+')}",
        f"SUMMARY;LANGUAGE={entry.language}:{_text(entry.title)}",
        f"DESCRIPTION;LANGUAGE={entry.language}:{_text(f'{entry.note} {entry.page}')}",
        f"URL:{entry.page}",
        f"STATUS:{status}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _times(when: Expected, zone: ZoneInfo, *, timed: bool) -> tuple[str, str]:
    if timed and when.starts_at and when.ends_at:
        start, end = when.starts_at.astimezone(zone), when.ends_at.astimezone(zone)
        return f"DTSTART;TZID={zone.key}:{start:%Y%m%dT%H%M%S}", f"DTEND;TZID={zone.key}:{end:%Y%m%dT%H%M%S}"
    after = when.last + timedelta(days=1)  # the end of whole days is the day after them
    return f"DTSTART;VALUE=DATE:{when.first:%Y%m%d}", f"DTEND;VALUE=DATE:{after:%Y%m%d}"


def _zone(zone: ZoneInfo, start: datetime, end: datetime) -> list[str]:
    """The zone as far as the window needs it: the offset in force, and the change where the window lies across one."""
    before, after = start.astimezone(zone), end.astimezone(zone)
    lines = ["BEGIN:VTIMEZONE", f"TZID:{zone.key}", *_observance("19700101T000000", before, before)]
    if before.utcoffset() != after.utcoffset():
        change = _change(zone, start, end)
        offset = before.utcoffset() or timedelta()
        lines += _observance(f"{(change + offset).replace(tzinfo=None):%Y%m%dT%H%M%S}", before, after)
    return [*lines, "END:VTIMEZONE"]


def _observance(since: str, before: datetime, during: datetime) -> list[str]:
    kind = "DAYLIGHT" if during.dst() else "STANDARD"
    return [
        f"BEGIN:{kind}",
        f"DTSTART:{since}",
        f"TZOFFSETFROM:{_offset(before)}",
        f"TZOFFSETTO:{_offset(during)}",
        f"TZNAME:{during:%Z}",
        f"END:{kind}",
    ]


def _offset(local: datetime) -> str:
    minutes = round((local.utcoffset() or timedelta()).total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"


def _change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """The minute at which the offset changes between two instants, UTC."""
    low, high = low.astimezone(UTC), high.astimezone(UTC)
    first = low.astimezone(zone).utcoffset()
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == first else (low, middle)
    return high.replace(second=0, microsecond=0)


def _text(said: str) -> str:
    """A text value: what has a meaning in the format is escaped, and nothing ends the line."""
    for sign, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,")):
        said = said.replace(sign, written)
    return "".join(letter if letter.isprintable() else " " for letter in said)


def _quoted(said: str) -> str:
    """A parameter's value (RFC 5545, section 3.2): in quotes, so it holds none, and no sign that ends the line."""
    return '"' + "".join(letter if letter.isprintable() else " " for letter in said).replace('"', "'") + '"'


def _folded(line: str) -> Iterator[str]:
    """A line in pieces of at most 75 octets, no letter torn; each further one begins with a blank."""
    piece, size = "", 0
    for letter in line:
        octets = len(letter.encode())
        if size + octets > _OCTETS:
            yield piece
            piece, size = " ", 1
        piece, size = piece + letter, size + octets
    yield piece
