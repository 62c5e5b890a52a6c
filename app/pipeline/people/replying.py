"""What shoppers write back by SMS or WhatsApp: a keyword takes effect at once, the rest is kept with its parcel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.channels.base import IncomingSms
from app.models import Brand, Erasure, InboundMessage
from app.models.addresses import address_digest, normalised, salted
from app.models.vocabulary import Channel, Meaning, SuppressionKind
from app.pipeline.deciding.editions import catalog_of
from app.pipeline.house import House
from app.pipeline.people.consenting import lift, suppress, wish
from app.receipts.keywords import meaning


@dataclass(frozen=True, slots=True)
class About:
    """The parcel that an SMS is most likely about."""

    brand_id: int
    order_id: int
    shipment_id: int


def take_reply(house: House, provider: str, sms: IncomingSms, now: datetime) -> Meaning | None:
    """Store one SMS and let a keyword take effect, all in one transaction. None when it was taken before."""
    channel = channel_of(sms.sender)
    meant, sender = meaning(sms.text, sms.opt_out), normalised(channel, sms.sender)
    digest = address_digest(channel, sender)
    with house.sessions.begin() as session:
        brand_ids = _brands_of(session, house, sms.recipient)
        about = _about(session, brand_ids, sender)
        forgotten = about is None and _was_erased(session, brand_ids, digest)
        row = {
            "brand_id": about.brand_id if about else brand_ids[0] if len(brand_ids) == 1 else None,
            "provider": provider,
            "event_key": sms.event_key,
            "sender": None if forgotten else sender,
            "recipient": sms.recipient,
            "body": None if forgotten else sms.text,
            "meaning": meant.value,
            "order_id": about.order_id if about else None,
            "shipment_id": about.shipment_id if about else None,
            "received_at": now,
        }
        stored = insert(InboundMessage).values(**row, sender_digest=salted(digest)).on_conflict_do_nothing()
        if session.execute(stored.returning(InboundMessage.id)).one_or_none() is None:
            return None
        if meant is Meaning.stop:
            kind = SuppressionKind.stop
            suppress(session, [wish(brand_id, channel, sender, kind, provider=provider) for brand_id in brand_ids])
        elif meant is Meaning.start:
            lift(session, brand_ids, channel, digest, [SuppressionKind.stop])
    return meant


def channel_of(number: str) -> Channel:
    """Where somebody wrote to us: Twilio puts the channel before a number that is no plain telephone's. Who says STOP
    there still wants what comes by SMS, and the other way round; each can be answered where it was read."""
    return Channel.whatsapp if number.startswith("whatsapp:") else Channel.sms


def _brands_of(session: Session, house: House, recipient: str) -> list[int]:
    """The brands that send from the number that was written to. One that is no brand's own is shared by all: who
    says STOP to it hears from none of them. So is the WhatsApp sender, even where one brand texts from its number."""
    number = normalised(Channel.sms, recipient) if channel_of(recipient) is Channel.sms else None
    own = [
        key
        for key, look in catalog_of(session, house).brands().items()
        if look.sender.sms and look.sender.sms == number
    ]
    query = sa.select(Brand.id).order_by(Brand.id)
    found = session.scalars(query.where(Brand.key == sa.func.any(own)) if own else query)
    return list(found)


def _was_erased(session: Session, brand_ids: Sequence[int], digest: bytes) -> bool:
    """Whether this number belongs to somebody who was erased. One who has ordered since is known by that order."""
    query = sa.select(Erasure.id).where(
        Erasure.brand_id == sa.func.any(list(brand_ids)),
        Erasure.channel == Channel.sms,
        Erasure.address_digest == salted(digest),
    )
    return session.scalar(query.limit(1)) is not None


_ABOUT = sa.text("""
    SELECT orders.brand_id, orders.id AS order_id, shipments.id AS shipment_id
    FROM orders
    JOIN shipments ON shipments.order_id = orders.id
    LEFT JOIN LATERAL (
        SELECT max(rendered_at) AS at FROM messages
        WHERE messages.shipment_id = shipments.id AND messages.channel IN ('sms', 'whatsapp')
    ) AS told ON true
    WHERE orders.brand_id = any(:brand_ids) AND orders.phone = :phone
    ORDER BY told.at DESC NULLS LAST, orders.placed_at DESC, shipments.id DESC
    LIMIT 1
""")


def _about(session: Session, brand_ids: Sequence[int], sender: str) -> About | None:
    """The parcel that this number was told of last, else that of its newest order; None for a stranger."""
    row = session.execute(_ABOUT, {"brand_ids": list(brand_ids), "phone": sender}).one_or_none()
    return About(row.brand_id, row.order_id, row.shipment_id) if row else None
