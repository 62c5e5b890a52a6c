"""Messages that wait with older words than their template has now: listed first, then moved, if somebody wants it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from app.errors import ConfigurationError, Conflict, InvalidInput
from app.pipeline.house import House
from app.pipeline.leaving.moving import List, Wanted, move, waiting
from app.web.access.changes import words_moved
from app.web.access.doors import Sent, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note_change
from app.web.console.frame import back, console_page
from app.web.marketers.sheets import address, brand_of

router = APIRouter(include_in_schema=False)


@router.get("/b/{brand}/templates/waiting")
def what_waits(
    request: Request,
    visitor: Annotated[Visitor, Depends(may(Right.see))],
    key: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """What waits, of one template or of all."""
    return _page(request, visitor, key)


@router.post("/b/{brand}/templates/waiting")
def let_have(request: Request, visitor: Annotated[Visitor, Depends(may(Right.templates))], sent: Sent) -> Response:
    """Move exactly the messages that were listed, of one template."""
    house, form = request.app.state.house, sent or FormData()
    key, names = str(form.get("key", "")), tuple(str(form.get("messages", "")).split())
    wanted = Wanted(key, str(form.get("token", "")), names, visitor.actor, str(form.get("why", "")))
    try:
        done = move(
            house,
            visitor.brand_id,
            wanted,
            lambda session, done: note_change(session, visitor, words_moved(key, done, wanted.why)),
        )
    except InvalidInput as error:
        return _page(request, visitor, key, " ".join(str(fault) for fault in error.faults), wanted.why)
    except (Conflict, ConfigurationError) as error:
        return _page(request, visitor, key, str(error), wanted.why)
    said = f"{len(done.moved):,} {'message has' if len(done.moved) == 1 else 'messages have'} the new words."
    if done.left:
        said += f" {len(done.left):,} had left, or were leaving, and kept theirs."
    return back(request, visitor, address(visitor, "waiting"), said)


def _page(request: Request, visitor: Visitor, key: str, wrong: str = "", why: str = "") -> Response:
    house: House = request.app.state.house
    found, keys = List((), 0, ""), []
    try:
        with house.sessions() as session:
            brand = brand_of(session, visitor)
            everything = waiting(session, house, brand)
            keys = sorted({one.key for one in everything.messages})
            found = waiting(session, house, brand, key) if key else everything
    except ConfigurationError as error:
        wrong = str(error)
    content = {
        "found": found,
        "key": key,
        "keys": keys,
        "wrong": wrong,
        "why": why,
        "may_write": visitor.has(Right.templates),
        "address": lambda *steps, **query: address(visitor, *steps, **query),
    }
    return console_page(
        request, visitor, "marketers/waiting.html", content, title="What waits", place="templates",
        status=409 if wrong else 200,
    )  # fmt: skip
