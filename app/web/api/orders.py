"""The API of a shop's own systems: orders and parcels come in, and their state and story go out.

A key belongs to one brand, and nothing here reaches beyond that brand: what another has does not exist.
"""

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from app.errors import NotFound
from app.insight.stories import Story
from app.intake.schema import parse_order, parse_parcel, parse_scan
from app.intake.store import (
    Outcome,
    ParcelScans,
    Stored,
    StoredOrder,
    add_parcels,
    cancel_order,
    cancel_parcel,
    upsert_orders,
)
from app.models import Brand, Order, Shipment
from app.models.vocabulary import Source
from app.pipeline import wake_senders
from app.pipeline.deciding.concluding import hear
from app.pipeline.house import House
from app.pipeline.listening.hearing import Tally
from app.pipeline.listening.incoming import heard_from_incoming
from app.pipeline.polling.routing import accepted_carriers, routes_for
from app.rehearsal.aside import whole_story
from app.web.access.keys import Holder, Scope, needs
from app.web.api.house import house_of
from app.web.api.openapi import ORDERS_BODY, PARCELS_BODY, SCANS_BODY
from app.web.api.reading import Json, entries, read_all, read_each
from app.web.api.shapes import (
    CancelledOrder,
    CancelledParcel,
    OrderPage,
    OrderView,
    ParcelView,
    ScansTaken,
    Taken,
    TakenOrder,
    TakenParcel,
    order_view,
    page_address,
    parcel_view,
)
from app.web.problems import NOT_FOUND, RESPONSES, FieldFault, invalid, not_found

router = APIRouter(prefix="/v1", responses=RESPONSES)

MAX_ORDERS = 1000
MAX_PARCELS = 100
MAX_SCANS = 500

Writer = Annotated[Holder, Depends(needs(Scope.orders_write))]
Reader = Annotated[Holder, Depends(needs(Scope.orders_read))]
Origin = Annotated[
    str | None, Query(description="The order's source, where several use one number. Without it: the oldest.")
]

_STATUS = {Outcome.new: "created", Outcome.changed: "updated", Outcome.unchanged: "unchanged"}


@router.post(
    "/orders",
    tags=["orders"],
    summary="Tell orders",
    response_model=Taken,
    openapi_extra=ORDERS_BODY,
    responses={207: {"model": Taken, "description": "Some were stored, and some refused: see `faults`."}},
)
def tell_orders(request: Request, holder: Writer, body: Json) -> Response:
    """Stores one order, or up to 1,000 as `{"orders": […]}`. An order that is known by its source and number is
    brought up to date: what is left out stays as it stands, and telling the same again changes nothing.

    `history: true`, on an order or beside the list, declares that whatever has happened so far is nobody's news.
    A bad order is reported with its index and fields, and spoils no other."""
    house = house_of(request)
    listed = entries(body, "orders", MAX_ORDERS, frozenset({"history"}))
    whole_history = "orders" in body and _flag(body.get("history", False))
    carriers = accepted_carriers(house)
    read = read_each(listed, lambda entry: parse_order(entry, carriers))
    now = house.clock.now()
    with house.sessions.begin() as session:
        brand = session.get_one(Brand, holder.brand_id)
        orders = [order for _, order in read.good]
        route = routes_for(house, session, holder.brand_id)
        stored = upsert_orders(session, brand, orders, now=now, history=whole_history, route=route)
        tally = _hear(session, house, stored.scans)
        results = _results(session, house, stored, {(o.source, o.number): index for index, o in reversed(read.good)})
    _wake(house, tally, stored)
    taken = Taken(results=results, faults=read.faults)
    return JSONResponse(taken.model_dump(mode="json", exclude_none=False), 207 if read.faults else 200)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        fault = FieldFault(field="history", problem="must be true or false", remedy="Write true or false.")
        raise invalid("Mend the fields that are listed and send it again.", [fault])
    return value


def _results(session: Session, house: House, stored: Stored, places: dict[tuple[str, str], int]) -> list[TakenOrder]:
    parcels = _parcels_of(session, [order.id for order in stored.orders])
    results = [
        _result(order, parcels[order.id], house.public_url)
        | {"index": places[order.source, order.number], "in_flight": stored.in_flight.get(order.id, [])}
        for order in stored.orders
    ]
    return sorted(map(TakenOrder.model_validate, results), key=lambda result: result.index)


