"""What carriers' codes mean for a brand: those that nobody knows, saying what one means, and taking that back."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.errors import InvalidInput, NotFound
from app.insight.carriers import carrier_health
from app.insight.today_counted import answers
from app.pipeline.codes.mapping import (
    MEANINGS,
    Changed,
    by_table,
    map_code,
    mappings,
    read_carrier,
    read_meaning,
    unknown_codes,
    unmap_code,
)
from app.pipeline.house import House
from app.tracking.adapter.base import clean
from app.web.access.changes import code_mapped
from app.web.access.doors import Denied, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note_change
from app.web.console.frame import back, console_page

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]
Setter = Annotated[Visitor, Depends(may(Right.settings))]
Asked = Annotated[str, Query(max_length=200)]
Word = Annotated[str, Form(max_length=4000)]

AT_MOST = 200
"""Codes that the page lists, those met most often first."""

_WORDS = {"movement": "movement: it is alive, no milestone", "nothing": "nothing: a note only"}
OPTIONS = tuple((one, _WORDS.get(one, one.replace("_", " "))) for one in MEANINGS)
"""What a code can mean, and the words for it."""


@router.get("/b/{brand}/carriers/unknown")
def unknown(request: Request, visitor: Reader, carrier: Asked = "", code: Asked = "") -> Response:
    """The page; with `carrier` and `code` the form in which one is mapped, or taken back."""
    return _page(request, visitor, {"carrier": carrier, "code": code})


@router.post("/b/{brand}/carriers/unknown")
def say(
    request: Request, visitor: Setter, carrier: Word = "", code: Word = "", meaning: Word = "", why: Word = ""
) -> Response:
    """Say what a code means for this brand from now on. Saying the same twice is saying it once."""
    written = {"carrier": carrier, "code": code, "meaning": meaning, "why": why}

    def change(session: Session, house: House) -> Changed:
        return map_code(session, house, (carrier, code), read_meaning(meaning), visitor.brand_id, (visitor.actor, why))

    return _changed(request, visitor, written, change)


@router.post("/b/{brand}/carriers/unmap")
def take_back(request: Request, visitor: Setter, carrier: Word = "", code: Word = "", why: Word = "") -> Response:
    """Take this brand's own mapping back."""
    written = {"carrier": carrier, "code": code, "taking_back": why}

    def change(session: Session, house: House) -> Changed:
        return unmap_code(session, house, (carrier, code), visitor.brand_id, (visitor.actor, why))

    return _changed(request, visitor, written, change)


def _changed(
    request: Request,
    visitor: Visitor,
    written: Mapping[str, str],
    change: Callable[[Session, House], Changed],
) -> Response:
    taken_back = "taking_back" in written
    why = written["taking_back" if taken_back else "why"]
    house: House = request.app.state.house
    try:
        with house.sessions.begin() as session:
            done = change(session, house)
            note_change(session, visitor, code_mapped(done, clean(why).strip(), taken_back=taken_back))
    except InvalidInput as error:
        wrong = {fault.column.lower(): f"It {fault.problem}. {fault.remedy}" for fault in error.faults}
        return _page(request, visitor, written, wrong=wrong)
    except NotFound as error:
        return _page(request, visitor, written, wrong={"carrier": str(error)})
    if done.new:
        house.wake("refold", "")
    return back(request, visitor, f"/b/{visitor.brand_key}/carriers/unknown", _told(done))


def _told(done: Changed) -> str:
    means = done.meaning.replace("_", " ")
    if not done.new:
        return f"{done.carrier} {done.code} means {means} already."
    after = "Parcels are read again shortly, and nobody is told of what lies behind."
    return f"{done.carrier} {done.code} means {means} now; it meant {done.before.replace('_', ' ')}. {after}"


def _page(
    request: Request, visitor: Visitor, written: Mapping[str, str], wrong: Mapping[str, str] | None = None
) -> Response:
    house: House = request.app.state.house
    with house.sessions() as session:
        said = mappings(session, visitor.brand_id, history=False)
        content = {
            "codes": unknown_codes(session, visitor.brand_id)[: AT_MOST + 1],
            "at_most": AT_MOST,
            "said": said,
            "health": carrier_health(session),
            "answers": answers(session),
            "form": _form(session, house, visitor, written) if visitor.has(Right.settings) else None,
            "wrong": wrong or {},
            "options": OPTIONS,
        }
    return console_page(
        request,
        visitor,
        "operations/unknown_codes.html",
        content,
        title="Codes of carriers",
        place="today",
        status=422 if wrong else 200,
    )


def _form(session: Session, house: House, visitor: Visitor, written: Mapping[str, str]) -> dict[str, Any] | None:
    """What stands in the form for one code: what was written, what its carrier's table says, what was said of it. None
    where no code was named."""
    if not (written["carrier"].strip() and written["code"].strip()):
        return None
    try:
        name = read_carrier(house, written["carrier"])
    except NotFound as error:
        raise Denied(404, "There is no such carrier", str(error)) from error
    code = written["code"].strip()
    history = mappings(session, visitor.brand_id, key=(name, code))
    seen = (one for one in unknown_codes(session, visitor.brand_id) if (one.carrier, one.code) == (name, code))
    return {
        "meaning": "",
        "why": "",
        "taking_back": "",
        **written,
        "carrier": name,
        "code": code,
        "by_table": by_table(house, name, code),
        "history": history,
        "own": any(one.brand is not None and one.ended_at is None for one in history),
        "seen": next(seen, None),
    }
