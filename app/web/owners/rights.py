"""A person's rights: what is kept of them, all of it as a file, or nothing any more. Asked twice, told in numbers."""

import hashlib
import json
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from app.errors import InvalidInput
from app.pipeline.house import House
from app.pipeline.people.consent_file import address_of
from app.pipeline.people.erasing import erase_person
from app.pipeline.people.person import Held, find_person, held_about
from app.pipeline.people.person_export import export_person
from app.web.access.changes import person_erased, person_exported
from app.web.access.doors import may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note_change
from app.web.console.frame import back, console_page
from app.web.owners.people_tabs import people_tabs

router = APIRouter(include_in_schema=False)

Officer = Annotated[Visitor, Depends(may(Right.export))]
Address = Annotated[str, Form()]


@router.get("/b/{brand}/people/rights")
def rights_page(request: Request, visitor: Officer) -> Response:
    """Where an address is asked for."""
    return _page(request, visitor)


@router.post("/b/{brand}/people/rights")
def look(request: Request, visitor: Officer, address: Address = "") -> Response:
    """What there is of a person, in numbers, and what can be done."""
    try:
        held = _held(request, visitor, address)
    except InvalidInput as error:
        return _page(request, visitor, address=address, wrong=error.beside)
    return _page(request, visitor, address=address, held=held)


@router.post("/b/{brand}/people/rights/export")
def export(request: Request, visitor: Officer, address: Address = "") -> Response:
    """All of it as one JSON file."""
    house: House = request.app.state.house
    try:
        document = export_person(
            house,
            visitor.brand_id,
            *address_of(address),
            lambda session, held: note_change(session, visitor, person_exported(held)),
        )
    except InvalidInput as error:
        return _page(request, visitor, address=address, wrong=error.beside)
    headers = {"Content-Disposition": f'attachment; filename="person-{visitor.brand_key}.json"'}
    written = json.dumps(document, ensure_ascii=False, indent=1, default=str)
    return Response(written, media_type="application/json", headers=headers)


@router.post("/b/{brand}/people/rights/erase")
def erase(
    request: Request,
    visitor: Officer,
    address: Address = "",
    seen: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
) -> Response:
    """Ask a second time with the numbers, then do it: only if the address was written once more, and the numbers that
    were shown are still true."""
    house: House = request.app.state.house
    try:
        held = _held(request, visitor, address)
        channel, known = address_of(address)
    except InvalidInput as error:
        return _page(request, visitor, address=address, wrong=error.beside)
    if not seen:
        return _page(request, visitor, address=address, held=held, sure=True)
    if again.strip().lower() != address.strip().lower():
        wrong = "Nothing was erased: the two addresses differ."
        return _page(request, visitor, address=address, held=held, sure=True, wrong=wrong)
    if seen != _mark(held):
        wrong = "Nothing was erased: the numbers have changed meanwhile. These are the new ones."
        return _page(request, visitor, address=address, held=held, sure=True, wrong=wrong)
    erased = erase_person(
        house,
        visitor.brand_id,
        channel,
        known,
        lambda session, held: note_change(session, visitor, person_erased(held)),
    )
    flying = len(erased.in_flight)
    still = f" {_many(flying, 'message')} had begun to leave and may arrive." if flying else ""
    done = f"Erased from {_many(erased.orders, 'order')}; {_many(erased.messages_stopped, 'message')} stopped.{still}"
    return back(request, visitor, f"/b/{visitor.brand_key}/people/rights", done)


def _held(request: Request, visitor: Visitor, address: str) -> Held:
    house: House = request.app.state.house
    channel, known = address_of(address)
    with house.sessions() as session:
        return held_about(session, find_person(session, visitor.brand_id, channel, known))


def _mark(held: Held) -> str:
    return hashlib.sha256(json.dumps(asdict(held)).encode()).hexdigest()[:16]


def _page(
    request: Request,
    visitor: Visitor,
    *,
    address: str = "",
    held: Held | None = None,
    sure: bool = False,
    wrong: str = "",
) -> Response:
    content = {
        "tabs": people_tabs(visitor),
        "address": address,
        "held": held,
        "seen": _mark(held) if held else "",
        "sure": sure,
        "wrong": wrong,
        "many": _many,
    }
    status = 422 if wrong else 200
    return console_page(
        request, visitor, "owners/rights.html", content, title="A person's rights", place="people", status=status
    )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
