"""The brand's page: its name, colours by day and by night, logo, senders and voice, and two mails beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile
from starlette.responses import JSONResponse, Response

from app.errors import ConfigurationError, Conflict, InvalidInput
from app.messages.authoring.brands import MIN_CONTRAST, Palette, contrast
from app.messages.authoring.editing import values_of
from app.messages.versions.drafts import drafts_of
from app.messages.versions.live import edition_of
from app.models import Brand
from app.pipeline.house import House
from app.web.access.doors import Denied, Sent, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import back, clock, console_page
from app.web.console.refusals import wants_page
from app.web.marketers.clashing import clash
from app.web.marketers.editor import keep
from app.web.marketers.logos import MOST_READ, cleaned
from app.web.marketers.looking import Look, look_of
from app.web.marketers.sheets import DEEP, Sheet, address, brand_of, sheet_of, written

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]
Writer = Annotated[Visitor, Depends(may(Right.templates))]
PATH = "brand.yaml"

GROUPS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Who it is": {
        "name": ("Name", ""),
        "site": ("Shop", "Begins with https://"),
        "locale": ("Its own language", "As in sv-SE."),
        "zone": ("Time zone", "As in Europe/Stockholm."),
    },
    "Who writes": {
        "sender.from_email": ("Mail comes from", ""),
        "sender.from_name": ("Under the name", ""),
        "sender.reply_to": ("Answers go to", ""),
        "sender.sms": ("SMS comes from", "At most 11 letters, or a number with +."),
        "support.url": ("Help pages", ""),
        "support.email": ("Help by mail", ""),
        "team.email": ("The shop's own people, by mail", ""),
        "team.phone": ("The shop's own people, by SMS", ""),
    },
    "When it lets people sleep": {
        "quiet_hours.email": ("No mail between", "As in 22:00-07:00, on the shopper's clock; empty: at any hour."),
        "quiet_hours.sms": ("No SMS between", "As in 21:00-08:00."),
    },
    "How it looks": {
        "fonts.heading": ("Headings", "Fonts that readers have, best first."),
        "fonts.body": ("Text", ""),
        "fonts.heading_weight": ("Weight of headings", "300 to 800."),
        "corners": ("Corners", "Pixels, 0 to 24."),
        "align": ("Headlines stand", ""),
        "caps": ("Small words in capitals", ""),
        "logo.width": ("Logo's width", "Pixels as shown; the picture has twice as many."),
        "logo.height": ("Logo's height", ""),
    },
}
SAID = {
    "tagline": ("Tagline", "Beside the brand's name."),
    "postal_address": ("Postal address", "At the foot of every mail; the law asks for it."),
    "voice.closing": ("Closing line", "Printed once at the end of a mail, where the news is not bad."),
}
"""Lines that are one text for every language, or one for each."""

CHOSEN = {"align": ("left", "center"), "caps": ("false", "true")}
"""Values that are one of a few; the first is what counts where nothing is said."""

COLOURS = {
    "ground": "Ground, under everything",
    "paper": "Paper, under text",
    "tint": "Tint, under quiet blocks",
    "line": "Lines",
    "ink": "Ink, the text",
    "muted": "Quiet text",
    "accent": "Accent: links, the journey",
    "on_accent": "Text on the accent",
    "button": "Button",
    "on_button": "Text on the button",
    "late": "Bad news",
}
_DAY, _NIGHT = "#FFFFFF", "#000000"
PAIRS = Palette(
    ground=_DAY, paper=_DAY, tint=_DAY, line=_DAY, ink=_NIGHT, muted=_NIGHT, accent=_NIGHT, on_accent=_DAY,
    button=_NIGHT, on_button=_DAY, late=_NIGHT,
).pairs()  # fmt: skip
SHOWN = ("out_for_delivery", "delayed")
"""The two mails beside the page: good news and bad."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A text colour on a ground of one scheme; `ratio` is None where one of them is no colour."""

    text: str
    under: str
    ratio: float | None

    @property
    def good(self) -> bool:
        return self.ratio is not None and self.ratio >= MIN_CONTRAST


@router.get("/b/{brand}/templates/brand")
def brand_page(request: Request, visitor: Reader, look: Annotated[Look, Depends(look_of)]) -> Response:
    """The brand as its draft says, else as it counts."""
    return _page(request, visitor, look)


@router.post("/b/{brand}/templates/brand")
def save_brand(request: Request, visitor: Writer, sent: Sent, look: Annotated[Look, Depends(look_of)]) -> Response:
    """Save it as a draft of `brand.yaml`, line by line, if it is a brand that mail can be written with: colours that
    cannot be read are refused here. What was typed is kept in the form. The page's script, which saves as one types, is
    answered with the draft's digest, or with what is wrong."""
    house, form = request.app.state.house, sent or FormData()
    try:
        with house.sessions.begin() as session:
            brand = brand_of(session, visitor)
            sheet = sheet_of(session, house, brand, PATH)
            text = written(sheet, form)
            _require_brand(session, house, brand, text)
            kept = keep(session, house, visitor, brand, sheet, text, str(form.get("seen", "")))
    except Conflict as error:
        asks = wants_page(request)
        return clash(request, visitor, PATH, form, str(error)) if asks else _refused(409, error)
    except (ConfigurationError, InvalidInput, yaml.YAMLError) as error:
        return _page(request, visitor, look, form, str(error)) if wants_page(request) else _refused(422, error)
    if not wants_page(request):
        told = {"seen": kept.digest, "saved": clock(kept.saved_at, visitor.zone), "revision": kept.revision}
        return JSONResponse(told)
    said = "The brand's draft is saved. It counts when it is published." if kept.revision else "Nothing was changed."
    return back(request, visitor, address(visitor, "brand", **look.in_address()), said)


