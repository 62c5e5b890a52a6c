"""What the "Test it" buttons share: so many an hour a person, noted in the audit log, told in a sentence."""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from fastapi import Request
from sqlalchemy.orm import Session

from app.log import mask
from app.models import Account, AuditEntry
from app.pipeline.house import House
from app.pipeline.trying_out import Outcome
from app.web.access.sessions import Visitor
from app.web.access.trail import note

MOST_AN_HOUR = 30
_ACTION = "settings.test"


@dataclass(frozen=True, slots=True)
class Trial:
    """What was tested, and what came of it."""

    what: str
    well: bool
    sentence: str


def tried(request: Request, visitor: Visitor, what: str, work: Callable[[], Outcome]) -> Trial:
    """Test something. The sentence holds no person's address and no secret."""
    house: House = request.app.state.house
    with house.sessions.begin() as session:
        if not _room(session, visitor):
            return Trial(what, False, f"{MOST_AN_HOUR} tests an hour are enough. Try again later.")
        note(session, visitor, _ACTION, what)
    outcome = work()
    return Trial(what, outcome.well, mask(outcome.sentence)[:500])


def _room(session: Session, visitor: Visitor) -> bool:
    """Whether the hour has room for one more test. One person's take turns here, so that it is counted as it is."""
    session.execute(sa.select(Account.id).where(Account.id == visitor.account_id).with_for_update())
    query = sa.select(sa.func.count()).where(
        AuditEntry.account_id == visitor.account_id,
        AuditEntry.action == _ACTION,
        AuditEntry.at > sa.func.now() - sa.text("interval '1 hour'"),
    )
    return session.scalars(query).one() < MOST_AN_HOUR
