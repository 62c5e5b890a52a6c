"""Programs that own servers and processes, started by the tests so that they can be killed."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

SERVERS = """
import sys, time
from pathlib import Path
from app.embedded import Embedded
with Embedded(Path(sys.argv[1]), durable=False) as endpoints:
    print(endpoints.database_url, endpoints.broker_url, flush=True)
    time.sleep(120)
"""

EVERYTHING = """
import sys, time
from pathlib import Path
from app.embedded import Embedded, Processes, Program
home = Path(sys.argv[1])
with Embedded(home, durable=False) as endpoints, Processes(home) as processes:
    worker = (sys.executable, "-m", "celery", "-A", "tests.ground.sleeper", "worker", "-c", "2", "-l", "info")
    log = processes.log_file("worker")
    ready = lambda: log.exists() and " ready." in log.read_text()
    processes.start(Program("worker", worker, endpoints.environment(), ready))
    print(endpoints.database_url, endpoints.broker_url, flush=True)
    processes.wait()
"""

ALMOST_NOTHING = """
import sys
from pathlib import Path
from app.embedded import Embedded, Processes, Program
home = Path(sys.argv[1])
with Embedded(home, durable=False) as endpoints, Processes(home) as processes:
    processes.start(Program("idler", (sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)")))
    print(endpoints.database_url, endpoints.broker_url, flush=True)
    processes.wait()
"""


@contextmanager
def owner(script: str, home, **options) -> Iterator[tuple[subprocess.Popen, str, str]]:
    """Run `script` on a home; yields the process and the two addresses that it printed."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )
    try:
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.communicate()[1])
        database_url, broker_url = line.split()
        yield process, database_url, broker_url
    finally:
        if process.poll() is None:
            below = family(process.pid)
            process.kill()
            survivors(below)
        process.communicate()


def family(pid: int) -> list[psutil.Process]:
    """Everything that lives below a process."""
    return psutil.Process(pid).children(recursive=True)


def told(processes: list[psutil.Process], what: str) -> list[Any]:
    """What each says of itself (`name`, `username`, `cmdline`); one that has ended meanwhile says nothing."""
    said = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            said.append(getattr(process, what)())
    return said


def survivors(processes: list[psutil.Process], within: float = 60) -> list[str]:
    """Those of the processes that still live after a while, by name."""
    _gone, alive = psutil.wait_procs(processes, timeout=within)
    left = []
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                left.append(f"{process.pid} {' '.join(process.cmdline())}")
    return left


def is_root() -> bool:
    return os.geteuid() == 0
