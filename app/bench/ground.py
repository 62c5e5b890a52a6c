"""What every benchmark stands on: a database of its own, two sinks, and CPU seconds counted by process."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import psutil

from app.bench.certificate import Certificate, make_certificate
from app.clock import cpu_seconds, stopwatch
from app.db import make_engine
from app.embedded import Embedded
from app.embedded.engine import answers
from app.embedded.ports import free_port
from app.errors import DoorstepError
from app.schema import migrate
from app.settings import Settings

TURNS = 10
"""How often the floor and the engine take turns."""

TRUSTED = "SSL_CERT_FILE"
"""The variable by which OpenSSL, httpx and the vendors' own clients are told whom to trust."""


@dataclass(frozen=True, slots=True)
class Sink:
    """One running sink, which takes whatever it is sent."""

    url: str

    def count(self) -> int:
        """How many messages it has taken."""
        return int(httpx.get(f"{self.url}/count", trust_env=True).json())


@dataclass(frozen=True, slots=True)
class Ground:
    """An engine's surroundings for one run: a fresh database and a broker, a plain sink and one behind TLS.

    `servers` are the process ids of PostgreSQL and Valkey.
    """

    home: Path
    servers: tuple[int, ...]
    plain: Sink
    tls: Sink
    certificate: Certificate
    endpoints: Mapping[str, str]

    @property
    def postgres(self) -> int:
        """The process id of PostgreSQL."""
        return self.servers[0]

    def environment(self, sink: Sink, **more: str) -> dict[str, str]:
        """The settings by which a process of the engine sends, live, to a sink."""
        return {
            **self.endpoints,
            "DOORSTEP_SEND": "live",
            "DOORSTEP_BRAKE__ON": "false",  # what a benchmark plans within a minute is a storm
            "DOORSTEP_PUBLIC_URL": "http://127.0.0.1",
            "DOORSTEP_SENDGRID__API_KEY": "bench",
            "DOORSTEP_SENDGRID__BASE_URL": sink.url,
            "DOORSTEP_TWILIO__ACCOUNT_SID": "ACbench",
            "DOORSTEP_TWILIO__AUTH_TOKEN": "bench",
            "DOORSTEP_TWILIO__FROM": "+15005550006",
            "DOORSTEP_TWILIO__BASE_URL": sink.url,
            TRUSTED: str(self.certificate.trusted),
            **more,
        }

    def settings(self, sink: Sink) -> Settings:
        """The same settings for this very process, with a carrier to ask."""
        return Settings(
            send="live",
            database_url=self.endpoints["DOORSTEP_DATABASE_URL"],
            broker_url=self.endpoints["DOORSTEP_BROKER_URL"],
            public_url="http://127.0.0.1",
            sendgrid={"api_key": "bench", "base_url": sink.url},
            twilio={"account_sid": "ACbench", "auth_token": "bench", "from": "+15005550006", "base_url": sink.url},
            carriers={
                "dhl": {
                    "api_key": "bench",
                    "base_url": sink.url,
                    "requests_per_second": 100000,
                    "requests_per_day": "none",
                    "concurrency": 50,
                }
            },
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """What `count` items took: wall seconds, and CPU seconds of the engine's processes and of the servers."""

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
        """CPU milliseconds an item, all processes."""
        return 1000 * (self.engine_cpu + self.database_cpu) / max(1, self.count)


@dataclass(frozen=True, slots=True)
class Pair:
    """The floor and the engine in one process, in turns, so that a machine whose pace drifts judges both alike.

    Of each it is the turn that stands in the middle by its CPU, and `ratio` the median of the turns' ratios.
    """

    floor: Cost
    engine: Cost
    ratio: float

    @classmethod
    def of(cls, turns: Sequence[tuple[Cost, Cost]]) -> "Pair":
        """What so many turns of (floor, engine) come to."""
        floor, engine = (sorted(costs, key=lambda cost: cost.cpu_ms) for costs in zip(*turns, strict=True))
        ratio = median(ours.cpu_ms / bare.cpu_ms for bare, ours in turns)
        return cls(floor[len(floor) // 2], engine[len(engine) // 2], ratio)


class Meter:
    """Counts what happens between its making and `stop`: the CPU of this process, or of `engine`, and of `servers`."""

    def __init__(self, servers: tuple[int, ...] = (), engine: tuple[int, ...] | None = None) -> None:
        self._servers, self._engine = servers, engine
        self._began = (stopwatch(), self._own(), cpu_of(servers))

    def stop(self, count: int) -> Cost:
        """The cost since this meter was made, for `count` items."""
        wall, engine, servers = self._began
        return Cost(count, stopwatch() - wall, self._own() - engine, cpu_of(self._servers) - servers)

    def _own(self) -> float:
        return cpu_seconds() if self._engine is None else cpu_of(self._engine)


def cpu_of(pids: tuple[int, ...]) -> float:
    """CPU seconds of processes and of all that they have started, ended ones included."""
    total = 0.0
    for pid in pids:
        parent = psutil.Process(pid)
        own = parent.cpu_times()
        total += own.user + own.system + own.children_user + own.children_system
        for child in parent.children(recursive=True):
            try:
                times = child.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
    return total


def memory_of(pids: tuple[int, ...]) -> list[float]:
    """The megabytes (PSS: shared pages counted by halves, thirds …) of each process below these."""
    found = []
    for pid in pids:
        for child in psutil.Process(pid).children(recursive=True):
            try:
                found.append(child.memory_full_info().pss / 1e6)
            except psutil.NoSuchProcess:
                continue
    return found


@contextmanager
def ground() -> Iterator[Ground]:
    """A fresh embedded database and broker and two running sinks, gone afterwards."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doorstep-bench-")))
        endpoints = stack.enter_context(Embedded(home))
        engine = make_engine(endpoints.database_url)
        migrate(engine)
        engine.dispose()
        certificate = make_certificate(home)
        former = os.environ.get(TRUSTED)
        os.environ[TRUSTED] = str(certificate.trusted)
        stack.callback(_put_back, former)
        yield Ground(
            home,
            servers_of(home),
            Sink(stack.enter_context(_sink())),
            Sink(stack.enter_context(_sink(certificate))),
            certificate,
            endpoints.environment(),
        )


def _put_back(former: str | None) -> None:
    if former is None:
        os.environ.pop(TRUSTED, None)
    else:
        os.environ[TRUSTED] = former


@contextmanager
def _sink(certificate: Certificate | None = None) -> Iterator[str]:
    port = free_port()
    files = [str(certificate.certificate), str(certificate.key)] if certificate else []
    with subprocess.Popen([sys.executable, "-m", "app.bench.sink", str(port), *files]) as process:
        try:
            await_("the benchmark's sink answers", lambda: answers(port), 20)
            yield f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
        finally:
            process.terminate()


def await_(what: str, condition: Callable[[], bool], seconds: float) -> None:
    """Wait until `condition` holds. Raises DoorstepError saying that `what` did not happen in time."""
    began = stopwatch()
    while not condition():
        if stopwatch() - began > seconds:
            raise DoorstepError(f"Not within {seconds:.0f} s: {what}.")
        time.sleep(0.05)


def servers_of(home: Path) -> tuple[int, ...]:
    """The process ids of the embedded PostgreSQL and Valkey of this home."""
    postgres = int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    others = psutil.Process().children(recursive=True)
    return postgres, *(process.pid for process in others if "valkey" in process.name())
