"""One message: as it was sent, what became of it, and sending it once more."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import Response

from app.errors import Conflict
from app.insight.phrases import words
from app.insight.tell_messages import CHANNELS, STATES
from app.models.vocabulary import MessageState
from app.pipeline.house import House
from app.pipeline.leaving.asking_again import MOST, Outlook, Wish, ask_again, look
from app.rehearsal.as_sent import AsSent, as_sent
from app.web.access.doors import Denied, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note
from app.web.agents.timeline import answer_kind, lines_of, tries_of
from app.web.console.frame import back, console_page

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]
Corrector = Annotated[Visitor, Depends(may(Right.correct))]

_FRAMED = {
    # What a template, a carrier or a shopper wrote is shown, and can do nothing: no script, no form, no way out.
    "Content-Security-Policy": "default-src 'none'; img-src 'self' https: data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Robots-Tag": "noindex, nofollow",
}
VIEWS = {"email": (("html", "As mail"), ("phone", "On a phone"), ("text", "Text"), ("headers", "Headers"))}
"""The ways to look at a message, by channel; of those that are not named only the text."""


@router.get("/b/{brand}/messages/{message}")
def message(
    request: Request, visitor: Reader, message: str, view: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """The message's page."""
    return _page(request, visitor, message, view)


@router.get("/b/{brand}/messages/{message}/html")
def message_html(request: Request, visitor: Reader, message: str) -> Response:
    """An email's HTML, byte for byte as it left, for the frame on its page."""
    house: House = request.app.state.house
    with house.sessions() as session:
        found = _find(as_sent(session, house, visitor.brand_id, message, house.clock.now()))
    if not found.html:
        raise Denied(404, "It has no HTML", "Look at its page: it says what there is.")
    return Response(found.html.encode(), headers=_FRAMED, media_type="text/html; charset=utf-8")


@router.post("/b/{brand}/messages/{message}/resend")
def resend(
    request: Request,
    visitor: Corrector,
    message: str,
    after: Annotated[int | None, Form()] = None,
    why: Annotated[str, Form()] = "",
) -> Response:
    """Ask for it to be sent once more."""
    why = " ".join(why.split())[:300]
    if not why:
        return _page(request, visitor, message, "", wrong="Say in a few words why: it stands in the parcel's story.")
    house: House = request.app.state.house
    now = house.clock.now()
    try:
        with house.sessions.begin() as session:
            asked = ask_again(session, house, visitor.brand_id, Wish(message, visitor.actor, why, after), now)
            if asked is not None and asked.new:
                note(session, visitor, "message.resend", message, after={"attempt": asked.attempts + 1})
    except Conflict as error:
        return _page(request, visitor, message, "", wrong=str(error), status=409, why=why)
    if asked is None:
        _find(None)
        raise AssertionError
    for kind, channel in sorted(asked.wakes):
        house.wake(kind, channel)
    said = "It had been asked for already." if not asked.new else f"It leaves again{_later(asked)}."
    return back(request, visitor, f"/b/{visitor.brand_key}/messages/{message}", said)


def _later(asked: Outlook) -> str:
    return f", but not at once: {asked.leaves_why.rstrip('.')}" if asked.leaves_why else f" to {asked.to}"


def _find(found: AsSent | None) -> AsSent:
    if found is None:
        raise Denied(404, "There is no such message", "Search for the parcel: its story names every message.")
    return found


def _page(
    request: Request, visitor: Visitor, name: str, view: str, *, wrong: str = "", status: int = 200, why: str = ""
) -> Response:
    house: House = request.app.state.house
    now = house.clock.now()
    with house.sessions() as session:
        found = _find(as_sent(session, house, visitor.brand_id, name, now))
        outlook = look(session, house, visitor.brand_id, name, now) if visitor.has(Right.correct) else None
    story = found.story
    views = VIEWS.get(story.channel, (("text", "Text"),)) if found.letter is not None else ()
    kind = CHANNELS.get(story.channel, story.channel.capitalize())
    content: dict[str, Any] = {
        "found": found,
        "story": story,
        "kind": kind,
        "about": words(found.milestone),
        "standing": "is held back" if story.pauses else STATES[MessageState(story.state)],
        "state": answer_kind(story),
        "lines": tuple(lines_of(story)),
        "tries": tries_of(story),
        "views": views,
        "view": view if view in dict(views) else (views[0][0] if views else ""),
        "outlook": outlook,
        "most": MOST,
        "wrong": wrong,
        "why": why,
    }
    title = f"{kind} about {words(found.milestone)}"
    return console_page(
        request, visitor, "agents/message.html", content, title=title, place="parcels",
        status=422 if wrong and status == 200 else status,
    )  # fmt: skip
