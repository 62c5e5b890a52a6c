"""Writing, lifting and obeying suppressions: what reports, refusals and shoppers say about an address becomes rows.

A suppression counts from its commit on for every call that has not begun. What is said again changes nothing; what
was lifted comes back only for something that happened after the lifting.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Attempt, Message, Receipt, Suppression
from app.models.addresses import SALTED, address_digest, normalised, salted
from app.models.vocabulary import Channel, SuppressionKind, SuppressionScope
from app.pipeline.leaving.team import TEAM
from app.receipts.suppression import lifted_by, reach, written_by


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing that was said about an address. `at` is when it happened, in real time; None means now.

    `address` is None where only its digest is known (a person was forgotten, then the list moved); `salted` says that
    this is the stored form of this installation, else it is the plain one.
    """

    brand_id: int
    channel: Channel
    address: str | None
    kind: SuppressionKind
    scope: SuppressionScope
    digest: bytes
    provider: str | None = None
    receipt_id: int | None = None
    at: datetime | None = None
    salted: bool = False


def wish(
    brand_id: int,
    channel: Channel,
    address: str,
    kind: SuppressionKind,
    scope: SuppressionScope | None = None,
    *,
    provider: str | None = None,
    receipt_id: int | None = None,
    at: datetime | None = None,
) -> Wish:
    """A wish about a known address, reaching as far as its kind does unless `scope` says otherwise."""
    digest = address_digest(channel, address)
    known = normalised(channel, address)
    return Wish(brand_id, channel, known, kind, scope or reach(kind), digest, provider, receipt_id, at)


_SALTED_DIGEST = SALTED.format(digest=":digest")

# An address that was erased is obeyed, but not written down again. A number is one, whatever it is written to by.
_UNLESS_ERASED = f"""CASE WHEN NOT EXISTS (
            SELECT 1 FROM erasures WHERE brand_id = :brand_id
                AND channel = CASE WHEN :channel = 'email' THEN 'email' ELSE 'sms' END
                AND address_digest = CASE WHEN :salted THEN :digest ELSE {_SALTED_DIGEST} END
        ) THEN :address END"""  # noqa: S608 - constant text of this module

_SUPPRESS = sa.text(f"""
    INSERT INTO suppressions AS known (brand_id, channel, address_digest, address, kind, scope, provider, receipt_id,
        created_at)
    VALUES (:brand_id, :channel, CASE WHEN :salted THEN :digest ELSE {_SALTED_DIGEST} END, {_UNLESS_ERASED},
        :kind, :scope, :provider, :receipt_id, coalesce(:at, clock_timestamp()))
    ON CONFLICT (brand_id, channel, address_digest, kind, scope) DO UPDATE
    SET created_at = excluded.created_at, lifted_at = NULL, address = coalesce(excluded.address, known.address),
        provider = excluded.provider, receipt_id = excluded.receipt_id
    WHERE known.lifted_at < excluded.created_at
    RETURNING id
""").bindparams(  # noqa: S608 - constant text of this module
    sa.bindparam("at", type_=sa.DateTime(timezone=True)), sa.bindparam("digest", type_=sa.LargeBinary)
)


def suppress(session: Session, wishes: Iterable[Wish]) -> int:
    """Write suppressions in the caller's transaction; how many were not in force before."""
    distinct: dict[tuple[int, str, bytes, str, str], Wish] = {}
    for one in wishes:
        distinct.setdefault((one.brand_id, one.channel.value, one.digest, one.kind.value, one.scope.value), one)
    # In one order, so that two transactions with the same addresses wait for each other and never in a ring.
    return sum(len(session.execute(_SUPPRESS, _values(distinct[key])).all()) for key in sorted(distinct))


def _values(one: Wish) -> dict[str, object]:
    return {
        "brand_id": one.brand_id,
        "channel": one.channel.value,
        "digest": one.digest,
        "salted": one.salted,
        "address": one.address,
        "kind": one.kind.value,
        "scope": one.scope.value,
        "provider": one.provider,
        "receipt_id": one.receipt_id,
        "at": one.at,
    }


