"""The place where workers share carriers' tokens: in the broker, sealed, for as long as each lives."""

import json
import secrets
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import redis.asyncio
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from redis.exceptions import RedisError

from app.clock import wall_seconds
from app.log import logger
from app.tracking.adapter.base import Access

log = logger(__name__)

_TOKEN, _TURN = "doorstep:token:", "doorstep:token-turn:"
_AWAY = (RedisError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Kept:
    """A token and when it is renewed and ends, in wall seconds since 1970, so that processes agree."""

    value: str
    renew_at: float
    ends_at: float

    def __repr__(self) -> str:
        return f"Kept(…, ends_at={self.ends_at:.0f})"


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """One carrier by one set of credentials: the name its token goes by, and the key that seals it."""

    name: str
    key: bytes

    @classmethod
    def of(cls, carrier: str, access: Access) -> "Account":
        """Both are made of the whole credentials, so that a changed secret begins anew, and neither tells anything of
        the other or of them (HKDF, RFC 5869)."""
        told = "\x1f".join((access.base_url, access.key, access.secret, access.account))
        made = HKDF(SHA256(), 48, None, f"doorstep token of {carrier}".encode()).derive(
            told.encode("utf-8", "surrogatepass")
        )
        return cls(f"{carrier}:{made[:16].hex()}", made[16:])

    def sealed(self, kept: Kept) -> bytes:
        """A token as it may lie in somebody else's memory."""
        nonce = secrets.token_bytes(12)
        text = json.dumps([kept.value, kept.renew_at, kept.ends_at]).encode()
        return nonce + AESGCM(self.key).encrypt(nonce, text, self.name.encode())

    def unsealed(self, sealed: bytes) -> Kept | None:
        """What was sealed with these very credentials; anything else in its place is no token."""
        try:
            text = AESGCM(self.key).decrypt(sealed[:12], sealed[12:], self.name.encode())
            value, renew_at, ends_at = json.loads(text)
        except (InvalidTag, ValueError, TypeError):
            return None
        return Kept(str(value), float(renew_at), float(ends_at))


def shelf_url(broker_url: str) -> str:
    """The broker's address if it can keep tokens (Redis or Valkey), else empty."""
    return broker_url if urlsplit(broker_url).scheme in ("redis", "rediss") else ""


def _client(url: str) -> Any:
    return redis.asyncio.Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0)


class Shelf:
    """One account's place on the shelf. Where there is none, or it is away, each process is alone: nothing is found,
    and it is always its turn. An asynchronous context manager."""

    def __init__(self, url: str, account: Account) -> None:
        self._account = account
        self._turn = secrets.token_hex(8)
        self._redis = _client(url) if url else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._redis is not None:
            await self._redis.aclose()

    async def get(self) -> Kept | None:
        """The token that lies there."""
        sealed = await self._do("GET", _TOKEN + self._account.name)
        return self._account.unsealed(sealed) if isinstance(sealed, bytes) else None

    async def put(self, kept: Kept) -> None:
        """Lay a token down for as long as it lives."""
        life = int((kept.ends_at - wall_seconds()) * 1000)
        if life > 0:
            await self._do("SET", _TOKEN + self._account.name, self._account.sealed(kept), "PX", life)

    async def remove(self) -> None:
        """Throw away what lies there."""
        await self._do("DEL", _TOKEN + self._account.name)

    async def take_turn(self, seconds: float) -> bool:
        """Whether it is ours to fetch the next token; nobody else's for so many seconds, or until we are done."""
        if self._redis is None:
            return True
        life = int(seconds * 1000) + 1000
        taken = await self._do("SET", _TURN + self._account.name, self._turn, "NX", "PX", life, nobody=b"OK")
        return taken is not None

    async def end_turn(self) -> None:
        """Let another fetch, if the turn is still ours."""
        if await self._do("GET", _TURN + self._account.name) == self._turn.encode():
            await self._do("DEL", _TURN + self._account.name)

    async def _do(self, *command: str | bytes | int, nobody: bytes | None = None) -> object:
        """The broker's answer; `nobody` where there is none to ask."""
        if self._redis is None:
            return nobody
        try:
            answer: object = await self._redis.execute_command(*command)
        except _AWAY as error:
            log.warning("tokens are not shared just now", why=type(error).__name__)
            return nobody
        return answer
