"""Failed sign-ins are counted by address and by network, and those who try on wait."""

import hashlib
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import SignInTry

WITHIN = sa.text("interval '15 minutes'")
AN_ADDRESS, A_NETWORK = 8, 60
"""Failures within fifteen minutes after which an address, and whoever comes from one network, waits."""


def must_wait(session: Session, address: str, network: str) -> bool:
    """Whether one more try is one too many. Asked before the password is looked at, and alike for unknown addresses.

    Those who try one address at once take turns until their transaction ends, so that each sees the failures before it.
    """
    turn = int.from_bytes(_subject("address", address)[:8], signed=True)
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.cast(turn, sa.BigInteger))))
    limits = ((_subject("address", address), AN_ADDRESS), (_subject("network", network), A_NETWORK))
    found = session.execute(
        sa.select(SignInTry.subject, sa.func.count())
        .where(SignInTry.subject.in_([subject for subject, _ in limits]), SignInTry.at > sa.func.now() - WITHIN)
        .group_by(SignInTry.subject)
    )
    counts = {bytes(subject): count for subject, count in found}
    return any(counts.get(subject, 0) >= limit for subject, limit in limits)


def count_failure(session: Session, address: str, network: str) -> None:
    """One more failure, and yesterday's are forgotten."""
    session.execute(sa.delete(SignInTry).where(SignInTry.at < sa.func.now() - sa.text("interval '1 day'")))
    session.add_all(SignInTry(subject=subject) for subject in _subjects(address, network))


def forget_failures(session: Session, address: str) -> None:
    """Somebody proved to be who they are: their own failures count no more."""
    session.execute(sa.delete(SignInTry).where(SignInTry.subject == _subject("address", address)))


def _subjects(address: str, network: str) -> Sequence[bytes]:
    return (_subject("address", address), _subject("network", network))


def _subject(kind: str, value: str) -> bytes:
    return hashlib.sha256(f"{kind}\0{value.strip().lower()}".encode()).digest()
