"""Asks providers what became of calls that were never answered, and settles messages by what they say.

Nothing is asked before a call's deadline and a margin have passed. Questions are claimed in one transaction, asked
with none open, and what was found is written down in another: only where the message still waits for that very call.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.channels.base import Answer, Asking, Finding, Question, Transport
from app.clock import stopwatch
from app.log import logger
from app.models import Attempt, Message, Receipt
from app.models.event_counts import count_states
from app.models.vocabulary import AttemptOutcome, MessageState, Reason
from app.pipeline.house import House
from app.pipeline.settling.falling_back import fall_back, falls_back
from app.pipeline.settling.questions import Doubt, pose
from app.receipts.outcome import outcome

log = logger(__name__)

CONCURRENCY = 10
BATCH = 2 * CONCURRENCY
"""As many as can be asked within two deadlines: others have work for this process too, and a question is leased."""
LONGEST_PAUSE = 900.0
"""Seconds, at most, between two questions about one call."""


@dataclass(slots=True)
class Asked:
    """What a pass of asking came to, in calls."""

    found: int = 0
    absent: int = 0
    unclear: int = 0
    stood_in: int = 0
    """Whether anything was planned in the place of a message that ended: for how many senders."""


def ask_back(house: House, enough: float) -> Asked:
    """Ask about every unanswered call that is due for it; stops after `enough` seconds."""
    total, started = Asked(), stopwatch()
    for transports in house.transports.values():
        for transport in transports:
            while transport.asking is Asking.lookup and stopwatch() - started < enough:
                with house.sessions.begin() as session:
                    doubts = _claim(session, house, transport)
                if not doubts:
                    break
                with house.sessions() as session:
                    questions = pose(session, house, doubts)
                findings = house.loop.run(_inquire(transport, questions, house.sending.deadline))
                with house.sessions.begin() as session:
                    _conclude(session, house, transport, findings, total)
    return total


_DUE = """
    FROM messages JOIN attempts ON attempts.id = messages.open_attempt_id
    WHERE messages.state = 'unconfirmed' AND attempts.settled_at IS NULL
        AND attempts.provider = :provider AND attempts.sender = :sender AND attempts.first_receipt_at IS NULL
        AND attempts.deadline_at + make_interval(secs => :margin) < clock_timestamp()
        AND (attempts.ask_at IS NULL OR attempts.ask_at <= clock_timestamp())
"""

_ANY_DUE = sa.text(f"SELECT EXISTS (SELECT 1 {_DUE})")

# Only attempts are locked, and none is waited for: whoever settles locks the message first.
_CLAIM = sa.text(f"""
    WITH due AS MATERIALIZED (
        SELECT attempts.id AS attempt_id {_DUE}
        ORDER BY attempts.ask_at NULLS FIRST, attempts.id LIMIT :amount FOR UPDATE OF attempts SKIP LOCKED
    )
    UPDATE attempts
    SET asked_count = asked_count + 1, asked_at = clock_timestamp(),
        ask_at = clock_timestamp() + make_interval(secs => :lease)
    FROM due WHERE attempts.id = due.attempt_id
    RETURNING attempts.id, attempts.public_id, attempts.message_id, attempts.provider, attempts.sender,
        attempts.begun_at, attempts.deadline_at
""")  # noqa: S608 - constant text of this module

# One question at a time and a pause after it, for all workers, where the provider counts them.
_SLOT = sa.text("""
    INSERT INTO senders AS known (provider, sender, ask_free_at)
    VALUES (:provider, :sender, clock_timestamp() + make_interval(secs => :pause))
    ON CONFLICT (provider, sender) DO UPDATE SET ask_free_at = excluded.ask_free_at
    WHERE known.ask_free_at IS NULL OR known.ask_free_at <= clock_timestamp()
    RETURNING 1
""")

_PAUSE = sa.text("""
    INSERT INTO senders AS known (provider, sender, ask_free_at)
    VALUES (:provider, :sender, clock_timestamp() + make_interval(secs => :pause))
    ON CONFLICT (provider, sender) DO UPDATE SET ask_free_at = greatest(known.ask_free_at, excluded.ask_free_at)
