"""Parcels: found by whatever a shopper gives, and listed by what needs somebody."""

from typing import Annotated, Any
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from app.errors import InvalidInput
from app.insight.finding import AT_MOST, search
from app.insight.listing import SORTS, STATES, Listed, Wanted, check_wanted, listed, rows_of
from app.models import Brand, Shipment
from app.models.vocabulary import Milestone
from app.pipeline.house import House
from app.web.access.doors import may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import console_page

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]
Word = Annotated[str, Query(max_length=120)]


@router.get("/b/{brand}/parcels")
def parcels(
    request: Request,
    visitor: Reader,
    q: Word = "",
    state: Word = "",
    carrier: Word = "",
    country: Word = "",
    milestone: Word = "",
    sort: Word = "order",
    after: Word = "",
) -> Response:
    """The list; with `q` what was found, and where that is one parcel, the parcel itself."""
    wanted = Wanted(state, carrier, country.upper(), milestone, sort or "order", after)
    if q.strip():
        return _found(request, visitor, q.strip())
    house: House = request.app.state.house
    wrong = ""
    with house.sessions() as session:
        now = house.clock.now()
        try:
            found = listed(session, visitor.brand_id, check_wanted(wanted), now, visitor.zone)
        except InvalidInput as error:
            wrong = " ".join(f"The filter {fault.column} {fault.problem}. {fault.remedy}" for fault in error.faults)
            wanted, found = Wanted(), Listed((), "")
        anything = bool(found.rows) or session.scalar(
            sa.select(sa.exists(sa.select(Shipment.id).where(Shipment.brand_id == visitor.brand_id)))
        )
    content = {
        "found": found,
        "wanted": wanted,
        "anything": anything,
        "wrong": wrong,
        "states": STATES,
        "sorts": SORTS,
        "carriers": sorted(house.carriers),
        "milestones": [one.value for one in Milestone],
        "address": _Address(visitor.brand_key, wanted),
    }
    return console_page(
        request, visitor, "agents/parcels.html", content, title="Parcels", place="parcels", status=422 if wrong else 200
    )


def _found(request: Request, visitor: Visitor, written: str) -> Response:
    house: House = request.app.state.house
    with house.sessions() as session:
        ids = search(session, session.get_one(Brand, visitor.brand_id), written)
        rows = rows_of(session, ids)
    if len(rows) == 1:
        return RedirectResponse(f"/b/{visitor.brand_key}/parcels/{rows[0].shipment}", 303)
    content = {"found_rows": rows, "searched": written, "at_most": AT_MOST}
    return console_page(request, visitor, "agents/found.html", content, title="Search", place="parcels")


class _Address:
    """Addresses of the same list with something else."""

    def __init__(self, brand: str, wanted: Wanted) -> None:
        self._path, self._wanted = f"/b/{brand}/parcels", wanted

    def __call__(self, **changed: Any) -> str:
        told = self._wanted.with_(**changed).in_address()
        return f"{self._path}?{urlencode(told)}" if told else self._path
