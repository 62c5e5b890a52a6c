"""The list of who must not be written to, as a person looks through it: newest first, by address or by reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Suppression
from app.models.addresses import address_digest, salted
from app.models.vocabulary import Channel, SuppressionKind, SuppressionScope
from app.receipts.suppression import in_words

PAGE = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """One reason not to write to one address; `address` is None where its person was forgotten."""

    id: int
    channel: str
    address: str | None
    kind: str
    why: str
    everything: bool
    provider: str | None
    created_at: datetime
    lifted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of the list: one address, one reason (None: all), those that were lifted too, older than an id."""

    address: tuple[Channel, str] | None = None
    kind: SuppressionKind | None = None
    lifted: bool = False
    before: int | None = None


def listed(session: Session, brand_id: int, wanted: Wanted) -> tuple[Sequence[Listed], int | None]:
    """A page of a brand's list, and the id after which the next one begins (None: it is the last)."""
    query = sa.select(Suppression).where(Suppression.brand_id == brand_id)
    if wanted.address is not None:
        channel, address = wanted.address
        query = query.where(
            Suppression.address_digest == salted(address_digest(channel, address)),
            (Suppression.channel == Channel.email) == (channel is Channel.email),
        )
    if wanted.kind is not None:
        query = query.where(Suppression.kind == wanted.kind)
    if not wanted.lifted:
        query = query.where(Suppression.lifted_at.is_(None))
    if wanted.before is not None:
        query = query.where(Suppression.id < wanted.before)
    rows = session.scalars(query.order_by(Suppression.id.desc()).limit(PAGE + 1)).all()
    found = [
        Listed(
            row.id, row.channel, row.address, row.kind, in_words(SuppressionKind(row.kind)),
            row.scope == SuppressionScope.all, row.provider, row.created_at, row.lifted_at,
        )
        for row in rows[:PAGE]
    ]  # fmt: skip
    return found, found[-1].id if len(rows) > PAGE else None


def lift_one(session: Session, brand_id: int, number: int) -> tuple[str, SuppressionKind] | None:
    """Lift one line of a brand's list: its channel and reason, or None where it is not there, or was lifted before."""
    row = session.execute(
        sa.update(Suppression)
        .where(Suppression.id == number, Suppression.brand_id == brand_id, Suppression.lifted_at.is_(None))
        .values(lifted_at=sa.func.clock_timestamp())
        .returning(Suppression.channel, Suppression.kind)
    ).one_or_none()
    return None if row is None else (row.channel, SuppressionKind(row.kind))
