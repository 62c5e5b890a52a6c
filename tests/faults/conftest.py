"""A whole engine in real processes, with a provider that keeps a journal, for tests that break things."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.db import Sessions
from app.demo.providers.serving import StandIn, serve
from app.embedded.engine import answers, beat_program, web_program, worker_program
from app.embedded.ports import free_port
from app.embedded.processes import Program
from app.models import Message
from tests.faults.nursery import Forked, nursery


def await_(what: str, condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Poll until `condition` holds; AssertionError with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.1)  # most conditions ask the database


@dataclass
class Engine:
    """The processes of one engine under test, which may be killed and started at will."""

    env: dict[str, str]
    home: Path
    sessions: Sessions
    providers: StandIn
    running: dict[str, Forked] = field(default_factory=dict)
    port: int = 0
    programs: dict[str, Program] = field(default_factory=dict)

    def start(self, program: Program) -> None:
        env = {**os.environ, **self.env, **program.env}
        self.programs[program.name] = program
        self.running[program.name] = nursery().start(program.argv, env, self.home / f"{program.name}.log")

    def start_worker(
        self, name: str = "worker", queues: str = "tick,poll,push,urgent,send,settle", pool: int = 4
    ) -> None:
        self.start(worker_program(name, queues, pool, {}))

    def start_beat(self) -> None:
        self.start(beat_program(self.home, {}))

    def start_web(self) -> None:
        self.start(web_program("127.0.0.1", self.port, {}))
        await_("the web process answers", lambda: answers(self.port))

    def kill(self, name: str) -> None:
        """SIGKILL a process and every process that it has started."""
        process = self.running.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)

    def tend(self) -> list[str]:
        """Start again what ended by itself, as `doorstep up` and the compose file do; which programs those were."""
        ended = [name for name, process in self.running.items() if process.poll() is not None]
        for name in ended:
            self.kill(name)  # what it left running
            self.start(self.programs[name])
        return ended

    def stop(self) -> None:
        for name in list(self.running):
            self.kill(name)

    def states(self) -> dict[str, int]:
        with self.sessions() as session:
            rows = session.execute(sa.select(Message.state, sa.func.count()).group_by(Message.state))
            return dict(rows.all())

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text(errors="replace")[-3000:]


@pytest.fixture
def running(database_url: str, broker_url: str, sessions: Sessions, tmp_path: Path, brand: object) -> Iterator[Engine]:
    """An engine whose parts the test starts itself, live, with impatient settings."""
    port = free_port()
    with serve() as providers:
        providers.behave(callbacks={"base": f"http://127.0.0.1:{port}", "duplicate": 0.2, "reorder": 0.2})
        env = {
            **providers.environment(),
            "DOORSTEP_DATABASE_URL": database_url,
            "DOORSTEP_BROKER_URL": broker_url,
            "DOORSTEP_SEND": "live",
            "DOORSTEP_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "DOORSTEP_SENDING__DEADLINE": "10",
            "DOORSTEP_SENDING__MARGIN": "1.5",
            "DOORSTEP_SENDING__SETTLE": "120",
            "DOORSTEP_SENDING__BATCH": "25",
            "DOORSTEP_SENDING__CONCURRENCY": "4",
            "PYTHONUNBUFFERED": "1",
        }
        engine = Engine(env, tmp_path, sessions, providers, port=port)
        try:
            yield engine
        finally:
            engine.stop()
