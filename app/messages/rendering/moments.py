"""How instants, days and sums are said: in the template's language, by the shopper's customs and in their zone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.numbers import UnknownCurrencyError, format_currency, get_currency_precision
from jinja2 import pass_context
from jinja2.runtime import Context

from app.zones import zone

_YEAR_LAST = re.compile(r"[,،]?\s*('[^']*'\s*)?y+(\s*'[^']*'\.?)?$")
_YEAR_FIRST = re.compile(r"^y+[^A-Za-z']*")

_NO_COMMA = frozenset({"en", "es", "fr"})
"""Languages in which a weekday runs into its date without a comma inside a sentence."""

_FIRST_OF_MONTH = re.compile(r"\b1\b")
_HALF_OF_DAY = re.compile(r"([ap])\.\s?m\.")
_AT_ONE = re.compile(r"\blas (?=1\D)")

_EARLIEST_NEXT_DAY = time(23, 0)
"""A window that ends at or after this hour (or at midnight) says "on that day", not "by 23:59"."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Whom we speak to and when: the locale of words and customs, their zone, `now` there, the words for near days."""

    locale: Locale
    zone: ZoneInfo
    now: datetime
    today: str
    tomorrow: str
    yesterday: str
    at: str
    by: str
    from_: str

    def local(self, instant: datetime | str) -> datetime:
        """An instant (or its ISO text) on the shopper's clock."""
        return moment(instant).astimezone(self.zone)

    def day(self, day: date, short: bool = False) -> str:
        """A day near now by its name, any other by weekday and date: `today`, `Thursday 26 November`."""
        near = {0: self.today, 1: self.tomorrow, -1: self.yesterday}.get((day - self.now.date()).days)
        return near or _written_day(day, str(self.locale), short)

    def time(self, instant: datetime) -> str:
        """The time of day on the shopper's clock: `14:05`, `2:05 PM`."""
        local = instant.astimezone(self.zone)
        return _written_time(local.hour, local.minute, str(self.locale))

    def at_time(self, preposition: str, instant: datetime) -> str:
        """A time of day behind its small word: `at 14:05`. Spanish counts one o'clock as one: `a la 1:05`."""
        said = f"{preposition} {self.time(instant)}"
        return _AT_ONE.sub("la ", said) if self.locale.language == "es" else said

    def hours(self, start: datetime | None, end: datetime | None) -> str:
        """A window's hours, `14:00–16:00`, or nothing when it means the whole day."""
        begins = self.local(start) if start else None
        ends = self.local(end) if end else None
        says_begin = begins is not None and begins.time() != time(0, 0)
        says_end = ends is not None and time(0, 0) < ends.time() < _EARLIEST_NEXT_DAY
        if begins and ends and says_begin and says_end and begins != ends:
            first, last = self.time(begins), self.time(ends)
            return f"{first}–{last}" if first.isascii() and " " not in first else f"{first} – {last}"
        if ends and says_end:
            return self.at_time(self.by, ends)
        return self.at_time(self.from_, begins) if begins and says_begin else ""

    def last_day(self, end: datetime) -> date:
        """The day on which a window ends; one that ends at midnight ends on the day before."""
        local = self.local(end)
        return (local - timedelta(microseconds=1)).date() if local.time() == time(0, 0) else local.date()


def moment(instant: datetime | str) -> datetime:
    """An instant from itself or from its ISO text. Raises ValueError when it has no zone."""
    parsed = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    if parsed.tzinfo is None:
        raise ValueError(f"{instant!r} has no UTC offset")
    return parsed


@lru_cache(maxsize=512)
def customs(language: str, country: str | None) -> Locale:
    """The locale that writes `language` (a template's locale) by the customs of `country`, e.g. English in Sweden.

    English without a country it is written in follows British customs: 14:00, 26 November.
    """
    base = Locale.parse(language, sep="-")
    if base.territory is None and country:
        try:
            return Locale(base.language, territory=country.upper(), script=base.script)
        except (UnknownLocaleError, ValueError):
            pass
    return Locale("en", territory="GB") if base.language == "en" and base.territory is None else base


