"""Finding a parcel by whatever a shopper gives: an order number, an email, a phone, a tracking number, a name."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import phonenumbers
import sqlalchemy as sa
from babel.core import get_global
from sqlalchemy.orm import Session

from app.models import Brand, Order, Shipment, TrackingEnd
from app.models.addresses import normalised
from app.models.vocabulary import Channel

AT_MOST = 50
"""Parcels that one search comes to; who finds more says more."""

_LEAST = 3
"""Letters that a number or a name has to begin with before it is looked for as a beginning."""

_LEAST_OF_A_FAMILY = 2
"""Letters of a family name that is looked for as it is: Li, Ng."""

_LEAST_OF_AN_END = 4
"""Digits that an order's number has to end with, letters and digits that a tracking number has to, before it is looked
for as an end."""

_NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._/-]*")
_PHONE = re.compile(r"[+0-9(][0-9 ()./\u00a0-]{5,}")
_DIGITS_AT_THE_END = re.compile(r"[0-9]+$")


@dataclass(frozen=True, slots=True)
class Sought:
    """What somebody may have meant by what they wrote; None or empty where it cannot be that. `end` is what an order's
    number may end with, `tail` a tracking number, `name` a shopper's name, its beginning or its last words, in small
    letters."""

    email: str | None = None
    phones: tuple[str, ...] = ()
    shipment: str | None = None
    numbers: tuple[str, ...] = ()
    end: str | None = None
    tail: str | None = None
    name: str | None = None


def read(written: str, countries: Collection[str] = ()) -> Sought:
    """What `written` may be. A phone as it is dialled at home is read as one of each of `countries` (ISO 3166)."""
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in written).split())[:120]
    if not text:
        return Sought()
    if "@" in text:
        return Sought(email=normalised(Channel.email, text))
    plain = text.lstrip("#*….").strip()
    together = plain.replace(" ", "")
    shipment = together.lower() if together.lower().startswith("shp_") else None
    return Sought(
        phones=tuple(_phones(text, countries)),
        shipment=shipment,
        numbers=tuple(_numbers(plain)) if _NUMBER.fullmatch(plain) else (),
        end=_end(together),
        tail=_tail(plain),
        name=plain.lower() if len(plain) >= _LEAST_OF_A_FAMILY and not any(map(str.isdigit, plain)) else None,
    )


def _numbers(plain: str) -> dict[str, None]:
    """The ways in which a number may be stored: as it is written, without its spaces, in large and in small letters,
    and without any sign."""
    together = plain.replace(" ", "")
    bare = "".join(filter(str.isalnum, together))
    return dict.fromkeys([plain, together, together.upper(), together.lower(), bare.upper()])


def _end(together: str) -> str | None:
    found = _DIGITS_AT_THE_END.search(together)
    return found[0] if found and len(found[0]) >= _LEAST_OF_AN_END else None


def _tail(plain: str) -> str | None:
    """How a tracking number may end: as `TrackingEnd` writes it, with a digit in it, for a name is none."""
    bare = "".join(filter(str.isalnum, plain)).upper()
    wanted = _NUMBER.fullmatch(plain) and len(bare) >= _LEAST_OF_AN_END and any(map(str.isdigit, bare))
    return bare if wanted else None


def _phones(text: str, countries: Collection[str]) -> dict[str, None]:
    if not _PHONE.fullmatch(text):
        return {}
    written = f"+{text[2:]}" if text.startswith("00") else text
    wheres: Collection[str | None] = [None] if written.startswith("+") else countries
    return dict.fromkeys(number for where in wheres if (number := _phone(written, where)))


def _phone(written: str, country: str | None) -> str | None:
    try:
        number = phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if possible else None


def country_of(zone: str) -> str | None:
    """The country (ISO 3166) that a zone lies in: SE for Europe/Stockholm; None for UTC."""
    found = get_global("zone_territories").get(zone)
    return str(found) if found and found != "001" else None


def find_parcels(session: Session, brand_id: int, sought: Sought, at_most: int = AT_MOST) -> list[int]:
    """The row ids of the brand's parcels that it may mean, newest first. Whole numbers and names go before parts of
    some; each question is one of an index."""
    exact = _ids(session, brand_id, _exactly(sought), at_most)
    return exact or _ids(session, brand_id, _partly(sought, brand_id), at_most)


def _exactly(sought: Sought) -> Sequence[sa.ColumnElement[bool]]:
    asked: list[sa.ColumnElement[bool]] = []
    if sought.email:
        asked.append(sa.func.lower(Order.email) == sought.email)
    if sought.phones:
        asked.append(Order.phone.in_(sought.phones))
    if sought.shipment:
        asked.append(Shipment.public_id == sought.shipment)
    if sought.numbers:
        asked += [Shipment.tracking_number.in_(sought.numbers), Order.number.in_(sought.numbers)]
    return asked


def _partly(sought: Sought, brand_id: int) -> Sequence[sa.ColumnElement[bool]]:
    columns: tuple[Any, ...] = (Order.number, Shipment.tracking_number)
    long_enough = [one for one in sought.numbers if len(one) >= _LEAST]
    asked = [column.startswith(one, autoescape=True) for one in long_enough for column in columns]
    if sought.end:
        asked.append(sa.func.reverse(Order.number).startswith(sought.end[::-1], autoescape=True))
    if sought.tail:
        asked.append(_ending(sought.tail, brand_id))
    return asked + (_named(sought.name) if sought.name else [])


def _ending(tail: str, brand_id: int) -> sa.ColumnElement[bool]:
    ends = TrackingEnd.backwards.startswith(tail[::-1], autoescape=True)
    found = sa.select(TrackingEnd.shipment_id).where(ends, TrackingEnd.brand_id == brand_id).limit(AT_MOST)
    return Shipment.id.in_(found)


def _named(written: str) -> list[sa.ColumnElement[bool]]:
    """Who is called so, or begins so; and whose last words these are: the family name, however many words it has."""
    name: Any = sa.func.lower(Order.shopper_name)
    asked = [sa.func.reverse(name).startswith(f" {written}"[::-1], autoescape=True)]
    if len(written) >= _LEAST:
        asked.append(name.startswith(written, autoescape=True))
    return [one & Order.shopper_name.is_not(None) for one in asked]


def _ids(session: Session, brand_id: int, asked: Sequence[sa.ColumnElement[bool]], at_most: int) -> list[int]:
    """One question for each way of asking, so that each is answered by its own index."""
    if not asked:
        return []
    one_by_one = [
        sa.select(Shipment.id)
        .join(Order, Order.id == Shipment.order_id)
        .where(one, Shipment.brand_id == brand_id, Order.brand_id == brand_id)
        .limit(at_most)
        for one in asked
    ]
    every = sa.union(*[sa.select(one.subquery().c.id) for one in one_by_one]).subquery()
    return list(session.scalars(sa.select(every.c.id).order_by(every.c.id.desc()).limit(at_most)))


def search(session: Session, brand: Brand, written: str) -> list[int]:
    """What a brand's people find by what they typed."""
    sought = read(written)
    if _PHONE.fullmatch(written.strip()):
        sought = read(written, _countries(session, brand))
    return find_parcels(session, brand.id, sought)


_COUNTRIES = sa.text("""
    WITH RECURSIVE found AS (
        (SELECT country FROM orders WHERE brand_id = :brand AND country IS NOT NULL ORDER BY country LIMIT 1)
        UNION ALL
        SELECT (SELECT country FROM orders WHERE brand_id = :brand AND country > found.country
                ORDER BY country LIMIT 1)
        FROM found WHERE found.country IS NOT NULL
    )
    SELECT country FROM found WHERE country IS NOT NULL LIMIT :most
""")
"""The countries that a brand sends to, by one look into the index for each."""

_MOST_COUNTRIES = 60


def _countries(session: Session, brand: Brand) -> list[str]:
    """Where somebody who dials a number may be at home: the brand's own country, and those that it sends to."""
    home = country_of(brand.zone)
    others = session.scalars(_COUNTRIES, {"brand": brand.id, "most": _MOST_COUNTRIES}).all()
    return list(dict.fromkeys([*([home] if home else []), *others]))
