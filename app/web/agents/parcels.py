"""Parcels: found by whatever a shopper gives, and listed by what needs somebody."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from app.errors import InvalidInput
from app.insight.finding import AT_MOST, search
from app.insight.listing import (
    MILESTONES,
    SORTS,
    STATES,
    Listed,
    Row,
    Wanted,
    all_listed,
    check_wanted,
    listed,
    rows_of,
)
from app.models import Brand, Shipment
from app.pipeline.house import House
from app.web.access.doors import Denied, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note
from app.web.console.frame import console_page
from app.web.console.spreadsheet import csv_file

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]
Word = Annotated[str, Query(max_length=120)]


MOST_IN_A_FILE = 50_000
COLUMNS = (
    "order", "ordered_at", "parcel", "direction", "shopper", "country", "carrier", "tracking_number", "milestone",
    "last_news_at", "late_since", "expected_by", "cancelled", "trouble",
)  # fmt: skip
"""Those of the file. Instants are UTC."""


def _wanted(
    state: Word = "",
    carrier: Word = "",
    country: Word = "",
    milestone: Word = "",
    sort: Word = "",
    since: Word = "",
    until: Word = "",
    after: Word = "",
) -> Wanted:
    """What the address says of the list."""
    return Wanted(state, carrier, country.upper(), milestone, sort or "order", since, until, after)


Asked = Annotated[Wanted, Depends(_wanted)]


@router.get("/b/{brand}/parcels")
def parcels(request: Request, visitor: Reader, wanted: Asked, q: Word = "") -> Response:
    """The list; with `q` what was found, and where that is one parcel, the parcel itself."""
    if q.strip():
        return _found(request, visitor, q.strip())
    house: House = request.app.state.house
    wrong = ""
    with house.sessions() as session:
        now = house.clock.now()
        try:
            found = listed(session, visitor.brand_id, check_wanted(wanted), now, visitor.zone)
        except InvalidInput as error:
            wrong = _faults(error)
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
        "milestones": [one.value for one in MILESTONES],
        "address": _Address(visitor.brand_key, wanted),
        "most_in_a_file": MOST_IN_A_FILE,
    }
    return console_page(
        request, visitor, "agents/parcels.html", content, title="Parcels", place="parcels", status=422 if wrong else 200
    )


@router.get("/b/{brand}/parcels.csv")
def parcels_file(request: Request, visitor: Annotated[Visitor, Depends(may(Right.export))], wanted: Asked) -> Response:
    """The same list as a CSV file, from its first row on, at most fifty thousand."""
    house: House = request.app.state.house
    wanted = wanted.with_()
    with house.sessions.begin() as session:
        try:
            check_wanted(wanted)
        except InvalidInput as error:
            raise Denied(422, "There is no such list", _faults(error)) from error
        now = house.clock.now()
        rows = list(all_listed(session, visitor.brand_id, wanted, now, visitor.zone, MOST_IN_A_FILE))
        note(session, visitor, "parcel.export", after={"lines": len(rows), **wanted.in_address()})
    return csv_file(f"parcels-{visitor.brand_key}", COLUMNS, map(_cells, rows))


def _faults(error: InvalidInput) -> str:
    return " ".join(f"The filter {fault.column} {fault.problem}. {fault.remedy}" for fault in error.faults)


def _cells(row: Row) -> Sequence[object]:
    times = [_written(one) for one in (row.ordered_at, row.milestone_at, row.late_since, row.eta_through)]
    return (
        row.order, times[0], row.shipment, row.direction, row.name, row.country, row.carrier, row.tracking_number,
        row.milestone, *times[1:], "yes" if row.cancelled else "", row.problem,
    )  # fmt: skip


def _written(instant: datetime | None) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds") if instant else ""


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
    """Addresses of the same list with something else, and of its file."""

    def __init__(self, brand: str, wanted: Wanted) -> None:
        self._path, self._wanted = f"/b/{brand}/parcels", wanted

    def __call__(self, **changed: Any) -> str:
        return self._to(self._path, self._wanted.with_(**changed))

    def file(self) -> str:
        """Of the file, from its first row on."""
        return self._to(f"{self._path}.csv", self._wanted.with_())

    def sorted_by(self, column: str) -> str:
        """Of the list sorted by `order` or `news`: the newest first, or the oldest where they stand so already. The
        days were those of another column, so they go with it."""
        if self._wanted.sort.removesuffix("-up") != column:
            return self(sort=column, since="", until="")
        return self(sort=column if self._wanted.upwards else f"{column}-up")

    def _to(self, path: str, wanted: Wanted) -> str:
        told = wanted.in_address()
        return f"{path}?{urlencode(told)}" if told else path
