"""The live preview: a file as it stands in the form, filled in by the renderer that sends, and what the check says."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.responses import JSONResponse, Response

from app.errors import ConfigurationError, InvalidInput, NotFound
from app.messages.base import NotRenderable, TemplateMissing
from app.messages.checking.check import check
from app.messages.checking.findings import Finding
from app.messages.rendering.gsm import segments
from app.messages.versions.drafts import drafts_of
from app.messages.versions.fitting import faults_of
from app.messages.versions.live import digest_of, edition_of
from app.models import Brand
from app.pipeline.deciding.editions import catalog_of
from app.pipeline.house import House
from app.rehearsal.previewing import Asked, Preview, SmsSize, preview, with_files
from app.rehearsal.samples import SAMPLES
from app.web.access.doors import Denied, Sent, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import html
from app.web.marketers.framing import framed, in_frame
from app.web.marketers.needing import needs, written_out
from app.web.marketers.paging import PageSeen, is_page, page_seen
from app.web.marketers.sheets import Sheet, brand_of, place_in, sheet_of, written

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]
Word = Annotated[str, Query(max_length=120)]

FIRST_LOOK = "out_for_delivery"
"""The message that is shown beside a file that is of none: a layout, a language's words, the brand. The state that the
shopper's page is shown in first, too."""


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody looks at a file: in which language (empty: the file's own), filled in for a sample or for a real
    parcel, by day or by night, as which of their brands (empty: the page's), and in which message."""

    locale: str = ""
    sample: str = ""
    parcel: str = ""
    dark: bool = False
    desktop: bool = False
    plain: bool = False
    brand: str = ""
    key: str = ""

    def in_address(self) -> dict[str, str]:
        """As an address says it: only what is not usual."""
        told = {"locale": self.locale, "sample": self.sample, "parcel": self.parcel, "as": self.brand, "key": self.key}
        told |= {"dark": "1" if self.dark else "", "desktop": "1" if self.desktop else ""}
        told |= {"plain": "1" if self.plain else ""}
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class Shown:
    """A file filled in, or in `wrong` why it could not be."""

    seen: Preview | PageSeen | None
    wrong: str = ""
    html: str = ""


def look_of(
    locale: Word = "", sample: Word = "", parcel: Word = "", dark: Word = "", desktop: Word = "", plain: Word = "",
    brand_too: Annotated[str, Query(alias="as", max_length=60)] = "", key: Word = "",
) -> Look:  # fmt: skip
    """A dependency: how the address says that somebody looks."""
    return Look(locale, sample, parcel.strip(), bool(dark), bool(desktop), bool(plain), brand_too, key)


def look_in(form: FormData) -> Look:
    """How the form says it."""
    word = {name: str(form.get(name, ""))[:120].strip() for name in ("locale", "sample", "parcel", "as", "key")}
    on = {name: bool(form.get(name)) for name in ("dark", "desktop", "plain")}
    return Look(word["locale"], word["sample"], word["parcel"], **on, brand=word["as"], key=word["key"])


def show(house: House, session: Session, visitor: Visitor, sheet: Sheet, text: str | None, look: Look) -> Shown:
    """A file with this text (None: as what counts says) filled in. Raises Denied for a brand that is not theirs."""
    brand = looked_at(session, visitor, look)
    try:
        files = {} if text is None else beside(session, brand, sheet.path, text)
        seen = _seen(house, session, brand, sheet, files, look)
    except InvalidInput as error:
        return Shown(None, " ".join(f"{fault.column}: {fault.problem}. {fault.remedy}" for fault in error.faults))
    except (NotFound, TemplateMissing, NotRenderable, ConfigurationError) as error:
        return Shown(None, str(error))
    drafts = _pictures(session, brand) if text is not None else {}
    public_url = house.catalog.public_url.rstrip("/")
    return Shown(seen, "", framed(seen.html, public_url, dark=look.dark, real=bool(look.parcel), drafts=drafts))


def _seen(
    house: House, session: Session, brand: Brand, sheet: Sheet, files: Mapping[str, str | bytes], look: Look
) -> Preview | PageSeen:
    asked = asked_of(sheet, look)
    if not is_page(sheet.path):
        return preview(house, session, brand, asked, house.clock.now(), files)
    catalog = with_files(catalog_of(session, house, brand.key), brand.key, files)
    locale, order = asked.locale or brand.locale, asked.sample or ""
    return page_seen(house, session, catalog, brand, sheet.path, locale, order, look.parcel, look.key)


def asked_of(sheet: Sheet, look: Look) -> Asked:
    """Which template is filled in, and for whom."""
    key, channel = sheet.message or (look.key or FIRST_LOOK, "email")
    locale = look.locale or (sheet.path.split("/")[1] if sheet.path.startswith("messages/") else None)
    sample = None if look.parcel else (look.sample if look.sample in SAMPLES else None)
    return Asked(key, channel, locale, sample, look.parcel or None, show_person=True)


def beside(session: Session, brand: Brand, path: str, text: str) -> dict[str, str | bytes]:
    """The unsaved file, and with a brand's own page the pictures that are drafts too."""
    files: dict[str, str | bytes] = {path: text}
    if path == "brand.yaml":
        files |= {one: draft.content for one, draft in drafts_of(session, brand.id).items() if one.endswith(".png")}
    return files


def findings(house: House, session: Session, brand: Brand, sheet: Sheet, text: str, look: Look) -> list[Finding]:
    """What the check says to a message as it stands in the form; to any other file, what it says to the message that
    is shown beside it (publishing checks them all), and to the words of the shopper's page what it says to them."""
    faults = faults_of(sheet.path, text.encode("utf-8", "replace"), brand.key)
    if faults:
        return [
            Finding("error", "file", sheet.path, sheet.path, one.line, one.at, one.problem, one.remedy)
            for one in faults
        ]
    edition = edition_of(session, brand.id)
    laid = {
        one: given if isinstance(given, bytes) else given.encode("utf-8", "replace")
        for one, given in beside(session, brand, sheet.path, text).items()
    }
    after = house.catalog.over(brand.key, {**edition.files, **laid})
    if sheet.message is not None:
        return list(check(after, brand.key, {sheet.path}).findings)
    if is_page(sheet.path):
        return list(check(after, brand.key, {sheet.path}).findings)
    asked = asked_of(sheet, look)
    try:
        shown = after.resolve(brand.key, asked.locale or brand.locale, asked.key, asked.channel)
    except (TemplateMissing, ConfigurationError) as error:
        return [Finding("error", "file", sheet.path, sheet.path, None, None, str(error).rstrip("."), "Mend it there.")]
    return list(check(after, brand.key, {f"messages/{shown.locale}/{asked.key}.email.md"}).findings)


def told(sheet: Sheet, text: str, found: list[Finding]) -> list[dict[str, Any]]:
    """Findings as the page shows them, each with the part of the form that it stands in."""
    listed = []
    for one in found:
        part, line = place_in(text, sheet.path, one.line) if one.path == sheet.path else ("", 0)
        listed.append(
            {
                "id": one.id, "severity": one.severity, "code": one.code, "message": one.message, "seen": one.seen,
                "remedy": one.remedy, "part": part, "line": line, "column": one.column or 0,
                "path": "" if one.path == sheet.path else one.path,
            }
        )  # fmt: skip
    return listed


def cost_of(size: SmsSize, text: str) -> dict[str, Any]:
    """What an SMS takes, and how many segments it would without the letters that make it dearer."""
    odd = {one.letter for one in size.strangers}
    without = segments("".join(letter for letter in text if letter not in odd)) if odd else size.segments
    room = (153, 160) if size.encoding == "GSM-7" else (67, 70)
    return {
        "encoding": size.encoding, "letters": size.letters, "segments": size.segments, "without": without,
        "room": room[1] if size.segments == 1 else room[0] * size.segments,
        "strangers": [{"letter": one.letter, "name": one.name} for one in size.strangers],
    }  # fmt: skip


@router.get("/b/{brand}/templates/frame/{path:path}")
def frame(
    request: Request, visitor: Reader, path: str, look: Annotated[Look, Depends(look_of)], which: Word = ""
) -> Response:
    """The message alone, for the frame: the draft where there is one, or with `which=live` what counts."""
    house: House = request.app.state.house
    with house.sessions() as session:
        sheet = sheet_of(session, house, brand_of(session, visitor), path)
        if which == "live":
            sheet = replace(sheet, draft=None, content=sheet.live or b"")
        drafted = sheet.draft is not None or sheet.live is None or (path == "brand.yaml" and which != "live")
        text = sheet.text if drafted or look.brand else None
        shown = show(house, session, visitor, sheet, text, look)
    if shown.seen is None:
        page = html("marketers/unframed.html", {"wrong": shown.wrong}).body
        return in_frame(bytes(page).decode())
    if shown.seen.html:
        return in_frame(shown.html)
    bubble = html("marketers/unframed.html", {"wrong": "", "text": shown.seen.text}).body
    return in_frame(bytes(bubble).decode())


@router.post("/b/{brand}/templates/look/{path:path}")
def look_at(request: Request, visitor: Reader, path: str, sent: Sent) -> Response:
    """The form as it stands, filled in; nothing is kept."""
    house, form = request.app.state.house, sent or FormData()
    look = look_in(form)
    with house.sessions() as session:
        sheet = sheet_of(session, house, brand_of(session, visitor), path)
        shown = show(house, session, visitor, sheet, _written(sheet, form), look)
    return JSONResponse(in_words(shown, sheet))


@router.post("/b/{brand}/templates/check/{path:path}")
def check_form(request: Request, visitor: Reader, path: str, sent: Sent) -> Response:
    """What the check says to the form as it stands, and what its text needs; None where it cannot be read."""
    house, form = request.app.state.house, sent or FormData()
    with house.sessions() as session:
        brand = brand_of(session, visitor)
        sheet = sheet_of(session, house, brand, path)
        text = _written(sheet, form)
        found = findings(house, session, brand, sheet, text, look_in(form))
        needed = written_out(visitor, needs(house, session, brand, sheet, text))
    unread = not needed and any(one.severity == "error" for one in found)
    return JSONResponse({"findings": told(sheet, text, found), "needs": None if unread else needed})


@router.get("/b/{brand}/templates/picture/{digest}")
def draft_picture(request: Request, visitor: Reader, digest: str) -> Response:
    """A picture that is a draft still, by the beginning of its digest."""
    house: House = request.app.state.house
    with house.sessions() as session:
        for one, draft in drafts_of(session, visitor.brand_id).items():
            if one.endswith(".png") and len(digest) == 12 and digest_of(draft.content).startswith(digest):
                return Response(draft.content, media_type="image/png", headers={"Cache-Control": "no-store"})
    raise Denied(404, "There is no such picture", "It may have been published, or thrown away.")


def in_words(shown: Shown, sheet: Sheet) -> dict[str, Any]:
    """A look, for the page and its script."""
    seen = shown.seen
    if seen is None:
        return {"wrong": shown.wrong}
    note = seen.note
    if sheet.message is not None and sheet.path.split("/")[1] != seen.locale:
        note = f"This is the text in {seen.locale} as it counts, not the one that you write here. {note}".strip()
    return {
        "wrong": "", "html": shown.html, "text": seen.text, "subject": seen.subject, "preheader": seen.preheader,
        "locale": seen.locale, "asked": seen.asked_locale, "note": note, "about": seen.about,
        "size": cost_of(seen.size, seen.text) if seen.size else None,
    }  # fmt: skip


def _written(sheet: Sheet, form: FormData) -> str:
    try:
        return written(sheet, form)
    except InvalidInput as error:
        raise Denied(422, "That cannot be shown", str(error)) from error


def looked_at(session: Session, visitor: Visitor, look: Look) -> Brand:
    """The brand as which somebody looks. Raises Denied for one that is not theirs."""
    if not look.brand or look.brand == visitor.brand_key:
        return brand_of(session, visitor)
    other = next((one for one in visitor.brands if one.key == look.brand), None)
    if other is None:
        raise Denied(404, "There is no such brand", "Or it is not one that you work for. An owner can change that.")
    return session.get_one(Brand, other.id)


def _pictures(session: Session, brand: Brand) -> Mapping[str, str]:
    digests = [
        digest_of(draft.content)[:12] for one, draft in drafts_of(session, brand.id).items() if one.endswith(".png")
    ]
    return {digest: f"/b/{brand.key}/templates/picture/{digest}" for digest in digests}
