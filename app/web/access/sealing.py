"""What is kept sealed: secrets at rest and in cookies, under keys that are derived from `DOORSTEP_SECRET_KEY`."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.errors import ConfigurationError
from app.settings import Settings

LEAST = 16
"""Characters of a secret key: fewer can be guessed."""


class NotSealed(Exception):
    """This was sealed with another key, for another use, too long ago, or by nobody."""


def can_seal(settings: Settings) -> bool:
    """Whether this installation has a key to seal with."""
    return len(settings.secret_key.get_secret_value()) >= LEAST


class Seal:
    """Seals bytes for one use; what was sealed for another is not opened. Raises ConfigurationError without a key."""

    def __init__(self, settings: Settings, use: str) -> None:
        if not can_seal(settings):
            raise ConfigurationError(
                f"DOORSTEP_SECRET_KEY is not set, or shorter than {LEAST} characters. Set it to a long random word,"
                " the same for all processes."
            )
        secret = settings.secret_key.get_secret_value().encode()
        derived = HKDF(SHA256(), 64, salt=None, info=b"doorstep/" + use.encode()).derive(secret)
        self._fernet = Fernet(base64.urlsafe_b64encode(derived[:32]))
        self._marking = derived[32:]

    def shut(self, content: bytes) -> bytes:
        """Sealed content (AES-128-CBC with HMAC-SHA256, Fernet), as ASCII."""
        return self._fernet.encrypt(content)

    def open(self, sealed: bytes, seconds: int | None = None) -> bytes:
        """What was sealed, at most so many seconds ago. Raises NotSealed."""
        try:
            return self._fernet.decrypt(sealed, ttl=seconds)
        except InvalidToken as error:
            raise NotSealed("sealed otherwise, or too long ago") from error

    def mark(self, content: bytes) -> bytes:
        """A digest that cannot be tried without the key (HMAC-SHA256), for short codes."""
        return hmac.new(self._marking, content, hashlib.sha256).digest()
