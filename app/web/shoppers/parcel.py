"""The parcel's page behind a secret link, and the calendar file of its window."""

from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.messages.authoring.bundle import locale_chain
from app.messages.catalog import Catalog
from app.messages.rendering.moments import speech_zone
from app.models import Crossing, Estimate, Order
from app.models.facts import Facts
from app.pipeline.house import House
from app.web.pages import page
from app.web.shoppers.calendar import Entry, calendar_file, called_off, media_type
from app.web.shoppers.dead_ends import lost
from app.web.shoppers.page import Seen, draw, may_call_off, when_expected, when_told
from app.web.shoppers.reading import catalog_for, facts_and_seen, find_family, reading

router = APIRouter(include_in_schema=False)


@router.get("/t/{token}")
def parcel(request: Request, token: str) -> Response:
    """The page of the parcel that this link belongs to. Unknown, expired and malformed links get one same answer."""
    house: House = request.app.state.house
    now = house.clock.now()
    with reading(house) as connection:
        found = find_family(connection, token, now)
        if found is None:
            return lost(request, token)
        facts, seen = facts_and_seen(connection, found)
    catalog = catalog_for(house, found.brand)
    shown = parcel_page(catalog, found.brand.key, found.order.locale, facts, seen, token, now)
    return shown[1] if shown is not None else lost(request)


def parcel_page(
    catalog: Catalog, brand_key: str, locale: str, facts: Facts, seen: Seen, token: str, now: datetime
) -> tuple[str, Response] | None:
    """The page for a reader of `locale`, and the language that it is written in; `token` is what its links are made of.
    None where the catalog has no such brand."""
    look = catalog.brands().get(brand_key)
    if look is None:
        return None
    language, words = catalog.page_words(look.key, locale_chain(locale, look.locale))
    drawn = draw(facts, seen, language, words, now)
    content = {
        "page": drawn,
        "brand": look,
        "words": words,
        "language": language,
        "tagline": look.tagline_in(language),
        "token": token,
    }
    forms = drawn.can_claim or drawn.claimed != ""
    return language, page("shoppers/parcel.html", content, cache="private, no-cache", forms=forms)


@router.get("/t/{token}/window.ics")
def window(request: Request, token: str) -> Response:
    """The window as a calendar file; a call-off where one was told once and is gone; else back to the page."""
    house: House = request.app.state.house
    now = house.clock.now()
    with reading(house) as connection:
        found = find_family(connection, token, now)
        if found is None:
            return lost(request, token)
        facts, seen = facts_and_seen(connection, found)
        sequence = _sequence(connection, found.order.id, found.shipment.id)
    catalog = catalog_for(house, found.brand)
    look = catalog.brands().get(found.brand.key)
    if look is None:
        return lost(request)
    language, words = catalog.page_words(look.key, locale_chain(found.order.locale, look.locale))
    when = when_expected(facts, seen, language, words, now)
    if when is None and not (may_call_off(facts) and (sequence.told or facts.promise.on)):
        return RedirectResponse(f"/t/{token}", 303)
    said, base = words["calendar"], house.public_url.rstrip("/")
    uid = f"{found.shipment.public_id}@{urlsplit(base).hostname or 'doorstep'}"
    event = said["event"].format(brand=look.name)
    entry = Entry(
        uid, sequence.number, event, said["note"], f"{base}/t/{token}", language, look.name, look.support.email
    )
    at, zone = _whole_minute(now), speech_zone(facts.shopper.zone)
    if when is not None:
        body = calendar_file(entry, when, zone, at)
    else:
        body = called_off(entry, when_told(facts, language, words, now), zone, at)
    headers = {
        "Content-Disposition": 'attachment; filename="parcel.ics"',
        "Cache-Control": "private, no-cache",
        "X-Robots-Tag": "noindex, nofollow",
    }
    return Response(body, headers=headers, media_type=media_type(body))


class _Sequence(NamedTuple):
    """How often the carrier said when, and a number that only rises."""

    told: int
    number: int


def _sequence(connection: sa.Connection, order_id: int, shipment_id: int) -> _Sequence:
    """It rises with every word of the carrier's, each milestone reached, and every change of the order's own."""
    told = sa.select(sa.func.count()).where(Estimate.shipment_id == shipment_id).select_from(Estimate)
    reached = sa.select(sa.func.count()).where(Crossing.shipment_id == shipment_id).select_from(Crossing)
    changed = sa.select(sa.func.extract("epoch", Order.updated_at - Order.created_at)).where(Order.id == order_id)
    asked = sa.select(*(one.scalar_subquery() for one in (told, reached, changed)))
    words, milestones, seconds = connection.execute(asked).one()
    return _Sequence(words, words + milestones + max(0, int(seconds or 0)))


def _whole_minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)
