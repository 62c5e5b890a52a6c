"""Starts Python programs by forking one process that has read all of them: reading costs more than they then do.

What runs is `python -m module …` with the environment and the log it is given, in a process group of its own, as if it
had been started anew; whoever wants it dead kills it the same way. The process that forks has one thread, no
connection, and no setting of its own, and takes all that it has started with it when its owner ends.

    python -u -m tests.faults.nursery      # a request a line on standard input, an answer a line on standard output
"""

import atexit
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path

READ = (
    "app.web.main",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.prefork",
    "celery.concurrency.thread",
    "cffi.cparser",
    "kombu.transport.redis",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.main",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
"""What the programs read of their own accord. `app.worker` is not among it: it reads the settings."""


class Nursery:
    """The process that forks, as its owner holds it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "tests.faults.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        atexit.register(self.close)

    def start(self, argv: Sequence[str], env: Mapping[str, str], log: Path) -> "Forked":
        """`python -m module …` (`argv`) under exactly this environment, its output appended to `log`."""
        python, flag, *words = argv
        assert (python, flag) == (sys.executable, "-m"), argv
        log.touch()
        return Forked(self, int(self.ask(words=words, env=dict(env), log=str(log))))

    def ask(self, **request: object) -> object:
        """One question, one answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it and all that it has started."""
        self._process.communicate()


class Forked:
    """A program that was started so; as much of `subprocess.Popen` as its users need."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery, self.pid, self.returncode = nursery, pid, None

    def poll(self) -> int | None:
        """How it ended, as a shell counts it, or None while it runs."""
        if self.returncode is None:
            self.returncode = self._nursery.ask(pid=self.pid)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for its end. Raises TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.01)
        return code


@cache
def nursery() -> Nursery:
    """This process's own, ready when the first program is asked for."""
    return Nursery()


def _serve() -> list[str] | None:
    """Answer until the owner is gone: None then, and the words of its program in each process that was forked."""
    living: set[int] = set()
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        if "pid" in request:
            answer = _end_of(request["pid"])
            if answer is not None:
                living.discard(request["pid"])
        else:
            answer = os.fork()
            if answer == 0:
                _become(request["env"], request["log"])
                return list(request["words"])
            with suppress(OSError):  # the child has done it and turned to its work
                os.setpgid(answer, answer)
            living.add(answer)
        os.write(1, json.dumps(answer).encode() + b"\n")
    for pid in living:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    return None


def _end_of(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _become(env: Mapping[str, str], log: str) -> None:
    """Take on a new program's group, files and environment."""
    os.setpgid(0, 0)
    for number, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY | os.O_APPEND | os.O_CREAT)):
        opened = os.open(log if number else os.devnull, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.dup2(1, 2)
    os.environ.clear()
    os.environ.update(env)


if __name__ == "__main__":
    for _name in READ:
        import_module(_name)
    gc.collect()
    gc.freeze()  # so that neither a fork nor what comes after it goes through the program again
    _words = _serve()
    if _words is not None:
        sys.argv = _words
        runpy.run_module(_words[0], run_name="__main__", alter_sys=True)
