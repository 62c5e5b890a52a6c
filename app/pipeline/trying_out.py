"""Testing what an installation is connected to, one call each: a carrier, a provider, a way to alarm, its own hooks.

Nothing of a test is stored, and none counts as a shopper's message. Each answers in a sentence.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import sqlalchemy as sa
from sqlalchemy.orm import Session
from twilio.request_validator import RequestValidator

from app.channels.base import Outgoing, OutgoingEmail, OutgoingSms, Transport, Verdict
from app.clock import stopwatch
from app.log import mask
from app.models import Shipment
from app.models.addresses import address_digest
from app.models.vocabulary import AttemptOutcome, Channel, Reason
from app.pipeline.house import House
from app.pipeline.leaving.gate import gate_of
from app.pipeline.people.consenting import standing
from app.pipeline.polling.fetching import fetch
from app.receipts.suppression import in_words
from app.tracking.adapter.base import AnswerKind, Ask, Call, Carrier, CarrierReply, RawAnswer

DEADLINE = 15.0
"""Seconds for one test, all its calls together."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a test came to: whether it is well, and a sentence about it that holds no secret."""

    well: bool
    sentence: str


_REPLIES: dict[AnswerKind, tuple[bool, str]] = {
    AnswerKind.tracked: (True, "It answers, and knows this parcel: {scans} scans."),
    AnswerKind.not_found: (True, "It answers and takes our credentials. It does not know this number."),
    AnswerKind.throttled: (False, "It answers, and asks for fewer questions."),
    AnswerKind.denied: (False, "It refuses the credentials."),
    AnswerKind.malformed: (False, "It answers, but nobody can read what."),
    AnswerKind.unavailable: (False, "It gives no answer now."),
}


def known_number(session: Session, brand_id: int, carrier: str) -> str | None:
    """The number of the brand's newest parcel with a carrier, to ask about."""
    query = (
        sa.select(Shipment.tracking_number)
        .where(Shipment.brand_id == brand_id, Shipment.carrier == carrier, Shipment.tracking_number.is_not(None))
        .order_by(Shipment.id.desc())
    )
    return session.scalar(query.limit(1))


def try_carrier(house: House, carrier: Carrier, number: str) -> Outcome:
    """Ask a carrier about one number, with this installation's credentials and past its budget."""
    missing = house.missing(carrier.name)
    if missing:
        return Outcome(False, f"It cannot be asked: {', '.join(missing)} is not set.")
    started = stopwatch()
    outcome = house.loop.run(_within(_ask(house, carrier, Ask(number))))
    return Outcome(outcome.well, f"{outcome.sentence} It took {stopwatch() - started:.1f} s.")


async def _ask(house: House, carrier: Carrier, ask: Ask) -> Outcome:
    access = house.access(carrier)
    if carrier.login is not None:
        call = carrier.login.call(access)
        lent = carrier.login.read(await fetch(house.http, call, DEADLINE))
        if isinstance(lent, CarrierReply):
            return _told(lent, "It lends no token")
        access = house.access(carrier, lent.value)
    (call, *_) = carrier.calls([ask], access)
    answer = await fetch(house.http, call, DEADLINE)
    return _read(carrier, call, answer)


def _read(carrier: Carrier, call: Call, answer: RawAnswer) -> Outcome:
    replies = carrier.read(call, answer)
    if not replies:
        return Outcome(False, "It answers, but says nothing of the number.")
    said = f"HTTP {answer.status}" if answer.status is not None else answer.fault or ""
    return _told(replies[0], said)


def _told(reply: CarrierReply, said: str) -> Outcome:
    well, sentence = _REPLIES[reply.kind]
    detail = f" ({mask(reply.detail or said)[:160]})" if not well and (reply.detail or said) else ""
    return Outcome(well, sentence.format(scans=len(reply.scans)) + detail)


