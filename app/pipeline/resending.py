"""Which unconfirmed messages leave again although nobody knows: only those whose rule says rather twice than never."""

from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import InvalidInput
from app.log import logger
from app.models import Attempt, Message, RuleSetVersion
from app.models.vocabulary import AttemptOutcome, Channel, MessageState, Reason
from app.pipeline.house import House
from app.rules.ruleset import parse_rules

log = logger(__name__)


def resend_unconfirmed(session: Session, house: House) -> int:
    """Make ready again what has stayed unconfirmed for its whole wait and whose rule, in the version that it was
    decided by, asks for it; how many. The others are left to end as ambiguous."""
    waited = sa.func.make_interval(0, 0, 0, 0, 0, 0, house.sending.settle)
    pairs = session.execute(
        sa.select(Message, Attempt)
        .join(Attempt, Attempt.id == Message.open_attempt_id)
        .where(
            Message.state == MessageState.unconfirmed,
            Message.channel == Channel.email,
            Message.attempts < house.sending.max_attempts,
            Attempt.deadline_at + waited < sa.func.clock_timestamp(),
            # not while a question is out whose answer nobody has yet
            sa.or_(
                Attempt.conclusion.is_not(None), Attempt.ask_at.is_(None), Attempt.ask_at <= sa.func.clock_timestamp()
            ),
        )
        .order_by(Message.id)
        .limit(500)
        .with_for_update(of=Message, skip_locked=True)
    ).all()
    if not pairs:
        return 0
    versions = {message.rule_set_version_id for message, _ in pairs}
    stored = session.scalars(sa.select(RuleSetVersion).where(RuleSetVersion.id.in_(versions)))
    contents = {version.id: version.content for version in stored}
    chosen = [pair for pair in pairs if pair[0].rule in opted_in(contents[pair[0].rule_set_version_id])]
    for message, attempt in chosen:
        attempt.outcome, attempt.resent = AttemptOutcome.unanswered.value, True
        attempt.settled_at = sa.func.clock_timestamp()
        said = f"{attempt.conclusion}; " if attempt.conclusion else ""
        attempt.conclusion = f"{said}sent again without knowing, as rule {message.rule!r} asks"
        message.state, message.reason = MessageState.ready.value, Reason.resent_unconfirmed.value
        message.open_attempt_id = None
    session.flush()
    return len(chosen)


@lru_cache(maxsize=64)
def opted_in(content: str) -> frozenset[str]:
    """The names of the rules in a stored rule set that ask for resending."""
    try:
        return frozenset(rule.name for rule in parse_rules(content).rules if rule.resend_unconfirmed)
    except InvalidInput as error:
        log.error("a stored rule set cannot be read any more, so nothing of it is sent again", error=str(error))
        return frozenset()