def _result(order: StoredOrder, parcels: list[Shipment], public_url: str) -> dict[str, Any]:
    return {
        "number": order.number,
        "source": order.source,
        "id": order.public_id,
        "status": _STATUS[order.outcome],
        "parcels": [_taken(parcel, public_url) for parcel in parcels],
    }


def _taken(parcel: Shipment, public_url: str) -> TakenParcel:
    return TakenParcel(
        id=parcel.public_id,
        reference=parcel.reference,
        tracking_number=parcel.tracking_number,
        page=page_address(public_url, parcel.link_token),
    )


@router.get("/orders", tags=["orders"], summary="List orders")
def list_orders(
    request: Request,
    holder: Reader,
    limit: Annotated[int, Query(ge=1, le=200, description="How many at most.")] = 50,
    after: Annotated[str | None, Query(description="The `next` of the stretch before.")] = None,
) -> OrderPage:
    """The brand's orders, newest first, a stretch at a time. Orders that come in meanwhile disturb no stretch."""
    house = house_of(request)
    query = sa.select(Order).where(Order.brand_id == holder.brand_id).order_by(Order.id.desc()).limit(limit + 1)
    with house.sessions() as session:
        if after is not None:
            query = query.where(Order.id < _place(session, holder, after))
        orders = list(session.scalars(query))
        shown = orders[:limit]
        parcels = _parcels_of(session, [order.id for order in shown])
    more = len(orders) > limit
    views = [order_view(order, parcels[order.id], house.public_url) for order in shown]
    return OrderPage(orders=views, next=shown[-1].public_id if more else None)


def _place(session: Session, holder: Holder, cursor: str) -> int:
    found = session.scalar(sa.select(Order.id).where(Order.public_id == cursor, Order.brand_id == holder.brand_id))
    if found is None:
        fault = FieldFault(
            field="after", problem="is no cursor", remedy="Give the `next` of an answer, or leave it out."
        )
        raise invalid("The list cannot be continued from there.", [fault])
    return found


@router.get("/orders/{number:path}", tags=["orders"], summary="One order", responses=NOT_FOUND)
def one_order(request: Request, holder: Reader, number: str, source: Origin = None) -> OrderView:
    """An order and its parcels, as they stand."""
    house = house_of(request)
    with house.sessions() as session:
        order = _order(session, holder, number, source)
        return order_view(order, _parcels_of(session, [order.id])[order.id], house.public_url)


@router.post("/orders/{number:path}/cancel", tags=["orders"], summary="Cancel an order", responses=NOT_FOUND)
def cancel(request: Request, holder: Writer, number: str, source: Origin = None) -> CancelledOrder:
    """Stops the order's parcels and every message that has not begun to leave. Messages whose sending had begun are
    listed: they may still arrive. Cancelling twice is cancelling once."""
    house = house_of(request)
    with house.sessions.begin() as session:
        cancelled = cancel_order(session, holder.brand_id, number, house.clock.now(), source)
    if cancelled is None:
        raise not_found("order with that number")
    return CancelledOrder(
        number=cancelled.number,
        id=cancelled.public_id,
        cancelled_at=cancelled.cancelled_at,
        already=cancelled.already,
        parcels_stopped=cancelled.parcels,
        messages_stopped=cancelled.messages,
        in_flight=list(cancelled.in_flight),
    )


@router.post(
    "/orders/{number:path}/shipments",
    tags=["shipments"],
    summary="Add parcels to an order",
    openapi_extra=PARCELS_BODY,
    responses=NOT_FOUND,
)
def tell_parcels(request: Request, holder: Writer, number: str, body: Json, source: Origin = None) -> TakenOrder:
    """Adds one parcel to a known order, or several as `{"parcels": […]}`; one that is known already (by its reference,
    else its tracking number) is brought up to date. All are stored, or none."""
    house = house_of(request)
    carriers = accepted_carriers(house)
    parcels = read_all(entries(body, "parcels", MAX_PARCELS), lambda entry: parse_parcel(entry, carriers))
    with house.sessions.begin() as session:
        brand = session.get_one(Brand, holder.brand_id)
        now, route = house.clock.now(), routes_for(house, session, holder.brand_id)
        stored = add_parcels(session, brand, number, parcels, now=now, route=route, source=source)
        if stored is None:
            raise not_found("order with that number")
        tally = _hear(session, house, stored.scans)
        order = stored.orders[0]
        result = _results(session, house, stored, {(order.source, order.number): 0})[0]
    _wake(house, tally, stored)
    return result


