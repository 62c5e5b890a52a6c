"""Reading and writing what shoppers choose to be told: by address, channel and kind of news.

A choice counts from its commit on, at the next decision and for every call that has not begun.
"""

from collections.abc import Collection, Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.models import Choice
from app.models.addresses import SALTED, address_digest, salted
from app.models.vocabulary import Channel, NewsKind

Refused = Mapping[tuple[int, str, bytes], frozenset[NewsKind]]
"""The kinds of news that are not wanted, by brand, channel and (unsalted) digest of the address."""

_REFUSED = sa.text(f"""
    SELECT choices.brand_id, choices.channel, named.digest, choices.kind
    FROM unnest(cast(:digests AS bytea[])) AS named (digest)
    JOIN choices ON choices.address_digest = {SALTED.format(digest="named.digest")}
""")  # noqa: S608 - constant text of this module


def refused(session: Session, digests: Iterable[bytes]) -> Refused:
    """What is not wanted at these addresses. One statement; none without addresses."""
    wanted = list(set(digests))
    found: dict[tuple[int, str, bytes], frozenset[NewsKind]] = {}
    for row in session.execute(_REFUSED, {"digests": wanted}) if wanted else ():
        key = (row.brand_id, row.channel, bytes(row.digest))
        found[key] = found.get(key, frozenset()) | {NewsKind(row.kind)}
    return found


def digest_for(channel: Channel, email: str | None, phone: str | None) -> bytes | None:
    """The digest of the address that a channel writes to, if there is one."""
    address = email if channel is Channel.email else phone
    return address_digest(channel, address) if address else None


def choose(session: Session, brand_id: int, channel: Channel, digest: bytes, unwanted: Collection[NewsKind]) -> None:
    """Make these the kinds that are not wanted at an address, and all others wanted."""
    kinds = sorted(kind.value for kind in unwanted)
    own = (Choice.brand_id == brand_id, Choice.channel == channel, Choice.address_digest == salted(digest))
    session.execute(sa.delete(Choice).where(*own, Choice.kind.not_in(kinds)))
    for kind in kinds:
        row = {"brand_id": brand_id, "channel": channel.value, "address_digest": salted(digest), "kind": kind}
        session.execute(insert(Choice).values(row).on_conflict_do_nothing())
