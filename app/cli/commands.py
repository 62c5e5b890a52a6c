"""Every command under one name, and what is said when one fails."""

import sys
from typing import Annotated

import typer

from app import __version__
from app.cli import asking, bench, brakes, carriers, lanes, orders, person, rehearsing, rules, running, suppressions
from app.cli.common import err, out
from app.errors import DoorstepError, InvalidInput

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for part in (running, orders, asking, rehearsing, brakes, lanes):
    app.add_typer(part.app)
rules.app.command("backtest")(rehearsing.backtest_command)
app.add_typer(rules.app, name="rules")
app.add_typer(carriers.app, name="carriers")
app.add_typer(suppressions.app, name="suppressions")
app.add_typer(person.app, name="person")
app.add_typer(bench.app, name="bench")


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    show: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Doorstep tells shoppers about their parcel before they ask."""
    if show:
        out.print(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        out.print(context.get_help())


def run() -> None:
    """Run the command line; what a person can mend is said in one line, without a traceback."""
    try:
        app()
    except InvalidInput as error:
        for fault in error.faults:
            err.print(f"error: {fault}", style="red", markup=False)
        sys.exit(error.exit_code)
    except DoorstepError as error:
        err.print(f"error: {error}", style="red", markup=False)
        sys.exit(error.exit_code)
