"""`doorstep …`: each command a few lines over the modules below it."""

import os
import signal
import sys
import threading
from importlib import import_module
from types import ModuleType
from typing import Any

_INTERRUPTED = 130  # what shells expect of a program that Ctrl-C has ended


def main() -> None:
    """Load the commands, which takes a second, and run one. Ctrl-C is no failure, so it shows no traceback."""
    try:
        _loaded("app.cli.commands").run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _loaded(name: str) -> ModuleType:
    """A module, during whose loading Ctrl-C ends the process on the spot: nothing is begun yet.

    An exception would not do. Raised while a class is being made it comes out as another (`RuntimeError` from
    `__set_name__`), and in a finaliser it is printed and forgotten.
    """
    here = threading.current_thread() is threading.main_thread()
    usual = signal.getsignal(signal.SIGINT) if here else None
    if usual is not signal.default_int_handler:  # somebody else's to say, or ignored, as under nohup
        return import_module(name)
    signal.signal(signal.SIGINT, _end)
    try:
        return import_module(name)
    finally:
        signal.signal(signal.SIGINT, usual)


def _end(*_: Any) -> None:
    os._exit(_INTERRUPTED)
