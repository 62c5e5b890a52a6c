"""Checks on an empty embedded database that the migrations run and end at the schema that the models describe."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from app.embedded import Embedded

_STEPS = (("upgrade", "head"), ("check",), ("downgrade", "base"), ("upgrade", "head"))


def main() -> int:
    """Run Alembic's own commands; the first that fails is the exit code."""
    home = Path(tempfile.mkdtemp(prefix="doorstep-check-"))
    try:
        with Embedded(home, durable=False) as endpoints:
            for step in _STEPS:
                command = [sys.executable, "-m", "alembic", *step]
                outcome = subprocess.run(command, env={**os.environ, **endpoints.environment()}, check=False)
                if outcome.returncode:
                    sys.stderr.write(f"alembic {' '.join(step)} failed\n")
                    return outcome.returncode
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
