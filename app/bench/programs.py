"""The engine's own programs, run on the benchmark's ground as `doorstep up` runs them."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from app.bench.ground import Ground, Sink, await_
from app.embedded.engine import answers, beat_program, web_program, worker_program
from app.embedded.processes import Program


@contextmanager
def running(here: Ground, sink: Sink, programs: list[Program], **settings: str) -> Iterator[tuple[int, ...]]:
    """Run programs that send to `sink`; their process ids. They are killed at the end, and leave logs in the home."""
    environment = {**os.environ, **here.environment(sink, **settings)}
    started: list[subprocess.Popen[bytes]] = []
    try:
        for program in programs:
            with (here.home / f"{program.name}.log").open("ab") as log:
                started.append(
                    subprocess.Popen(program.argv, env=environment, stdout=log, stderr=log, start_new_session=True)
                )
        yield tuple(process.pid for process in started)
    finally:
        for process in started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def senders(here: Ground) -> list[Program]:
    """What sends, on two cores: a worker with two processes, and beat."""
    return [worker_program("worker-send", "tick,push,urgent,send,settle", 2, {}), beat_program(here.home, {})]


def whole_engine(here: Ground, port: int) -> list[Program]:
    """All that stands between a pushed scan and its message, as `doorstep up` has it."""
    return [
        web_program("127.0.0.1", port, {}),
        worker_program("worker-push", "push", 1, {}),
        worker_program("worker-urgent", "urgent", 1, {}),
        worker_program("worker-send", "tick,send,settle", 1, {}),
        beat_program(here.home, {}),
    ]


def await_web(port: int) -> None:
    """Wait until the web process answers."""
    await_("the web process answers", lambda: answers(port), 30)
