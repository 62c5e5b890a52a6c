"""Which unconfirmed messages leave again although nobody knows: only those whose rule says rather twice than never."""

from dataclasses import dataclass
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Attempt, Message, RuleSetVersion
from app.models.vocabulary import AttemptOutcome, Channel, MessageState, Reason
from app.pipeline.house import House
from app.rules.document import reread_rules

LIMIT = 500


@dataclass(frozen=True, slots=True)
class Wishes:
    """The rules that ask for resending, by stored version and name, among those of unconfirmed emails."""

    versions: tuple[int, ...]
    rules: tuple[str, ...]


def wishes(session: Session) -> Wishes:
    """Which rules say rather twice than never. Whether a message is theirs is then a question for the database, and
    no limit on what is looked at can hide one behind others."""
    waiting = sa.select(Message.rule_set_version_id, Message.rule).where(
        Message.state == MessageState.unconfirmed, Message.channel == Channel.email
    )
    pairs = session.execute(waiting.distinct()).all()
    stored = session.scalars(sa.select(RuleSetVersion).where(RuleSetVersion.id.in_({row[0] for row in pairs})))
    contents = {version.id: version.content for version in stored}
    wished = [(version, rule) for version, rule in pairs if rule in opted_in(contents[version])]
    return Wishes(tuple(version for version, _ in wished), tuple(rule for _, rule in wished))


def resend_unconfirmed(session: Session, house: House) -> int:
    """Make ready again what has stayed unconfirmed for its whole wait and whose rule, in the version that it was
    decided by, asks for it; how many, at most LIMIT. The others are left to end as ambiguous."""
    asked = wishes(session)
    if not asked.rules:
        return 0
    waited = sa.func.make_interval(0, 0, 0, 0, 0, 0, house.sending.settle)
    pairs = session.execute(
        sa.select(Message, Attempt)
        .join(Attempt, Attempt.id == Message.open_attempt_id)
        .where(
            Message.state == MessageState.unconfirmed,
            Message.channel == Channel.email,
            sa.tuple_(Message.rule_set_version_id, Message.rule).in_(
                list(zip(asked.versions, asked.rules, strict=True))
            ),
            Message.tries < house.sending.max_attempts,
            Attempt.deadline_at + waited < sa.func.clock_timestamp(),
            # not while a question is out whose answer nobody has yet
            sa.or_(
                Attempt.conclusion.is_not(None), Attempt.ask_at.is_(None), Attempt.ask_at <= sa.func.clock_timestamp()
            ),
        )
        .order_by(Message.id)
        .limit(LIMIT)
        .with_for_update(of=Message, skip_locked=True)
    ).all()
    for message, attempt in pairs:
        attempt.outcome, attempt.resent = AttemptOutcome.unanswered.value, True
        attempt.settled_at = sa.func.clock_timestamp()
        said = f"{attempt.conclusion}; " if attempt.conclusion else ""
        attempt.conclusion = f"{said}sent again without knowing, as rule {message.rule!r} asks"
        message.state, message.reason = MessageState.ready.value, Reason.resent_unconfirmed.value
        message.open_attempt_id = None
    session.flush()
    return len(pairs)


@lru_cache(maxsize=64)
def opted_in(content: str) -> frozenset[str]:
    """The names of the rules in a stored rule set that ask for resending."""
    return frozenset(rule.name for rule in reread_rules(content).rules if rule.resend_unconfirmed)
