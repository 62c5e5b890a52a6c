"""What became of calls that were never answered, and what providers reported later.

Nothing is guessed. An unanswered message is settled by a report that names its attempt; silence counts as "not
accepted" only when the same sender's later attempts have been reported; otherwise it ends as ambiguous.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.channels.base import Report
from app.models import Attempt, Message, Order, Receipt
from app.models.event_counts import Counted, count_events, count_states
from app.models.vocabulary import AttemptOutcome, MessageState, Reason
from app.pipeline.house import House
from app.pipeline.leaving.asking_again import spoken_for
from app.pipeline.leaving.resending import wishes
from app.pipeline.people.consenting import heed_reports
from app.pipeline.settling.falling_back import NOBODY, Wakes, fall_back
from app.receipts.outcome import is_evidence, outcome


@dataclass(frozen=True, slots=True)
class Settled:
    """How many messages a pass of reconciliation moved."""

    reclaimed: int = 0
    unconfirmed: int = 0
    found: int = 0
    not_there: int = 0
    unclear: int = 0
    not_accepted: int = 0
    resent: int = 0
    ambiguous: int = 0

    def plus(self, other: "Settled") -> "Settled":
        """Both together."""
        return Settled(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def largest(self) -> int:
        """The most of one kind: where it reaches a limit, there is more."""
        return max(int(getattr(self, name)) for name in self.__slots__)


_LEASES = sa.text("""
    WITH lost AS MATERIALIZED (
        SELECT id FROM messages WHERE state = 'sending' AND lease_until < clock_timestamp()
        ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED
    )
    UPDATE messages
    SET state = CASE WHEN open_attempt_id IS NULL THEN 'ready' ELSE 'unconfirmed' END,
        reason = CASE WHEN open_attempt_id IS NULL THEN reason ELSE 'no_answer' END,
        lease_token = NULL, lease_until = NULL
    FROM lost WHERE messages.id = lost.id
    RETURNING messages.id, messages.state
""")

# `deadline_at` and `begun_at` are both the database's clock. A later attempt speaks about an earlier one only if
# it began after the earlier call was over and the margin had passed, so that reports in flight had time to come.
# And reports that were turned away while nobody could take them come later than fresh ones: a neighbour that is known
# to have been taken and has not been reported either shows that they are still on their way. Neighbours are looked up
# by the ids around the attempt's own, which are given out as calls begin; with a limit, so that they are never joined
# as a whole.
_SILENCE = sa.text("""
    WITH silent AS MATERIALIZED (
        SELECT messages.id AS message_id, attempts.id AS attempt_id
        FROM messages JOIN attempts ON attempts.id = messages.open_attempt_id
        WHERE messages.state = 'unconfirmed' AND attempts.provider = any(:providers)
            AND attempts.first_receipt_at IS NULL
            -- a report that has come in but has not been applied yet is no silence
            AND NOT EXISTS (SELECT 1 FROM receipts WHERE receipts.attempt_public_id = attempts.public_id)
            AND attempts.deadline_at + make_interval(secs => :margin) < clock_timestamp()
            AND EXISTS (
                SELECT 1 FROM attempts AS later
                WHERE later.provider = attempts.provider AND later.sender = attempts.sender
                    AND later.begun_at > attempts.deadline_at + make_interval(secs => :margin)
                    AND later.first_receipt_at IS NOT NULL
            )
            AND NOT EXISTS (
                SELECT 1 FROM (
                    SELECT * FROM attempts AS near WHERE near.id BETWEEN attempts.id - 150 AND attempts.id + 150
                    ORDER BY near.id LIMIT 301
                ) AS neighbour
                WHERE neighbour.provider = attempts.provider AND neighbour.sender = attempts.sender
                    AND neighbour.begun_at BETWEEN attempts.begun_at - make_interval(secs => :margin)
                        AND attempts.deadline_at + make_interval(secs => :margin)
                    AND neighbour.outcome = 'accepted' AND neighbour.first_receipt_at IS NULL
            )
        ORDER BY messages.id LIMIT 1000 FOR UPDATE OF messages SKIP LOCKED
    ), closed AS (
        UPDATE attempts SET outcome = 'not_sent', settled_at = clock_timestamp(),
            conclusion = 'no report, while later attempts were reported'
        FROM silent WHERE attempts.id = silent.attempt_id
    )
    UPDATE messages SET state = 'ready', reason = 'silence_is_no', open_attempt_id = NULL
    FROM silent WHERE messages.id = silent.message_id
    RETURNING messages.id
