"""What every benchmark stands on: a database of its own, a sink, and CPU seconds counted by process."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.clock import cpu_seconds, stopwatch
from app.db import make_engine, migrate
from app.embedded import Embedded
from app.embedded.engine import answers, free_port
from app.errors import DoorstepError
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Ground:
    """An engine's surroundings for one run: settings on a fresh database, and the sink's address."""

    settings: Settings
    sink_url: str
    postgres: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What `count` items took: wall seconds, and CPU seconds of this process and of PostgreSQL."""

    count: int
    wall: float
    engine_cpu: float
    database_cpu: float = 0.0

    @property
    def per_second(self) -> float:
        """Items a wall second."""
        return self.count / self.wall if self.wall else 0.0

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds an item, both processes."""
        return 1000 * (self.engine_cpu + self.database_cpu) / max(1, self.count)


class Meter:
    """Counts what happens between `start` and `stop`."""

    def __init__(self, postgres: int | None = None) -> None:
        self._postgres = postgres
        self._began = (stopwatch(), cpu_seconds(), self._database())

    def stop(self, count: int) -> Cost:
        """The cost since this meter was made, for `count` items."""
        wall, engine, database = self._began
        return Cost(count, stopwatch() - wall, cpu_seconds() - engine, self._database() - database)

    def _database(self) -> float:
        """CPU seconds of PostgreSQL and its backends, ended ones included."""
        if self._postgres is None:
            return 0.0
        postmaster = psutil.Process(self._postgres)
        own = postmaster.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        for child in postmaster.children(recursive=True):
            times = child.cpu_times()
            total += times.user + times.system
        return float(total)


@contextmanager
def ground() -> Iterator[Ground]:
    """A fresh embedded database and a running sink, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="doorstep-bench-") as folder, Embedded(Path(folder)) as endpoints:
        engine = make_engine(endpoints.database_url)
        migrate(engine)
        engine.dispose()
        port = free_port()
        with subprocess.Popen([sys.executable, "-m", "app.bench.sink", str(port)]) as sink:
            try:
                _await(port)
                url = f"http://127.0.0.1:{port}"
                yield Ground(_settings(endpoints.environment(), url), url, _postmaster(Path(folder)))
            finally:
                sink.terminate()


def _await(port: int) -> None:
    began = stopwatch()
    while not answers(port):
        if stopwatch() - began > 20:
            raise DoorstepError("The benchmark's sink did not come up within 20 s.")
        time.sleep(0.05)


def _postmaster(home: Path) -> int:
    """The process id of the embedded PostgreSQL of this home."""
    return int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def _settings(environment: dict[str, str], sink_url: str) -> Settings:
    return Settings(
        send="live",
        database_url=environment["DOORSTEP_DATABASE_URL"],
        broker_url=environment["DOORSTEP_BROKER_URL"],
        public_url="http://127.0.0.1",
        sendgrid={"api_key": "bench", "base_url": sink_url},
        twilio={"account_sid": "ACbench", "auth_token": "bench", "from": "+15005550006", "base_url": sink_url},
        carriers={"dhl": {"api_key": "bench", "base_url": sink_url, "requests_per_second": 100000, "concurrency": 50}},
    )
