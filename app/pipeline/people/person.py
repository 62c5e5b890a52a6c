"""Who a person is: which orders and addresses of one brand belong to the address that somebody asks with.

An email address names one person. A number names one only where its orders carry no more than one email address, for
households share a telephone. Another address on those orders counts as the person's own where it stands on no order
beyond them; otherwise it may be somebody else's, and is left alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import Fault, InvalidInput
from app.models import InboundMessage, Message, Order, Shipment, Suppression
from app.models.addresses import address_digest, normalised, salted
from app.models.vocabulary import Channel, MessageState
from app.pipeline.people.wiping import UNDER_WAY

Address = tuple[Channel, str]


@dataclass(frozen=True, slots=True)
class Known:
    """A person as one brand knows them. `shared` are addresses on their orders that other orders carry too."""

    brand_id: int
    order_ids: tuple[int, ...]
    own: tuple[Address, ...]
    shared: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What is kept about a person, counted; `under_way` are messages whose call has begun, by outside id."""

    orders: int
    parcels: int
    messages: int
    messages_waiting: int
    under_way: tuple[str, ...]
    inbound: int
    suppressions: int
    addresses: int
    shared_addresses: int


Noted = Callable[[Session, Held], None]
"""Writes down, in the transaction that does it, that something is done with what is held about a person."""


def unnoted(_session: Session, _held: Held) -> None:
    """Write nothing down."""


def find_person(session: Session, brand_id: int, channel: Channel, address: str) -> Known:
    """The person whom an address names. Raises InvalidInput for a number that several people's orders carry."""
    named = normalised(channel, address)
    orders = session.execute(
        sa.select(Order.id, Order.email, Order.phone)
        .where(Order.brand_id == brand_id, _carries(channel, named))
        .order_by(Order.id)
    ).all()
    emails = {normalised(Channel.email, row.email) for row in orders if row.email}
    if channel is Channel.sms and len(emails) > 1:
        problem = f"stands on orders of {len(emails)} different email addresses, so it names no one person"
        raise InvalidInput([Fault(None, "address", problem, "Ask by the email address, once for each.")])
    ids = [row.id for row in orders]
    phones = {normalised(Channel.sms, row.phone) for row in orders if row.phone}
    others = {(Channel.email, one) for one in emails} | {(Channel.sms, one) for one in phones}
    own: list[Address] = [(channel, named)]
    shared: list[Address] = []
    for other in sorted(others - {(channel, named)}):
        (shared if _elsewhere(session, brand_id, other, ids) else own).append(other)
    return Known(brand_id, tuple(ids), tuple(own), tuple(shared))


def _carries(channel: Channel, address: str) -> sa.ColumnElement[bool]:
    return sa.func.lower(Order.email) == address if channel is Channel.email else Order.phone == address


def _elsewhere(session: Session, brand_id: int, address: Address, ids: list[int]) -> bool:
    query = sa.select(Order.id).where(Order.brand_id == brand_id, _carries(*address), Order.id != sa.func.all(ids))
    return session.scalar(query.limit(1)) is not None


def listed_as(person: Known) -> sa.ColumnElement[bool]:
    """Which suppressions are the person's."""
    mine = [
        sa.and_(
            (Suppression.channel == Channel.email) == (channel is Channel.email),  # a number is one for all channels
            Suppression.address_digest == salted(address_digest(channel, address)),
        )
        for channel, address in person.own
    ]
    return sa.and_(Suppression.brand_id == person.brand_id, sa.or_(*mine))


def wrote(person: Known) -> sa.ColumnElement[bool]:
    """Which inbound messages are the person's: from their number, or about one of their orders.

    One from a number of nobody's, to a number that several brands share, belongs to no brand; its sender may ask any.
    """
    numbers = [address_digest(channel, address) for channel, address in person.own if channel is Channel.sms]
    to_us = sa.or_(InboundMessage.brand_id == person.brand_id, InboundMessage.brand_id.is_(None))
    mine = [sa.and_(to_us, InboundMessage.sender_digest == salted(number)) for number in numbers]
    return sa.or_(InboundMessage.order_id == sa.func.any(list(person.order_ids)), *mine)


def unforgotten(person: Known) -> sa.ColumnElement[bool]:
    """Which of these still hold a text or a number."""
    return sa.and_(wrote(person), sa.or_(InboundMessage.sender.is_not(None), InboundMessage.body.is_not(None)))


def held_about(session: Session, person: Known) -> Held:
    """What there is about a person, in numbers."""
    ids = sa.func.any(list(person.order_ids))

    def count(table: type, *conditions: sa.ColumnElement[bool]) -> int:
        return session.scalars(sa.select(sa.func.count()).select_from(table).where(*conditions)).one()

    claimed = sa.and_(Message.state == MessageState.sending, Message.open_attempt_id.is_(None))
    waiting = sa.or_(Message.state.in_([MessageState.held, MessageState.ready]), claimed)
    calls = sa.select(Message.public_id).where(Message.order_id == ids, sa.text(UNDER_WAY)).order_by(Message.id)
    return Held(
        orders=len(person.order_ids),
        parcels=count(Shipment, Shipment.order_id == ids),
        messages=count(Message, Message.order_id == ids),
        messages_waiting=count(Message, Message.order_id == ids, waiting),
        under_way=tuple(session.scalars(calls)),
        inbound=count(
            InboundMessage, wrote(person), sa.or_(InboundMessage.sender.is_not(None), InboundMessage.body.is_not(None))
        ),
        suppressions=count(Suppression, listed_as(person)),
        addresses=len(person.own),
        shared_addresses=len(person.shared),
    )
