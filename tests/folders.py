"""Where the tests put what their servers write."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def new_folder(prefix: str) -> Path:
    """An empty folder with a name short enough for sockets, in memory where there is room for it.

    On a shared disk, copying a template database costs ten times as much and varies as much again.
    """
    shared = Path("/dev/shm")
    roomy = shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 2 * 2**30
    return Path(tempfile.mkdtemp(prefix=prefix, dir=shared if roomy else None))


def own_temporary_folder() -> Callable[[], None]:
    """Let this process and all it starts put their temporary files into one folder; gives what removes it.

    A browser or a worker that is killed leaves behind what it had there. pytest's own folders stay where they always
    are, for those of a failed test are looked at afterwards.
    """
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    folder = tempfile.mkdtemp(prefix="doorstep-run-")
    os.chmod(folder, 0o1777)  # as the folder for all: servers run under another account where root runs the tests
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    return lambda: shutil.rmtree(folder, ignore_errors=True)
