"""Connections to one SMTP server: how many, how long one may rest, and how it is secured and logged in."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from app.clock import stopwatch
from app.errors import ConfigurationError

MOST_CONNECTIONS = 10
"""Relays turn away clients that open many more."""
LONGEST_REST = 20.0
"""Seconds after which a resting connection is given up: servers hang up on idle ones, many after 30."""
LONGEST_QUEUE = 5.0
"""Seconds a message waits for a free connection before it is handed back unsent."""
REPLY_SECONDS = 60.0
"""The outer wall for one reply. Callers hold a shorter deadline over the whole hand-over."""

_STARTTLS = {"required": True, "offered": None, "never": False}


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect and as whom. `starttls`: True must, None may, False never."""

    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    tls: bool
    starttls: bool | None


@dataclass(slots=True)
class Line:
    """One open session. `rested`: it has carried something before, so it may have gone stale since. `soiled`: a
    message was refused on it in the middle, so it is cleared (RSET) before the next one."""

    client: aiosmtplib.SMTP
    rested: bool
    since: float
    soiled: bool = False


def server_of(url: str) -> Server:
    """Read `smtp[s]://[user:password@]host[:port][?starttls=required|offered|never]`. Raises ConfigurationError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigurationError(f"DOORSTEP_SMTP__URL cannot be read: {error}.") from error
    tls = parts.scheme == "smtps"
    password = unquote(parts.password) if parts.password else None
    wish = parse_qs(parts.query).get("starttls", ["required" if password else "offered"])[0]
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or wish not in _STARTTLS:
        raise ConfigurationError(
            "DOORSTEP_SMTP__URL cannot be read. Write smtp://user:password@host:587 or smtps://user:password@host:465, "
            "with ?starttls=required, offered or never."
        )
    return Server(
        host=parts.hostname,
        port=port or (465 if tls else 587),
        user=unquote(parts.username) if parts.username else None,
        password=password,
        tls=tls,
        starttls=False if tls else _STARTTLS[wish],
    )


class Lines:
    """The pool. It belongs to one event loop, as everything in a process that sends does."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._slots = asyncio.Semaphore(MOST_CONNECTIONS)
        self._resting: list[Line] = []
        self._tls: ssl.SSLContext | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold one of the few connections. Raises TimeoutError when none comes free in time."""
        async with asyncio.timeout(LONGEST_QUEUE):
            await self._slots.acquire()
        try:
            yield
        finally:
            self._slots.release()

    async def take(self) -> Line:
        """A rested connection if one is fresh enough, else a new one."""
        while self._resting:
            line = self._resting.pop()
            if line.client.is_connected and stopwatch() - line.since < LONGEST_REST:
                return line
            line.client.close()
        return await self.open()

    async def open(self) -> Line:
        """A new session: connected, secured, logged in. Raises aiosmtplib's errors or OSError."""
        server = self._server
        if self._tls is None and (server.tls or server.starttls is not False):
            self._tls = ssl.create_default_context()  # about 50 ms of CPU, so once
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.tls,
            start_tls=server.starttls,
            tls_context=self._tls,
            timeout=REPLY_SECONDS,
        )
        try:
            await client.connect()
            # The greeting is part of connecting: what fails from here on is about the message.
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except BaseException:
            client.close()
            raise
        return Line(client, rested=False, since=stopwatch())

    def give_back(self, line: Line, *, usable: bool) -> None:
        """Let a session rest for the next message; one of which nobody knows where it stands is closed instead."""
        if not usable or not line.client.is_connected:
            line.client.close()
            return
        line.rested, line.since = True, stopwatch()
        self._resting.append(line)

    async def close(self) -> None:
        """Say goodbye on what rests; a server that does not answer is not waited for."""
        while self._resting:
            line = self._resting.pop()
            with suppress(aiosmtplib.SMTPException, OSError):
                await line.client.quit(timeout=1.0)
            line.client.close()
