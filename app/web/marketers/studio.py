"""Templates: every message by milestone, language and channel, with what is there and what is being written."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from app.pipeline.house import House
from app.web.access.doors import may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import console_page
from app.web.marketers.listed import listed
from app.web.marketers.sheets import address, brand_of

router = APIRouter(include_in_schema=False)


@router.get("/b/{brand}/templates")
def templates(
    request: Request,
    visitor: Annotated[Visitor, Depends(may(Right.see))],
    q: Annotated[str, Query(max_length=120)] = "",
    language: Annotated[str, Query(max_length=30)] = "",
) -> Response:
    """The list; with `q` the messages that say so, with `language` one language of them."""
    house: House = request.app.state.house
    with house.sessions() as session:
        found = listed(session, house, brand_of(session, visitor), q, language)
    content = {
        "found": found,
        "wanted": q,
        "language": language,
        "may_write": visitor.has(Right.templates),
        "address": lambda *steps, **query: address(visitor, *steps, **query),
    }
    return console_page(request, visitor, "marketers/templates.html", content, title="Templates", place="templates")
