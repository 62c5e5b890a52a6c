"""What one field of outside input may hold: each function returns the value made clean, or refuses it with a remedy."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import phonenumbers
from babel import Locale
from babel.numbers import list_currencies
from email_validator import EmailNotValidError, validate_email
from pydantic_core import PydanticCustomError

from app.zones import country_codes, zone

NAME_LIMIT = 200
TEXT_LIMIT = 500
ID_LIMIT = 100
URL_LIMIT = 2000
_YEARS = range(1990, 2101)
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029], " ")
_OFTEN_MEANT = {"UK": "GB", "EL": "GR", "EN": "GB", "JA": "JP"}
_LOCALE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|\d{3}))?")


def refused(problem: str, remedy: str) -> PydanticCustomError:
    """The error a validator raises: `problem` has no full stop, `remedy` is a sentence."""
    return PydanticCustomError("refused", "{problem}", {"problem": problem, "remedy": remedy})


def shown(value: object) -> str:
    """A value as a message quotes it: cut short, on one line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…{text[0]}"


def clean(value: Any) -> Any:
    """A text without NUL, lone surrogates, line breaks and other controls; anything but a text as it is."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "replace").decode("utf-8").translate(_CONTROLS).strip()


def absent_if_blank(value: Any) -> Any:
    """A cleaned text, or None where nothing is left of it."""
    value = clean(value)
    return None if value == "" else value


def name_text(value: Any) -> Any:
    """A person's, place's or product's name, cut at NAME_LIMIT."""
    value = clean(value)
    return value[:NAME_LIMIT].rstrip() if isinstance(value, str) else value


def long_text(value: Any) -> Any:
    """A description, cut at TEXT_LIMIT."""
    value = clean(value)
    return value[:TEXT_LIMIT].rstrip() if isinstance(value, str) else value


def identifier(value: str) -> str:
    """A number or reference by which something is found again: never cut, so too long a one is refused."""
    if not value:
        raise refused("is empty", "Give the number or reference that the shop knows it by.")
    if len(value) > ID_LIMIT:
        raise refused(f"has {len(value)} characters", f"Use at most {ID_LIMIT}.")
    return value


def email(value: str) -> str:
    """An email address in its normal form. Whether anyone reads it is not asked; test domains are welcome."""
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        reason = str(error).rstrip(".")
        raise refused(
            f"{shown(value)} is no email address: {reason}",
            "Correct it, or leave it empty if the shopper has a phone number.",
        ) from error


def phone(value: str, country: str | None) -> str:
    """A phone number in E.164. A national number is read as one of `country` (ISO 3166)."""
    if not value.startswith(("+", "00")) and country is None:
        raise refused(
            f"{shown(value)} is a national number, and the order names no country",
            "Write it with its country code, e.g. +46701740605, or give the country.",
        )
    try:
        text = f"+{value[2:]}" if country is None and value.startswith("00") else value
        parsed = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException as error:
        raise _no_phone(value, country) from error
    # Possible, not "valid": number plans change faster than libraries, and a refused order tells nobody anything.
    if not phonenumbers.is_possible_number(parsed):
        raise _no_phone(value, country)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _no_phone(value: str, country: str | None) -> PydanticCustomError:
    where = f" in {country}" if country else ""
    return refused(
        f"{shown(value)} cannot be a phone number{where}",
        "Write it with its country code, e.g. +46701740605, or leave it empty if the shopper has an email address.",
    )


@lru_cache(maxsize=1)
def _languages() -> frozenset[str]:
    return frozenset(str(code).split("_")[0] for code in Locale("en").languages)


@lru_cache(maxsize=1)
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies()) - {"XXX", "XTS"}


def country(value: str) -> str:
    """An ISO 3166 code of two letters, upper case."""
    code = value.upper()
    if code in country_codes():
        return code
    meant = _OFTEN_MEANT.get(code)
    remedy = f"Write {meant}." if meant else "Use the two letters of ISO 3166, e.g. SE, DE or BR."
    raise refused(f"{shown(value)} is no country code", remedy)


