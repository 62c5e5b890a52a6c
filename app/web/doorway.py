"""The front page, addresses that name no brand, and the page about the API."""

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.clock import Clock
from app.models import Account, Order
from app.pipeline.house import House
from app.web.access.doors import may, visitor_of
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.api.reference import operations, prose, schemas
from app.web.console.frame import MODES, html
from app.web.pages import page

_USUAL_BRAND = "fjallhem"  # the command line's `--brand`, where none is given

WORDS = ("today", "parcels", "messages", "rules", "templates", "people", "settings", "pauses", "audit", "carriers")
"""Of the console: what stands behind the brand in its addresses."""

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request) -> Response:
    """To the brand that was looked at last; to the sign-in for whoever is nobody yet; what to do while nobody is."""
    visitor = visitor_of(request)
    house: House = request.app.state.house
    with house.sessions() as session:
        if visitor is not None:
            return _onward(visitor, session)
        if session.scalar(sa.select(sa.exists(sa.select(Account.id)))):
            return RedirectResponse("/sign-in", 303)
    mode, meaning = MODES[house.send_mode]
    content: dict[str, Any] = {
        "title": "Not set up yet",
        "mode": mode,
        "mode_meaning": meaning,
        "clock": _clock(house.clock),
        "version": request.app.version,
    }
    return html("console/first.html", content)


def of_a_brand(request: Request, visitor: Annotated[Visitor, Depends(may(Right.see))]) -> Response:
    """What somebody typed or kept without a brand: the same page of the brand that `/` leads to."""
    house: House = request.app.state.house
    with house.sessions() as session:
        query = f"?{request.url.query}" if request.url.query else ""
        return _onward(visitor, session, request.url.path.removeprefix("/") + query)


for word in WORDS:
    for path in (f"/{word}", f"/{word}/{{path:path}}"):
        router.add_api_route(path, of_a_brand)


def _onward(visitor: Visitor, session: Session, to: str = "today") -> Response:
    """To the brand that was looked at last; at first to the one whose order came in last, and before that to the one
    that commands mean where they name none."""
    if not visitor.brands:
        text = "Your account may look at no brand yet. An owner can change that under People."
        return html("console/refused.html", {"title": "There is nothing here for you yet", "text": text}, 403)
    brand_id = visitor.brand_id or session.scalar(sa.select(Order.brand_id).order_by(Order.id.desc()).limit(1))
    usual = next((brand for brand in visitor.brands if brand.key == _USUAL_BRAND), visitor.brands[0])
    brand = next((brand for brand in visitor.brands if brand.id == brand_id), usual)
    return RedirectResponse(f"/b/{brand.key}/{to}", 303)


def _clock(clock: Clock) -> str:
    """How engine time differs from the time; nothing where it does not."""
    if clock.real:
        return ""
    return f"Not the real one: {clock.now():%d %B %Y, %H:%M} UTC, {clock.speed:g} times as fast."


@router.get("/docs")
def docs(request: Request) -> Response:
    """The API as a page, drawn from the same document as /openapi.json, without script or other servers."""
    document = request.app.openapi()
    content = {
        "description": prose(document["info"]["description"]),
        "tags": document["tags"],
        "operations": operations(document),
        "schemas": schemas(document),
    }
    return page("docs.html", content)
