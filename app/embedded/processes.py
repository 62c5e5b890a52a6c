"""Keeps the programs of one machine running: starts them, starts crashed ones again, and stops them in order."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Self

from app.clock import stopwatch
from app.embedded.children import Roster, Tie, end_group, rotate, spawn, tail
from app.embedded.home import open_home
from app.errors import DoorstepError
from app.log import logger

_SETTLED = 5.0  # seconds a program must have lived before its end counts as a crash and not as a false start
_WELL = 60.0  # seconds after which earlier crashes are forgotten
_LONGEST_PAUSE = 30.0
_TICK = 0.1
_LOOK_AT_LOGS = 30.0

log = logger(__name__)


class ProgramFailed(DoorstepError):
    """A program of ours ended as soon as it was started; the end of its log says why."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: `env` is laid over ours; `ready` answers whether it does its work yet; `grace` seconds to end in."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    ready: Callable[[], bool] | None = None
    grace: float = 15.0


@dataclass(slots=True)
class _Running:
    program: Program
    process: subprocess.Popen[bytes]
    since: float
    batch: int
    proven: bool = False
    crashes: int = 0
    again_at: float | None = None


class Processes:
    """The programs started from one home. A context manager, for the main thread: it catches INT, TERM and HUP.

    Each program has its own process group, so a Ctrl-C reaches only us and is passed on once, as SIGTERM.
    What was started in one call ends side by side, and the last call's programs end first. A second signal
    cuts the waiting short.
    """

    def __init__(self, home: Path) -> None:
        self._home = open_home(home)
        self._roster = Roster(self._home.run / "programs")
        self._running: list[_Running] = []
        self._batch = 0
        self._logs_looked_at = stopwatch()
        self._signals: list[int] = []
        self._former: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        self._roster.take(self._home.path)
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signum is signal.SIGHUP and signal.getsignal(signum) is signal.SIG_IGN:
                continue  # under nohup, the terminal's end is not ours
            self._former[signum] = signal.signal(signum, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            for signum, handler in self._former.items():
                signal.signal(signum, handler)  # type: ignore[arg-type]  # what signal() itself gave back
            self._former.clear()
            self._roster.release()

    def _note(self, signum: int, _frame: FrameType | None) -> None:
        self._signals.append(signum)

    @property
    def interrupted(self) -> bool:
        """Whether someone has asked us to stop."""
        return bool(self._signals)

    def log_file(self, name: str) -> Path:
        """Where the output of the program of that name goes."""
        return self._home.log(name)

    def start(self, *programs: Program, within: float = 180.0) -> None:
        """Start programs side by side and return when each is ready (one without `ready`: when it was started).

        Raises ProgramFailed with the end of its log when one ends or is not ready in time. Returns early,
        without an error, when a signal arrives.
        """
        self._batch += 1
        fresh = [self._launch(program) for program in programs]
        started = stopwatch()
        waiting = [entry for entry in fresh if entry.program.ready is not None]
        while waiting and not self.interrupted:
            self.tend()
            waiting = [entry for entry in waiting if not _is_ready(entry)]
            if waiting and stopwatch() - started > within:
                raise self._failure(waiting[0], f"was not ready within {within:.0f} s")
            time.sleep(_TICK if waiting else 0)

    def tend(self) -> None:
        """Look at each program once: start again what crashed and has waited long enough.

        Raises ProgramFailed for one that ended before it had ever stood.
        """
        now = stopwatch()
        self._keep_logs_short(now)
        for entry in self._running:
            if entry.process.poll() is None:
                entry.proven = entry.proven or now - entry.since > _SETTLED
                if now - entry.since > _WELL:
                    entry.crashes = 0
            elif not entry.proven:
                raise self._failure(entry, f"ended with {_ending(entry.process)} as soon as it was started")
            elif entry.again_at is None:
                self._schedule(entry, now)
            elif now >= entry.again_at:
                self._relaunch(entry)

    def wait(self, besides: Callable[[], None] = lambda: None) -> int:
        """Tend the programs, and what `besides` looks at, until a signal arrives; return its number."""
        while not self._signals:
            besides()
            self.tend()
            time.sleep(_TICK)
        return self._signals[0]

    def stop(self) -> None:
        """End every program, last started first: SIGTERM, its grace, then SIGKILL to its whole group."""
        while self._running:
            last = self._running[-1].batch
            ending = [entry for entry in self._running if entry.batch == last]
            for entry in ending:
                if entry.process.poll() is None:
                    entry.process.send_signal(signal.SIGTERM)
            began = stopwatch()
            for entry in reversed(ending):
                self._await_end(entry, began)
                end_group(entry.process)
                self._running.remove(entry)

    def _await_end(self, entry: _Running, began: float) -> None:
        while entry.process.poll() is None and len(self._signals) < 2:
            if stopwatch() - began > entry.program.grace:
                log.warning("did not end in time and is killed", program=entry.program.name)
                return
            time.sleep(_TICK / 5)

    def _launch(self, program: Program) -> _Running:
        process = spawn(list(program.argv), self.log_file(program.name), Tie(), env={**os.environ, **program.env})
        self._roster.add(process)
        entry = _Running(program, process, stopwatch(), self._batch)
        self._running.append(entry)
        return entry

    def _keep_logs_short(self, now: float) -> None:
        if now - self._logs_looked_at > _LOOK_AT_LOGS:
            self._logs_looked_at = now
            for entry in self._running:
                rotate(self.log_file(entry.program.name))

    def _schedule(self, entry: _Running, now: float) -> None:
        end_group(entry.process)  # the pool children of a killed worker, if any are left
        pause = min(_LONGEST_PAUSE, 2.0**entry.crashes / 2)
        entry.crashes += 1
        entry.again_at = now + pause
        log.error(
            "a program crashed and will be started again",
            program=entry.program.name, ended_with=_ending(entry.process), in_seconds=pause,
        )  # fmt: skip

    def _relaunch(self, entry: _Running) -> None:
        entry.process = spawn(
            list(entry.program.argv), self.log_file(entry.program.name), Tie(), env={**os.environ, **entry.program.env}
        )
        self._roster.add(entry.process)
        entry.since, entry.again_at = stopwatch(), None

    def _failure(self, entry: _Running, what: str) -> ProgramFailed:
        file = self.log_file(entry.program.name)
        return ProgramFailed(f"{entry.program.name} {what}. The end of {file} says:\n{tail(file)}")


def _is_ready(entry: _Running) -> bool:
    """Whether it says so itself: having lived for a while proves that it is no false start, not that it serves."""
    ready = entry.program.ready is None or entry.program.ready()
    entry.proven = entry.proven or ready
    return ready


def _ending(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return f"signal {signal.Signals(-code).name}" if code and code < 0 else f"exit code {code}"