_LIFT = sa.text(f"""
    UPDATE suppressions SET lifted_at = coalesce(:at, clock_timestamp())
    WHERE brand_id = any(:brand_ids) AND channel = :channel
        AND address_digest = {_SALTED_DIGEST} AND kind = any(:kinds)
        AND lifted_at IS NULL AND created_at <= coalesce(:at, clock_timestamp())
    RETURNING kind
""").bindparams(  # noqa: S608 - constant text of this module
    sa.bindparam("at", type_=sa.DateTime(timezone=True)), sa.bindparam("digest", type_=sa.LargeBinary)
)


def lift(
    session: Session,
    brand_ids: Sequence[int],
    channel: Channel,
    digest: bytes,
    kinds: Iterable[SuppressionKind],
    at: datetime | None = None,
) -> list[SuppressionKind]:
    """Lift an address's standing suppressions of these kinds, those from before `at`; the kinds that were lifted."""
    values = {
        "brand_ids": list(brand_ids),
        "channel": channel.value,
        "digest": digest,
        "kinds": [kind.value for kind in kinds],
        "at": at,
    }
    return [SuppressionKind(kind) for kind in session.scalars(_LIFT, values)]


_SALTED_NAME = SALTED.format(digest="named.digest")
_STANDING = sa.text(f"""
    SELECT suppressions.brand_id, suppressions.channel, named.digest, suppressions.kind
    FROM unnest(cast(:digests AS bytea[])) AS named (digest)
    JOIN suppressions ON suppressions.address_digest = {_SALTED_NAME}
    WHERE suppressions.lifted_at IS NULL AND suppressions.scope = 'all'
    ORDER BY suppressions.created_at DESC
""")  # noqa: S608 - constant text of this module


def standing(session: Session, digests: Iterable[bytes]) -> Mapping[tuple[int, str, bytes], SuppressionKind]:
    """Which of these addresses must not get order mail, by brand, channel and digest, with the oldest reason why."""
    rows = session.execute(_STANDING, {"digests": list(set(digests))})
    return {(row.brand_id, row.channel, bytes(row.digest)): SuppressionKind(row.kind) for row in rows}


def is_suppressed(session: Session, brand_id: int, channel: Channel, digest: bytes, kind: SuppressionKind) -> bool:
    """Whether a suppression of this very kind stands for an address."""
    standing_one = sa.exists().where(
        Suppression.brand_id == brand_id,
        Suppression.channel == channel,
        Suppression.address_digest == salted(digest),
        Suppression.kind == kind,
        Suppression.lifted_at.is_(None),
    )
    return bool(session.scalar(sa.select(standing_one)))


def heed_reports(
    session: Session,
    receipts: Sequence[Receipt],
    attempts: Mapping[tuple[str, str], Attempt],
    messages: Mapping[int, Message],
) -> int:
    """Write and lift what applied reports say about the addresses that their messages went to; how many suppressions
    are new. Addresses go in one order, as locks do; what was said of one of them in the order that it came.

    A report that names no attempt of ours speaks of mail that somebody else sent: nobody knows for which brand. What
    comes of mail to a brand's own people is theirs to see: an address of the shop is no shopper's.
    """
    said: list[tuple[int, str, str, Receipt]] = []
    for receipt in receipts:
        attempt = attempts.get((receipt.provider, receipt.attempt_public_id or ""))
        if attempt is None or (written_by(receipt.kind, receipt.cause) or lifted_by(receipt.cause)) is None:
            continue
        message = messages[attempt.message_id]
        address = written_to(message)
        if address is not None and message.recipient_id != TEAM:
            said.append((message.brand_id, message.channel, address, receipt))
    return sum(_heed(session, *one) for one in sorted(said, key=lambda one: one[:3]))


def _heed(session: Session, brand_id: int, channel_name: str, address: str, receipt: Receipt) -> int:
    channel, at = Channel(channel_name), receipt.occurred_at or receipt.received_at
    lifted = lifted_by(receipt.cause)
    if lifted is not None:
        lift(session, [brand_id], channel, address_digest(channel, address), [lifted], at)
    kind = written_by(receipt.kind, receipt.cause)
    if kind is None:
        return 0
    told = wish(brand_id, channel, address, kind, provider=receipt.provider, receipt_id=receipt.id, at=at)
    return suppress(session, [told])


def written_to(message: Message) -> str | None:
    """The address that a message was released to; None before its release, and after the person was forgotten."""
    field = "email" if message.channel == Channel.email else "phone"
    address = (message.personal or {}).get(field)
    return str(address) if address else None
