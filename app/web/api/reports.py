"""Reports over HTTP: what carriers and the key's brand's own alarms were worth, lane by lane."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from app.errors import InvalidInput, NotFound
from app.insight.lanes import Lanes
from app.pipeline.house import House
from app.rehearsal.measured import measure
from app.rehearsal.script import parse_span
from app.web.access.keys import Holder, Scope, needs
from app.web.problems import NOT_FOUND, RESPONSES, Problem, invalid, not_found, shown

router = APIRouter(prefix="/v1/reports", tags=["reports"], responses=RESPONSES)

Reader = Annotated[Holder, Depends(needs(Scope.orders_read))]


@router.get(
    "/lanes",
    summary="How carriers behave, and what alarms were worth",
    responses=NOT_FOUND | {409: {"description": "A report of this brand is being made here."}},
)
def lanes(
    request: Request,
    holder: Reader,
    since: Annotated[str, Query(max_length=10, description="Of orders placed how long ago; at most 365d.")] = "90d",
    carrier: Annotated[str | None, Query(max_length=60, description="One carrier alone.", examples=["dhl"])] = None,
) -> Lanes:
    """Of the parcels whose orders were placed within `since`: how often each carrier says "delivered" too early, how
    long each lane is silent beside the thresholds of the live rules, and how many delays were false alarms. Rates and
    percentiles of fewer than 20 are null."""
    house: House = request.app.state.house
    with house.alone.at(f"lanes {holder.brand_id}") as free:
        if not free:
            raise Problem(409, "under-way", "A report is being made", "Wait until it has ended.")
        try:
            return measure(house, holder.brand_id, parse_span(since, "since"), carrier)
        except InvalidInput as error:
            raise invalid("The report cannot be made. Mend what is listed.", shown(error.faults)) from error
        except NotFound as error:
            raise not_found("carrier of that name") from error