@lru_cache(maxsize=512)
def speech_zone(name: str) -> ZoneInfo:
    """The zone of that name, or UTC for a name that this installation does not know."""
    try:
        return zone(name)
    except ValueError:
        return zone("UTC")


@lru_cache(maxsize=4096)
def _written_day(day: date, locale: str, short: bool) -> str:
    pattern = _short_pattern(locale) if short else _long_pattern(locale)
    written = str(format_date(day, pattern, locale=locale))
    return _FIRST_OF_MONTH.sub("1er", written) if day.day == 1 and locale.startswith("fr") else written


@lru_cache(maxsize=512)
def _long_pattern(locale: str) -> str:
    """The locale's full date without its year: nobody needs to be told the year in which a parcel comes."""
    known = Locale.parse(locale)
    pattern = _YEAR_FIRST.sub("", _YEAR_LAST.sub("", known.date_formats["full"].pattern))
    if known.language in _NO_COMMA:
        pattern = pattern.replace("EEEE, d", "EEEE d")
    # Spanish says a day with its article wherever it stands in a sentence: llega el jueves, hasta el jueves.
    return f"'el' {pattern}" if known.language == "es" else pattern


@lru_cache(maxsize=512)
def _short_pattern(locale: str) -> str:
    known = Locale.parse(locale)
    pattern = str(known.datetime_skeletons["MMMEd"])
    return pattern.replace("E, d", "E d") if known.language in _NO_COMMA else pattern


@lru_cache(maxsize=4096)
def _written_time(hour: int, minute: int, locale: str) -> str:
    written = str(format_time(time(hour, minute), format="short", locale=locale))
    # `p.m.` at the end of a sentence would leave two full stops.
    return _HALF_OF_DAY.sub(r"\1m", written) if locale.startswith("es") else written


@lru_cache(maxsize=4096)
def money(minor: int, currency: str, locale: str) -> str:
    """A sum given in minor units, written by the locale's customs; an unknown currency by its code."""
    try:
        places = get_currency_precision(currency)
        return str(format_currency(minor / 10**places, currency, locale=locale))
    except UnknownCurrencyError:
        return f"{minor / 100:.2f} {currency}"


@pass_context
def day_filter(context: Context, value: Any) -> str:
    """`{{ order.placed_at | day }}`: an instant or a date of the facts as a day, said to this shopper."""
    speech = _speech_of(context)
    text = str(value)
    return speech.day(date.fromisoformat(text) if len(text) == 10 else speech.local(text).date())


@pass_context
def time_filter(context: Context, value: Any) -> str:
    """`{{ order.placed_at | time }}`: the time of day of an instant, on this shopper's clock."""
    return _speech_of(context).time(moment(str(value)))


@pass_context
def money_filter(context: Context, value: Any, currency: str) -> str:
    """`{{ order.total_minor | money(order.currency) }}`: a sum in minor units, by this shopper's customs."""
    return money(int(value), str(currency), str(context["speech"]["locale"]))


def _speech_of(context: Context) -> Speech:
    # A template's context holds plain values only, so the way to speak is told in texts and put together here.
    told = context["speech"]
    return spoken(told["words"], Locale.parse(told["locale"]), told["zone"], moment(told["now"]))


def told(speech: Speech, words: Mapping[str, Any]) -> dict[str, Any]:
    """`speech` as plain values, for a template's context."""
    return {
        "locale": str(speech.locale),
        "zone": speech.zone.key,
        "now": speech.now.isoformat(),
        "words": {name: words[name] for name in ("today", "tomorrow", "yesterday", "at", "by", "from")},
    }


def spoken(words: Mapping[str, Any], locale: Locale, zone_name: str, now: datetime) -> Speech:
    """The way to speak to one shopper at one instant; `words` are the template's own."""
    place = speech_zone(zone_name)
    return Speech(
        locale=locale,
        zone=place,
        now=now.astimezone(place),
        today=words["today"],
        tomorrow=words["tomorrow"],
        yesterday=words["yesterday"],
        at=words["at"],
        by=words["by"],
        from_=words["from"],
    )
