"""The studio's desk: one file, left its text, right what the shopper sees; drafts are saved as one types."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.errors import Conflict, InvalidInput
from app.messages.authoring.blocks import block_names
from app.messages.catalog import Catalog
from app.messages.versions.drafts import Draft, discard, save
from app.messages.versions.live import digest_of, edition_of
from app.models import Brand
from app.pipeline.house import House
from app.rehearsal.samples import SAMPLES
from app.web.access.doors import Denied, Sent, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note
from app.web.console.frame import back, clock, console_page
from app.web.console.refusals import wants_page
from app.web.marketers.clashing import clash
from app.web.marketers.inserting import blocks_of, insertable
from app.web.marketers.looking import Look, findings, in_words, look_in, look_of, show, told
from app.web.marketers.needing import needs
from app.web.marketers.paging import STATES, is_page
from app.web.marketers.sheets import CHOICES, FRONT, OTHERS, Sheet, address, brand_of, sheet_of, written
from app.web.marketers.sizes import sizes

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]
Writer = Annotated[Visitor, Depends(may(Right.templates))]


@router.get("/b/{brand}/templates/edit/{path:path}")
def edit(request: Request, visitor: Reader, path: str, look: Annotated[Look, Depends(look_of)]) -> Response:
    """One file's desk."""
    house: House = request.app.state.house
    if path.endswith(".png"):
        return RedirectResponse(address(visitor, "brand"), 303)
    with house.sessions() as session:
        brand = brand_of(session, visitor)
        sheet = sheet_of(session, house, brand, path)
        content = desk(house, session, visitor, brand, sheet, look)
    return console_page(request, visitor, "marketers/edit.html", content, title=path, place="templates")


@router.post("/b/{brand}/templates/save/{path:path}")
def save_draft(request: Request, visitor: Writer, path: str, sent: Sent) -> Response:
    """Keep what the form says as a draft; a page for a person, the draft's digest for the page's script.

    Where another was sooner nothing is saved over theirs: a page with both texts, or 409 for the script.
    """
    house, form = request.app.state.house, sent or FormData()
    look = look_in(form)
    try:
        with house.sessions.begin() as session:
            brand = brand_of(session, visitor)
            sheet = sheet_of(session, house, brand, path)
            kept = keep(session, house, visitor, brand, sheet, written(sheet, form), str(form.get("seen", "")))
    except Conflict as error:
        if wants_page(request):
            return clash(request, visitor, path, form, str(error))
        return JSONResponse({"detail": str(error)}, 409)
    except InvalidInput as error:
        said = " ".join(str(fault) for fault in error.faults)
        if wants_page(request):
            raise Denied(422, "That cannot be saved", f"{said} Go back: your text is still in the form.") from error
        return JSONResponse({"detail": said}, 422)
    if not wants_page(request):
        return JSONResponse(
            {"seen": kept.digest, "saved": clock(kept.saved_at, visitor.zone), "revision": kept.revision}
        )
    onward = address(visitor, "edit", path, **look.in_address())
    return back(request, visitor, onward, "The draft is saved." if kept.revision else "Nothing was changed.")


@router.post("/b/{brand}/templates/discard/{path:path}")
def throw_away(request: Request, visitor: Writer, path: str, sent: Sent) -> Response:
    """Throw a draft away, if it is the one that was seen."""
    house, form = request.app.state.house, sent or FormData()
    try:
        with house.sessions.begin() as session:
            brand = brand_of(session, visitor)
            sheet = sheet_of(session, house, brand, path)
            if sheet.draft is None:
                raise Denied(404, "There is no draft", "It may have been published, or thrown away.")
            discard(session, brand, path, str(form.get("seen", "")))
            note(session, visitor, "templates.discard", path, before={"digest": sheet.draft.digest})
            gone = sheet.live is None
    except Conflict as error:
        raise Denied(409, "Somebody else was sooner", f"{error}") from error
    onward = address(visitor) if gone or path.endswith((".png", "brand.yaml")) else address(visitor, "edit", path)
    return back(request, visitor, onward, f"The draft of {path} is thrown away.")