""")

# While a question is out nobody gives up: whoever asked may have died of something else, and is soon asked for again.
_AMBIGUOUS = sa.text("""
    WITH doubtful AS MATERIALIZED (
        SELECT messages.id, attempts.id AS attempt_id
        FROM messages JOIN attempts ON attempts.id = messages.open_attempt_id
        WHERE messages.state = 'unconfirmed'
            AND attempts.deadline_at + make_interval(secs => :settle) < clock_timestamp()
            -- what its rule wants sent again is not given up: its turn comes
            AND NOT (messages.channel = 'email' AND messages.tries < :most AND EXISTS (
                SELECT 1 FROM unnest(cast(:versions AS bigint[]), cast(:rules AS text[])) AS wished (version, rule)
                WHERE wished.version = messages.rule_set_version_id AND wished.rule = messages.rule))
            AND (attempts.conclusion IS NOT NULL OR coalesce(attempts.ask_at, '-infinity') <= clock_timestamp())
        ORDER BY messages.id LIMIT 1000 FOR UPDATE OF messages SKIP LOCKED
    ), told AS (
        UPDATE attempts SET conclusion = coalesce(conclusion, 'no answer, and no report either')
        FROM doubtful WHERE attempts.id = doubtful.attempt_id
    )
    UPDATE messages SET state = 'failed', reason = 'ambiguous', ended_at = :now
    FROM doubtful WHERE messages.id = doubtful.id
    RETURNING messages.id
""")


def take_back(session: Session) -> Settled:
    """End the claims of dead workers: what had not begun is ready again, what had begun is unconfirmed."""
    rows = session.execute(_LEASES).all()
    count_states(session, [row.id for row in rows])
    states = [row.state for row in rows]
    return Settled(
        reclaimed=sum(state == MessageState.ready for state in states),
        unconfirmed=sum(state == MessageState.unconfirmed for state in states),
    )


def reconcile(session: Session, house: House, now: datetime) -> Settled:
    """Conclude what can be concluded from silence, and end what nobody can tell, in the caller's transaction."""
    callers = [one.name for transports in house.transports.values() for one in transports if one.silence_tells]
    margin = house.sending.margin
    not_accepted = session.scalars(_SILENCE, {"providers": callers, "margin": margin}).all()
    asked = wishes(session)
    values = {
        "settle": house.sending.settle,
        "now": now,
        "most": house.sending.max_attempts,
        "versions": list(asked.versions),
        "rules": list(asked.rules),
    }
    ambiguous = session.scalars(_AMBIGUOUS, values).all()
    count_states(session, ambiguous)
    return Settled(not_accepted=len(not_accepted), ambiguous=len(ambiguous))


def keep_reports(session: Session, provider: str, reports: Sequence[Report]) -> int:
    """Store reports as they came, each once; how many were new. What they mean is worked out afterwards."""
    if not reports:
        return 0
    rows = [
        {
            "provider": provider,
            "event_key": report.event_key,
            "attempt_public_id": report.attempt_id,
            "provider_ref": report.provider_ref,
            "kind": report.kind,
            "cause": report.cause,
            "detail": report.detail,
            "occurred_at": report.occurred_at,
            "body": report.body,
        }
        for report in sorted(reports, key=lambda report: report.event_key)
    ]
    return len(session.scalars(insert(Receipt).on_conflict_do_nothing().returning(Receipt.id), rows).all())


@dataclass(frozen=True, slots=True)
class Applied:
    """How many reports were applied, and which senders have work because of them."""

    reports: int = 0
    wakes: Wakes = NOBODY


