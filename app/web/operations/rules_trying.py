"""A dry run: what the draft would have answered to each milestone of a parcel, beside the live rules."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from app.errors import NotFound
from app.insight.explain import find_shipments
from app.models import Shipment
from app.rehearsal.dry_run import DryRun, dry_run
from app.rules.parts import CHANNELS, MILESTONES
from app.web.access.doors import may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import console_page
from app.web.operations.rules_desk import Desk, desk, house_of, tabs

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]

MOST_FOUND = 20
RECENT = 8


@router.get("/b/{brand}/rules/try")
def try_on_parcel(request: Request, visitor: Reader, parcel: Annotated[str, Query(max_length=120)] = "") -> Response:
    """Choose a parcel by its id, tracking number or order number, and see both sets' answers."""
    house = house_of(request)
    written = parcel.replace("\0", "").strip()
    with house.sessions() as session:
        at = desk(session, house, visitor)
        found = find_shipments(session, written, visitor.brand_id)[:MOST_FOUND] if written else []
        recent = _recent(session, visitor.brand_id) if not found else []
    run: DryRun | None = None
    if len(found) == 1 and at.rules is not None:
        try:
            run = dry_run(house, visitor.brand_id, found[0], at.rules)
        except NotFound:
            found = []
    content = {
        "tabs": tabs(visitor),
        "at": at,
        "written": written,
        "found": found,
        "recent": recent,
        "run": run,
        "drafted": _drafted(at),
        "channels": {channel.value: word for channel, word in CHANNELS.items()},
        "milestones": {milestone.value: words for milestone, words in MILESTONES.items()},
    }
    return console_page(request, visitor, "operations/rules_try.html", content, title="Dry run", place="rules")


def _drafted(at: Desk) -> bool:
    return bool(at.draft.revision) and at.differs


def _recent(session: Any, brand_id: int) -> list[Any]:
    """The parcels that were heard of last, as a start."""
    query = (
        Shipment.__table__.select()
        .with_only_columns(Shipment.public_id, Shipment.carrier, Shipment.tracking_number, Shipment.milestone)
        .where(Shipment.brand_id == brand_id)
        .order_by(Shipment.id.desc())
        .limit(RECENT)
    )
    return list(session.execute(query))
