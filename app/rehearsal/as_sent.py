"""A message as it left: written out again from its frozen snapshot, the same bytes; one that has not left as it would
read at this moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.channels.base import Outgoing, OutgoingEmail, OutgoingSms
from app.insight.explain import message_stories
from app.insight.stories import MessageStory
from app.messages.base import NotRenderable
from app.models import Crossing, Message, Order, Shipment
from app.models.facts import Facts, Person
from app.models.vocabulary import Channel, Milestone
from app.pipeline.house import House
from app.pipeline.leaving.judging import Release
from app.pipeline.leaving.releasing import load, templates_of
from app.pipeline.leaving.writing import write_out


@dataclass(frozen=True, slots=True)
class AsSent:
    """A message with what became of it. `letter` is what a provider was, or would be, handed; None with `missing`, a
    sentence, where it cannot be written out. `left`: it is the frozen one."""

    story: MessageStory
    shipment: str
    order: str
    milestone: str
    rule: str
    left: bool
    letter: Outgoing | None
    missing: str = ""

    @property
    def html(self) -> str:
        """An email's HTML, byte for byte; empty for other channels."""
        return self.letter.html if isinstance(self.letter, OutgoingEmail) else ""

    @property
    def text(self) -> str:
        """The plain text; of a WhatsApp message what fills its variables, a line each."""
        if isinstance(self.letter, OutgoingEmail | OutgoingSms):
            return self.letter.text
        return "\n".join(f"{name}: {said}" for name, said in self.letter.variables.items()) if self.letter else ""

    @property
    def headers(self) -> Mapping[str, str]:
        """What stands above an email, by name."""
        if not isinstance(self.letter, OutgoingEmail):
            return {}
        one = self.letter
        told = {"From": f"{one.from_name} <{one.from_email}>", "To": _named(one.to_name, one.to_email)}
        reply = {"Reply-To": one.reply_to} if one.reply_to else {}
        return {**told, **reply, "Subject": one.subject, **one.headers}


def _named(name: str | None, address: str) -> str:
    return f"{name} <{address}>" if name else address


def as_sent(session: Session, house: House, brand_id: int, message_id: str, now: datetime) -> AsSent | None:
    """The brand's message of this outside id; None where it has none."""
    row = session.execute(
        sa.select(Message, Crossing.facts, Shipment.public_id, Order.number)
        .join(Crossing, Crossing.id == Message.crossing_id)
        .join(Shipment, Shipment.id == Message.shipment_id)
        .join(Order, Order.id == Message.order_id)
        .where(Message.public_id == message_id, Message.brand_id == brand_id)
    ).one_or_none()
    if row is None:
        return None
    message: Message = row[0]
    (story,) = message_stories(session, [message])
    letter, missing = _letter(session, house, message, row.facts, now)
    left = message.rendered_at is not None and letter is not None
    return AsSent(story, row.public_id, row.number, message.milestone, message.rule, left, letter, missing)


def _letter(
    session: Session, house: House, message: Message, facts: Mapping[str, Any], now: datetime
) -> tuple[Outgoing | None, str]:
    gone = not (message.released or facts) or (message.rendered_at is not None and message.personal is None)
    if gone or message.template_version_id is None:
        return None, "What it said is not kept any more: its time is over, or its shopper was forgotten."
    templates = templates_of(session, house, {message.template_version_id})
    if message.rendered_at is not None:
        release = _as_it_left(message, facts)
    else:
        (release,) = load(session, house, [message.id], now)
    try:
        letter, _ = write_out(house, release, templates[message.template_version_id], "")
    except NotRenderable as error:
        return None, f"It cannot be filled in: {error}"
    return letter, ""


def _as_it_left(message: Message, facts: Mapping[str, Any]) -> Release:
    """The frozen release, whatever has become of its parcels since: of it only what is written out is read."""
    frozen = Facts.model_validate(message.released or facts)
    assert message.rendered_at is not None and message.template_version_id is not None
    return Release.only_read(
        id=message.id,
        public_id=message.public_id,
        brand_id=message.brand_id,
        channel=Channel(message.channel),
        milestone=Milestone(message.milestone),
        template_version_id=message.template_version_id,
        tries=message.tries,
        expires_at=message.expires_at,
        facts=frozen,
        person=Person.model_validate(message.personal),
        rendered_at=message.rendered_at,
        parcel_id=frozen.parcel.id,
        parcel_milestone=frozen.parcel.milestone,
        as_decided=message.released is None,
        priority=message.priority,
        recipient_id=message.recipient_id,
    )
