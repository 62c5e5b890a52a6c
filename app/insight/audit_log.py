"""The audit log as it is looked through: newest first, by who, what and when, a page at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import AuditEntry

PAGE = 50
KINDS = ("account", "audit", "claim", "codes", "keys", "message", "order", "parcel", "pause", "person", "resume",
         "rules", "settings", "suppression", "templates")  # fmt: skip
"""What actions begin with."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which lines: what `actor` holds, in any case; a kind of action; from an instant, until before another; older than
    an id. `everywhere`: also what belongs to no brand."""

    actor: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One change. `differences` are what was before and is after, by name, as text; "" where there was nothing."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    whole_installation: bool
    differences: Sequence[tuple[str, str, str]]


def lines(session: Session, brand_id: int, asked: Asked, most: int = PAGE) -> tuple[list[Line], int | None]:
    """A page of a brand's log, and the id before which the next one lies (None: it is the last)."""
    brands: list[int | None] = [brand_id, None] if asked.everywhere else [brand_id]
    # One query a brand, each along its index: an OR over both would read the whole log to sort it.
    parts = [sa.select(AuditEntry.id).where(*_wanted(one, asked)).order_by(AuditEntry.id.desc()).limit(most + 1)
             for one in brands]  # fmt: skip
    ids = sorted((number for part in parts for number in session.scalars(part)), reverse=True)
    rows = session.scalars(sa.select(AuditEntry).where(AuditEntry.id.in_(ids[:most])).order_by(AuditEntry.id.desc()))
    found = [_line(row) for row in rows]
    return found, found[-1].id if len(ids) > most else None


def all_lines(session: Session, brand_id: int, asked: Asked, most: int) -> Iterator[Line]:
    """The newest `most` lines, page after page."""
    after, left = asked.before, most
    while left > 0:
        page = Asked(asked.actor, asked.kind, asked.since, asked.until, after, asked.everywhere)
        found, after = lines(session, brand_id, page, min(left, 1000))
        yield from found
        left -= len(found)
        if after is None:
            return


def _wanted(brand_id: int | None, asked: Asked) -> list[sa.ColumnElement[bool]]:
    wanted = [AuditEntry.brand_id.is_(None) if brand_id is None else AuditEntry.brand_id == brand_id]
    if asked.actor:
        wanted.append(AuditEntry.actor.icontains(asked.actor, autoescape=True))
    if asked.kind:
        wanted.append(sa.or_(AuditEntry.action == asked.kind, AuditEntry.action.startswith(f"{asked.kind}.")))
    if asked.since is not None:
        wanted.append(AuditEntry.at >= asked.since)
    if asked.until is not None:
        wanted.append(AuditEntry.at < asked.until)
    if asked.before is not None:
        wanted.append(AuditEntry.id < asked.before)
    return wanted


def _line(row: AuditEntry) -> Line:
    before, after = row.before or {}, row.after or {}
    return Line(
        row.id, row.at, row.actor, row.action, row.subject, row.brand_id is None, _differences(before, after)
    )  # fmt: skip


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    names = [*before, *(name for name in after if name not in before)]
    pairs = ((name, _text(before.get(name)), _text(after.get(name))) for name in names)
    return [(name, old, new) for name, old, new in pairs if old != new]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(map(_text, value))
    return str(value)
