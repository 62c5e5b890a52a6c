"""Drafts of rules: what somebody writes for a brand is kept from the first letter, and no publication is overwritten
by one that was begun before it."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.errors import Conflict, Fault, InvalidInput
from app.models import RuleDraft, RuleSetVersion
from app.pipeline.deciding.publishing import Live
from app.pipeline.house import House

LONGEST = 1_000_000
"""Characters of a draft, finished or not."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody works on. `based_on` is the digest (hexadecimal digits) of the set that counted when it was begun;
    `saved_at` is None, and `revision` 0, where nothing is kept yet and the live rules are shown."""

    content: str
    based_on: str
    revision: int
    saved_at: datetime | None


def draft_of(session: Session, brand_id: int, account_id: int, live: Live) -> Draft:
    """Somebody's draft for a brand; the live rules, to begin with, where there is none."""
    query = sa.select(RuleDraft).where(RuleDraft.brand_id == brand_id, RuleDraft.account_id == account_id)
    row = session.scalars(query).one_or_none()
    if row is None:
        return Draft(live.rules.content, live.digest, 0, None)
    return Draft(row.content, bytes(row.based_on).hex(), row.revision, row.saved_at)


def save(session: Session, brand_id: int, account_id: int, content: str, based_on: str, seen: int) -> Draft:
    """Keep a draft, whatever its faults, in the caller's transaction. `seen` is the revision that it was written upon.

    Raises Conflict where another window has saved since, InvalidInput for a text that cannot be kept.
    """
    if len(content) > LONGEST or "\0" in content:
        problem = "too long" if len(content) > LONGEST else "holds the character NUL"
        raise InvalidInput([Fault(None, "rules", problem, f"Write at most {LONGEST:,} characters of text.")])
    row = {
        "brand_id": brand_id,
        "account_id": account_id,
        "content": content,
        "based_on": _digest(based_on),
        "revision": seen + 1,
    }
    writing = insert(RuleDraft).values(row)
    kept = writing.on_conflict_do_update(
        index_elements=["brand_id", "account_id"],
        set_={**{key: writing.excluded[key] for key in ("content", "based_on", "revision")}, "saved_at": sa.func.now()},
        where=RuleDraft.revision == seen,
    ).returning(RuleDraft.saved_at)
    saved_at = session.scalar(kept)
    if saved_at is None:
        raise Conflict("Another window has saved this draft since. Open it anew; what you wrote here is below.")
    return Draft(content, based_on, seen + 1, saved_at)


def discard(session: Session, brand_id: int, account_id: int) -> bool:
    """Forget a draft, in the caller's transaction; whether there was one."""
    gone = sa.delete(RuleDraft).where(RuleDraft.brand_id == brand_id, RuleDraft.account_id == account_id)
    return session.scalar(gone.returning(RuleDraft.id)) is not None


def base_of(session: Session, house: House, brand_id: int, digest: str) -> str | None:
    """The text that a draft was begun from; None where it shipped with an earlier program."""
    if digest == house.rules.digest.hex():
        return house.rules.content
    query = sa.select(RuleSetVersion.content)
    return session.scalar(query.where(RuleSetVersion.brand_id == brand_id, RuleSetVersion.digest == _digest(digest)))


def _digest(written: str) -> bytes:
    try:
        return bytes.fromhex(written)[:32]
    except ValueError as error:
        raise InvalidInput([Fault(None, "based_on", "no digest", "Open the draft anew.")]) from error
