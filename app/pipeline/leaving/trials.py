"""Test messages: a template sent to oneself by the real way out, counted as nobody's message, and so many an hour."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.channels.base import Outgoing, OutgoingEmail, Transport, Verdict
from app.errors import Conflict, Fault, InvalidInput
from app.log import logger
from app.messages.base import Template
from app.models import Brand, TemplateTest
from app.models.addresses import address_digest, salted
from app.models.vocabulary import AttemptOutcome, Channel, Reason
from app.pipeline.house import House
from app.pipeline.leaving.gate import closed_to, gate_of
from app.pipeline.leaving.senders import Rest, choose, resting
from app.pipeline.people.consenting import standing
from app.receipts.suppression import in_words

log = logger(__name__)

MOST_AN_HOUR = 20
"""Test messages of one brand, so that nobody sends a campaign this way."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One test message: who wants it, for which brand, of which template, filled in for whom."""

    brand_id: int
    template: Template
    about: str
    by: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a test message. `outcome` is a verdict's; `left` is how many more this hour has room for."""

    id: str
    provider: str
    outcome: AttemptOutcome
    error: str | None
    left: int


def send_trial(house: House, trial: Trial, outgoing: Outgoing) -> Tried:
    """Send a test message now, in one call; commits a row that says so before it, and its outcome after it.

    Nothing of it reaches the ledger: no shopper counts as told, and no report about it is anybody's. Raises
    InvalidInput where its address must not be written to, and Conflict where nothing may leave (shadow mode), the hour
    is full, or no sender is ready.
    """
    _open(house, outgoing)
    with house.sessions.begin() as session:
        # One brand's tests take turns here, so that the hour is counted as it is.
        session.execute(sa.select(Brand.id).where(Brand.id == trial.brand_id).with_for_update(key_share=True))
        _wanted(session, trial.brand_id, outgoing)
        left = _room(session, trial.brand_id)
        transport = _sender(session, house, outgoing)
        session.execute(sa.insert(TemplateTest).values(_row(trial, outgoing, transport)))
    verdict = house.loop.run(_call(house, transport, outgoing))
    with house.sessions.begin() as session:
        came_to = {"outcome": verdict.outcome.value, "http_status": verdict.http_status}
        session.execute(sa.update(TemplateTest).where(TemplateTest.public_id == outgoing.attempt_id).values(came_to))
    return Tried(outgoing.attempt_id, transport.name, verdict.outcome, verdict.error, left - 1)


def channel_of(outgoing: Outgoing) -> Channel:
    """The channel that a message leaves by."""
    if isinstance(outgoing, OutgoingEmail):
        return Channel.email
    return Channel.whatsapp if hasattr(outgoing, "content_sid") else Channel.sms


def _address(outgoing: Outgoing) -> str:
    return outgoing.to_email if isinstance(outgoing, OutgoingEmail) else outgoing.to_phone


def _open(house: House, outgoing: Outgoing) -> None:
    closed = closed_to(_address(outgoing), house.send_mode, house.allowlist)
    if closed is Reason.shadow:
        raise Conflict(
            "Doorstep runs in shadow mode: nothing leaves, and no test message either. Preview it instead, or set"
            " DOORSTEP_SEND to allowlist and list your address."
        )
    if closed is not None:
        remedy = "Add it to DOORSTEP_ALLOWLIST, or write to one that is listed."
        raise InvalidInput([Fault(None, "to", "is not among the addresses that may be written to", remedy)])


def _wanted(session: Session, brand_id: int, outgoing: Outgoing) -> None:
    channel = channel_of(outgoing)
    digest = address_digest(channel, _address(outgoing))
    why = standing(session, [digest]).get((brand_id, channel.value, digest))
    if why is not None:
        remedy = "Write to another, or lift that with `doorstep suppressions`."
        raise InvalidInput([Fault(None, "to", f"must not be written to: {in_words(why)}", remedy)])


def _room(session: Session, brand_id: int) -> int:
    """How many more test messages the hour has room for, by the database's clock."""
    since = sa.func.clock_timestamp() - timedelta(hours=1)
    query = sa.select(sa.func.count(), sa.func.min(TemplateTest.asked_at)).where(
        TemplateTest.brand_id == brand_id, TemplateTest.asked_at > since
    )
    count, oldest = session.execute(query).one()
    if count >= MOST_AN_HOUR:
        again = f"{oldest + timedelta(hours=1):%H:%M} UTC"
        raise Conflict(f"{MOST_AN_HOUR} test messages were sent in the last hour. The next may leave at {again}.")
    return MOST_AN_HOUR - int(count)


def _sender(session: Session, house: House, outgoing: Outgoing) -> Transport:
    channel = channel_of(outgoing)
    allowed: Sequence[Transport] = house.transports.get(channel, ())
    if not allowed:
        raise Conflict(
            f"No provider is set up for {channel.value}. DOORSTEP_CHANNELS__{channel.value.upper()} names it."
        )
    chosen = choose(allowed, outgoing, resting(session))
    if isinstance(chosen, Rest):
        raise Conflict(f"No sender is ready: {chosen.why}. Try again in {max(1, round(chosen.busy or chosen.left))} s.")
    return chosen


def _row(trial: Trial, outgoing: Outgoing, transport: Transport) -> dict[str, object]:
    channel = channel_of(outgoing)
    return {
        "public_id": outgoing.attempt_id,
        "brand_id": trial.brand_id,
        "key": trial.template.key,
        "channel": channel.value,
        "locale": trial.template.locale,
        "digest": trial.template.digest,
        "about": trial.about,
        "address_digest": salted(address_digest(channel, _address(outgoing))),
        "asked_by": trial.by,
        "asked_at": sa.func.clock_timestamp(),
        "provider": transport.name,
    }


async def _call(house: House, transport: Transport, outgoing: Outgoing) -> Verdict:
    closed = gate_of(house)(outgoing)
    if closed is not None:
        return Verdict(AttemptOutcome.refused, error=f"stopped before the call: {closed.value}")
    try:
        return await asyncio.wait_for(transport.send(outgoing), house.sending.deadline)
    except TimeoutError:
        return Verdict(AttemptOutcome.unanswered, error=f"no answer within {house.sending.deadline:.1f} s")
