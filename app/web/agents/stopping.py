"""Stopping: a parcel is followed no more, or it or its whole order is cancelled; each says in numbers what it does."""

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.intake.cancelling import cancel_orders, cancel_parcel
from app.intake.store import ParcelScans
from app.models import Shipment
from app.models.vocabulary import Source
from app.pipeline import wake_senders
from app.pipeline.by_hand.following import Unfollowed, follow, unfollow
from app.pipeline.by_hand.trying import would
from app.pipeline.deciding.concluding import hear
from app.pipeline.house import House
from app.pipeline.listening.hearing import Tally
from app.pipeline.listening.incoming import heard_from_incoming
from app.pipeline.people.missing_parcels import close_claim
from app.web.access.doors import Denied, may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note
from app.web.agents.story import find
from app.web.console.frame import back, console_page

router = APIRouter(include_in_schema=False)

Corrector = Annotated[Visitor, Depends(may(Right.correct))]


@router.get("/b/{brand}/parcels/{shipment}/stop")
def stop_page(request: Request, visitor: Corrector, shipment: str) -> Response:
    """The three ways to stop, with what each would do at this moment."""
    house: House = request.app.state.house
    now = house.clock.now()
    with house.sessions() as session:
        parcel, order = find(session, visitor.brand_id, shipment)
        brand, number = visitor.brand_id, order.number
        content: dict[str, Any] = {
            "shipment": shipment,
            "number": number,
            "unfollowed_at": parcel.unfollowed_at,
            "parcel_cancelled_at": parcel.cancelled_at,
            "order_cancelled_at": order.cancelled_at,
            "tracking_number": parcel.tracking_number,
            "parcels": _parcels(session, order.id),
            "unfollowing": would(session, lambda inside: unfollow(inside, brand, shipment, now)),
            "out": would(session, lambda inside: cancel_parcel(inside, brand, shipment, now)),
            "whole": would(session, lambda inside: cancel_orders(inside, brand, order.source, [number], now)[0]),
        }
    return console_page(
        request, visitor, "agents/stop.html", content, title=f"Stop order {number}", place="parcels"
    )  # fmt: skip


@router.post("/b/{brand}/parcels/{shipment}/unfollow")
def stop_following(request: Request, visitor: Corrector, shipment: str) -> Response:
    """Follow the parcel no more."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        came = _there(unfollow(session, visitor.brand_id, shipment, house.clock.now()))
        if not came.already:
            note(session, visitor, "parcel.unfollow", shipment, after={"stopped": came.messages})
    said = "Nobody followed it already." if came.already else f"It is followed no more. {_stopped(came.messages)}"
    return _home(request, visitor, shipment, f"{said}{_flying(came.in_flight)}")


@router.post("/b/{brand}/parcels/{shipment}/follow")
def follow_again(request: Request, visitor: Corrector, shipment: str) -> Response:
    """Take the parcel up again."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        came = follow(session, house, visitor.brand_id, shipment, house.clock.now())
        if came is None:
            raise _missing()
        if not came.already:
            note(session, visitor, "parcel.follow", shipment)
    if came.asked_of:
        house.wake("poll", came.asked_of)
    asked = f" {came.asked_of} is asked at once." if came.asked_of else ""
    said = "It was followed already." if came.already else f"It is followed again.{asked}"
    return _home(request, visitor, shipment, said)


@router.post("/b/{brand}/parcels/{shipment}/cancel")
def cancel_this(request: Request, visitor: Corrector, shipment: str) -> Response:
    """Take the parcel out of its order."""
    house: House = request.app.state.house
    now = house.clock.now()
    with house.sessions.begin() as session:
        came = cancel_parcel(session, visitor.brand_id, shipment, now)
        if came is None:
            raise _missing()
        heard = heard_from_incoming([ParcelScans(came.shipment_id, ())], Source.person)
        tally = hear(session, house, heard, now) if not came.already else Tally()
        if not came.already:
            note(session, visitor, "parcel.cancel", shipment, after={"stopped": came.messages})
    wake_senders(house, tally)
    said = "It had been cancelled already." if came.already else f"It is cancelled. {_stopped(came.messages)}"
    return _home(request, visitor, shipment, f"{said}{_flying(came.in_flight)}")


@router.post("/b/{brand}/parcels/{shipment}/cancel-order")
def cancel_whole(request: Request, visitor: Corrector, shipment: str) -> Response:
    """Cancel the parcel's whole order."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        _, order = find(session, visitor.brand_id, shipment)
        came = cancel_orders(session, visitor.brand_id, order.source, [order.number], house.clock.now())[0]
        if not came.already:
            after = {"parcels": came.parcels, "stopped": came.messages}
            note(session, visitor, "order.cancel", came.public_id, after=after)
    if came.already:
        said = "The order had been cancelled already."
    else:
        parcels = f"{came.parcels} {'parcel' if came.parcels == 1 else 'parcels'}"
        said = f"The order is cancelled, with {parcels}. {_stopped(came.messages)}"
    return _home(request, visitor, shipment, f"{said}{_flying(came.in_flight)}")


@router.post("/b/{brand}/parcels/{shipment}/settle-claim")
def settle_claim(request: Request, visitor: Corrector, shipment: str) -> Response:
    """The parcel that its shopper says is not there was looked for, or replaced: the claim is closed."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        row, _ = find(session, visitor.brand_id, shipment)
        closed = close_claim(session, row.id, visitor.actor, house.clock.now())
        if closed:
            note(session, visitor, "claim.close", shipment)
    return _home(request, visitor, shipment, "The claim is closed." if closed else "It had been closed already.")


def _there(came: Unfollowed | None) -> Unfollowed:
    if came is None:
        raise _missing()
    return came


def _missing() -> Denied:
    return Denied(404, "There is no such parcel", "Search for its order number, or for the shopper's email.")


def _parcels(session: Session, order_id: int) -> int:
    """How many parcels of an order are not cancelled."""
    query = sa.select(sa.func.count()).select_from(Shipment)
    return session.scalars(query.where(Shipment.order_id == order_id, Shipment.cancelled_at.is_(None))).one()


def _stopped(messages: int) -> str:
    if not messages:
        return "No message waited."
    return f"{messages} {'message that waited was' if messages == 1 else 'messages that waited were'} stopped."


def _flying(in_flight: tuple[str, ...]) -> str:
    return f" {len(in_flight)} had begun to leave, and may still arrive." if in_flight else ""


def _home(request: Request, visitor: Visitor, shipment: str, said: str) -> Response:
    return back(request, visitor, f"/b/{visitor.brand_key}/parcels/{shipment}", said)