@router.post("/b/{brand}/templates/renew/{path:path}")
def renew(request: Request, visitor: Writer, path: str, sent: Sent) -> Response:
    """Let a draft stand on what counts by now, as its writer has seen both: publishing it replaces what others did."""
    house, form = request.app.state.house, sent or FormData()
    try:
        with house.sessions.begin() as session:
            brand = brand_of(session, visitor)
            sheet = sheet_of(session, house, brand, path)
            if sheet.draft is None:
                raise Denied(404, "There is no draft", "It may have been published, or thrown away.")
            discard(session, brand, path, str(form.get("seen", "")))
            live = digest_of(sheet.live) if sheet.live is not None else ""
            save(session, house.catalog, brand, path, sheet.content, live, visitor.actor, house.clock.now())
            note(session, visitor, "templates.renew", path, after={"digest": sheet.draft.digest, "on": live})
    except Conflict as error:
        raise Denied(409, "Somebody else was sooner", f"{error}") from error
    return back(request, visitor, address(visitor, "edit", path), "The draft stands on what counts now.")


def keep(
    session: Session, house: House, visitor: Visitor, brand: Brand, sheet: Sheet, content: str | bytes, seen: str
) -> Draft:
    """Save a draft for somebody, with a line in the audit log where it is the first of the file."""
    laid = content if isinstance(content, bytes) else content.encode("utf-8", "replace")
    kept = save(session, house.catalog, brand, sheet.path, laid, seen, visitor.actor, house.clock.now())
    if kept.revision == 1 and kept.digest != (sheet.draft.digest if sheet.draft else ""):
        before = {"digest": digest_of(sheet.live)} if sheet.live is not None else None
        note(session, visitor, "templates.draft", sheet.path, before=before, after={"digest": kept.digest})
    return kept


def desk(house: House, session: Session, visitor: Visitor, brand: Brand, sheet: Sheet, look: Look) -> Mapping[str, Any]:
    """What the desk's page shows."""
    message = sheet.message
    catalog = house.catalog.over(brand.key, edition_of(session, brand.id).files)
    changed = sheet.draft is not None or sheet.live is None
    shown = show(house, session, visitor, sheet, sheet.text if changed or look.brand else None, look)
    found = told(sheet, sheet.text, findings(house, session, brand, sheet, sheet.text, look)) if changed else []
    locale = sheet.path.split("/")[1] if sheet.path.startswith("messages/") else ""
    keys = sorted(key for key, channel in catalog.keys(brand.key) if channel == "email")
    page = is_page(sheet.path)
    needed = needs(house, session, brand, sheet)
    return {
        **needed,
        "sheet": sheet,
        "opened": sheet.opened,
        "front": FRONT,
        "choices": CHOICES,
        "others": OTHERS,
        "look": look,
        "shown": in_words(shown, sheet),
        "findings": found,
        "message": message,
        "locale": locale,
        "siblings": _siblings(catalog, brand, sheet),
        "is_page": page,
        "keys": STATES if page else [] if message else keys,
        "locales": catalog.locales(brand.key),
        "samples": SAMPLES,
        "fields": insertable(needed["sampled"]),
        "blocks": blocks_of(block_names(catalog.shelf(brand.key))),
        "sizes": sizes(house, session, brand, sheet) if message and message[1] == "sms" else [],
        "may_write": visitor.has(Right.templates),
        "address": lambda *steps, **query: address(visitor, *steps, **query),
        "frame": address(visitor, "frame", sheet.path, **look.in_address()),
    }


def _siblings(catalog: Catalog, brand: Brand, sheet: Sheet) -> list[tuple[str, str]]:
    """The same file in other languages, and the same message on other channels: (word, path)."""
    if sheet.message is None:
        return []
    key, channel = sheet.message
    _, locale, name = sheet.path.split("/")
    paths = set(catalog.shelf(brand.key).paths())
    there = [(one, f"messages/{one}/{name}") for one in catalog.locales(brand.key)]
    other = "sms" if channel == "email" else "email"
    suffix = {"email": ".email.md", "sms": ".sms.txt"}[other]
    beside = [(other, f"messages/{locale}/{key}{suffix}")]
    return [(word, path) for word, path in there + beside if path in paths or path == sheet.path]
