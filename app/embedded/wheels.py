"""Finds the servers' programs inside the wheels that carry them."""

import os
from importlib.util import find_spec
from pathlib import Path

from app.errors import ConfigurationError


def executable(package: str, path: str) -> Path:
    """The program at `path` inside an installed `package`, without importing it: only its files are of use here.

    Raises ConfigurationError when the package is not installed or brings no such program.
    """
    spec = find_spec(package)
    program = Path(spec.origin).parent / path if spec and spec.origin else None
    if program is None or not os.access(program, os.X_OK):
        raise ConfigurationError(
            f"The embedded {Path(path).name} is not installed ({package}). "
            'Install it with `pip install "doorstep[embedded]"`, '
            "or set DOORSTEP_DATABASE_URL and DOORSTEP_BROKER_URL to your own servers."
        )
    return program.resolve()
