"""What proves that a call is a carrier's: a digest of its body under a shared secret, or the secret itself."""

import hashlib
import hmac
from collections.abc import Mapping

from app.errors import Forged


def hmac_sha256(secret: str, body: bytes) -> bytes:
    """The HMAC-SHA256 (RFC 2104) of a body, as 32 bytes. Raises Forged where no secret is set: with an empty one
    anybody could sign."""
    if not secret:
        raise Forged("no secret is set")
    return hmac.new(secret.encode("utf-8", "surrogatepass"), body, hashlib.sha256).digest()


def must_equal(headers: Mapping[str, str], name: str, expected: str) -> None:
    """Returns if the header is what is expected, in a time that does not tell how much of it is. Raises Forged."""
    given = headers.get(name, "")
    if not given:
        raise Forged(f"the header {name} is missing")
    if not expected or not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace")):
        raise Forged(f"the header {name} is wrong")
