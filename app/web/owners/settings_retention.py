"""Settings: how long what is kept, and what the next pruning would take away."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.models.keeping import Retention
from app.pipeline.house import House
from app.pipeline.people.pruning_ahead import pruning_ahead
from app.web.access.doors import may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import console_page
from app.web.owners.settings_tabs import settings_tabs

router = APIRouter(include_in_schema=False)

_WORDS = {
    Retention.carrier_answers: ("What carriers answered, word for word", "deleted"),
    Retention.receipt_batches: ("Providers' reports, as they came", "deleted"),
    Retention.receipts: ("Each report's own words", "emptied; what it meant stays"),
    Retention.inbound: ("What shoppers wrote", "emptied; that they wrote stays"),
    Retention.messages: ("What each message was written from", "emptied; that it was sent, and why, stays"),
    Retention.orders: ("The person on an order, since its last news", "emptied; number, parcels and milestones stay"),
    Retention.suppressions: ("Plain addresses on the list", "emptied; they stay unwritten to"),
}


@router.get("/b/{brand}/settings/retention")
def retention_page(request: Request, visitor: Annotated[Visitor, Depends(may(Right.settings))]) -> Response:
    """Days and numbers of each class, for the whole installation; the environment says the days."""
    house: House = request.app.state.house
    with house.sessions() as session:
        ahead = pruning_ahead(session, house.retention.model_dump(), house.clock.now())
    rows = [(one, *_WORDS[one.retention], f"DOORSTEP_RETENTION__{one.retention.value.upper()}") for one in ahead]
    content = {"tabs": settings_tabs(visitor), "rows": rows}
    return console_page(request, visitor, "owners/retention.html", content, title="Retention", place="settings")
