"""The front page and the page about the API: plain, and for whoever runs this installation."""

from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.clock import Clock
from app.models import Account, Order
from app.pipeline.house import House
from app.web.access.doors import visitor_of
from app.web.access.sessions import Visitor
from app.web.api.reference import operations, prose, schemas
from app.web.console.frame import MODES, html
from app.web.pages import page

_USUAL_BRAND = "fjallhem"  # the command line's `--brand`, where none is given

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


def _onward(visitor: Visitor, session: Session) -> Response:
    """To the brand that was looked at last; at first to the one whose order came in last, and before that to the one
    that commands mean where they name none."""
    if not visitor.brands:
        text = "Your account may look at no brand yet. An owner can change that under People."
        return html("console/refused.html", {"title": "There is nothing here for you yet", "text": text}, 403)
    brand_id = visitor.brand_id or session.scalar(sa.select(Order.brand_id).order_by(Order.id.desc()).limit(1))
    usual = next((brand for brand in visitor.brands if brand.key == _USUAL_BRAND), visitor.brands[0])
    brand = next((brand for brand in visitor.brands if brand.id == brand_id), usual)
    return RedirectResponse(f"/b/{brand.key}/today", 303)


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
