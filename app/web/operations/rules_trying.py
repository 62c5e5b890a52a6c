"""A dry run: what the draft would have answered to each milestone of a parcel, beside the live rules."""

from collections.abc import Sequence
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.errors import NotFound
from app.insight.finding import search
from app.models import Order, Shipment
from app.rehearsal.dry_run import DryRun, dry_run
from app.rules.parts import CHANNELS, MILESTONES
from app.web.access.doors import may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import console_page
from app.web.operations.rules_desk import Desk, brand_of, desk, house_of, tabs

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]

MOST_FOUND = 20
RECENT = 8
LOOKED_THROUGH = 2000


@router.get("/b/{brand}/rules/try")
def try_on_parcel(request: Request, visitor: Reader, parcel: Annotated[str, Query(max_length=120)] = "") -> Response:
    """Choose a parcel by its id, tracking number or order number, and see both sets' answers."""
    house = house_of(request)
    written = parcel.replace("\0", "").strip()
    with house.sessions() as session:
        at = desk(session, house, visitor)
        ids = search(session, brand_of(session, visitor), written)[:MOST_FOUND] if written else []
        found = _parcels(session, visitor.brand_id, ids) if ids else []
        recent = _recent(session, visitor.brand_id) if not found else []
    run: DryRun | None = None
    if len(found) == 1:
        try:
            run = dry_run(house, visitor.brand_id, found[0].public_id, at.rules or at.live.rules)
        except NotFound:  # gone since
            found = []
    content = {
        "tabs": tabs(visitor),
        "at": at,
        "written": run.order if run and written == run.shipment else written,  # people read numbers, not ids
        "found": found,
        "recent": recent,
        "run": run,
        "drafted": _drafted(at),
        "channels": {channel.value: word for channel, word in CHANNELS.items()},
        "milestones": {milestone.value: words for milestone, words in MILESTONES.items()},
    }
    return console_page(request, visitor, "operations/rules_try.html", content, title="Dry run", place="rules")


def _drafted(at: Desk) -> bool:
    return bool(at.draft.revision) and at.differs and at.rules is not None


_SHOWN = (
    Shipment.public_id, Shipment.carrier, Shipment.tracking_number, Shipment.milestone, Order.number,
)  # fmt: skip


def _parcels(session: Session, brand_id: int, ids: Sequence[int]) -> list[Any]:
    query = sa.select(*_SHOWN).join(Order, Order.id == Shipment.order_id)
    of_them = query.where(Shipment.id.in_(ids), Shipment.brand_id == brand_id)
    return list(session.execute(of_them.order_by(Shipment.id.desc())))


def _recent(session: Session, brand_id: int) -> list[Any]:
    """The brand's newest parcels, as a start; of all brands' newest only so many are looked through."""
    newest = sa.select(Shipment.id, Shipment.brand_id).order_by(Shipment.id.desc()).limit(LOOKED_THROUGH).subquery()
    own = sa.select(newest.c.id).where(newest.c.brand_id == brand_id).order_by(newest.c.id.desc()).limit(RECENT)
    ids = session.scalars(own).all()
    return _parcels(session, brand_id, ids) if ids else []
