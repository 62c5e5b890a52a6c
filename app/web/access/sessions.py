"""Sessions: a browser's cookie, whom it stands for, and how long it is good."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network

import sqlalchemy as sa
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from app.models import Account, AccountSession, Brand
from app.models.accounts import Role
from app.web.access.roles import RIGHTS, Right

IDLE = sa.text("interval '12 hours'")
LONGEST = sa.text("interval '14 days'")
"""A session ends when nobody used it for so long, and in any case after so long."""

_LONGEST_SECONDS = 14 * 24 * 3600


@dataclass(frozen=True, slots=True)
class BrandName:
    """A brand that somebody may work for."""

    id: int
    key: str
    name: str
    zone: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is at the console: the person, their session, and the brand of the page they are at (`brand_id` 0, and the
    names empty, at a page of no brand)."""

    account_id: int
    name: str
    email: str
    role: Role
    session_id: int
    csrf: str
    notice: str | None
    brands: tuple[BrandName, ...]
    brand_id: int = 0
    brand_key: str = ""
    brand_name: str = ""
    zone: str = "UTC"

    def has(self, right: Right) -> bool:
        """Whether this person may do that."""
        return right in RIGHTS[self.role]

    @property
    def actor(self) -> str:
        """What others know them by: in histories, pauses and the audit log."""
        return self.email


def begin(session: Session, account: Account, device: str, network: str) -> str:
    """Open a session for somebody who has proved who they are, and return the secret for their cookie."""
    secret = secrets.token_urlsafe(32)
    session.add(
        AccountSession(
            account_id=account.id,
            digest=digest_of(secret),
            csrf=secrets.token_urlsafe(24),
            device=device[:200],
            network=network,
        )
    )
    return secret


def find(session: Session, secret: str) -> tuple[Account, AccountSession, Sequence[BrandName], bool] | None:
    """Whose session this is, with the brands that they may work for and whether it is a minute since it was last seen;
    None for one that is unknown, ended or too old, or whose person may not come any more."""
    if not secret or len(secret) > 200:
        return None
    now = sa.func.now()
    row = session.execute(
        sa.select(Account, AccountSession, AccountSession.seen_at < now - sa.text("interval '1 minute'"))
        .join(AccountSession, AccountSession.account_id == Account.id)
        .where(
            AccountSession.digest == digest_of(secret),
            AccountSession.ended_at.is_(None),
            AccountSession.seen_at > now - IDLE,
            AccountSession.created_at > now - LONGEST,
            Account.disabled_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        return None
    account, found, stale = row
    brands = sa.select(Brand.id, Brand.key, Brand.name, Brand.zone).order_by(Brand.key)
    if account.brand_ids is not None:
        brands = brands.where(Brand.id.in_(account.brand_ids))
    return account, found, [BrandName(*brand) for brand in session.execute(brands)], stale


def end(session: Session, account_id: int, *, only: int | None = None, but: int | None = None) -> int:
    """End a person's sessions: all, `only` this one, or all `but` this one. How many were still open."""
    query = sa.update(AccountSession).where(AccountSession.account_id == account_id, AccountSession.ended_at.is_(None))
    if only is not None:
        query = query.where(AccountSession.id == only)
    if but is not None:
        query = query.where(AccountSession.id != but)
    return len(session.scalars(query.values(ended_at=sa.func.now()).returning(AccountSession.id)).all())


def end_behind(session: Session, secret: str) -> None:
    """End the session behind a cookie, whosever it is."""
    query = sa.update(AccountSession).where(AccountSession.digest == digest_of(secret[:200]))
    session.execute(query.where(AccountSession.ended_at.is_(None)).values(ended_at=sa.func.now()))


def digest_of(secret: str) -> bytes:
    """What is kept of a cookie or a link."""
    return hashlib.sha256(secret.encode()).digest()


def network_of(request: Request) -> str:
    """The network that a request comes from: the first 64 bits of an IPv6 address, all of an IPv4 one."""
    host = request.client.host if request.client else ""
    try:
        address = IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, 64), strict=False))


def device_of(request: Request) -> str:
    """What the browser calls itself, as far as a person recognises it by it."""
    return "".join(sign for sign in request.headers.get("user-agent", "") if sign.isprintable())[:200]


def cookie_name(request: Request) -> str:
    """`__Host-` binds the cookie to this host and to TLS; without TLS a browser would not take it."""
    return "__Host-doorstep" if is_secure(request) else "doorstep"


def is_secure(request: Request) -> bool:
    """Whether people reach this installation over TLS: its public address says so."""
    return str(request.app.state.house.public_url).startswith("https://")


def give_cookie(request: Request, response: Response, secret: str) -> None:
    """Let the browser keep a session's secret: not for scripts, and not for other sites' requests."""
    response.set_cookie(
        cookie_name(request), secret, max_age=_LONGEST_SECONDS, path="/", secure=is_secure(request), httponly=True,
        samesite="lax",
    )  # fmt: skip


def take_cookie(request: Request, response: Response) -> None:
    """Let the browser forget it."""
    response.delete_cookie(cookie_name(request), path="/", secure=is_secure(request), httponly=True, samesite="lax")
