"""The parcel's page behind a secret link, and the calendar file of its window."""

from datetime import datetime
from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.messages.authoring.bundle import locale_chain
from app.messages.rendering.moments import speech_zone
from app.models import Estimate, Order
from app.pipeline.house import House
from app.rehearsal.samples import SAMPLE_PAGE
from app.web.pages import page, words_for
from app.web.shoppers.calendar import Entry, calendar_file
from app.web.shoppers.page import draw, when_expected
from app.web.shoppers.reading import facts_and_seen, find_family, look_of, reading

router = APIRouter(include_in_schema=False)


@router.get("/t/{token}")
def parcel(request: Request, token: str) -> Response:
    """The page of the parcel that this link belongs to. Unknown, expired and malformed links get one same answer."""
    house: House = request.app.state.house
    now = house.clock.now()
    with reading(house) as session:
        found = find_family(session, token, now)
        if found is None:
            return lost(token)
        facts, seen = facts_and_seen(session, found)
        look = look_of(session, house, found.brand)
    if look is None:
        return lost()
    language, words = words_for(look.key, locale_chain(found.order.locale, look.locale))
    drawn = draw(facts, seen, language, words, now)
    content = {
        "page": drawn,
        "brand": look,
        "words": words,
        "language": language,
        "tagline": look.tagline_in(language),
        "token": token,
    }
    return page(
        "shoppers/parcel.html", content, cache="private, no-cache", forms=drawn.can_claim or drawn.claimed != ""
    )


@router.get("/t/{token}/window.ics")
def window(request: Request, token: str) -> Response:
    """The window as a calendar file; while there is none, back to the page."""
    house: House = request.app.state.house
    now = house.clock.now()
    with reading(house) as session:
        found = find_family(session, token, now)
        if found is None:
            return lost(token)
        facts, seen = facts_and_seen(session, found)
        look = look_of(session, house, found.brand)
        sequence = _sequence(session, found.order.id, found.shipment.id)
    if look is None:
        return lost()
    language, words = words_for(look.key, locale_chain(found.order.locale, look.locale))
    when = when_expected(facts, seen, language, words, now)
    if when is None:
        return RedirectResponse(f"/t/{token}", 303)
    said, base = words["calendar"], house.public_url.rstrip("/")
    uid = f"{found.shipment.public_id}@{urlsplit(base).hostname or 'doorstep'}"
    event = said["event"].format(brand=look.name)
    entry = Entry(uid, sequence, event, said["note"], f"{base}/t/{token}", language)
    body = calendar_file(entry, when, speech_zone(facts.shopper.zone), _whole_minute(now))
    headers = {
        "Content-Disposition": 'attachment; filename="parcel.ics"',
        "Cache-Control": "private, no-cache",
        "X-Robots-Tag": "noindex, nofollow",
    }
    return Response(body, headers=headers, media_type="text/calendar; charset=utf-8")


def lost(token: str = "") -> Response:
    """The friendly answer to a link that opens nothing; another one to the link of a message that was only a test."""
    return page("shoppers/sample.html", {}) if token == SAMPLE_PAGE else page("shoppers/lost.html", {}, status=404)


def _sequence(session: Session, order_id: int, shipment_id: int) -> int:
    """A number that only rises, with every word of the carrier's and every change of the order's own."""
    told = sa.select(sa.func.count()).where(Estimate.shipment_id == shipment_id).select_from(Estimate)
    changed = sa.select(sa.func.extract("epoch", Order.updated_at - Order.created_at)).where(Order.id == order_id)
    count, seconds = session.execute(sa.select(told.scalar_subquery(), changed.scalar_subquery())).one()
    return int(count) + max(0, int(seconds or 0))


def _whole_minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)
