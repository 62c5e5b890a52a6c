"""A draft beside what counts: in words, as both look, and where a Chromium is, in a picture that marks what differs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from app.errors import DoorstepError
from app.messages.catalog import Catalog
from app.messages.versions.differing import differences, unified
from app.messages.versions.drafts import drafts_of
from app.messages.versions.live import edition_of
from app.models import Brand
from app.pipeline.house import House
from app.rehearsal.pictures.browser import NoBrowser, View, find_browser
from app.rehearsal.pictures.comparing import side_by_side
from app.rehearsal.pictures.kept import KeptBrowser
from app.rehearsal.pictures.sitting import pictures_of
from app.web.access.doors import Denied, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import console_page
from app.web.marketers.looking import Look, look_of, looked_at, show
from app.web.marketers.sheets import address, brand_of, sheet_of
from app.web.marketers.wording import beside

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]
BRAND = "brand.yaml"
WIDTH = 390
"""CSS pixels of a phone."""


@router.get("/b/{brand}/templates/compare/{path:path}")
def compare(request: Request, visitor: Reader, path: str, look: Annotated[Look, Depends(look_of)]) -> Response:
    """The draft and what counts, word by word and side by side."""
    house: House = request.app.state.house
    if path.endswith(".png"):
        return RedirectResponse(address(visitor, "compare", BRAND, **look.in_address()), 303)
    with house.sessions() as session:
        brand = brand_of(session, visitor)
        sheet = sheet_of(session, house, brand, path)
        logos = [one for one in drafts_of(session, brand.id) if one.endswith(".png")] if path == BRAND else []
    content = {
        "sheet": sheet,
        "changes": beside(differences(path, sheet.live, sheet.content)) if sheet.draft else [],
        "unified": unified(path, sheet.live, sheet.content) if sheet.draft else "",
        "logos": logos,
        "look": look,
        "can_shoot": (sheet.message is None or sheet.message[1] == "email") and _has_browser(),
        "address": lambda *steps, **query: address(visitor, *steps, **query),
    }
    return console_page(request, visitor, "marketers/compare.html", content, title="Compare", place="templates")


@router.get("/b/{brand}/templates/compared/{path:path}")
async def picture(request: Request, visitor: Reader, path: str, look: Annotated[Look, Depends(look_of)]) -> Response:
    """One PNG: before, after, and what differs in red. 404 where there is no browser to take it with."""
    kept: KeptBrowser = request.app.state.browser
    content = await run_in_threadpool(_shot, request.app.state.house, kept, visitor, path, look)
    return Response(content, media_type="image/png", headers={"Cache-Control": "no-store"})


def _shot(house: House, kept: KeptBrowser, visitor: Visitor, path: str, look: Look) -> bytes:
    with house.sessions() as session:
        sheet = sheet_of(session, house, brand_of(session, visitor), path)
        sides = [show(house, session, visitor, sheet, text, look) for text in (None, sheet.text)]
        answer = pictures_of(*_editions(house, session, looked_at(session, visitor, look), path))
    wrong = next((one.wrong for one in sides if one.wrong), "")
    mails = [one.seen.html for one in sides if one.seen is not None and one.seen.html]
    if len(mails) != len(sides):
        raise Denied(404, "There is no picture of it", wrong or "Pictures are taken of emails only.")
    try:
        before, after = kept.shoot(mails, answer, View(WIDTH, look.dark))
        return side_by_side(before, after)
    except DoorstepError as error:
        raise Denied(404, "There is no picture of it", str(error)) from error


def _editions(house: House, session: Session, brand: Brand, path: str) -> tuple[Catalog, Catalog]:
    """The files that count, and with a brand's own page those with its pictures that are drafts: each side of a picture
    shows the logo of its own."""
    counting = edition_of(session, brand.id).files
    drafts = drafts_of(session, brand.id) if path == BRAND else {}
    pictures = {one: draft.content for one, draft in drafts.items() if one.endswith(".png")}
    return house.catalog.over(brand.key, counting), house.catalog.over(brand.key, {**counting, **pictures})


def _has_browser() -> bool:
    try:
        return bool(find_browser())
    except NoBrowser:
        return False
