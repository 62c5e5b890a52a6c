"""A draft beside what counts: in words, as both look, and where a Chromium is, in a picture that marks what differs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.errors import DoorstepError
from app.messages.versions.differing import differences, unified
from app.pipeline.house import House
from app.rehearsal.pictures.browser import Browser, NoBrowser, View, find_browser
from app.rehearsal.pictures.comparing import side_by_side
from app.rehearsal.pictures.sitting import pictures_of
from app.web.access.doors import Denied, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import console_page
from app.web.marketers.looking import Look, look_of, show
from app.web.marketers.sheets import address, brand_of, sheet_of
from app.web.marketers.wording import beside

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]
WIDTH = 390
"""CSS pixels of a phone."""


@router.get("/b/{brand}/templates/compare/{path:path}")
def compare(request: Request, visitor: Reader, path: str, look: Annotated[Look, Depends(look_of)]) -> Response:
    """The draft and what counts, word by word and side by side."""
    house: House = request.app.state.house
    with house.sessions() as session:
        sheet = sheet_of(session, house, brand_of(session, visitor), path)
    content = {
        "sheet": sheet,
        "changes": beside(differences(path, sheet.live, sheet.content)) if sheet.draft else [],
        "unified": unified(path, sheet.live, sheet.content) if sheet.draft else "",
        "look": look,
        "can_shoot": sheet.message is not None and sheet.message[1] == "email" and _has_browser(),
        "address": lambda *steps, **query: address(visitor, *steps, **query),
    }
    return console_page(request, visitor, "marketers/compare.html", content, title="Compare", place="templates")


@router.get("/b/{brand}/templates/compared/{path:path}")
async def picture(request: Request, visitor: Reader, path: str, look: Annotated[Look, Depends(look_of)]) -> Response:
    """One PNG: before, after, and what differs in red. 404 where there is no browser to take it with."""
    content = await run_in_threadpool(_shot, request.app.state.house, visitor, path, look)
    return Response(content, media_type="image/png", headers={"Cache-Control": "no-store"})


def _shot(house: House, visitor: Visitor, path: str, look: Look) -> bytes:
    with house.sessions() as session:
        sheet = sheet_of(session, house, brand_of(session, visitor), path)
        sides = [show(house, session, visitor, sheet, text, look) for text in (None, sheet.text)]
    wrong = next((one.wrong for one in sides if one.wrong), "")
    mails = [one.seen.html for one in sides if one.seen is not None and one.seen.html]
    if len(mails) != len(sides):
        raise Denied(404, "There is no picture of it", wrong or "Pictures are taken of emails only.")
    try:
        with Browser(pictures_of(house.catalog)) as browser:
            before, after = (browser.shoot(html, View(WIDTH, look.dark)) for html in mails)
            return side_by_side(before, after)
    except DoorstepError as error:
        raise Denied(404, "There is no picture of it", str(error)) from error


def _has_browser() -> bool:
    try:
        return bool(find_browser())
    except NoBrowser:
        return False
