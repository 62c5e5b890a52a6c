"""Finding a parcel by whatever a shopper gives: an order number, an email, a phone, a tracking number."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import phonenumbers
import sqlalchemy as sa
from babel.core import get_global
from sqlalchemy.orm import Session

from app.models import Brand, Order, Shipment
from app.models.addresses import normalised
from app.models.vocabulary import Channel

AT_MOST = 50
"""Parcels that one search comes to; who finds more says more."""

_LEAST = 3
"""Letters that a number has to begin with before it is looked for as a beginning."""

_NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._/-]*")


@dataclass(frozen=True, slots=True)
class Sought:
    """What somebody may have meant by what they wrote; None where it cannot be that."""

    email: str | None = None
    phone: str | None = None
    shipment: str | None = None
    numbers: tuple[str, ...] = ()


def read(written: str, country: str | None = None) -> Sought:
    """What `written` may be. A national phone number is read as one of `country` (ISO 3166)."""
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in written).split())[:120]
    if not text:
        return Sought()
    if "@" in text:
        return Sought(email=normalised(Channel.email, text))
    plain = text.lstrip("#").strip()
    together = plain.replace(" ", "")
    shipment = together.lower() if together.lower().startswith("shp_") else None
    numbers = tuple(dict.fromkeys([plain, together, together.upper()])) if _NUMBER.fullmatch(plain) else ()
    return Sought(phone=_phone(text, country), shipment=shipment, numbers=numbers)


def _phone(text: str, country: str | None) -> str | None:
    if not re.fullmatch(r"[+0(][0-9 ()./\u00a0-]{5,}", text):
        return None
    try:
        number = phonenumbers.parse(f"+{text[2:]}" if text.startswith("00") else text, country)
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if possible else None


def country_of(zone: str) -> str | None:
    """The country (ISO 3166) that a zone lies in: SE for Europe/Stockholm; None for UTC."""
    found = get_global("zone_territories").get(zone)
    return str(found) if found and found != "001" else None


def find_parcels(session: Session, brand_id: int, sought: Sought, at_most: int = AT_MOST) -> list[int]:
    """The row ids of the brand's parcels that it may mean, newest first. Exact numbers go before beginnings of some;
    each question is one of an index."""
    exact = _ids(session, brand_id, _exactly(sought), at_most)
    if exact or not sought.numbers:
        return exact
    return _ids(session, brand_id, _beginning(sought.numbers), at_most)


def _exactly(sought: Sought) -> Sequence[sa.ColumnElement[bool]]:
    asked: list[sa.ColumnElement[bool]] = []
    if sought.email:
        asked.append(sa.func.lower(Order.email) == sought.email)
    if sought.phone:
        asked.append(Order.phone == sought.phone)
    if sought.shipment:
        asked.append(Shipment.public_id == sought.shipment)
    if sought.numbers:
        asked += [Shipment.tracking_number.in_(sought.numbers), Order.number.in_(sought.numbers)]
    return asked


def _beginning(numbers: Sequence[str]) -> Sequence[sa.ColumnElement[bool]]:
    columns: tuple[Any, ...] = (Order.number, Shipment.tracking_number)
    return [column.startswith(one, autoescape=True) for one in numbers if len(one) >= _LEAST for column in columns]


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
    return find_parcels(session, brand.id, read(written, country_of(brand.zone)))
