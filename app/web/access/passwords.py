"""Passwords: argon2id hashes, and what a password must be. One kept before with weaker settings is made anew."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.errors import Fault, InvalidInput

LEAST, MOST = 12, 256
"""Characters. Length is all that is asked for (NIST SP 800-63B, 5.1.1.2), and that it is none that everybody tries."""

_KNOWN = frozenset({
    "123456789012", "passwordpassword", "password1234", "password12345", "qwertyuiopas", "qwerty123456",
    "letmeinletmein", "administrator", "iloveyou1234", "welcome12345", "changemechangeme", "doorstepdoorstep",
    "doorstep1234", "aaaaaaaaaaaa", "111111111111", "000000000000", "abcdefghijkl", "abcd12345678",
})  # fmt: skip

_HASHER = PasswordHasher()
_NOBODYS = _HASHER.hash("nobody has this password")


def check_password(written: str, email: str = "") -> None:
    """Raises InvalidInput, with the remedy, for a password that may not be chosen."""
    problem = ""
    if len(written) < LEAST:
        problem = f"has {len(written)} characters"
    elif len(written) > MOST:
        problem = f"has more than {MOST} characters"
    elif written.lower() in _KNOWN or (email and written.lower() == email.lower()):
        problem = "is one that is tried first"
    if problem:
        raise InvalidInput(
            [
                Fault(
                    None,
                    "password",
                    problem,
                    f"Choose at least {LEAST} characters: four words that do not belong together.",
                )
            ]
        )


def hashed(password: str) -> str:
    """What is kept of a password."""
    return _HASHER.hash(password)


def fits(password: str, kept: str | None) -> bool:
    """Whether this is the password. It takes as long where there is none, so that time tells nothing of accounts."""
    try:
        return _HASHER.verify(kept or _NOBODYS, password[: MOST + 1]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(kept: str) -> bool:
    """Whether a hash was made with weaker settings than today's."""
    return _HASHER.check_needs_rehash(kept)
