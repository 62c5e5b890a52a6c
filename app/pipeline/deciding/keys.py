"""Takes ledger keys: what each decision is told once for, and which message its key names. Nothing is read first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.models import LedgerKey

_PARTS = ("scope", "scope_id", "milestone", "occurrence", "channel", "recipient_id")


@dataclass(frozen=True, slots=True)
class Claim:
    """A decision (its place among the batch's) that wants to be told by a message."""

    index: int
    message_id: int
    key: tuple[Any, ...]
    brand_id: int


def key_of(
    crossing: dict[str, Any], channel: str, recipient_id: str, *, per_order: bool, stopped: int = 0
) -> tuple[Any, ...]:
    """What is told once: this parcel's (or order's) milestone for the nth time; by a rule that speaks once for the
    whole order, the order's, however often and with whichever parcel it comes. `stopped`: so many messages that spoke
    for the order ended before they told anybody, so it is the next one's turn, and that one's alone."""
    if per_order:
        return "order", crossing["order_id"], crossing["milestone"], 1 + stopped, channel, recipient_id
    own = tuple(crossing[name] for name in _PARTS[:4])
    return (*own, channel, recipient_id)


def new_message_ids(session: Session, count: int) -> Sequence[int]:
    """Ids for messages that are yet to be written: their keys come first."""
    sequence = sa.func.pg_get_serial_sequence("messages", "id")
    return session.scalars(sa.select(sa.func.nextval(sequence)).select_from(sa.func.generate_series(1, count))).all()


def take_keys(session: Session, claims: Sequence[Claim], now: datetime) -> set[int]:
    """Insert the claims' ledger keys, sorted, so that two batches that want the same ones wait for each other in one
    order only; the indexes of those that were free. Of two claims of one key the first gets it."""
    if not claims:
        return set()
    rows = [
        {**dict(zip(_PARTS, claim.key, strict=True)), "message_id": claim.message_id, "brand_id": claim.brand_id,
         "decided_at": now}
        for claim in sorted(claims, key=lambda claim: claim.key)
    ]  # fmt: skip
    columns = [getattr(LedgerKey, name) for name in ("message_id", *_PARTS)]
    statement = insert(LedgerKey).on_conflict_do_nothing().returning(*columns)
    taken = {(row[0], tuple(row[1:])) for row in session.execute(statement, rows)}
    return {claim.index for claim in claims if (claim.message_id, claim.key) in taken}
