"""The audit log: one line for each change, written in the transaction that makes it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.models import ApiKey, AuditEntry
from app.web.access.changes import Change
from app.web.access.keys import Holder
from app.web.access.sessions import Visitor

Who = Visitor | Holder | str
"""A person at the console, a program with a key, or in words whoever else does something."""


def note(
    session: Session,
    who: Who,
    action: str,
    subject: str = "",
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    brand_id: int | None = None,
) -> None:
    """Write who did what (`rules.publish`) to what (`number 7`), in the caller's transaction.

    `who` is a person at the console, a program with a key, or in words whoever else did it. `before` and `after` hold
    no secret, and of a shopper nothing but an outside id. `brand_id` is only needed where `who` is in words or it is
    another brand's; what is done to accounts (`account.…`) is no brand's.
    """
    session.add(
        AuditEntry(
            brand_id=brand_id or _brand(who, action),
            account_id=who.account_id if isinstance(who, Visitor) else None,
            key_id=who.key_id if isinstance(who, Holder) else None,
            actor=name_of(session, who),
            action=action,
            subject=subject,
            before=dict(before) if before is not None else None,
            after=dict(after) if after is not None else None,
        )
    )


def note_change(session: Session, who: Who, change: Change, brand_id: int | None = None) -> None:
    """Write a change of one of the known kinds; one that changed nothing is not written."""
    if change.new:
        note(session, who, change.action, change.subject, before=change.before, after=change.after, brand_id=brand_id)


def _brand(who: Who, action: str) -> int | None:
    return None if isinstance(who, str) or action.startswith("account.") else who.brand_id or None


def name_of(session: Session, who: Who) -> str:
    """As the log names whoever it is: a person's address, `the API, key 'shop'`, or the words themselves."""
    if isinstance(who, str):
        return who
    return who.actor if isinstance(who, Visitor) else f"the API, key {session.get_one(ApiKey, who.key_id).label!r}"
