"""The embedded pair, PostgreSQL and Valkey, on one home: started by one program at a time, reachable by others."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.clock import stopwatch
from app.embedded.children import HomeInUse, Roster
from app.embedded.home import Home, open_home, service_user
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey
from app.errors import Unreachable
from app.log import logger

_PATIENCE = 60.0  # seconds for another program's servers to come up
_PAUSE = 2.0  # seconds until a server that did not come up again is tried once more

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the two servers listen: `postgresql://…` and `redis://…`."""

    database_url: str = field(repr=False)
    broker_url: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """The settings that make a child process use these servers."""
        return {"DOORSTEP_DATABASE_URL": self.database_url, "DOORSTEP_BROKER_URL": self.broker_url}


class Embedded:
    """Owns the servers of one home. A context manager; start it from a thread that lasts.

    `durable=False` trades safety against a power cut for speed, for tests only.
    """

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self._path = home
        self._durable = durable
        self._home: Home | None = None
        self._roster: Roster | None = None
        self._servers: list[Postgres | Valkey] = []
        self._again_at = 0.0

    def start(self) -> Endpoints:
        """Start both servers. Raises HomeInUse, ConfigurationError (extra missing) or Unreachable (log's end)."""
        home = open_home(self._path)
        roster = Roster(home.run / "servers")
        roster.take(home.path)
        self._home, self._roster = home, roster
        try:
            endpoints = self._start_servers(home, roster)
            _publish(home, endpoints)
        except BaseException:  # Ctrl-C included: what was started is stopped
            self.stop()
            raise
        return endpoints

    def stop(self) -> None:
        """Stop both, broker first, and let the next program in. Safe to call twice."""
        if self._home is None or self._roster is None:
            return
        _endpoints_file(self._home).unlink(missing_ok=True)
        while self._servers:
            self._servers.pop().stop()
        self._roster.release()
        self._home = self._roster = None

    def tend(self) -> None:
        """Start a server again that ended by itself, where it was: whoever uses it connects anew to the same address.
        One that does not come up is tried for ever, and the log says why."""
        for server in self._servers:
            if server.ended and stopwatch() >= self._again_at:
                name = type(server).__name__
                log.error("a server crashed and is started again", server=name)
                try:
                    server.launch()
                except Unreachable as error:
                    self._again_at = stopwatch() + _PAUSE
                    log.error("it did not come up, and is tried again", server=name, why=str(error), in_seconds=_PAUSE)

    def _start_servers(self, home: Home, roster: Roster) -> Endpoints:
        _endpoints_file(home).unlink(missing_ok=True)  # those of a run that was killed
        postgres = Postgres(home, roster, durable=self._durable)
        self._servers.append(postgres)
        database_url = postgres.start()
        valkey = Valkey(home, roster, durable=self._durable, user=service_user(home.postgres))
        self._servers.append(valkey)
        return Endpoints(database_url, valkey.start())

    def __enter__(self) -> Endpoints:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def reach(home: Path) -> Iterator[Endpoints]:
    """The servers of a home for a short command: those that another program runs there, else started for the while."""
    own = Embedded(home)
    endpoints = _start_or_join(own, home)
    try:
        yield endpoints
    finally:
        own.stop()


def running(home: Path) -> Endpoints | None:
    """Where the servers of a home listen, if a program runs them or was killed running them; starts nothing."""
    published = home.expanduser() / "run" / "endpoints.json"
    return Endpoints(**json.loads(published.read_text())) if published.exists() else None


def _start_or_join(own: Embedded, home: Path) -> Endpoints:
    started = stopwatch()
    while True:
        try:
            return own.start()
        except HomeInUse as error:
            published = _published(open_home(home))
            if published is not None:
                return published
            if stopwatch() - started > _PATIENCE:
                raise Unreachable(f"{error} Its servers have not come up within {_PATIENCE:.0f} s.") from error
        time.sleep(0.1)


def _published(home: Home) -> Endpoints | None:
    try:
        return Endpoints(**json.loads(_endpoints_file(home).read_text()))
    except FileNotFoundError:
        return None


def _endpoints_file(home: Home) -> Path:
    return home.run / "endpoints.json"


def _publish(home: Home, endpoints: Endpoints) -> None:
    file = _endpoints_file(home)
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        json.dump(asdict(endpoints), output)
    draft.replace(file)