def try_provider(house: House, transport: Transport, outgoing: Outgoing, brand_id: int) -> Outcome:
    """Hand one marked test message to a provider, where messages may leave at all and the address may be written to."""
    closed = gate_of(house)(outgoing)
    if closed is Reason.shadow:
        return Outcome(False, "Nothing was sent: Doorstep runs in shadow mode, and nothing leaves.")
    if closed is not None:
        return Outcome(False, "Nothing was sent: the address is not among DOORSTEP_ALLOWLIST.")
    channel = Channel.email if isinstance(outgoing, OutgoingEmail) else Channel.sms
    address = outgoing.to_email if isinstance(outgoing, OutgoingEmail) else outgoing.to_phone
    digest = address_digest(channel, address)
    with house.sessions() as session:
        why = standing(session, [digest]).get((brand_id, channel.value, digest))
    if why is not None:
        return Outcome(False, f"Nothing was sent: the address must not be written to, {in_words(why)}.")
    verdict = house.loop.run(_send(transport, outgoing))
    if verdict is None:
        return Outcome(False, f"No answer within {DEADLINE:g} s; nobody knows whether it left.")
    if verdict.outcome is AttemptOutcome.accepted:
        return Outcome(True, "It took the message. Look whether it arrives.")
    detail = mask(verdict.error or verdict.outcome.value)[:200]
    return Outcome(False, f"It did not take the message: {detail.rstrip('.')}.")


async def _send(transport: Transport, outgoing: Outgoing) -> Verdict | None:
    try:
        async with asyncio.timeout(DEADLINE):
            return await transport.send(outgoing)
    except TimeoutError:
        return None


def trial_letter(name: str, to: str, sender: tuple[str, str], place: str) -> OutgoingEmail:
    """A mail that says that it is a test; `sender` is address and name, `place` the installation's address."""
    text = f"This is a test message that somebody asked for in Doorstep at {place}. Nothing else was sent.\n"
    return OutgoingEmail(
        name, to, None, sender[0], sender[1], None, "[Test] Doorstep can send mail", "", text, "doorstep_test"
    )


def trial_text(name: str, to: str, sender: str | None, brand: str) -> OutgoingSms:
    """A text message that says that it is a test."""
    return OutgoingSms(name, to, f"{brand}: this is a test message from Doorstep.", sender, 600)


def try_hook(house: House, path: str, token: str = "") -> Outcome:
    """Call one of our own hooks at its public address: signed, where we hold what it is signed with (Twilio's `token`),
    and then it must be believed; unsigned elsewhere, and then it must be refused. Neither stores anything."""
    url = f"{house.public_url.rstrip('/')}/hooks/{path}"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Doorstep test"}
    form = {"Test": "1"}
    if token:
        headers["X-Twilio-Signature"] = RequestValidator(token).compute_signature(url, form)
    try:
        answer = house.loop.run(_within_call(house, url, form, headers))
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
        why = type(error).__name__
        return Outcome(False, f"{url} cannot be reached from here ({why}). Is DOORSTEP_PUBLIC_URL right?")
    ours = "x-request-id" in answer.headers
    if not ours:
        return Outcome(False, f"Something else than Doorstep answers at {url}: HTTP {answer.status_code}.")
    if token:
        if answer.status_code in (204, 400):  # signed, and with nothing in it
            return Outcome(True, "Reached, and a signed sample is believed.")
        remedy = "Does DOORSTEP_PUBLIC_URL name the address that is called?"
        return Outcome(False, f"Reached, but a signed sample is refused (HTTP {answer.status_code}). {remedy}")
    if answer.status_code == 403:
        rest = "Send a test from there to see a signature believed."
        return Outcome(True, f"Reached, and an unsigned sample is refused, as it must be. {rest}")
    return Outcome(False, f"Reached, but not in use: HTTP {answer.status_code}.")


async def _within_call(house: House, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> httpx.Response:
    async with asyncio.timeout(DEADLINE):
        return await house.http.post(url, data=dict(form), headers=dict(headers), follow_redirects=False)


async def _within(work: Coroutine[Any, Any, Outcome]) -> Outcome:
    try:
        async with asyncio.timeout(DEADLINE):
            return await work
    except TimeoutError:
        return Outcome(False, f"It does not answer within {DEADLINE:g} s.")
