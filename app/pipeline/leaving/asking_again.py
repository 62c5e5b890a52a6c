"""A person asks for a message to be sent once more: a further attempt on the same message, judged as any other.

What it said stays as it was, byte for byte; where it goes is read anew, because a wrong address is why people ask. It
leaves by the ordinary way, so suppressions, pauses, quiet hours and the sending mode hold for it. Where it does not
leave after all, it is again what it had been.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import Conflict
from app.models import Attempt, Crossing, Message, Order, Resend
from app.models.vocabulary import FAILED, PENDING, SENT, WITHHELD, AttemptOutcome, MessageState, Reason
from app.pipeline.deciding.planning import sender_of
from app.pipeline.house import House
from app.pipeline.leaving.judging import Withheld, judge
from app.pipeline.leaving.releasing import load
from app.pipeline.leaving.team import TEAM

MOST = 5
"""How often one message is sent again on request."""

_SHORTEST, _LONGEST = timedelta(hours=1), timedelta(hours=24)
"""For how long a message that is asked for again may wait for its turn, however long its news is worth at first."""

_BUSY = {
    MessageState.held: "It has not left yet; it leaves by itself when its time comes.",
    MessageState.ready: "It is about to leave already.",
    MessageState.sending: "It is being sent at this moment.",
    MessageState.unconfirmed: "Nobody has said yet whether the last try arrived. Wait until that is known.",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """Which message (outside id) is to leave again, who says so and why. `after_attempt` is how many attempts it had
    when they looked, None where they did not: another number means that somebody was faster."""

    message: str
    by: str
    why: str
    after_attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What asking comes to. `refusal` is a sentence, empty where it may leave: at `leaves_at` (engine time), for
    `leaves_why` where that is later. `to` is where it goes, None where that is not kept. `new` is false where it had
    been asked for already."""

    message: str
    attempts: int
    to: str | None = None
    leaves_at: datetime | None = None
    leaves_why: str = ""
    refusal: str = ""
    new: bool = True
    wakes: frozenset[tuple[str, str]] = frozenset()


def look(session: Session, house: House, brand_id: int, message: str, now: datetime) -> Outlook | None:
    """What asking would come to at this instant, with nothing changed; None for a message that the brand has not."""
    trying = session.begin_nested()
    try:
        return _ask(session, house, brand_id, Wish(message, "", ""), now)
    finally:
        trying.rollback()
        session.expire_all()


def ask_again(session: Session, house: House, brand_id: int, wish: Wish, now: datetime) -> Outlook | None:
    """Make the message ready to leave once more, in the caller's transaction; None for one that the brand has not.

    Asking twice while it waits is asking once. Raises Conflict, with nothing changed, where it must not leave, and
    where it left again since `after_attempt`.
    """
    with session.begin_nested():
        outlook = _ask(session, house, brand_id, wish, now)
        if outlook is not None and outlook.refusal:
            raise Conflict(f"{outlook.refusal} Nothing was sent.")
    return outlook


def _ask(session: Session, house: House, brand_id: int, wish: Wish, now: datetime) -> Outlook | None:
    found = session.execute(
        sa.select(Message.id, Message.order_id).where(Message.public_id == wish.message, Message.brand_id == brand_id)
    ).one_or_none()
    if found is None:
        return None
    order = session.scalars(sa.select(Order).where(Order.id == found.order_id).with_for_update(key_share=True)).one()
    message = session.scalars(
        sa.select(Message).where(Message.id == found.id).with_for_update(key_share=True),
        execution_options={"populate_existing": True},
    ).one()
    close_resends(session, [message.id])
    session.refresh(message)
    attempts = message.attempts
    if _asked_already(session, message):
        return Outlook(message.public_id, attempts, _to(message, order), message.send_at, new=False)
    refusal = _standing(session, house, message, order, wish)
    if refusal:
        return Outlook(message.public_id, attempts, _to(message, order), refusal=refusal)
    to = _make_ready(session, message, order, wish, now)
    session.flush()
    held = _judged(session, house, message, now)
    if held is None or held.again_at is not None:
        return Outlook(
            message.public_id,
            attempts,
            to,
            held.again_at if held else now,
            Reason(held.reason).sentence if held else "",
            wakes=frozenset({(sender_of(message.priority), message.channel)}),
        )
    detail = f": {held.detail}." if held.detail else "."
    return Outlook(message.public_id, attempts, to, refusal=f"{held.reason.sentence.rstrip('.')}{detail}")


def _asked_already(session: Session, message: Message) -> bool:
    if message.state not in PENDING:
        return False
    query = sa.select(Resend.id).where(Resend.message_id == message.id, Resend.open)
    return session.scalar(query) is not None