@router.get("/shipments/{id}", tags=["shipments"], summary="One parcel", responses=NOT_FOUND)
def one_parcel(request: Request, holder: Reader, id: str) -> ParcelView:
    """A parcel as it stands."""
    house = house_of(request)
    with house.sessions() as session:
        shipment, order = _parcel(session, holder, id)
    return parcel_view(shipment, order, house.public_url)


@router.post("/shipments/{id}/cancel", tags=["shipments"], summary="Cancel a parcel", responses=NOT_FOUND)
def cancel_one(request: Request, holder: Writer, id: str) -> CancelledParcel:
    """Takes one parcel out of its order: it is not watched any more, and no message about it that has not begun to
    leave will leave. A message that tells of it together with others tells of those alone. Messages whose sending had
    begun are listed: they may still arrive. The order's upsert brings it back, with `cancelled: false`."""
    house = house_of(request)
    with house.sessions.begin() as session:
        cancelled = cancel_parcel(session, holder.brand_id, id, house.clock.now())
        if cancelled is None:
            raise not_found("parcel with that id")
        tally = _hear(session, house, [ParcelScans(cancelled.shipment_id, ())])
    wake_senders(house, tally)
    return CancelledParcel(
        id=cancelled.public_id,
        order=cancelled.number,
        cancelled_at=cancelled.cancelled_at,
        already=cancelled.already,
        messages_stopped=cancelled.messages,
        in_flight=list(cancelled.in_flight),
    )


@router.get("/shipments/{id}/timeline", tags=["shipments"], summary="A parcel's whole story", responses=NOT_FOUND)
def timeline(request: Request, holder: Reader, id: str) -> Story:
    """What was heard, what was concluded, and for every rule that looked: why a message left, or why it did not; by
    which version, which rules were not for this parcel, and what comes next."""
    house = house_of(request)
    with house.sessions() as session:
        try:
            return whole_story(session, house, id, holder.brand_id)
        except NotFound as error:
            raise not_found("parcel with that id") from error


@router.post(
    "/shipments/{id}/scans", tags=["shipments"], summary="Tell scans", openapi_extra=SCANS_BODY, responses=NOT_FOUND
)
def tell_scans(request: Request, holder: Writer, id: str, body: Json) -> ScansTaken:
    """Tells what happened to a parcel: one scan, or up to 500 as `{"scans": […]}`, in any order. All are heard, or
    none; a scan that was told before (same code or milestone, time and place) changes nothing."""
    house = house_of(request)
    scans = read_all(entries(body, "scans", MAX_SCANS), parse_scan)
    with house.sessions.begin() as session:
        shipment, _ = _parcel(session, holder, id)
        tally = _hear(session, house, [ParcelScans(shipment.id, tuple(scans))])
        session.refresh(shipment)
    wake_senders(house, tally)
    told = {"told": len(scans), "new": tally.scans, "milestone": shipment.milestone}
    return ScansTaken.model_validate({**told, "milestone_at": shipment.milestone_at})


def _hear(session: Session, house: House, told: list[ParcelScans]) -> Tally:
    heard = heard_from_incoming(told, Source.api)
    return hear(session, house, heard, house.clock.now()) if heard else Tally()


def _wake(house: House, tally: Tally, stored: Stored) -> None:
    """After the commit: there may be something to send, and carriers to ask."""
    wake_senders(house, tally)
    for carrier in sorted(stored.carriers_due):
        house.wake("poll", carrier)


def _order(session: Session, holder: Holder, number: str, source: str | None) -> Order:
    query = sa.select(Order).where(Order.brand_id == holder.brand_id, Order.number == number).order_by(Order.id)
    found = session.scalars(query if source is None else query.where(Order.source == source)).first()
    if found is None:
        raise not_found("order with that number")
    return found


def _parcel(session: Session, holder: Holder, id: str) -> tuple[Shipment, Order]:
    found = session.execute(
        sa.select(Shipment, Order)
        .join(Order, Order.id == Shipment.order_id)
        .where(Shipment.public_id == id, Shipment.brand_id == holder.brand_id)
    ).one_or_none()
    if found is None:
        raise not_found("parcel with that id")
    shipment, order = found
    return shipment, order


def _parcels_of(session: Session, order_ids: list[int]) -> dict[int, list[Shipment]]:
    parcels: dict[int, list[Shipment]] = {order_id: [] for order_id in order_ids}
    query = sa.select(Shipment).where(Shipment.order_id == sa.func.any(order_ids)).order_by(Shipment.id)
    for shipment in session.scalars(query):
        parcels[shipment.order_id].append(shipment)
    return parcels
