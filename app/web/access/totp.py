"""One-time numbers (RFC 6238: SHA-1, six digits, 30 seconds), as every authenticator app counts them. Pure."""

import base64
import hashlib
import hmac
import secrets
import struct
from urllib.parse import quote

DIGITS = 6
STEP_SECONDS = 30
DRIFT = 1
"""Steps that a telephone's clock may be ahead or behind."""


def new_secret() -> bytes:
    """160 random bits, as RFC 4226, section 4, recommends."""
    return secrets.token_bytes(20)


def step_at(seconds: float) -> int:
    """The step that a moment (seconds since 1970) lies in."""
    return int(seconds) // STEP_SECONDS


def number_of(secret: bytes, step: int) -> str:
    """The number of one step (RFC 4226, section 5.3)."""
    digest = hmac.new(secret, struct.pack(">Q", step), hashlib.sha1).digest()
    start = digest[-1] & 0x0F
    value = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{value % 10**DIGITS:0{DIGITS}d}"


def step_of(secret: bytes, written: str, now: int, after: int | None) -> int | None:
    """The step whose number was written, among those around `now`; None if there is none, or none later than `after`,
    the last that was taken (RFC 6238, section 5.2: a number is taken once)."""
    found = None
    for step in range(now - DRIFT, now + DRIFT + 1):
        same = hmac.compare_digest(number_of(secret, step).encode(), written.encode())
        if same and (after is None or step > after):
            found = step
    return found


def as_text(secret: bytes) -> str:
    """The secret in groups of four, for whoever types it: "ABCD EFGH …"."""
    written = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(written[start : start + 4] for start in range(0, len(written), 4))


def address_of(secret: bytes, person: str, place: str) -> str:
    """The `otpauth://` address that apps read from a picture; `place` is the installation."""
    written = base64.b32encode(secret).decode().rstrip("=")
    label = quote(f"{place}:{person}", safe="")
    return f"otpauth://totp/{label}?secret={written}&issuer={quote(place, safe='')}"
