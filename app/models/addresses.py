"""By which name an address is known: its normal form, the digest of that, and the salted digest that is stored.

Pure, but for the SQL that salts. Python never sees the salt: a digest is salted by the very statement that stores or
looks it up, so what is stored can be matched in this installation alone.
"""

import hashlib
import unicodedata
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.rights import Installation
from app.models.vocabulary import Channel

SALTED = "sha256((SELECT salt FROM installation) || {digest})"
"""The stored form of an unsalted digest, for SQL text; PostgreSQL reads the salt once a statement."""


def normalised(channel: Channel, address: str) -> str:
    """An address as it is compared: without its outer blanks, in one case; a number without what people put into it.

    Nothing is guessed beyond that: dots and plus signs in a mailbox belong to its owner.
    """
    text = unicodedata.normalize("NFC", address.strip()).lower()
    if channel is not Channel.email:
        text = text.removeprefix("whatsapp:")
        text = "".join(letter for letter in text if letter not in " -()./\u00a0")
    return text


def address_digest(channel: Channel, address: str) -> bytes:
    """SHA-256 of the normalised address. It is never stored as it is: see `salted`."""
    return hashlib.sha256(normalised(channel, address).encode()).digest()


def fingerprint(session: Session) -> str:
    """Eight digits by which an export says with which salt its digests were made."""
    salt = session.scalars(sa.select(Installation.salt)).one()
    return hashlib.sha256(b"fingerprint" + salt).hexdigest()[:8]


def salted(digest: Any) -> sa.ColumnElement[bytes]:
    """The stored form of an unsalted digest (bytes, or a column of them), as an SQL expression."""
    salt = sa.select(Installation.salt).scalar_subquery()
    given = sa.literal(digest, sa.LargeBinary) if isinstance(digest, bytes) else digest
    return sa.func.sha256(salt.op("||")(given))
