"""Every command under one name, and what is said when one fails.

A command's module is loaded when it is chosen: each brings a part of the program with it, and all together take three
times as long to load as the one that is wanted. So what each is for stands here too, word for word; a test compares.
"""

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from app import __version__
from app.cli.consoles import err, out
from app.errors import DoorstepError, InvalidInput

COMMANDS = {
    "demo": (
        "running",
        "The whole engine in one command: a sample shop, stand-ins for carriers and providers, an inbox to look into.",
    ),
    "up": ("running", "The whole engine on this machine, on the configured (or embedded) database and broker."),
    "stand-ins": (
        "stand_ins",
        "A carrier, a mail server and a Twilio to try the engine with: nothing leaves this machine.",
    ),
    "migrate": (
        "running",
        "Bring the database's schema up to date, and store the brands that stand in templates/brands/.",
    ),
    "import": (
        "orders",
        "Orders and parcels from a file. What they have behind them is history, and nobody is told of it.",
    ),
    "replay": ("orders", "The pipeline over recorded orders with a stepped clock; nothing is stored or sent."),
    "explain": (
        "asking",
        "A parcel's whole story: scans, milestones, every rule's answer, messages, attempts, receipts.",
    ),
    "audit": (
        "asking",
        "The conservation law and the other invariants over the live database; exit 1 when one is broken.",
    ),
    "keys": ("asking", "Keys with which programs call the API."),
    "simulate": (
        "rehearsing",
        "What one real parcel's shopper would receive, and when: forked into memory, with the clock moved on.",
    ),
    "lanes": (
        "lanes",
        "How carriers behave and what the brand's delays were worth: for `hold`, `silence` and the other thresholds.",
    ),
    "pause": (
        "brakes",
        "Stop messages before they reach a provider, within five seconds; they wait until `doorstep resume`.",
    ),
    "resume": (
        "brakes",
        "Lift a pause. Each message that waited is judged again: it leaves, or ends with the reason why not.",
    ),
    "pauses": ("brakes", "What is paused, since when, by whom and why, and how many messages wait for it."),
    "incidents": (
        "brakes",
        "What is wrong now, as the alarms told it; exit 1 when there is something, or nobody looks.",
    ),
    "settings": ("settings", "What the engine is told, and where each setting comes from; no secret is shown."),
    "rules": ("rules", "The rules that decide which milestone triggers a message."),
    "templates": (
        "templates",
        "What messages say and look like: checking, trying out, publishing, comparing, taking back.",
    ),
    "carriers": ("carriers", "What each carrier can do, how it is, and what its codes mean."),
    "suppressions": ("suppressions", "Who must not be written to, and why."),
    "person": ("person", "A person's rights: everything about them, or nothing any more."),
    "user": ("user", "Who may sign in to the console."),
    "bench": ("bench", "Benchmarks, as ratios to a bare limit measured in the same run."),
}
"""Each command or group of commands: the module of `app.cli` that has it, and what it is for."""

GROUPS = ("settings", "rules", "templates", "carriers", "suppressions", "person", "user", "bench")
"""The modules whose commands stand together under the module's own name."""


def load(name: str) -> Any:
    """A command itself, with its module."""
    module = COMMANDS[name][0]
    group = get_group(import_module(f"app.cli.{module}").app)
    if module not in GROUPS:
        return group.commands[name]
    group.name = name
    return group


class _Chosen(TyperGroup):
    """Lists all commands, and loads only the one that is chosen."""

    def __init__(self, **given: Any) -> None:
        given["commands"] = {name: TyperCommand(name=name, help=use) for name, (_, use) in COMMANDS.items()}
        super().__init__(**given)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name else command, rest


app = typer.Typer(cls=_Chosen, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


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