""")

_PAUSED = sa.text(
    "SELECT 1 FROM senders WHERE provider = :provider AND sender = :sender AND ask_free_at > clock_timestamp()"
)


def _claim(session: Session, house: House, transport: Transport) -> list[Doubt]:
    """Lease the calls to ask about now; none while the provider wants a pause."""
    who = {"provider": transport.name, "sender": transport.sender}
    due = {**who, "margin": house.sending.margin}
    if not session.scalar(_ANY_DUE, due) or session.execute(_PAUSED, who).first():
        return []
    paced = transport.asking_pause > 0
    if paced and not session.execute(_SLOT, {**who, "pause": transport.asking_pause}).first():
        return []
    lease = house.sending.deadline * 2 + 5.0
    rows = session.execute(_CLAIM, {**due, "amount": 1 if paced else BATCH, "lease": lease}).all()
    return [Doubt(**row._asdict()) for row in sorted(rows, key=lambda row: row.message_id)]


async def _inquire(
    transport: Transport, questions: Sequence[tuple[Doubt, Question]], deadline: float
) -> list[tuple[Doubt, Finding]]:
    """Ask, several at once. No database is in reach here."""
    limit = asyncio.Semaphore(CONCURRENCY)

    async def one(doubt: Doubt, question: Question) -> tuple[Doubt, Finding]:
        async with limit:
            try:
                async with asyncio.timeout(deadline):
                    return doubt, await transport.lookup(question)
            except TimeoutError:
                return doubt, Finding(Answer.unclear, f"{transport.name} did not say within {deadline:.1f} s")

    return list(await asyncio.gather(*(one(doubt, question) for doubt, question in questions)))


def _conclude(
    session: Session, house: House, transport: Transport, findings: Sequence[tuple[Doubt, Finding]], total: Asked
) -> None:
    """Write down what was found, each by compare-and-swap on its message's open attempt."""
    messages = _locked(session, Message, [doubt.message_id for doubt, _ in findings])
    attempts = _locked(session, Attempt, [doubt.id for doubt, _ in findings])
    database_now = session.scalars(sa.select(sa.func.clock_timestamp())).one()
    unreached: list[int] = []
    moved: list[int] = []
    for doubt, finding in findings:
        message, attempt = messages[doubt.message_id], attempts[doubt.id]
        if message.open_attempt_id != attempt.id or attempt.settled_at is not None:
            continue  # an answer or a report was faster
        attempt.conclusion = finding.grounds
        before = message.state
        if finding.answer is Answer.found and not _taken(session, message, attempt, finding.provider_ref):
            total.found += _found(message, attempt, finding, database_now, house.clock.now())
        elif finding.answer is Answer.absent and _unreported(session, message, attempt):
            total.absent += _absent(house, message, attempt, database_now)
        else:
            total.unclear += 1
            pause = min(LONGEST_PAUSE, house.sending.margin * 2 ** min(attempt.asked_count, 20))
            attempt.ask_at = _later(max(pause, finding.retry_after or 0.0))
        if message.state != before:
            moved.append(message.id)
            if falls_back(MessageState(message.state), Reason(message.reason)):
                unreached.append(message.id)
    wish = max((finding.retry_after or 0.0 for _, finding in findings), default=0.0)
    if wish:
        session.execute(_PAUSE, {"provider": transport.name, "sender": transport.sender, "pause": wish})
    session.flush()
    count_states(session, moved)
    total.stood_in += len(fall_back(session, house, unreached, house.clock.now()))


def _locked(session: Session, table: Any, ids: Sequence[int]) -> dict[int, Any]:
    rows = session.scalars(sa.select(table).where(table.id.in_(ids)).order_by(table.id).with_for_update())
    return {row.id: row for row in rows}


def _later(seconds: float) -> Any:
    return sa.func.clock_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _taken(session: Session, message: Message, attempt: Attempt, reference: str | None) -> bool:
    """Whether the provider's message belongs to another call to the same shopper: known since it was asked."""
    others = sa.select(Attempt.id).join(Message, Message.id == Attempt.message_id)
    others = others.where(
        Message.order_id == message.order_id,
        Attempt.message_id != message.id,
        Attempt.provider == attempt.provider,
        Attempt.provider_ref == reference,
    )
    return reference is not None and session.scalar(others.limit(1)) is not None


def _unreported(session: Session, message: Message, attempt: Attempt) -> bool:
    """Whether no report about the call has come in either, applied or not."""
    reported = session.scalar(sa.select(Receipt.id).where(Receipt.attempt_public_id == attempt.public_id).limit(1))
    return message.state == MessageState.unconfirmed and attempt.first_receipt_at is None and reported is None


def _found(message: Message, attempt: Attempt, finding: Finding, database_now: datetime, now: datetime) -> bool:
    """The provider has it, and perhaps says how it went on. True even for one that was given up as ambiguous."""
    change = outcome(MessageState(message.state), finding.kind)
    if change is None:
        return False
    state, reason = change
    attempt.outcome, attempt.settled_at = AttemptOutcome.accepted.value, database_now
    attempt.provider_ref = attempt.provider_ref or finding.provider_ref
    message.state, message.ended_at = state.value, now
    message.reason = (reason if reason is Reason.bounced else Reason.found_by_asking).value
    message.detail = finding.grounds if reason is Reason.bounced else message.detail
    message.provider_ref = message.provider_ref or finding.provider_ref
    message.open_attempt_id = None
    return True


def _absent(house: House, message: Message, attempt: Attempt, database_now: datetime) -> bool:
    """The provider never had it: it leaves again, unless it has been tried often enough."""
    attempt.outcome, attempt.settled_at = AttemptOutcome.not_sent.value, database_now
    message.open_attempt_id = None
    message.state, message.reason = MessageState.ready.value, Reason.not_there.value
    if message.tries >= house.sending.max_attempts:
        message.state, message.reason = MessageState.failed.value, Reason.gave_up.value
        message.ended_at = house.clock.now()
    return True
