"""Starts and stops the stand-in: for a person until told to stop, for a test in a thread of its own."""

import asyncio
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from app.demo.providers.account import Account
from app.demo.providers.behaviour import Act, Behaviour
from app.demo.providers.journal import Journal
from app.demo.providers.server import ProviderStandIn
from app.errors import ConfigurationError

JOURNAL = "journal.jsonl"
KEEP_ALIVE = 75.0
"""Seconds an idle connection is kept, as a vendor's load balancer does: longer than any client's own patience."""


async def start(stand_in: ProviderStandIn, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Begin to serve on the running loop; the runner to clean up with, and the port. Raises ConfigurationError."""
    runner = web.AppRunner(stand_in.application(), access_log=None, keepalive_timeout=KEEP_ALIVE, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, host, port, backlog=1024)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigurationError(
            f"Port {port} cannot be used ({error.strerror}). Choose another with --port."
        ) from error
    return runner, int(runner.addresses[0][1])


@dataclass(frozen=True)
class StandIn:
    """A stand-in that runs in this process, as seen from another thread."""

    url: str
    account: Account
    journal: Journal
    _server: ProviderStandIn
    _loop: asyncio.AbstractEventLoop

    def environment(self) -> dict[str, str]:
        """The settings with which Doorstep sends through it."""
        return self.account.environment(self.url)

    @property
    def acts(self) -> Mapping[Act, int]:
        """How many calls were treated in each way so far."""
        return dict(self._server.acts)

    def behave(self, **parts: Any) -> None:
        """Change the named parts of its behaviour (`sendgrid`, `twilio`, `rules`, `callbacks`, `seed`)."""
        told = Behaviour(**parts)
        named = {name: getattr(told, name) for name in told.model_fields_set}

        async def change() -> None:
            self._server.behaviour = self._server.behaviour.model_copy(update=named)

        asyncio.run_coroutine_threadsafe(change(), self._loop).result(30)


@contextmanager
def serve(
    account: Account | None = None,
    *,
    home: Path | None = None,
    port: int = 0,
    behaviour: Behaviour | None = None,
    bodies: bool = True,
) -> Iterator[StandIn]:
    """Run a stand-in on loopback in a thread until the block ends.

    `home` is where its journal lies (a temporary folder by default); `port` 0 takes a free one.
    """
    with tempfile.TemporaryDirectory(prefix="doorstep-providers-") as scratch:
        account = account or Account()
        journal = Journal((home or Path(scratch)) / JOURNAL, bodies=bodies)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="provider-stand-in", daemon=True)
        thread.start()
        try:
            server, runner, taken = asyncio.run_coroutine_threadsafe(
                _build(account, journal, behaviour or Behaviour(), port), loop
            ).result(30)
            try:
                yield StandIn(f"http://127.0.0.1:{taken}", account, journal, server, loop)
            finally:
                asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(60)
            loop.close()
            journal.close()


async def _build(
    account: Account, journal: Journal, behaviour: Behaviour, port: int
) -> tuple[ProviderStandIn, web.AppRunner, int]:
    server = ProviderStandIn(account, journal, behaviour)
    runner, taken = await start(server, "127.0.0.1", port)
    return server, runner, taken
