"""The second step of a sign-in: an app's number or a recovery code. Enrolled, confirmed, asked for, taken away."""

import secrets
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.clock import wall_now
from app.models import AccountFactor, RecoveryCode
from app.settings import Settings
from app.web.access import totp
from app.web.access.sealing import Seal

CODES = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another
_CODE_LENGTH = 12


def has_factor(session: Session, account_id: int) -> bool:
    """Whether this person's sign-in has a second step."""
    query = sa.select(AccountFactor.account_id).where(
        AccountFactor.account_id == account_id, AccountFactor.confirmed_at.is_not(None)
    )
    return session.scalar(query) is not None


def begin(session: Session, settings: Settings, account_id: int) -> bytes:
    """The secret of a factor that waits to be confirmed: a new one, or the one that was begun before. A confirmed one
    is never shown again: ValueError."""
    found = session.get(AccountFactor, account_id, with_for_update=True)
    seal = Seal(settings, "second-step")
    if found is not None:
        if found.confirmed_at is not None:
            raise ValueError("there is a second step already")
        return seal.open(found.secret)
    statement = insert(AccountFactor).values(account_id=account_id, secret=seal.shut(totp.new_secret()))
    session.execute(statement.on_conflict_do_nothing())
    return seal.open(session.get_one(AccountFactor, account_id).secret)


def confirm(session: Session, settings: Settings, account_id: int, written: str) -> list[str] | None:
    """Make the second step count from now on, if the number is right: the recovery codes, which are shown once. None
    where it is wrong, or nothing was begun."""
    factor = _locked(session, account_id)
    if factor is None or factor.confirmed_at is not None or not _number(settings, factor, written):
        return None
    factor.confirmed_at = wall_now()
    return new_codes(session, settings, account_id)


def new_codes(session: Session, settings: Settings, account_id: int) -> list[str]:
    """Ten new recovery codes; those from before are no good any more."""
    session.execute(sa.delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH)) for _ in range(CODES)]
    seal = Seal(settings, "recovery")
    session.add_all(RecoveryCode(account_id=account_id, digest=_digest(seal, account_id, code)) for code in codes)
    session.flush()
    return [f"{code[:4]}-{code[4:8]}-{code[8:]}" for code in codes]


def prove(session: Session, settings: Settings, account_id: int, written: str) -> str | None:
    """Take a number or a recovery code, each once: "app", "code", or None where it is neither."""
    plain = "".join(written.split()).replace("-", "").lower()
    factor = _locked(session, account_id)
    if factor is None or factor.confirmed_at is None:
        return None
    if len(plain) == totp.DIGITS and plain.isascii() and plain.isdigit():
        return "app" if _number(settings, factor, plain) else None
    if len(plain) != _CODE_LENGTH:
        return None
    used = session.scalar(
        sa.update(RecoveryCode)
        .where(
            RecoveryCode.account_id == account_id,
            RecoveryCode.digest == _digest(Seal(settings, "recovery"), account_id, plain),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=sa.func.now())
        .returning(RecoveryCode.id)
    )
    return "code" if used is not None else None


def take_away(session: Session, account_id: int) -> bool:
    """End a person's second step, begun or confirmed; whether there was one."""
    session.execute(sa.delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
    query = sa.delete(AccountFactor).where(AccountFactor.account_id == account_id).returning(AccountFactor.account_id)
    return session.scalar(query) is not None


def codes_left(session: Session, account_id: int) -> int:
    """How many recovery codes are still good."""
    mine = (RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None))
    return session.scalars(sa.select(sa.func.count()).select_from(RecoveryCode).where(*mine)).one()


def who_have(session: Session, account_ids: Sequence[int]) -> frozenset[int]:
    """Those of these people whose sign-in has a second step."""
    query = sa.select(AccountFactor.account_id).where(
        AccountFactor.account_id.in_(account_ids), AccountFactor.confirmed_at.is_not(None)
    )
    return frozenset(session.scalars(query))


def _locked(session: Session, account_id: int) -> AccountFactor | None:
    return session.get(AccountFactor, account_id, with_for_update=True, populate_existing=True)


def _number(settings: Settings, factor: AccountFactor, written: str) -> bool:
    secret = Seal(settings, "second-step").open(factor.secret)
    plain = "".join(written.split())
    step = totp.step_of(secret, plain, totp.step_at(wall_now().timestamp()), factor.last_step)
    if step is None:
        return False
    factor.last_step = step
    return True


def _digest(seal: Seal, account_id: int, code: str) -> bytes:
    return seal.mark(f"{account_id}:{code}".encode())
