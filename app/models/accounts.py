"""The people who work with the console: their accounts, sessions, one-time links, and the log of what they changed."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, CreatedAt, one_of


class Role(StrEnum):
    """What a person is in the shop; `app/web/access/roles.py` says what each may do."""

    owner = "owner"
    operations = "operations"
    marketer = "marketer"
    agent = "agent"
    reader = "reader"


class LinkPurpose(StrEnum):
    """What a one-time link opens."""

    set_up = "set_up"
    first_word = "first_word"
    second_step = "second_step"


class Account(Base):
    """A person who may sign in. `email` is lower case; `password` is an argon2 hash, NULL until they set one or where
    they come through the shop's own sign-in; `brand_ids` NULL means every brand. `subject` is who they are at that
    sign-in (issuer and subject), from the first time that they came through it. All times are the real time."""

    __tablename__ = "accounts"
    __table_args__ = (one_of("role", Role),)

    id: Mapped[BigId]
    public_id: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    brand_ids: Mapped[list[int] | None] = mapped_column(ARRAY(sa.BigInteger))
    password: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    disabled_at: Mapped[datetime | None]
    subject: Mapped[str | None] = mapped_column(unique=True)


class AccountFactor(Base):
    """The second step of a person's sign-in: the secret that their app counts with, sealed.

    It is asked for once `confirmed_at` is set. `last_step` is the newest 30-second step of which a number was taken:
    none up to it is taken again.
    """

    __tablename__ = "account_factors"

    account_id: Mapped[int] = mapped_column(
        sa.BigInteger, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False
    )
    secret: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[CreatedAt]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int | None] = mapped_column(sa.BigInteger)


class RecoveryCode(Base):
    """A code that lets a person in once without their app; only its keyed digest is kept."""

    __tablename__ = "recovery_codes"
    __table_args__ = (sa.UniqueConstraint("account_id", "digest"),)

    id: Mapped[BigId]
    account_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("accounts.id"))
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[CreatedAt]
    used_at: Mapped[datetime | None]


class AccountSession(Base):
    """One browser that somebody signed in with; only the SHA-256 of its cookie is kept.

    `csrf` stands in every form of its pages. `brand_id` is the brand it last looked at, `notice` a sentence that the
    next page shows once. `device` and `network` are what its person recognises it by.
    """

    __tablename__ = "account_sessions"
    __table_args__ = (
        sa.Index("ix_account_sessions_account_id", "account_id", postgresql_where=sa.text("ended_at IS NULL")),
    )

    id: Mapped[BigId]
    account_id: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("accounts.id"))
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary, unique=True)
    csrf: Mapped[str]
    brand_id: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("brands.id"))
    notice: Mapped[str | None]
    device: Mapped[str]
    network: Mapped[str]
    created_at: Mapped[CreatedAt]
    seen_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]


class AccountLink(Base):
    """A link that works once and for a while: it makes the first owner (`set_up`), lets a person choose a password
    (`first_word`), or stands for a password that was right while the second step is asked for (`second_step`)."""

    __tablename__ = "account_links"
    __table_args__ = (one_of("purpose", LinkPurpose),)

    id: Mapped[BigId]
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary, unique=True)
    purpose: Mapped[str]
    account_id: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("accounts.id"))
    made_by: Mapped[str]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignInTry(Base):
    """A sign-in that failed, counted against the address that was tried, where it came from, and both together.

    `subject` is a digest of one of these. Rows of yesterday are deleted by the next failure.
    """

    __tablename__ = "sign_in_tries"
    __table_args__ = (sa.Index("ix_sign_in_tries_subject_at", "subject", "at"),)

    id: Mapped[BigId]
    subject: Mapped[bytes] = mapped_column(sa.LargeBinary)
    at: Mapped[CreatedAt]


class AuditEntry(Base):
    """Who changed what, when, from what to what: written in the transaction of the change itself, never changed.

    `actor` is what a reader knows them by (an address, a key's label, the command line); `before` and `after` hold no
    secret and nothing of a shopper. `brand_id` is NULL for what belongs to the whole installation.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        sa.Index("ix_audit_entries_brand_id_id", "brand_id", "id"),
        sa.Index("ix_audit_entries_account_id_id", "account_id", "id"),
    )

    id: Mapped[BigId]
    at: Mapped[CreatedAt]
    brand_id: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("brands.id"))
    account_id: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("accounts.id"))
    key_id: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("api_keys.id"))
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