def currency(value: str) -> str:
    """An ISO 4217 code, upper case."""
    code = value.upper()
    if code in _currencies():
        return code
    raise refused(f"{shown(value)} is no currency code", "Use the three letters of ISO 4217, e.g. EUR, SEK or BRL.")


def zone_name(value: str) -> str:
    """The name of an IANA time zone."""
    try:
        zone(value)
    except ValueError as error:
        raise refused(
            f"{shown(value)} is no time zone", "Use an IANA name such as Europe/Stockholm, or leave it empty."
        ) from error
    return value


def locale(value: str) -> str:
    """A language tag in its usual spelling: `pt_br` becomes `pt-BR`, `ZH-hant-tw` becomes `zh-Hant-TW`."""
    found = _LOCALE.fullmatch(value)
    if found is None or found[1].lower() not in _languages():
        raise refused(f"{shown(value)} is no language tag", "Write e.g. en, sv or pt-BR, or leave it empty.")
    language, script, region = found.groups()
    parts = [language.lower(), script.title() if script else "", region.upper() if region else ""]
    return "-".join(part for part in parts if part)


def url(value: str) -> str:
    """An http or https address."""
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s<>\"]", value)
    except ValueError:
        sound = False
    if not sound or len(value) > URL_LIMIT:
        raise refused(
            f"{shown(value)} is no web address", "Give an address that begins with https://, or leave it out."
        )
    return value


def instant(value: Any) -> datetime:
    """An instant in UTC, from an ISO 8601 text with offset or an aware datetime."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise refused(
                f"{shown(value)} is no date and time", "Write it as 2026-03-01T14:05:00+01:00 (ISO 8601 with offset)."
            ) from error
    if not isinstance(value, datetime):
        raise refused(f"{shown(value)} is no date and time", "Write it as a text, e.g. 2026-03-01T14:05:00+01:00.")
    if value.tzinfo is None:
        raise refused(
            f"{value.isoformat()} has no UTC offset, so it could be any of 26 hours",
            "Write the offset behind it, e.g. 2026-03-01T14:05:00+01:00.",
        )
    if value.year not in _YEARS:
        raise refused(f"the year {value.year} cannot be meant", "Correct the date.")
    return value.astimezone(UTC)


def day(value: Any) -> date:
    """A calendar day, from `YYYY-MM-DD` or a date without a time."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value.strip())
        except ValueError as error:
            raise refused(f"{shown(value)} is no date", "Write the day alone, as 2026-03-01.") from error
    if not isinstance(value, date) or isinstance(value, datetime):
        raise refused(f"{shown(value)} is no date", "Write the day alone, as 2026-03-01.")
    if value.year not in _YEARS:
        raise refused(f"the year {value.year} cannot be meant", "Correct the date.")
    return value


ANY_CARRIER = "*"
"""Among the known carriers: any other name will do too, because somebody is asked about all the rest."""

AUTO = "auto"
"""In place of a carrier's name: whoever knows the number."""

_CARRIER_NAME = re.compile(r"[a-z0-9_-]{2,40}")


def one_of_carriers(value: str, known: Iterable[str]) -> str | None:
    """The name of a carrier that this installation can ask, or None for `auto`."""
    names = sorted(set(known) - {ANY_CARRIER})
    name = value.lower()
    if name == AUTO:
        return None
    if name in names:
        return name
    if ANY_CARRIER in known:
        if _CARRIER_NAME.fullmatch(name):
            return name
        raise refused(f"{shown(value)} is no carrier's name", "Write 2 to 40 of the letters a-z, 0-9, _ and -.")
    close = get_close_matches(name, names, n=1)
    listed = ", ".join(names) or "none"
    remedy = f"Write {close[0]!r}." if close else f"Known carriers: {listed}. Leave it empty for any other."
    raise refused(f"{shown(value)} is no carrier that Doorstep knows", remedy)