@router.post("/b/{brand}/templates/logo/{which}")
def upload(request: Request, visitor: Writer, which: str, sent: Sent) -> Response:
    """Keep a logo as a draft; it is shown in the two mails, and counts when it is published."""
    if which not in ("light", "dark"):
        raise Denied(404, "There is no such logo", "There is one for light and one for dark.")
    house, form = request.app.state.house, sent or FormData()
    file = form.get("file")
    content = _read(file) if isinstance(file, UploadFile) else b""
    try:
        with house.sessions.begin() as session:
            brand = brand_of(session, visitor)
            values = _values(sheet_of(session, house, brand, PATH))
            path = values.get(f"logo.{which}") or f"logo-{which}.png"
            sheet = sheet_of(session, house, brand, path)
            kept = keep(session, house, visitor, brand, sheet, cleaned(path, content, brand.key), sheet.seen)
    except InvalidInput as error:
        said = " ".join(f"{fault.column} {fault.problem}. {fault.remedy}" for fault in error.faults)
        return _page(request, visitor, Look(), None, said)
    said = f"The {which} logo is a draft now." if kept.revision else "That is the logo that counts already."
    return back(request, visitor, address(visitor, "brand"), said)


def pairs_of(values: Mapping[str, str], scheme: str) -> list[Pair]:
    """Each text colour with each ground that it stands on, and how well it can be read there."""
    found = []
    for text, under in PAIRS:
        one, other = (values.get(f"colours.{scheme}.{name}", "") for name in (text, under))
        found.append(Pair(text, under, contrast(one, other) if _is_colour(one) and _is_colour(other) else None))
    return found


def _page(request: Request, visitor: Visitor, look: Look, form: FormData | None = None, wrong: str = "") -> Response:
    house: House = request.app.state.house
    with house.sessions() as session:
        brand = brand_of(session, visitor)
        sheet = sheet_of(session, house, brand, PATH)
        drafts = drafts_of(session, brand.id)
        locales = house.catalog.over(brand.key, edition_of(session, brand.id).files).locales(brand.key)
        values = _values(sheet)
        if form is not None:
            typed = {name.removeprefix(DEEP): str(one) for name, one in form.multi_items() if name.startswith(DEEP)}
            values |= typed
        logos = {
            which: sheet_of(session, house, brand, values.get(f"logo.{which}") or f"logo-{which}.png")
            for which in ("light", "dark")
        }
    seen = str(form.get("seen", "")) if form is not None else sheet.seen
    content: dict[str, Any] = {
        "sheet": sheet,
        "seen": seen,
        "values": values,
        "groups": GROUPS,
        "chosen": CHOSEN,
        "rest": _rest(values, locales),
        "said": {name: _lines_of(values, name, locales) for name in SAID},
        "said_words": SAID,
        "colours": COLOURS,
        "pairs": {scheme: pairs_of(values, scheme) for scheme in ("light", "dark")},
        "least": MIN_CONTRAST,
        "logos": logos,
        "drafts": [path for path in drafts if "/" not in path],
        "shown": SHOWN,
        "look": look,
        "wrong": wrong,
        "may_write": visitor.has(Right.templates),
        "address": lambda *steps, **query: address(visitor, *steps, **query),
    }
    status = 422 if wrong else 200
    return console_page(
        request, visitor, "marketers/brand.html", content, title="Brand", place="templates", status=status
    )


def _refused(status: int, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, status)


def _require_brand(session: Session, house: House, brand: Brand, text: str) -> None:
    """Raise ConfigurationError for a text that is no brand, or one whose colours cannot be read."""
    files = dict(edition_of(session, brand.id).files)
    files |= {path: draft.content for path, draft in drafts_of(session, brand.id).items() if path.endswith(".png")}
    try:
        house.catalog.over(brand.key, {**files, PATH: text.encode("utf-8", "replace")}).brands()
    except ConfigurationError as error:
        raise ConfigurationError(str(error).replace(f"{brand.key}'s {PATH}, ", "")) from error


def _read(file: UploadFile) -> bytes:
    with file.file as opened:
        return bytes(opened.read(MOST_READ + 1))


def _values(sheet: Sheet) -> dict[str, str]:
    try:
        return {".".join(keys): value for keys, value in values_of(sheet.text).items()}
    except yaml.YAMLError:
        return {}


def _rest(values: Mapping[str, str], locales: Sequence[str]) -> list[str]:
    """What `brand.yaml` says beside what the page has fields for."""
    known = {name for group in GROUPS.values() for name in group} | {"key", "voice.note", "logo.light", "logo.dark"}
    known |= {one for name in SAID for one in _lines_of(values, name, locales)}
    return [name for name in values if name not in known and not name.startswith("colours.")]


def _lines_of(values: Mapping[str, str], name: str, locales: Sequence[str]) -> list[str]:
    """The values that a line of the brand is made of: itself, or one for each language that there is."""
    if name in values:
        return [name]
    there = [one.removeprefix(f"{name}.") for one in values if one.startswith(f"{name}.")]
    return [f"{name}.{locale}" for locale in dict.fromkeys([*there, *locales])]


def _is_colour(text: str) -> bool:
    return len(text) == 7 and text[0] == "#" and all(one in "0123456789abcdefABCDEF" for one in text[1:])
