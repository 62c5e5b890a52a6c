"""Who may use the API: keys that belong to one brand, of which only the SHA-256 is kept."""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from app.clock import stopwatch
from app.db import Sessions
from app.errors import Fault, InvalidInput
from app.models import ApiKey, link_token
from app.web.access.marks import Marks
from app.web.problems import Problem

PREFIX = "dsk_"

REMEMBERED_SECONDS = 3.0
"""How long a key that was found good is not asked about again; a revoked one works no longer than that."""

REMEMBERED_KEYS = 1000


class Scope(StrEnum):
    """What a key may be allowed to do."""

    orders_write = "orders:write"
    orders_read = "orders:read"
    rules_read = "rules:read"
    rules_write = "rules:write"
    templates_read = "templates:read"
    templates_write = "templates:write"
    pauses_write = "pauses:write"
    carriers_write = "carriers:write"
    people_export = "people:export"
    people_erase = "people:erase"
    metrics_read = "metrics:read"


@dataclass(frozen=True, slots=True)
class Holder:
    """The program behind a key: the brand that it acts for and what it may do."""

    key_id: int
    brand_id: int
    scopes: frozenset[str]


def issue_key(session: Session, brand_id: int, label: str, scopes: Sequence[str]) -> str:
    """Make a key for a brand and return its secret, which is never shown again. Raises InvalidInput for a scope
    that there is none of."""
    known = {scope.value for scope in Scope}
    unknown = sorted(set(scopes) - known)
    if unknown or not scopes:
        problem = f"{', '.join(unknown)} is no scope" if unknown else "a key needs a scope"
        raise InvalidInput([Fault(None, "scopes", problem, f"Choose from {', '.join(sorted(known))}.")])
    secret = PREFIX + link_token()
    key = ApiKey(
        brand_id=brand_id,
        label=label,
        prefix=secret[: len(PREFIX) + 4],
        digest=_digest(secret),
        scopes=sorted(set(scopes)),
    )
    session.add(key)
    session.flush()
    return secret


def revoke_keys(session: Session, brand_id: int, prefix: str) -> int:
    """Revoke the brand's keys that begin with `prefix` (as lists show them); how many were still good."""
    revoked = session.scalars(
        sa.update(ApiKey)
        .where(ApiKey.brand_id == brand_id, ApiKey.prefix == prefix, ApiKey.revoked_at.is_(None))
        .values(revoked_at=sa.func.now())
        .returning(ApiKey.id)
    )
    return len(revoked.all())


class Keys:
    """Looks keys up, and remembers the good ones for a moment."""

    def __init__(self, sessions: Sessions, marks: Marks | None = None) -> None:
        self._sessions = sessions
        self._marks = marks
        self._good: OrderedDict[bytes, tuple[Holder, float]] = OrderedDict()
        self._lock = Lock()

    def holder(self, secret: str) -> Holder | None:
        """Who holds this secret, or None when it is unknown or revoked. That it was used is noted."""
        holder = self._found(_digest(secret))
        if holder is not None and self._marks is not None:
            self._marks.key(holder.key_id)
        return holder

    def _found(self, digest: bytes) -> Holder | None:
        with self._lock:
            remembered = self._good.get(digest)
        if remembered is not None and stopwatch() < remembered[1]:
            return remembered[0]
        holder = self._stored(digest)
        with self._lock:
            self._good.pop(digest, None)
            if holder is not None:
                self._good[digest] = (holder, stopwatch() + REMEMBERED_SECONDS)
            while len(self._good) > REMEMBERED_KEYS:
                self._good.popitem(last=False)
        return holder

    def _stored(self, digest: bytes) -> Holder | None:
        with self._sessions() as session:
            key = session.scalars(sa.select(ApiKey).where(ApiKey.digest == digest)).one_or_none()
        if key is None or key.revoked_at is not None or not hmac.compare_digest(bytes(key.digest), digest):
            return None
        return Holder(key.id, key.brand_id, frozenset(str(scope) for scope in key.scopes))


_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    description="A key of one brand, `dsk_…`, with scopes of `orders:write`, `orders:read`, `rules:read`,"
    " `rules:write`, `templates:read`, `templates:write`, `pauses:write`, `carriers:write`, `people:export`,"
    " `people:erase` and `metrics:read`.",
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


@dataclass(frozen=True, slots=True)
class Needs:
    """A dependency that gives the key's holder, or refuses: 401 without a good key, 403 without this scope."""

    scope: Scope

    def __call__(self, request: Request, credentials: Credentials) -> Holder:
        secret = credentials.credentials if credentials else ""
        keys: Keys = request.app.state.keys
        holder = keys.holder(secret) if secret.startswith(PREFIX) else None
        if holder is None:
            raise _unknown_key()
        if self.scope.value not in holder.scopes:
            raise _lacks(self.scope)
        return holder


def needs(scope: Scope) -> Needs:
    """The dependency of a call that needs this scope."""
    return Needs(scope)


def _unknown_key() -> Problem:
    return Problem(
        401,
        "no-key",
        "A good API key is needed",
        "Send `Authorization: Bearer dsk_…` with a key that has not been revoked.",
        headers={"WWW-Authenticate": 'Bearer realm="doorstep"'},
    )


def _lacks(scope: Scope) -> Problem:
    return Problem(
        403,
        "scope",
        "This key may not do that",
        f"It lacks the scope {scope.value}. Use a key that has it.",
        headers={"WWW-Authenticate": f'Bearer realm="doorstep", error="insufficient_scope", scope="{scope.value}"'},
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
