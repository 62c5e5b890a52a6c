"""Who is not written to: looked through, added to, lifted with a reason, exported."""

import io
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import Response

from app.errors import InvalidInput
from app.log import mask
from app.models.vocabulary import SuppressionKind
from app.pipeline.house import House
from app.pipeline.people.consent_file import address_of, export_list
from app.pipeline.people.consenting import suppress, wish
from app.pipeline.people.listed import Wanted, lift_one, listed
from app.receipts.suppression import in_words, reach
from app.web.access.doors import may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note
from app.web.console.frame import back, console_page
from app.web.owners.people_tabs import people_tabs

router = APIRouter(include_in_schema=False)

Keeper = Annotated[Visitor, Depends(may(Right.suppress))]
Exporter = Annotated[Visitor, Depends(may(Right.export))]

BY_HAND = (SuppressionKind.manual, SuppressionKind.complaint, SuppressionKind.stop, SuppressionKind.unsubscribe)
_MOST_WHY = 300


@router.get("/b/{brand}/people")
def suppressions_page(
    request: Request,
    visitor: Keeper,
    kind: str = "",
    lifted: str = "",
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    """The list, newest first; what is filtered stands in the address, but for an address of a shopper."""
    chosen = next((one for one in SuppressionKind if one.value == kind), None)
    return _list(request, visitor, Wanted(None, chosen, bool(lifted), before))


@router.post("/b/{brand}/people/search")
def search(request: Request, visitor: Keeper, address: Annotated[str, Form()] = "") -> Response:
    """Everything that stands, or stood, for one address. Sent in a form: no log or history shows it."""
    try:
        found = address_of(address)
    except InvalidInput as error:
        return _list(request, visitor, Wanted(), looked=address, wrong={"looked": error.beside})
    return _list(request, visitor, Wanted(found, lifted=True), looked=address)


@router.post("/b/{brand}/people/add")
def add(
    request: Request,
    visitor: Keeper,
    address: Annotated[str, Form()] = "",
    kind: Annotated[str, Form()] = "",
    why: Annotated[str, Form()] = "",
) -> Response:
    """Put one address on the list, for everything that has not begun to leave."""
    house: House = request.app.state.house
    chosen = next((one for one in BY_HAND if one.value == kind), SuppressionKind.manual)
    wrong = {} if why.strip() else {"why": "Say why, in a few words: others will wonder."}
    try:
        channel, known = address_of(address)
    except InvalidInput as error:
        wrong["address"] = error.beside
    if wrong:
        return _list(
            request, visitor, Wanted(), form={"address": address, "kind": chosen.value, "why": why}, wrong=wrong
        )
    with house.sessions.begin() as session:
        new = suppress(session, [wish(visitor.brand_id, channel, known, chosen)])
        said = {"channel": channel.value, "kind": chosen.value, "why": _said(why)}
        if new:
            note(session, visitor, "suppression.add", f"an address by {channel.value}", after=said)
    held = "Everything" if reach(chosen).value == "all" else "Advertisements"
    done = f"{held} to {known} is held back from now on." if new else f"{known} stood on the list already."
    return back(request, visitor, f"/b/{visitor.brand_key}/people", done)


@router.post("/b/{brand}/people/lift")
def lift(
    request: Request, visitor: Keeper, number: Annotated[int, Form(ge=1, le=2**62)], why: Annotated[str, Form()] = ""
) -> Response:
    """Take one line off the list, with a reason."""
    house: House = request.app.state.house
    if not why.strip():
        return _list(request, visitor, Wanted(), wrong={"lift": "Nothing was lifted: say why first."})
    with house.sessions.begin() as session:
        found = lift_one(session, visitor.brand_id, number)
        if found is not None:
            channel, kind = found
            said = {"channel": channel, "kind": kind.value}
            note(session, visitor, "suppression.lift", f"line {number}", before=said, after={"why": _said(why)})
    done = "Lifted. A provider may still hold the address on a list of its own." if found else "It was lifted already."
    return back(request, visitor, f"/b/{visitor.brand_key}/people", done)


@router.get("/b/{brand}/people/suppressions.csv")
def export(request: Request, visitor: Exporter) -> Response:
    """The brand's standing list as the file that `doorstep suppressions import` reads."""
    house: House = request.app.state.house
    file = io.StringIO()
    with house.sessions.begin() as session:
        count = export_list(session, visitor.brand_id, file)
        note(session, visitor, "suppression.export", after={"lines": count})
    headers = {"Content-Disposition": f'attachment; filename="suppressions-{visitor.brand_key}.csv"'}
    return Response(file.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _list(
    request: Request,
    visitor: Visitor,
    wanted: Wanted,
    *,
    looked: str = "",
    form: dict[str, str] | None = None,
    wrong: dict[str, str] | None = None,
) -> Response:
    house: House = request.app.state.house
    with house.sessions() as session:
        rows, more = listed(session, visitor.brand_id, wanted)
    kept = {"kind": wanted.kind.value if wanted.kind else "", "lifted": "1" if wanted.lifted else ""}
    content = {
        "tabs": people_tabs(visitor),
        "rows": rows,
        "more": urlencode({**kept, "before": more}) if more and wanted.address is None else "",
        "first": wanted.before is None,
        "kinds": [("", "every reason"), *((one.value, one.value) for one in SuppressionKind)],
        "by_hand": [(one.value, f"{one.value}: {in_words(one)}") for one in BY_HAND],
        "chosen": kept,
        "looked": looked,
        "searched_for": wanted.address is not None,
        "form": form or {"address": "", "kind": "manual", "why": ""},
        "wrong": wrong or {},
    }
    template, status = "owners/suppressions.html", 422 if wrong else 200
    return console_page(request, visitor, template, content, title="Not written to", place="people", status=status)


def _said(why: str) -> str:
    return mask(" ".join(why.split()))[:_MOST_WHY]
