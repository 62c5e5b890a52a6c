"""Corrects by hand what a shop said of an order's shopper, or of a parcel's promised day: the shop's own telling, with
somebody's name under it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.intake.schema import parse_order
from app.intake.store import upsert_orders
from app.models import Brand, Message, Order, Shipment
from app.models.addresses import address_digest
from app.models.vocabulary import Channel, Source
from app.pipeline.deciding.concluding import hear
from app.pipeline.house import House
from app.pipeline.listening.hearing import Tally
from app.pipeline.listening.incoming import heard_from_incoming
from app.pipeline.people.consenting import standing
from app.pipeline.polling.routing import accepted_carriers, routes_for
from app.receipts.suppression import in_words

FIELDS = ("email", "phone", "locale", "promised_on")
_OF_ORDER = ("email", "phone", "locale")


@dataclass(frozen=True, slots=True)
class Correction:
    """What is to be so instead, as it was typed, by field of FIELDS; what is left out stays as it is."""

    shipment: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The order's messages that wait: `movable` read address and language only as they leave, `frozen` have been tried
    and go where they went."""

    movable: int = 0
    frozen: int = 0


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a correction came to: the names of the fields that changed, the messages that wait, and for each address
    that must not be written to, why."""

    changed: tuple[str, ...]
    waiting: Waiting
    held_back: tuple[str, ...] = ()
    tally: Tally | None = None
    carriers_due: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Theirs:
    """What the shop said of one field, as it is stored in JSON, and the row that holds it."""

    row: Shipment | Order
    said: Any


def correct(session: Session, house: House, brand: Brand, wish: Correction, now: datetime) -> Corrected | None:
    """Write a correction in the caller's transaction; None for a parcel that the brand has not, or whose shopper was
    erased. The same twice changes nothing. Raises InvalidInput, with each field that is wrong."""
    found = _order_of(session, brand.id, wish.shipment)
    if found is None or found[1].erased_at is not None:
        return None
    parcel, order = found
    before = _said(parcel, order)
    theirs = _the_shops(parcel, order)
    _take_back(session, theirs, wish.values)
    told = parse_order(_payload(parcel, order, wish.values), accepted_carriers(house))
    route = routes_for(house, session, brand.id)
    stored = upsert_orders(session, brand, [told], now=now, route=route)
    heard = heard_from_incoming(stored.scans, Source.person)
    tally = hear(session, house, heard, now) if heard else Tally()
    session.refresh(order)
    session.refresh(parcel)
    after = _said(parcel, order)
    changed = tuple(name for name in FIELDS if before[name] != after[name])
    _remember(session, theirs)
    return Corrected(
        changed,
        waiting(session, order.id),
        _held_back(session, order, changed),
        tally,
        frozenset(stored.carriers_due),
    )


def waiting(session: Session, order_id: int) -> Waiting:
    """The order's messages to its shopper that wait."""
    fresh = Message.rendered_at.is_(None)
    row = session.execute(
        sa.select(sa.func.count().filter(fresh), sa.func.count().filter(~fresh)).where(
            Message.order_id == order_id, Message.state.in_(("held", "ready")), Message.recipient_id == "shopper"
        )
    ).one()
    return Waiting(*row)


def _order_of(session: Session, brand_id: int, shipment: str) -> tuple[Shipment, Order] | None:
    """The parcel and its order, which is locked."""
    named = sa.select(Shipment.order_id).where(Shipment.public_id == shipment, Shipment.brand_id == brand_id)
    order = session.scalars(
        sa.select(Order).where(Order.id.in_(named)).with_for_update(key_share=True),
        execution_options={"populate_existing": True},
    ).one_or_none()
    if order is None:
        return None
    return session.scalars(sa.select(Shipment).where(Shipment.public_id == shipment)).one(), order


def _said(parcel: Shipment, order: Order) -> dict[str, Any]:
    promised: date | None = parcel.promised_on or order.promised_on
    return {"email": order.email, "phone": order.phone, "locale": order.locale, "promised_on": promised}


def _payload(parcel: Shipment, order: Order, values: Mapping[str, str]) -> dict[str, Any]:
    """The order as the shop would tell it, of which only what is corrected is said."""
    said = {name: values[name].strip() or None for name in FIELDS if name in values}
    shopper = {"country": order.country, "email": order.email, "phone": order.phone}
    shopper |= {name: said[name] for name in _OF_ORDER if name in said}
    payload: dict[str, Any] = {
        "source": order.source,
        "number": order.number,
        "placed_at": order.placed_at.isoformat(),
        "shopper": shopper,
    }
    if "promised_on" in said:
        payload["parcels"] = [
            {"reference": parcel.reference, "direction": parcel.direction, "promised_on": said["promised_on"]}
        ]
    return payload


def _the_shops(parcel: Shipment, order: Order) -> dict[str, Theirs]:
    """By field, where it stands and what the shop had said of it."""
    of_order = {name: Theirs(order, order.corrected.get(name, getattr(order, name))) for name in _OF_ORDER}
    promised = parcel.promised_on.isoformat() if parcel.promised_on else None
    return of_order | {"promised_on": Theirs(parcel, parcel.corrected.get("promised_on", promised))}


def _take_back(session: Session, theirs: Mapping[str, Theirs], values: Mapping[str, str]) -> None:
    """A correction to what the shop had said all along takes the former correction back."""
    for name, value in values.items():
        row, said = theirs[name].row, theirs[name].said
        if name in row.corrected and (value.strip() or None) == said:
            row.corrected = {other: one for other, one in row.corrected.items() if other != name}
    session.flush()


def _remember(session: Session, theirs: Mapping[str, Theirs]) -> None:
    """What the shop had said stays known where something else stands now, so that its saying so again is no news."""
    for name, one in theirs.items():
        value = getattr(one.row, name)
        stands = value.isoformat() if isinstance(value, date) else value
        if stands != one.said:
            one.row.corrected = {**one.row.corrected, name: one.said}
    session.flush()


def _held_back(session: Session, order: Order, changed: tuple[str, ...]) -> tuple[str, ...]:
    said = []
    for name, channel in (("email", Channel.email), ("phone", Channel.sms)):
        address = getattr(order, name)
        if name not in changed or not address:
            continue
        digest = address_digest(channel, address)
        kind = standing(session, [digest]).get((order.brand_id, channel.value, digest))
        if kind is not None:
            said.append(f"{address} must not be written to: {in_words(kind)}.")
    return tuple(said)
