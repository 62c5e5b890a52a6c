"""Failed tries are counted, and those who try on wait; nobody keeps another out by failing in their name.

At the sign-in a try is counted by the address and where it came from together, so that whoever guesses from elsewhere
keeps themselves waiting and not the address's person. All elsewheres together have a limit for an address by the day,
which those pass by who were let in there before: from that network, or in that browser (OWASP ASVS 5.0, 6.1.1, 6.3.1).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Account, AccountSession, SignInTry
from app.web.access.sessions import digest_of

AN_ADDRESS, A_NETWORK = 8, 60
"""Failures within fifteen minutes after which one who tries an address, and whoever comes from one network, waits."""

AN_ADDRESS_A_DAY = 50
"""Failures within a day, from wherever, after which an address takes no more from where its person never was."""

_QUARTER, _DAY = sa.text("interval '15 minutes'"), sa.text("interval '1 day'")
_KNOWN_FOR = sa.text("interval '30 days'")
"""How long a network is remembered in which somebody was let in."""


class Wait(Enum):
    """How long one waits who tried too often."""

    a_quarter = "a quarter of an hour"
    a_day = "a day"


@dataclass(frozen=True, slots=True)
class _Limit:
    subject: bytes
    most: int
    within: Wait


@dataclass(frozen=True, slots=True)
class Tries:
    """Whose failures count against one try: `own` go when it is right, `network` is that of everybody there."""

    own: tuple[_Limit, ...]
    network: _Limit

    @property
    def limits(self) -> Sequence[_Limit]:
        """All of them."""
        return (*self.own, self.network)


def of_somebody(subject: str, network: str) -> Tries:
    """Of one who has proved something already: who is signed in, or knows the password and is asked for the number."""
    return Tries((_Limit(_digest("address", subject), AN_ADDRESS, Wait.a_quarter),), _of_network(network))


def at_the_door(session: Session, address: str, network: str, cookie: str) -> Tries:
    """Of a sign-in with an address, from a network, by a browser that has this cookie (empty: none). Looked up alike
    for addresses that nobody has."""
    where = _where_known(session, address, network, cookie)
    subject = _digest("address and place", f"{address}\0{where or network}")
    own = _Limit(subject, AN_ADDRESS, Wait.a_quarter)
    by_day = _Limit(_digest("address", address), AN_ADDRESS_A_DAY, Wait.a_day)
    return Tries((own,) if where else (by_day, own), _of_network(network))


def must_wait(session: Session, tries: Tries) -> Wait | None:
    """How long, where one more try is one too many. Asked before the password is looked at.

    Those whose failures count together take turns until their transaction ends, so that each sees the failures before
    it.
    """
    turn = int.from_bytes(tries.own[0].subject[:8], signed=True)
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.cast(turn, sa.BigInteger))))
    lately = sa.func.count().filter(SignInTry.at > sa.func.now() - _QUARTER)
    found = session.execute(
        sa.select(SignInTry.subject, lately, sa.func.count())
        .where(SignInTry.subject.in_([one.subject for one in tries.limits]), SignInTry.at > sa.func.now() - _DAY)
        .group_by(SignInTry.subject)
    )
    counts = {bytes(subject): {Wait.a_quarter: lately, Wait.a_day: today} for subject, lately, today in found}
    over = {one.within for one in tries.limits if counts.get(one.subject, {}).get(one.within, 0) >= one.most}
    return Wait.a_day if Wait.a_day in over else Wait.a_quarter if over else None


def count_failure(session: Session, tries: Tries) -> None:
    """One more failure, and yesterday's are forgotten."""
    session.execute(sa.delete(SignInTry).where(SignInTry.at < sa.func.now() - _DAY))
    session.add_all(SignInTry(subject=one.subject) for one in tries.limits)


def forget_failures(session: Session, tries: Tries) -> None:
    """Somebody proved to be who they are: their own failures count no more."""
    session.execute(sa.delete(SignInTry).where(SignInTry.subject.in_([one.subject for one in tries.own])))


def _where_known(session: Session, address: str, network: str, cookie: str) -> str:
    """What the address's person is known by here: their browser, by the cookie of a session of theirs, over or not;
    else the network; empty where neither is known. A browser has its own count, so that neighbours do not matter."""
    browser = AccountSession.digest == digest_of(cookie)
    here = (AccountSession.network == network) & (AccountSession.created_at > sa.func.now() - _KNOWN_FOR)
    query = (
        sa.select(browser)
        .join(Account, Account.id == AccountSession.account_id)
        .where(Account.email == address, browser | here)
        .order_by(browser.desc())
        .limit(1)
    )
    found = session.scalar(query)
    return "" if found is None else f"browser {digest_of(cookie).hex()}" if found else f"network {network}"


def _of_network(network: str) -> _Limit:
    return _Limit(_digest("network", network), A_NETWORK, Wait.a_quarter)


def _digest(kind: str, value: str) -> bytes:
    return hashlib.sha256(f"{kind}\0{value.strip().lower()}".encode()).digest()