def apply_receipts(session: Session, house: House, now: datetime, limit: int = 500) -> Applied:
    """Apply waiting reports to their messages, oldest first, and plan what stands in for those that came back."""
    receipts = session.scalars(
        sa.select(Receipt)
        .where(Receipt.applied_at.is_(None))
        .order_by(Receipt.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if not receipts:
        return Applied()
    attempts = _attempts_of(session, receipts)
    message_ids = sorted({attempt.message_id for attempt in attempts.values()})
    messages = {
        message.id: message
        for message in session.scalars(
            sa.select(Message).where(Message.id == sa.func.any(message_ids)).order_by(Message.id).with_for_update()
        )
    }
    database_now = session.scalars(sa.select(sa.func.clock_timestamp())).one()
    before = {message.id: message.state for message in messages.values()}
    earlier = spoken_for(session, message_ids)
    elsewhere: set[int] = set()
    for receipt in receipts:
        attempt = attempts.get((receipt.provider, receipt.attempt_public_id or ""))
        receipt.applied_at = database_now
        receipt.effect = "names no attempt of ours"
        if attempt is not None:
            receipt.brand_id = attempt.brand_id
            upto, readdressed = earlier.get(attempt.message_id, (0, False))
            message = messages[attempt.message_id] if attempt.number > upto else None
            receipt.effect = _apply(receipt, attempt, message, database_now, now)
            elsewhere |= {receipt.id} if message is None and readdressed else set()
    session.flush()
    count_states(session, [one.id for one in messages.values() if one.state != before[one.id]])
    count_events(session, Counted.reports, ((one.brand_id, (one.provider, one.kind)) for one in receipts))
    _keep_nothing_of_the_erased(session, receipts, attempts, messages)
    # What is said of an address that was corrected since is not said of the one that stands there now.
    heed_reports(session, [one for one in receipts if one.id not in elsewhere], attempts, messages)
    _close_overtaken(session, [message.id for message in messages.values() if message.open_attempt_id is None])
    came_back = [one for one in messages.values() if one.state == MessageState.bounced != before[one.id]]
    return Applied(len(receipts), fall_back(session, house, [one.id for one in came_back], now))


def _keep_nothing_of_the_erased(
    session: Session,
    receipts: Sequence[Receipt],
    attempts: Mapping[tuple[str, str], Attempt],
    messages: Mapping[int, Message],
) -> None:
    """A report that comes after its shopper was erased counts, but its own words are not kept."""
    order_ids = sorted({message.order_id for message in messages.values()})
    erased = sa.select(Order.id).where(Order.id == sa.func.any(order_ids), Order.erased_at.is_not(None))
    closed = set(session.scalars(erased)) if order_ids else set()
    if not closed:
        return
    for receipt in receipts:
        attempt = attempts.get((receipt.provider, receipt.attempt_public_id or ""))
        if attempt is not None and messages[attempt.message_id].order_id in closed:
            receipt.body, receipt.detail = b"", None
            messages[attempt.message_id].detail = None
    session.flush()


def _close_overtaken(session: Session, message_ids: Sequence[int]) -> None:
    """A report about one attempt ends its message; a later attempt, of which nobody knows, stays open for nothing.

    Should its answer or a report still come, that is written down over this.
    """
    session.execute(
        sa.update(Attempt)
        .where(Attempt.message_id == sa.func.any(list(message_ids)), Attempt.settled_at.is_(None))
        .values(settled_at=sa.func.clock_timestamp(), outcome=AttemptOutcome.unanswered.value),
        execution_options={"synchronize_session": False},
    )


def _attempts_of(session: Session, receipts: Sequence[Receipt]) -> Mapping[tuple[str, str], Attempt]:
    """The attempts that the reports name, by provider and outside id: no provider speaks about another's calls."""
    named = sorted({receipt.attempt_public_id for receipt in receipts if receipt.attempt_public_id})
    found = session.scalars(sa.select(Attempt).where(Attempt.public_id == sa.func.any(named)))
    return {(attempt.provider, attempt.public_id): attempt for attempt in found}


def _apply(receipt: Receipt, attempt: Attempt, message: Message | None, database_now: Any, now: datetime) -> str:
    """What one report changes; the text says so for the parcel's story. Without `message` it is about a try from before
    somebody asked for the message again, which it does not move any more."""
    if is_evidence(receipt.kind):
        attempt.first_receipt_at = attempt.first_receipt_at or database_now
        attempt.provider_ref = attempt.provider_ref or receipt.provider_ref
        if attempt.outcome != AttemptOutcome.accepted:
            attempt.outcome = AttemptOutcome.accepted.value
            attempt.settled_at = database_now
    if message is None:
        return "about an earlier try"
    change = outcome(MessageState(message.state), receipt.kind)
    if change is None:
        return "nothing new"
    state, reason = change
    message.state, message.reason, message.ended_at = state.value, reason.value, now
    message.detail = receipt.detail if reason is Reason.bounced else message.detail
    message.provider_ref = message.provider_ref or receipt.provider_ref
    message.open_attempt_id = message.lease_token = message.lease_until = None
    return f"{state.value}"
