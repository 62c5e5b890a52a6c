"""The shopper's side: the parcel's page behind a secret link."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.messages.authoring.bundle import locale_chain
from app.models import Brand, Crossing, Order, Shipment
from app.models.facts import Facts, News, OtherParcel
from app.models.vocabulary import Milestone
from app.pipeline.deciding.editions import catalog_of
from app.pipeline.deciding.picture import other_parcel, picture
from app.pipeline.deciding.splitting import living
from app.pipeline.house import House
from app.rehearsal.samples import SAMPLE_PAGE
from app.web.pages import page, words_for
from app.web.shoppers.page import Seen, draw

router = APIRouter(include_in_schema=False)

PAGE_DAYS = 180
"""How long after a parcel's last news its link still opens; afterwards it answers as if it had never been."""

_TOKEN = re.compile(r"[0-9a-z]{26}")


@router.get("/t/{token}")
def parcel(request: Request, token: str) -> Response:
    """The page of the parcel that this link belongs to. Unknown, expired and malformed links get one same answer."""
    house: House = request.app.state.house
    now = house.clock.now()
    with house.sessions() as session:
        found = find_parcel(session, token, now)
        if found is None:
            return lost(token)
        brand, order, shipment = found
        facts, seen = _facts(session, brand, order, shipment)
        look = catalog_of(session, house).brands().get(brand.key)
    if look is None:
        return lost()
    language, words = words_for(look.key, locale_chain(order.locale, look.locale))
    drawn = draw(facts, seen, language, words, now)
    content = {
        "page": drawn,
        "brand": look,
        "words": words,
        "language": language,
        "tagline": look.tagline_in(language),
        "choices": f"/p/{token}",
    }
    return page("shoppers/parcel.html", content, cache="private, no-cache")


def lost(token: str = "") -> Response:
    """The friendly answer to a link that opens nothing; another one to the link of a message that was only a test."""
    return page("shoppers/sample.html", {}) if token == SAMPLE_PAGE else page("shoppers/lost.html", {}, status=404)


def find_parcel(session: Session, token: str, now: datetime) -> tuple[Brand, Order, Shipment] | None:
    """The parcel whose link this is; None for one that is unknown, expired or malformed."""
    if not _TOKEN.fullmatch(token):
        return None
    found = session.execute(
        sa.select(Brand, Order, Shipment)
        .join(Order, Order.id == Shipment.order_id)
        .join(Brand, Brand.id == Shipment.brand_id)
        .where(Shipment.link_token == token, Order.erased_at.is_(None))
    ).one_or_none()
    if found is None:
        return None
    brand, order, shipment = found
    last_news = max(filter(None, (shipment.delivered_at, shipment.milestone_at, order.placed_at)))
    return (brand, order, shipment) if now < last_news + timedelta(days=PAGE_DAYS) else None


def _facts(session: Session, brand: Brand, order: Order, shipment: Shipment) -> tuple[Facts, Seen]:
    others = session.scalars(
        sa.select(Shipment).where(Shipment.order_id == order.id, Shipment.id != shipment.id).order_by(Shipment.id)
    ).all()
    crossings = session.scalars(
        sa.select(Crossing)
        .where(Crossing.shipment_id == shipment.id, Crossing.scope == "parcel", Crossing.retired_at.is_(None))
        .order_by(Crossing.occurred_at, Crossing.id)
    ).all()
    news = _news(shipment, crossings, order)
    outbound = living([shipment, *others])
    first_reached = {Milestone(crossing.milestone): crossing.occurred_at for crossing in reversed(crossings)}
    seen = Seen(
        reached=first_reached | {Milestone.registered: order.placed_at},  # to a shopper it begins with the order
        others=[OtherParcel.model_validate(other_parcel(order, other, outbound)) for other in others],
        others_cancelled=frozenset(
            other.public_id for other in others if (other.cancelled_at or order.cancelled_at) is not None
        ),
        cancelled=order.cancelled_at is not None or shipment.cancelled_at is not None,
    )
    return picture(brand, order, shipment, others, news), seen


def _news(shipment: Shipment, crossings: Sequence[Crossing], order: Order) -> News:
    """The parcel's present state as news: when and where its milestone was reached."""
    latest = next((c for c in reversed(crossings) if c.milestone == shipment.milestone), None)
    told: dict[str, Any] = latest.facts.get("news", {}) if latest else {}
    at = shipment.delivered_at if shipment.milestone == Milestone.delivered else shipment.milestone_at
    return News(
        milestone=Milestone(shipment.milestone),
        occurred_at=at or (latest.occurred_at if latest else order.placed_at),
        place=told.get("place"),
    )
