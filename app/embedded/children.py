"""Children of this program: started so that they cannot outlive it, written down, and stopped with all their kin."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from app.clock import stopwatch
from app.errors import ConfigurationError
from app.log import logger, mask

_TETHER = Path(__file__).with_name("tether.py")
_LARGE_LOG = 10_000_000  # bytes; one older file is kept beside the current one
_TICK = 0.02  # seconds between two looks at something that is about to change

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Tie:
    """How a child hangs on this program: the signal it gets when we die, and the account it runs as (None: ours)."""

    on_death: signal.Signals = signal.SIGKILL
    user: str | None = None


def tethered(command: list[str], tie: Tie) -> list[str]:
    """`command`, wrapped so that it ends when this process does.

    On Linux the kernel sees to it, and counts the *thread* that started the child as its parent: start
    children from a thread that lasts. Elsewhere the roster is what finds them.
    """
    user = tie.user or "-"
    return [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), str(int(tie.on_death)), user, *command]


def spawn(
    command: list[str],
    log_file: Path,
    tie: Tie,
    *,
    env: Mapping[str, str] | None = None,
    stdin: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a process group of its own, so that the terminal's Ctrl-C reaches only us.

    Its output is appended to `log_file`; `env` replaces the whole environment when given.
    """
    rotate(log_file)
    with log_file.open("ab") as output:
        return subprocess.Popen(
            tethered(command, tie),
            stdin=stdin or subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            process_group=0,
        )


def rotate(log_file: Path) -> None:
    """Set what a log file holds aside once it has grown large, replacing what was set aside before.

    The file itself stays and is emptied, so that a program that appends to it need not know.
    """
    if log_file.exists() and log_file.stat().st_size > _LARGE_LOG:
        shutil.copyfile(log_file, log_file.with_suffix(".log.1"))
        os.truncate(log_file, 0)


def tail(log_file: Path, lines: int = 15) -> str:
    """The last lines of a log, indented, with addresses and secrets masked; for an error message."""
    try:
        with log_file.open("rb") as file:
            file.seek(max(0, log_file.stat().st_size - 8192))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return "    (nothing was logged)"
    kept = [line for line in text.splitlines() if line.strip()][-lines:]
    return "\n".join(f"    {mask(line)}" for line in kept) or "    (nothing was logged)"


def wait_for(condition: Callable[[], bool], within: float) -> bool:
    """Look until `condition` holds; False when `within` seconds have passed first."""
    started = stopwatch()
    while not condition():
        if stopwatch() - started > within:
            return False
        time.sleep(_TICK)
    return True


def end_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to whatever is left of a child's process group, and collect the child."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class HomeInUse(ConfigurationError):
    """Another program already runs its servers or programs from this home."""


class Roster:
    """Who runs from this home: held by one program at a time, and a list of its children for the one that comes after.

    The lock is the kernel's (flock), so it ends with its holder however that one ended.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: int | None = None

    def take(self, home: Path) -> None:
        """Become the holder, and stop what a holder before us left running.

        Raises HomeInUse naming the present holder.
        """
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(lock, 20, 0).decode().strip() or "unknown"
            os.close(lock)
            raise HomeInUse(
                f"Another Doorstep (process {holder}) runs from {home}. "
                f"Stop it with `kill {holder}`, or set DOORSTEP_HOME to another folder."
            ) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        self._lock = lock
        self._stop_strays()

    def release(self) -> None:
        """Let the next program in. Safe to call twice."""
        if self._lock is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def add(self, process: subprocess.Popen[bytes], ending: signal.Signals = signal.SIGTERM) -> None:
        """Write a child down: its pid, the moment it began (pids are used again), and the signal that ends it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            began = psutil.Process(process.pid).create_time()
            entry = {"pid": process.pid, "began": began, "ending": int(ending)}
            with self._path.open("a") as file:
                file.write(json.dumps(entry) + "\n")

    def _stop_strays(self) -> None:
        for stray, ending in self._strays():
            log.warning("stopping a process that an earlier run left behind", pid=stray.pid)
            with contextlib.suppress(psutil.NoSuchProcess):
                kin = [stray, *stray.children(recursive=True)]
                stray.send_signal(ending)
                _gone, alive = psutil.wait_procs(kin, timeout=20)
                for process in alive:
                    process.kill()
                psutil.wait_procs(alive, timeout=5)
        self._path.unlink(missing_ok=True)

    def _strays(self) -> list[tuple[psutil.Process, int]]:
        found = []
        for line in self._path.read_text().splitlines() if self._path.exists() else []:
            with contextlib.suppress(psutil.NoSuchProcess, ValueError, KeyError):  # a line cut short by a crash
                entry = json.loads(line)
                process = psutil.Process(int(entry["pid"]))
                if abs(process.create_time() - float(entry["began"])) < 1.0:
                    found.append((process, int(entry["ending"])))
        return found
