"""Who has an account: made, changed, closed and opened again. An installation never loses its last owner."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from email_validator import EmailNotValidError, validate_email
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import Conflict, Fault, InvalidInput, NotFound
from app.models import Account, Brand, public_id
from app.models.accounts import LinkPurpose, Role
from app.web.access import second_step, sessions
from app.web.access.links import end_links, make_link
from app.web.access.trail import Who, note

EVERY_BRAND = "all"
"""Written in place of brands' keys: all that there are, and those that come."""

LAST_OWNER = "This is the last owner who can sign in. Make somebody else an owner first."


def read_address(written: str) -> str:
    """An email address as accounts are known by it. Raises InvalidInput."""
    try:
        found = validate_email(written.strip(), check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        remedy = "Write it as name@shop.example."
        raise InvalidInput([Fault(None, "email", f"{written[:80]!r} is no address", remedy)]) from error
    return found.lower()


def read_role(written: str) -> Role:
    """A role by its name. Raises InvalidInput."""
    try:
        return Role(written)
    except ValueError as error:
        remedy = f"One of {', '.join(role.value for role in Role)}."
        raise InvalidInput([Fault(None, "role", f"{written[:40]!r} is no role", remedy)]) from error


def read_brands(session: Session, role: Role, keys: Sequence[str]) -> list[int] | None:
    """The ids of brands by their keys, sorted; None, which is every brand and each that comes, where `all` is among
    them, and for owners. Raises InvalidInput; also where none is named: nobody is given all by leaving something out.
    """
    if role is Role.owner or EVERY_BRAND in keys:
        return None
    found = dict(session.execute(sa.select(Brand.key, Brand.id)).all())
    unknown = sorted(set(keys) - set(found))
    known = f"{', '.join(sorted(found))}, or all."
    if unknown:
        raise InvalidInput([Fault(None, "brands", f"{unknown[0][:40]!r} is no brand", f"One of {known}")])
    if not keys:
        remedy = f"Choose those that they work for: {known}"
        raise InvalidInput([Fault(None, "brands", "no brand is chosen for them", remedy)])
    return sorted({found[key] for key in keys})


def add_account(
    session: Session, who: Who, email: str, name: str, role: Role, brand_ids: list[int] | None
) -> tuple[Account, str]:
    """Make an account and the one-time link by which its person chooses a password. Raises InvalidInput, and Conflict
    where there is one already."""
    address = read_address(email)
    account = Account(
        public_id=public_id("usr"),
        email=address,
        name=" ".join(name.split())[:80] or address.partition("@")[0],
        role=role.value,
        brand_ids=None if role is Role.owner else brand_ids,
    )
    try:
        with session.begin_nested():
            session.add(account)
            session.flush()
    except IntegrityError as error:
        raise Conflict(f"{address} has an account already. Change that one, or write another address.") from error
    note(session, who, "account.add", account.public_id, after={"email": address, **standing(session, account)})
    return account, make_link(session, LinkPurpose.first_word, _said(who), account.id)


def change_account(session: Session, who: Who, account: Account, role: Role, brand_ids: list[int] | None) -> bool:
    """Give somebody another role or other brands; whether that is a change. Raises Conflict for the last owner."""
    if role is not Role.owner:
        _keep_an_owner(session, account)
    before = standing(session, account)
    account.role, account.brand_ids = role.value, None if role is Role.owner else brand_ids
    after = standing(session, account)
    if after != before:
        note(session, who, "account.change", account.public_id, before=before, after=after)
    return after != before


def close_account(session: Session, who: Who, account: Account) -> int:
    """Let somebody in no more, and sign them out; how many browsers. Raises Conflict for the last owner."""
    _keep_an_owner(session, account)
    if account.disabled_at is None:
        account.disabled_at = session.scalars(sa.select(sa.func.now())).one()
        note(session, who, "account.close", account.public_id, before={"open": True}, after={"open": False})
    end_links(session, account.id)
    return sessions.end(session, account.id)


def open_account(session: Session, who: Who, account: Account) -> None:
    """Let somebody in again whose account was closed."""
    if account.disabled_at is not None:
        account.disabled_at = None
        note(session, who, "account.open", account.public_id, before={"open": False}, after={"open": True})


def password_link(session: Session, who: Who, account: Account) -> str:
    """A new one-time link's secret; the password stays until it is used. Raises Conflict for a closed account."""
    if account.disabled_at is not None:
        raise Conflict("The account is closed. Open it first.")
    note(session, who, "account.password_link", account.public_id)
    return make_link(session, LinkPurpose.first_word, _said(who), account.id)


def end_factor(session: Session, who: Who, account: Account) -> bool:
    """Take away the second step of somebody who lost it; whether there was one."""
    had = second_step.take_away(session, account.id)
    if had:
        note(session, who, "account.second_step", account.public_id, after={"second step": False})
    return had


def part_from_shop(session: Session, who: Who, account: Account) -> bool:
    """Forget who somebody is at the shop's own sign-in: whoever has their address there comes through next."""
    had, account.subject = account.subject is not None, None
    if had:
        note(session, who, "account.shop_sign_in", account.public_id, after={"known there": False})
    return had


def account_by(session: Session, written: str) -> Account:
    """An account by outside id or address, locked. Raises NotFound."""
    known = sa.or_(Account.public_id == written, Account.email == written.strip().lower())
    account = session.scalars(sa.select(Account).where(known).with_for_update()).one_or_none()
    if account is None:
        raise NotFound(f"{written[:80]!r} has no account. `doorstep user list` shows who has.")
    return account


def _keep_an_owner(session: Session, account: Account) -> None:
    """Owners are locked together, so that two who leave at once do not both go."""
    owners = session.scalars(
        sa.select(Account).where(Account.role == Role.owner, Account.disabled_at.is_(None)).order_by(Account.id)
        .with_for_update().execution_options(populate_existing=True)
    ).all()  # fmt: skip
    able = [one.id for one in owners if one.password is not None or one.subject is not None]
    if account.id in able and len(able) == 1:
        raise Conflict(LAST_OWNER)


def standing(session: Session, account: Account) -> dict[str, Any]:
    """What somebody may do and where, as the audit log says it."""
    if account.brand_ids is None:
        return {"role": account.role, "brands": "all"}
    names = sa.select(Brand.key).where(Brand.id.in_(account.brand_ids)).order_by(Brand.key)
    return {"role": account.role, "brands": ", ".join(session.scalars(names)) or "none"}


def _said(who: Who) -> str:
    return who if isinstance(who, str) else getattr(who, "actor", "a key")
