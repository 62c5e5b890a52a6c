"""One parcel: where it is, whose it is, what was heard of it, and what its shopper was told and why not."""

from datetime import date
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.insight.listing import rows_of
from app.insight.tell import quiet_because, unopened
from app.models import Order, Shipment
from app.models.vocabulary import ENDS
from app.pipeline.house import House
from app.rehearsal.aside import whole_story
from app.web.access.doors import Denied, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.agents.in_short import in_short
from app.web.agents.timeline import next_of, timeline
from app.web.console.frame import console_page

router = APIRouter(include_in_schema=False)


@router.get("/b/{brand}/parcels/{shipment}")
def parcel(request: Request, visitor: Annotated[Visitor, Depends(may(Right.see))], shipment: str) -> Response:
    """The parcel's page."""
    house: House = request.app.state.house
    with house.sessions() as session:
        row, order = find(session, visitor.brand_id, shipment)
        story = whole_story(session, house, shipment, visitor.brand_id)
        content: dict[str, Any] = {
            "parcel": row,
            "order": order,
            "story": story,
            "entries": timeline(story),
            "coming": [(one, next_of(one)) for one in story.coming],
            "quiet": quiet_because(story),
            "nothing": unopened(story),
            "others": _others(session, row),
            "page": f"{house.public_url.rstrip('/')}/t/{row.link_token}",
            "state": _state(row),
            "things": row.items or order.items,
            "theirs": _theirs(row, order),
            "short": in_short(story, order),
        }
    title = f"Order {order.number}"
    return console_page(request, visitor, "agents/parcel.html", content, title=title, place="parcels")


def find(session: Session, brand_id: int, shipment: str) -> tuple[Shipment, Order]:
    """The brand's parcel of this outside id, with its order. Raises Denied where it has none."""
    found = session.execute(
        sa.select(Shipment, Order)
        .join(Order, Order.id == Shipment.order_id)
        .where(Shipment.public_id == shipment, Shipment.brand_id == brand_id)
    ).one_or_none()
    if found is None:
        raise Denied(404, "There is no such parcel", "Search for its order number, or for the shopper's email.")
    return found[0], found[1]


def _others(session: Session, row: Shipment) -> list[Any]:
    ids = session.scalars(
        sa.select(Shipment.id).where(Shipment.order_id == row.order_id, Shipment.id != row.id).order_by(Shipment.id)
    ).all()
    return rows_of(session, ids)


def _theirs(row: Shipment, order: Order) -> dict[str, str]:
    """What the shop had said where somebody corrected it by hand, by field."""
    said = {**order.corrected, **row.corrected}
    if "promised_on" in said and order.promised_on:
        said["promised_on"] = said["promised_on"] or order.promised_on.isoformat()
    return {name: _plainly(name, value) if value else "nothing" for name, value in said.items()}


def _plainly(name: str, value: str) -> str:
    return f"{date.fromisoformat(value):%a %-d %b %Y}" if name == "promised_on" else value


def _state(row: Shipment) -> str:
    """How the parcel's state is marked: good, warn, bad or quiet."""
    if row.cancelled_at:
        return "quiet"
    if row.delivery_doubted_at or row.milestone in ("exception", "attempt_failed", "returning", "expired"):
        return "bad"
    if row.late_since and row.milestone not in ENDS:
        return "warn"
    return "good" if row.milestone in ENDS else "quiet"
