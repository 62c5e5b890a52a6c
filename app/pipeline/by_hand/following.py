"""Stops following a parcel, and takes it up again: nobody is asked about it meanwhile, and nobody told of it."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.intake.cancelling import in_flight, put_aside
from app.models import Order, Shipment
from app.models.vocabulary import ENDS
from app.pipeline.house import House


@dataclass(frozen=True, slots=True)
class Unfollowed:
    """What stopping came to: `messages` were stopped by this call, `in_flight` (outside ids) had begun to leave and may
    still arrive. `already`: nobody had followed it before."""

    shipment: str
    since: datetime
    already: bool
    messages: int
    in_flight: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Followed:
    """What taking up again came to: `already`, it was followed; `asked_of`, the carrier that is asked at once."""

    shipment: str
    already: bool
    asked_of: str | None


def unfollow(session: Session, brand_id: int, shipment: str, now: datetime) -> Unfollowed | None:
    """Let the parcel (by its outside id) rest, in the caller's transaction; None for one that the brand has not. Twice
    is once. What is heard of it later is written down, and nobody is told."""
    parcel = _locked(session, brand_id, shipment)
    if parcel is None:
        return None
    already, since = parcel.unfollowed_at is not None, parcel.unfollowed_at or now
    parcel.unfollowed_at, parcel.next_poll_at, parcel.watch_at = since, None, None
    session.flush()
    stopped = put_aside(session, [parcel.id], now)
    flying = in_flight(session, [parcel.id]).get(parcel.order_id, ())
    return Unfollowed(shipment, since, already, stopped, tuple(flying))


def follow(session: Session, house: House, brand_id: int, shipment: str, now: datetime) -> Followed | None:
    """Follow it again: its carrier is asked at once and the calendar looked at, unless its journey is over."""
    parcel = _locked(session, brand_id, shipment)
    if parcel is None:
        return None
    already = parcel.unfollowed_at is None
    asked = None
    if not already:
        parcel.unfollowed_at = None
        if parcel.cancelled_at is None and parcel.milestone not in ENDS:
            parcel.watch_at = now
            asked = parcel.asked_of if parcel.tracking_number and parcel.asked_of in house.carriers else None
            parcel.next_poll_at = now if asked else None
    session.flush()
    return Followed(shipment, already, asked)


def _locked(session: Session, brand_id: int, shipment: str) -> Shipment | None:
    """The parcel, its order locked first and then all its order's parcels (law 14)."""
    named = sa.select(Shipment.order_id).where(Shipment.public_id == shipment, Shipment.brand_id == brand_id)
    order_id = session.scalar(sa.select(Order.id).where(Order.id.in_(named)).with_for_update(key_share=True))
    if order_id is None:
        return None
    family = session.scalars(
        sa.select(Shipment).where(Shipment.order_id == order_id).order_by(Shipment.id).with_for_update(key_share=True),
        execution_options={"populate_existing": True},
    ).all()
    return next(one for one in family if one.public_id == shipment)
