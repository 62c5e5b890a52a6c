"""One-time links: the first owner is made by one, and a person's first password chosen by another."""

import secrets
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Account, AccountLink
from app.models.accounts import LinkPurpose
from app.web.access.sessions import digest_of

GOOD_FOR = sa.text("interval '2 days'")


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that is good: what it is for, whose it is (None: nobody's yet) and its row."""

    link_id: int
    purpose: LinkPurpose
    account: Account | None


def make_link(
    session: Session,
    purpose: LinkPurpose,
    made_by: str,
    account_id: int | None = None,
    good_for: sa.TextClause = GOOD_FOR,
) -> str:
    """A new link's secret; those that were made before for the same are no good any more."""
    mine = AccountLink.account_id == account_id if account_id is not None else AccountLink.account_id.is_(None)
    session.execute(
        sa.update(AccountLink)
        .where(AccountLink.purpose == purpose, mine, AccountLink.used_at.is_(None))
        .values(used_at=sa.func.now())
    )
    secret = secrets.token_urlsafe(24)
    session.add(
        AccountLink(
            digest=digest_of(secret),
            purpose=purpose.value,
            account_id=account_id,
            made_by=made_by,
            expires_at=sa.func.now() + good_for,
        )
    )
    session.flush()
    return secret


def set_up_path(session: Session, made_by: str) -> str | None:
    """Where the first owner is made, as a path with a new secret; None once there is somebody."""
    if session.scalar(sa.select(sa.exists(sa.select(Account.id)))):
        return None
    return f"/set-up?code={make_link(session, LinkPurpose.set_up, made_by)}"


def open_link(session: Session, secret: str, purpose: LinkPurpose) -> Opened | None:
    """The link behind a secret, locked, if it is good still. A link to set up is none once there is somebody."""
    row = session.execute(
        sa.select(AccountLink, Account)
        .outerjoin(Account, Account.id == AccountLink.account_id)
        .where(
            AccountLink.digest == digest_of(secret[:200]),
            AccountLink.purpose == purpose,
            AccountLink.used_at.is_(None),
            AccountLink.expires_at > sa.func.now(),
        )
        .with_for_update(of=AccountLink)
    ).one_or_none()
    if row is None:
        return None
    link, account = row
    if account is not None and account.disabled_at is not None:
        return None
    if purpose is LinkPurpose.set_up and session.scalar(sa.select(sa.exists(sa.select(Account.id)))):
        return None
    return Opened(link.id, purpose, account)


def use_up(session: Session, opened: Opened) -> None:
    """The link has done its work."""
    session.execute(sa.update(AccountLink).where(AccountLink.id == opened.link_id).values(used_at=sa.func.now()))


def end_links(session: Session, account_id: int) -> None:
    """No link that somebody was given before is good any more."""
    query = sa.update(AccountLink).where(AccountLink.account_id == account_id, AccountLink.used_at.is_(None))
    session.execute(query.values(used_at=sa.func.now()))
