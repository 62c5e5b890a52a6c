"""Mails the link to an order to whoever asked for it and owns its address: one an hour and order, at the most.

The page that takes the question only writes it down, so that it takes as long for an order that exists as for one that
does not; what there is, is looked up here. A mail that nobody answered for is not sent again: its owner asks again.

These mails are answers, not messages: no rule decides them, and the ledger of messages does not count them. What holds
for messages holds for them: the sending mode, suppressions, and pauses of the brand or of all mail.
"""

import asyncio
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.channels.base import OutgoingEmail, Transport, one_line
from app.errors import DoorstepError
from app.log import logger
from app.messages.authoring.brands import BrandSource
from app.messages.authoring.bundle import locale_chain
from app.messages.authoring.wording import read_words
from app.models import LinkMail, public_id
from app.models.addresses import address_digest
from app.models.orders import LINK_DAYS
from app.models.vocabulary import AttemptOutcome, Channel
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.house import House
from app.pipeline.leaving.gate import gate_of
from app.pipeline.leaving.senders import Rest, choose, resting
from app.pipeline.people.consenting import standing

log = logger(__name__)

AT_ONCE = 50

# What was asked for longer ago than an hour is not answered any more: whoever asked has found another way.
_TAKE = sa.text("""
    WITH due AS MATERIALIZED (
        SELECT id, brand_id, number, email, asked_at FROM link_requests
        WHERE answered_at IS NULL ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
    ), emptied AS (
        UPDATE link_requests SET answered_at = clock_timestamp(), number = NULL, email = NULL
        FROM due WHERE link_requests.id = due.id
    )
    SELECT brand_id, number, email FROM due
    WHERE asked_at > clock_timestamp() - interval '1 hour' AND number IS NOT NULL ORDER BY id
""")
_FORGET = sa.text("DELETE FROM link_requests WHERE asked_at < clock_timestamp() - interval '1 day'")

# The parcel that was sent last; from its page the order's others are one click away.
_FIND = sa.text("""
    SELECT orders.id, orders.brand_id, orders.number, orders.email, orders.locale, brands.key, shipments.link_token
    FROM orders JOIN brands ON brands.id = orders.brand_id JOIN shipments ON shipments.order_id = orders.id
    WHERE orders.brand_id = :brand_id AND orders.number = any(:numbers) AND lower(orders.email) = lower(:email)
        AND orders.erased_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM pauses WHERE lifted_at IS NULL
            AND (pauses.brand_id = orders.brand_id OR pauses.brand_id IS NULL)
            AND (kind IN ('all', 'brand') OR (kind = 'channel' AND name = 'email')))
        AND greatest(orders.placed_at, shipments.milestone_at, shipments.delivered_at) > :since
    ORDER BY orders.placed_at DESC, shipments.direction = 'return', shipments.cancelled_at IS NOT NULL,
        shipments.id DESC
    LIMIT 1
""")
_BEGIN = sa.text("""
    INSERT INTO link_mails AS last (order_id, public_id, brand_id, begun_at, provider)
    VALUES (:order_id, :public_id, :brand_id, clock_timestamp(), :provider)
    ON CONFLICT (order_id) DO UPDATE
    SET public_id = excluded.public_id, begun_at = excluded.begun_at, provider = excluded.provider, outcome = NULL
    WHERE last.begun_at < clock_timestamp() - interval '1 hour'
    RETURNING order_id
""")


def answer_link_requests(house: House) -> int:
    """Look up what was asked for since the last look, and mail what was found; how many mails were accepted."""
    with house.sessions.begin() as session:
        session.execute(_FORGET)
        house = as_of_now(session, house)
        asked = session.execute(_TAKE, {"most": AT_ONCE}).all()
        begun = [one for row in asked if (one := _begin(session, house, row)) is not None]
    return sum(house.loop.run(_call_all(house, begun))) if begun else 0


def _begin(session: Session, house: House, asked: Any) -> tuple[Transport, OutgoingEmail] | None:
    """The mail that answers a question, noted as begun; None where there is no such order, or nothing may leave."""
    since = house.clock.now() - timedelta(days=LINK_DAYS)
    numbers = [asked.number, asked.number.removeprefix("#"), f"#{asked.number}"]
    values = {"brand_id": asked.brand_id, "numbers": numbers, "email": asked.email, "since": since}
    order = session.execute(_FIND, values).one_or_none()
    if order is None:
        return None
    look = house.catalog.brands().get(order.key)
    digest = address_digest(Channel.email, order.email)
    if look is None or (order.brand_id, Channel.email.value, digest) in standing(session, [digest]):
        return None
    mail = _written(house, look, order)
    allowed = house.transports.get(Channel.email, ())
    sender = choose(allowed, mail, resting(session)) if allowed else None
    if sender is None or isinstance(sender, Rest) or gate_of(house)(mail) is not None:
        log.warning("a link that was asked for could not be mailed: nothing may leave, or no sender is ready")
        return None
    row = {
        "order_id": order.id,
        "public_id": mail.attempt_id,
        "brand_id": order.brand_id,
        "provider": sender.name,
    }
    return (sender, mail) if session.execute(_BEGIN, row).one_or_none() is not None else None


def _written(house: House, look: BrandSource, order: Any) -> OutgoingEmail:
    """The mail: the link and two sentences, in the order's language, like a letter."""
    said = _words(house, look, order.locale)
    filled = {
        "number": one_line(order.number, 60),
        "brand": look.name,
        "link": f"{house.public_url.rstrip('/')}/t/{order.link_token}",
    }
    return OutgoingEmail(
        attempt_id=public_id("lnk"),
        to_email=order.email,
        to_name=None,
        from_email=look.sender.from_email,
        from_name=look.sender.from_name,
        reply_to=look.sender.reply_to,
        subject=one_line(said["subject"].format_map(filled), 150),
        html="",
        text=said["text"].format_map(filled),
        category="link",
    )


def _words(house: House, look: BrandSource, locale: str) -> dict[str, str]:
    for one in (*locale_chain(locale, look.locale), "en"):
        try:
            found = read_words(house.catalog.shelf(look.key), one).get("link_mail")
        except DoorstepError:
            continue  # no such language
        if found:
            return dict(found)
    raise DoorstepError("templates/messages/en/words.yaml lacks link_mail. Add its subject and text.")


async def _call_all(house: House, begun: list[tuple[Transport, OutgoingEmail]]) -> list[bool]:
    return list(await asyncio.gather(*(_call(house, *one) for one in begun)))


async def _call(house: House, sender: Transport, mail: OutgoingEmail) -> bool:
    try:
        outcome = (await asyncio.wait_for(sender.send(mail), house.sending.deadline)).outcome
    except TimeoutError:
        outcome = AttemptOutcome.unanswered
    await asyncio.to_thread(_settle, house, mail.attempt_id, outcome)
    return outcome is AttemptOutcome.accepted


def _settle(house: House, attempt: str, outcome: AttemptOutcome) -> None:
    with house.sessions.begin() as session:
        session.execute(sa.update(LinkMail).where(LinkMail.public_id == attempt).values(outcome=outcome.value))
