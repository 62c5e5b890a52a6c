"""Everything that is kept about a person, with every message and why it was sent or not, as one JSON document.

`docs/privacy.md` describes its shape. It holds one brand's rows and one person's only.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.channels.base import OutgoingEmail, OutgoingWhatsApp
from app.insight.explain import explain
from app.log import logger
from app.messages.base import Template
from app.models import Brand, Choice, InboundMessage, Message, Order, Shipment, Suppression
from app.models.addresses import address_digest, salted
from app.models.vocabulary import Channel, SuppressionKind
from app.pipeline.house import House
from app.pipeline.leaving.judging import Release
from app.pipeline.leaving.releasing import load, templates_of
from app.pipeline.leaving.team import TEAM
from app.pipeline.leaving.writing import write_out
from app.pipeline.people.person import Known, Noted, find_person, held_about, listed_as, unnoted, wrote
from app.receipts.suppression import in_words

log = logger(__name__)

FORMAT = "doorstep-person-1"

_SHOPPER = (
    "shopper_name",
    "email",
    "phone",
    "city",
    "postal_code",
    "country",
    "locale",
    "zone",
    "zones",
    "zone_source",
    "corrected",
)
_ORDER = (
    "number", "source", "placed_at", "currency", "total_minor", "items", "promised_on", "tags", "cancelled_at",
    "created_at", "updated_at",
)  # fmt: skip
_SUPPRESSION = ("channel", "address", "kind", "scope", "provider", "created_at", "lifted_at")


def export_person(
    house: House, brand_id: int, channel: Channel, address: str, noted: Noted = unnoted
) -> dict[str, Any]:
    """The document, as plain values (instants in UTC). `noted` writes down that it was made, in the transaction that
    reads it. Raises InvalidInput (`find_person`)."""
    with house.sessions.begin() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        person = find_person(session, brand_id, channel, address)
        noted(session, held_about(session, person))
        brand = session.get_one(Brand, brand_id)
        return {
            "format": FORMAT,
            "brand": brand.key,
            "exported_at": house.clock.now().isoformat(),
            "addresses": [{"channel": kind.value, "address": one} for kind, one in person.own],
            "shared_addresses": len(person.shared),
            "orders": [_order(session, house, order_id) for order_id in person.order_ids],
            "suppressions": _suppressions(session, person),
            "unwanted": _unwanted(session, person),
            "inbound": _inbound(session, person),
        }


def _order(session: Session, house: House, order_id: int) -> dict[str, Any]:
    order = session.get_one(Order, order_id)
    parcels = session.scalars(sa.select(Shipment).where(Shipment.order_id == order_id).order_by(Shipment.id)).all()
    return {
        **{name: _plain(getattr(order, name)) for name in _ORDER},
        "shopper": {name.removeprefix("shopper_"): getattr(order, name) for name in _SHOPPER},
        "parcels": [_parcel(session, house, parcel) for parcel in parcels],
    }


def _parcel(session: Session, house: House, parcel: Shipment) -> dict[str, Any]:
    """The parcel's story, as `explain` tells it, and what its messages said."""
    ids = session.scalars(sa.select(Message.id).where(Message.shipment_id == parcel.id).order_by(Message.id)).all()
    return {
        "items": parcel.items,
        "story": explain(session, parcel.public_id, parcel.brand_id).model_dump(mode="json"),
        "said": _said(session, house, ids),
    }


def _said(session: Session, house: House, message_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Each message that was written out, word for word, from the snapshot that it left with."""
    released = session.execute(
        sa.select(Message.id, Message.public_id, Message.channel, Message.rendered_at, Message.personal)
        .where(Message.id.in_(message_ids), Message.rendered_at.is_not(None), Message.recipient_id != TEAM)
        .order_by(Message.id)
    ).all()
    whole = [row.id for row in released if row.personal is not None]
    releases = {one.id: one for one in load(session, house, whole, house.clock.now())} if whole else {}
    templates = templates_of(session, house, {one.template_version_id for one in releases.values()})
    said = []
    for row in released:
        text: dict[str, Any] = {"kept": False}
        if row.id in releases:
            text = _text(house, releases[row.id], templates)
        at = row.rendered_at.isoformat()
        said.append({"id": row.public_id, "channel": row.channel, "written_at": at, **text})
    return said


def _text(house: House, release: Release, templates: Mapping[int, Template]) -> dict[str, Any]:
    try:
        outgoing, _ = write_out(house, release, templates[release.template_version_id], "")
    except Exception as error:  # noqa: BLE001 - one message that cannot be read must not keep the others from a person
        log.error("cannot be written again", message=release.id, error=f"{type(error).__name__}: {error}")
        return {"kept": False}
    if isinstance(outgoing, OutgoingEmail):
        mail = {name: getattr(outgoing, name) for name in ("from_email", "subject", "text", "html")}
        return {"kept": True, "to": outgoing.to_email, "to_name": outgoing.to_name, **mail}
    if isinstance(outgoing, OutgoingWhatsApp):
        filled = {"template": outgoing.content_sid, "variables": dict(outgoing.variables)}
        return {"kept": True, "to": outgoing.to_phone, **filled}
    return {"kept": True, "to": outgoing.to_phone, "text": outgoing.text}


def _suppressions(session: Session, person: Known) -> list[dict[str, Any]]:
    rows = session.scalars(sa.select(Suppression).where(listed_as(person)).order_by(Suppression.id))
    return [
        {**{name: _plain(getattr(row, name)) for name in _SUPPRESSION}, "why": in_words(SuppressionKind(row.kind))}
        for row in rows
    ]


def _unwanted(session: Session, person: Known) -> list[dict[str, Any]]:
    """The kinds of news that they turned off, by the channel and address that it does not come to."""
    found = []
    for channel, address in person.own:
        ways = [channel] if channel is Channel.email else [Channel.sms, Channel.whatsapp]  # a number is one
        whose = (Choice.brand_id == person.brand_id, Choice.channel.in_(ways))
        mine = sa.select(Choice).where(*whose, Choice.address_digest == salted(address_digest(channel, address)))
        for row in session.scalars(mine.order_by(Choice.channel, Choice.kind)):
            at = row.created_at.isoformat()
            found.append({"channel": row.channel, "address": address, "kind": row.kind, "created_at": at})
    return found


def _inbound(session: Session, person: Known) -> list[dict[str, Any]]:
    rows = session.scalars(sa.select(InboundMessage).where(wrote(person)).order_by(InboundMessage.id))
    return [
        {name: _plain(getattr(row, name)) for name in ("received_at", "sender", "recipient", "meaning", "body")}
        for row in rows
    ]


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
