"""Tokens that carriers lend for credentials: kept for all workers, renewed before they end, fetched by one at a time.

They are shared through the broker where that is Redis or Valkey, else each process keeps its own. A token is never
logged, and what lies in the broker is sealed with a key made of the carrier's credentials: who can read its memory, but
not the settings, gains nothing.
"""

import asyncio
from dataclasses import dataclass, field, replace

from app.channels.pool import Pool
from app.clock import stopwatch, wall_seconds
from app.pipeline.polling.fetching import fetch
from app.pipeline.polling.shelf import Account, Kept, Shelf
from app.tracking.adapter.base import Access, Carrier, CarrierReply, Login, RawAnswer

_RENEWED_AT = 0.8
"""The share of its life after which a token is renewed: while it is still good, so that nobody waits for a new one."""

_USED_UNTIL = 0.95
"""The share of its life in which calls are begun with it: one that begins with a good token must end with it too."""

_PATIENCE = 30.0
"""Seconds until the next try where a carrier would not renew a token that is still good."""

_LOOK_AGAIN = 0.05
"""Seconds between two looks for the token that another process fetches."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why there is no token, and the answer that says so."""

    reply: CarrierReply
    raw: RawAnswer


@dataclass(frozen=True, slots=True)
class _Errand:
    """What it takes to fetch a token; `seconds` is how long the carrier may take."""

    http: Pool
    login: Login
    access: Access
    account: Account
    seconds: float


@dataclass(slots=True)
class Tokens:
    """The tokens of one process, and where it shares them with others: `shelf_url` is empty where it does not."""

    shelf_url: str = ""
    _own: dict[str, Kept] = field(default_factory=dict)
    _turns: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def lend(
        self, http: Pool, carrier: Carrier, access: Access, seconds: float, spent: str = ""
    ) -> str | Refused:
        """A token that is good now, or why there is none; empty where the carrier wants none.

        `spent` is one that the carrier has just refused: it is thrown away, here and where it is shared.
        """
        if carrier.login is None:
            return ""
        account = Account.of(carrier.name, access)
        kept = self._own.get(account.name)
        if kept is not None and kept.value != spent and wall_seconds() < kept.renew_at:
            return kept.value
        errand = _Errand(http, carrier.login, access, account, seconds)
        async with self._turns.setdefault(account.name, asyncio.Lock()), Shelf(self.shelf_url, account) as shelf:
            return await self._fresh(errand, shelf, spent)

    async def _fresh(self, errand: _Errand, shelf: Shelf, spent: str) -> str | Refused:
        """The shared token, or a new one, by whoever's turn it is; the others use the old one or wait for the new."""
        started = stopwatch()
        while True:
            kept = await self._best(errand.account, shelf, spent)
            if kept is not None and wall_seconds() < kept.renew_at:
                return kept.value
            if await shelf.take_turn(errand.seconds) or stopwatch() - started > errand.seconds:
                try:
                    return await self._fetch(errand, shelf, kept)
                finally:
                    await shelf.end_turn()
            if kept is not None:
                return kept.value
            await asyncio.sleep(_LOOK_AGAIN)

    async def _fetch(self, errand: _Errand, shelf: Shelf, kept: Kept | None) -> str | Refused:
        """A new token; the old one, if that is good still, where the carrier lends none just now."""
        raw = await fetch(errand.http, errand.login.call(errand.access), errand.seconds)
        lent, now = errand.login.read(raw), wall_seconds()
        if isinstance(lent, CarrierReply):
            if kept is None:
                return Refused(lent, raw)
            self._own[errand.account.name] = replace(kept, renew_at=now + _PATIENCE)
            return kept.value
        fresh = Kept(lent.value, now + lent.seconds * _RENEWED_AT, now + lent.seconds * _USED_UNTIL)
        self._own[errand.account.name] = fresh
        await shelf.put(fresh)
        return fresh.value

    async def _best(self, account: Account, shelf: Shelf, spent: str) -> Kept | None:
        """The token that lasts longest, of ours and the shared one, unless it is over or was refused."""
        shared = await shelf.get()
        if shared is not None and shared.value == spent:
            await shelf.remove()
        known = (self._own.get(account.name), shared)
        good = [one for one in known if one is not None and one.value != spent and wall_seconds() < one.ends_at]
        best = max(good, key=lambda one: one.ends_at, default=None)
        if best is None:
            self._own.pop(account.name, None)
        else:
            self._own[account.name] = best
        return best
