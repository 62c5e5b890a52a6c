"""`doorstep …`: each command a few lines over the modules below it."""

import sys
from importlib import import_module

_INTERRUPTED = 130  # what shells expect of a program that Ctrl-C has ended


def main() -> None:
    """Load the commands, which takes a second, and run one. Ctrl-C is no failure, so it shows no traceback."""
    try:
        import_module("app.cli.commands").run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
