"""The audit log's page and its file: who changed what, when, from what to what."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from app.insight.audit_log import KINDS, Asked, all_lines, lines
from app.pipeline.house import House
from app.web.access.doors import may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note
from app.web.console.frame import console_page
from app.web.console.spreadsheet import csv_file
from app.web.owners.settings_tabs import settings_tabs
from app.zones import begin_of_day, end_of_day, written_day

router = APIRouter(include_in_schema=False)

Auditor = Annotated[Visitor, Depends(may(Right.audit))]
Text = Annotated[str, Query(max_length=120)]

MOST_IN_A_FILE = 50_000


@router.get("/b/{brand}/audit")
def audit_page(
    request: Request,
    visitor: Auditor,
    who: Text = "",
    what: Text = "",
    since: Text = "",
    until: Text = "",
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    """The log, newest first, filtered by what stands in the address."""
    house: House = request.app.state.house
    asked = _asked(visitor, who, what, since, until, before)
    with house.sessions() as session:
        found, more = lines(session, visitor.brand_id, asked)
    kept = {"who": who.strip(), "what": asked.kind, "since": since, "until": until}
    kept = {name: value for name, value in kept.items() if value}
    content = {
        "lines": found,
        "kinds": [("", "everything"), *((kind, kind) for kind in KINDS)],
        "asked": {"who": who, "what": asked.kind, "since": since, "until": until},
        "filtered": bool(kept) or before is not None,
        "more": urlencode({**kept, "before": more}) if more else "",
        "file": urlencode(kept),
        "tabs": settings_tabs(visitor),
        "bad_day": any(text and written_day(text) is None for text in (since, until)),
    }
    return console_page(request, visitor, "owners/audit.html", content, title="Audit log", place="settings")


@router.get("/b/{brand}/audit.csv")
def audit_file(
    request: Request, visitor: Auditor, who: Text = "", what: Text = "", since: Text = "", until: Text = ""
) -> Response:
    """The same lines as a CSV file, at most fifty thousand, newest first. That it was taken away is a line too."""
    house: House = request.app.state.house
    asked = _asked(visitor, who, what, since, until, None)
    rows: list[Sequence[str]] = []
    with house.sessions.begin() as session:
        found = list(all_lines(session, visitor.brand_id, asked, MOST_IN_A_FILE))
        for line in found:
            row = (line.at.isoformat(), line.actor, line.action, line.subject)
            for name, old, new in line.differences or [("", "", "")]:
                rows.append((*row, name, old, new))
        note(session, visitor, "audit.export", after={"lines": len(found)})
    columns = ("at", "who", "action", "subject", "what", "before", "after")
    return csv_file(f"audit-{visitor.brand_key}", columns, rows)


def _asked(visitor: Visitor, who: str, what: str, since: str, until: str, before: int | None) -> Asked:
    first, last = written_day(since), written_day(until)
    return Asked(
        actor=who.strip().replace("\0", ""),
        kind=what if what in KINDS else "",
        since=begin_of_day(first, visitor.zone) if first else None,
        until=end_of_day(last, visitor.zone) if last else None,
        before=before,
        everywhere=visitor.has(Right.people),
    )
