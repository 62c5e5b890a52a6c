"""The front page and the page about the API: plain, and for whoever runs this installation."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.clock import Clock
from app.pipeline.house import House
from app.settings import SendMode
from app.web.api.reference import operations, prose, schemas
from app.web.pages import page

router = APIRouter(include_in_schema=False)

_SENDING = {
    SendMode.live: "Live: messages leave.",
    SendMode.shadow: "Shadow: everything is decided, nothing leaves.",
    SendMode.allowlist: "Allow-list: messages leave to listed test addresses only.",
}


@router.get("/")
def home(request: Request) -> Response:
    """What this is, and where its parts are."""
    house: House = request.app.state.house
    content: dict[str, Any] = {
        "sending": _SENDING[house.send_mode],
        "clock": _clock(house.clock),
        "version": request.app.version,
    }
    return page("home.html", content)


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
