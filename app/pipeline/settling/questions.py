"""Puts together what a provider needs to be told to say what became of a call, from the message's frozen snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.channels.base import Outgoing, OutgoingSms, OutgoingWhatsApp, Question
from app.log import logger
from app.models.vocabulary import Channel
from app.pipeline.halving import in_halves
from app.pipeline.house import House
from app.pipeline.leaving.judging import Release
from app.pipeline.leaving.releasing import load, templates_of
from app.pipeline.leaving.writing import write_out

log = logger(__name__)

OVERLAP = timedelta(seconds=60)
"""Two calls this close in time could each have made a message that the provider lists."""
WITNESSES = 3


@dataclass(frozen=True, slots=True)
class Doubt:
    """One call that was never answered, leased to be asked about."""

    id: int
    public_id: str
    message_id: int
    provider: str
    sender: str
    begun_at: datetime
    deadline_at: datetime


# Everything of the shoppers in question that was never settled, and what is known of what was.
_NEIGHBOURS = sa.text("""
    SELECT messages.id AS message_id, messages.order_id, attempts.id, attempts.public_id, attempts.begun_at,
        attempts.deadline_at, attempts.settled_at IS NULL AS open, messages.personal IS NOT NULL AS whole,
        array_remove(array_append(
            array(SELECT provider_ref FROM receipts WHERE receipts.attempt_public_id = attempts.public_id),
            attempts.provider_ref
        ), NULL) AS refs
    FROM messages JOIN attempts ON attempts.message_id = messages.id
    WHERE attempts.provider = :provider
        AND messages.order_id = any(SELECT order_id FROM messages AS asked WHERE asked.id = any(:message_ids))
    ORDER BY attempts.id
""")

_WITNESSES = sa.text("""
    SELECT public_id, provider_ref FROM attempts
    WHERE id > :attempt_id AND provider = :provider AND sender = :sender AND outcome = 'accepted'
        AND provider_ref IS NOT NULL AND begun_at > cast(:after AS timestamptz)
    ORDER BY id LIMIT :amount
""")


def pose(session: Session, house: House, doubts: Sequence[Doubt]) -> list[tuple[Doubt, Question]]:
    """The question about each call. A message whose person was forgotten, or whose text cannot be written out
    again, is asked about without its text; whether that is enough is for its provider to say."""
    values = {"provider": doubts[0].provider, "message_ids": [doubt.message_id for doubt in doubts]}
    neighbours = session.execute(_NEIGHBOURS, values).all()
    asked = {doubt.message_id for doubt in doubts}
    readable = sorted({row.message_id for row in neighbours if row.whole and (row.open or row.message_id in asked)})
    texts, marks = _write(session, house, readable)
    return [(doubt, _question(session, house, doubt, neighbours, texts, marks)) for doubt in doubts]


def _write(session: Session, house: House, ids: Sequence[int]) -> tuple[dict[int, Outgoing], dict[int, str]]:
    """What each message says, as it said it then, and the link that only messages about its parcel hold."""
    releases: list[Release] = []

    def read(some: Sequence[int]) -> None:
        with session.begin_nested():
            releases.extend(load(session, house, some, house.clock.now()))

    in_halves(ids, read, _unreadable)
    templates = templates_of(session, house, {release.template_version_id for release in releases})
    texts: dict[int, Outgoing] = {}
    for release in releases:
        try:
            texts[release.id], _ = write_out(house, release, templates[release.template_version_id], "")
        except Exception as error:  # noqa: BLE001 - one message must not keep the others from being asked about
            log.error("cannot be written again", message=release.id, error=f"{type(error).__name__}: {error}")
    return texts, {release.id: _mark(release) for release in releases}


def _unreadable(message_id: int, error: Exception) -> None:
    log.error("cannot be read again", message=message_id, error=f"{type(error).__name__}: {error}")


def _mark(release: Release) -> str:
    return release.facts.parcel.link


def _question(
    session: Session,
    house: House,
    doubt: Doubt,
    neighbours: Sequence[Any],
    texts: Mapping[int, Outgoing],
    marks: Mapping[int, str],
) -> Question:
    order = next((row.order_id for row in neighbours if row.id == doubt.id), None)
    own = [row for row in neighbours if row.order_id == order]
    outgoing = texts.get(doubt.message_id)
    return Question(
        attempt_id=doubt.public_id,
        outgoing=outgoing,
        mark=marks.get(doubt.message_id, ""),
        begun_at=doubt.begun_at,
        deadline_at=doubt.deadline_at,
        known=frozenset(ref for row in own if row.message_id != doubt.message_id for ref in row.refs),
        rivals=tuple(row.public_id for row in own if _rivals(row, doubt, texts)),
        witnesses=_witnesses(session, house, doubt, outgoing),
    )


def _rivals(row: Any, doubt: Doubt, texts: Mapping[int, Outgoing]) -> bool:
    """Whether this call could have made the message that the other is looked for as."""
    if row.id == doubt.id:
        return True
    close = row.begun_at - OVERLAP <= doubt.deadline_at and doubt.begun_at <= row.deadline_at + OVERLAP
    return row.open and not row.refs and close and _alike(texts.get(row.message_id), texts.get(doubt.message_id))


def _alike(one: Outgoing | None, other: Outgoing | None) -> bool:
    """Whether two texts read the same; one that cannot be read might."""
    if isinstance(one, OutgoingWhatsApp) and isinstance(other, OutgoingWhatsApp):
        # Twilio's texts are not ours to compare: one about this parcel may look like any other about it.
        return (one.to_phone, one.link) == (other.to_phone, other.link)
    if not isinstance(one, OutgoingSms) or not isinstance(other, OutgoingSms):
        return one is None or other is None
    return (one.to_phone, one.text) == (other.to_phone, other.text)


def _witnesses(session: Session, house: House, doubt: Doubt, outgoing: Outgoing | None) -> tuple[tuple[str, str], ...]:
    """Later mails that the provider took: that its records show them tells that they are up to date."""
    if isinstance(outgoing, OutgoingSms | OutgoingWhatsApp) or Channel.email not in house.channels:
        return ()
    values = {
        "attempt_id": doubt.id,
        "provider": doubt.provider,
        "sender": doubt.sender,
        "after": doubt.deadline_at + timedelta(seconds=house.sending.margin),
        "amount": WITNESSES,
    }
    return tuple((row.public_id, row.provider_ref) for row in session.execute(_WITNESSES, values))
