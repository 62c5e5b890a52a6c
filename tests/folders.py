"""Where the tests put what their servers write."""

import os
import shutil
import tempfile
from pathlib import Path


def new_folder(prefix: str) -> Path:
    """An empty folder with a name short enough for sockets, in memory where there is room for it.

    On a shared disk, copying a template database costs ten times as much and varies as much again.
    """
    shared = Path("/dev/shm")
    roomy = shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 2 * 2**30
    return Path(tempfile.mkdtemp(prefix=prefix, dir=shared if roomy else None))
