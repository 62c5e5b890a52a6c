"""Where the commands write, and how: what was asked for on standard output, what is wrong on standard error."""

import getpass
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from app.errors import ConfigurationError

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program instead of text for a person.")]
BrandKey = Annotated[str, typer.Option("--brand", help="The brand, by the name of its folder in templates/brands/.")]


def print_json(value: Any) -> None:
    """Print a value as JSON; dates and ids become text."""
    out.print_json(json.dumps(value, default=str))


@contextmanager
def progress_bar(visible: bool) -> Iterator[Progress]:
    """A progress bar on standard error, for a person only."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not (visible and sys.stderr.isatty())) as progress:
        yield progress


def operator() -> str:
    """Who runs the command, as the system knows them."""
    try:
        return f"{getpass.getuser()} on the command line"
    except (KeyError, OSError):  # a container's user without a name
        return "the command line"


def reasons_of(written: Sequence[str] | None) -> dict[str, str]:
    """Reasons by the id of the warning that they let through, from `ID=REASON`. Raises ConfigurationError."""
    accepted = {}
    for one in written or ():
        name, _, reason = one.partition("=")
        if not reason.strip():
            raise ConfigurationError(f"--accept {one}: there is no reason. Write ID=REASON.")
        accepted[name.strip()] = " ".join(reason.split())
    return accepted
