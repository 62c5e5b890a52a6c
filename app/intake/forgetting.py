"""Keeps the erased erased: an order from before an erasure that is handed in again is stored without its person."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.addresses import SALTED, address_digest
from app.models.vocabulary import Channel

_FIELDS = {"email": Channel.email, "phone": Channel.sms}
_BLANK: dict[str, Any] = {
    "shopper_name": None, "email": None, "phone": None, "city": None, "postal_code": None, "items": [], "tags": [],
    "digest": "\\x",
}  # fmt: skip

_NAMED = SALTED.format(digest="named.digest")
_ERASED = sa.text(f"""
    SELECT named.at, erasures.asked_at
    FROM unnest(cast(:at AS int[]), cast(:channels AS text[]), cast(:digests AS bytea[])) AS named (at, channel, digest)
    JOIN erasures ON erasures.brand_id = :brand AND erasures.channel = named.channel
        AND erasures.address_digest = {_NAMED}
""")  # noqa: S608 - constant text of this module


def forget_the_erased(session: Session, brand_id: int, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Empty, in place, the new rows whose shopper was erased after they had placed the order. A later order is a new
    consent, and is stored as it is."""
    if not rows or session.scalar(_ANY, {"brand": brand_id}) is None:
        return
    named = [
        (at, channel.value, address_digest(channel, row[field]))
        for at, row in enumerate(rows)
        for field, channel in _FIELDS.items()
        if row[field]
    ]
    columns = zip(*named, strict=True) if named else ([], [], [])
    at, channels, digests = (list(column) for column in columns)
    found = session.execute(_ERASED, {"brand": brand_id, "at": at, "channels": channels, "digests": digests})
    for place, asked_at in found:
        if datetime.fromisoformat(rows[place]["placed_at"]) <= asked_at:
            rows[place].update(_BLANK, erased_at=now.isoformat())


_ANY = sa.text("SELECT 1 FROM erasures WHERE brand_id = :brand LIMIT 1")
