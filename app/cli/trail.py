"""The audit log's lines for what is changed on the command line."""

import getpass
import socket
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.models import AuditEntry
from app.web.access.changes import Change


def actor() -> str:
    """Who runs the command, as the audit log knows them: "command line, ida@desk"."""
    try:
        return f"command line, {getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a container's user without a name
        return f"command line, {socket.gethostname()}"


def log(
    session: Session,
    action: str,
    subject: str = "",
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    brand_id: int | None = None,
) -> None:
    """Write one line in the caller's transaction; `brand_id` is None for what belongs to the whole installation."""
    log_change(session, Change(action, subject, before, after), brand_id)


def log_change(session: Session, change: Change, brand_id: int | None = None) -> None:
    """Write a change of one of the known kinds; one that changed nothing is not written."""
    if change.new:
        session.add(
            AuditEntry(
                brand_id=brand_id,
                actor=actor(),
                action=change.action,
                subject=change.subject,
                before=dict(change.before) if change.before is not None else None,
                after=dict(change.after) if change.after is not None else None,
            )
        )