def _standing(session: Session, house: House, message: Message, order: Order, wish: Wish) -> str:
    """Why it cannot be asked for, whatever the instant; empty where it can."""
    state = MessageState(message.state)
    if state in _BUSY:
        return _BUSY[state]
    if wish.after_attempt is not None and wish.after_attempt != message.attempts:
        return "It has been sent again since you looked at it. Look once more before you send it another time."
    if order.erased_at is not None:
        return Reason.person_erased.sentence
    if message.template_version_id is None:
        return Reason.no_template.sentence
    if message.channel not in house.channels:
        return Reason.channel_off.sentence
    facts = session.scalar(sa.select(Crossing.facts).where(Crossing.id == message.crossing_id))
    if not facts or (message.rendered_at is not None and message.personal is None):
        return "What it said is not kept any more, so it cannot be written out as it was."
    before = session.scalars(sa.select(sa.func.count()).where(Resend.message_id == message.id)).one()
    if before >= MOST:
        return f"It has been sent again {before} times, which is as often as one message may be."
    return ""


def _make_ready(session: Session, message: Message, order: Order, wish: Wish, now: datetime) -> str | None:
    was = message.personal or {}
    person = was
    if message.recipient_id != TEAM and message.personal is not None:
        person = {**was, "email": order.email, "phone": order.phone}
    session.add(
        Resend(
            brand_id=message.brand_id,
            message_id=message.id,
            after_attempt=message.attempts,
            asked_at=now,
            asked_by=wish.by,
            why=wish.why,
            was_state=message.state,
            was_reason=message.reason,
            was_ended_at=message.ended_at,
            readdressed=_address(message, person) != _address(message, was),
        )
    )
    if message.open_attempt_id is not None:  # it was given up as ambiguous: what is still heard of it is written down
        session.execute(
            sa.update(Attempt)
            .where(Attempt.id == message.open_attempt_id, Attempt.settled_at.is_(None))
            .values(settled_at=sa.func.clock_timestamp(), outcome=AttemptOutcome.unanswered.value)
        )
    lasts = min(max(message.expires_at - message.planned_at, _SHORTEST), _LONGEST)
    message.state, message.reason, message.detail = MessageState.ready.value, Reason.asked_again.value, None
    message.send_at, message.ended_at, message.tries = now, None, 0
    message.expires_at = max(message.expires_at, now + lasts)
    message.open_attempt_id = message.lease_token = message.lease_until = message.pause_id = None
    if message.personal is not None:
        message.personal = person
    return _to(message, order)


def _address(message: Message, person: dict[str, str | None]) -> str | None:
    return person.get("email" if message.channel == "email" else "phone")


def _to(message: Message, order: Order) -> str | None:
    """Where it goes, as far as a shopper is meant: the brand's own people are not named."""
    if message.recipient_id == TEAM:
        return "the brand's team"
    return order.email if message.channel == "email" else order.phone


def _judged(session: Session, house: House, message: Message, now: datetime) -> Withheld | None:
    (release,) = load(session, house, [message.id], now)
    return judge(release, now, house.send_mode, house.allowlist)


_NOT_SENT = sorted(state.value for state in WITHHELD | FAILED)
_WENT = sorted(state.value for state in SENT if state is not MessageState.bounced)
_ENDED = sa.text("""
    SELECT resends.id, resends.message_id, resends.was_state, resends.was_reason, resends.was_ended_at,
        messages.state, messages.reason, messages.attempts > resends.after_attempt AS tried
    FROM resends JOIN messages ON messages.id = resends.message_id
    WHERE resends.open AND messages.state <> ALL(:pending)
        AND (cast(:only AS bigint[]) IS NULL OR messages.id = ANY(:only))
    ORDER BY messages.id LIMIT 500 FOR NO KEY UPDATE OF messages SKIP LOCKED
""")
_CLOSE = sa.text("UPDATE resends SET open = false, outcome = :outcome WHERE id = :id")
_AS_BEFORE = sa.text("""
    UPDATE messages SET state = :was_state, reason = :was_reason, ended_at = :was_ended_at, detail = NULL
    WHERE id = :message_id AND state = :state
""")


def close_resends(session: Session, only: Sequence[int] | None = None) -> int:
    """Write down what became of the wishes that are over, in the caller's transaction: how many. A message that had
    reached its shopper before, and did not leave again, counts as it did."""
    pending = sorted(state.value for state in PENDING)
    rows = session.execute(_ENDED, {"pending": pending, "only": list(only) if only is not None else None}).all()
    for row in rows:
        lost = row.state in _NOT_SENT
        session.execute(_CLOSE, {"id": row.id, "outcome": row.reason if lost else None})
        if lost and row.was_state in _WENT:
            session.execute(_AS_BEFORE, dict(row._mapping))
    return len(rows)


def spoken_for(session: Session, message_ids: Sequence[int]) -> dict[int, tuple[int, bool]]:
    """Up to which attempt the reports about each message are about an earlier try of one that was sent again, and
    whether it was written to another address then."""
    if not message_ids:
        return {}
    rows = session.execute(
        sa.select(Resend.message_id, sa.func.max(Resend.after_attempt), sa.func.bool_or(Resend.readdressed))
        .where(Resend.message_id == sa.func.any(list(message_ids)), Resend.outcome.is_(None))
        .group_by(Resend.message_id)
    )
    return {row[0]: (row[1], row[2]) for row in rows}
