"""`doorstep templates …`: what messages say and look like, gathered from the modules that do the work.

Checking and the list of fields need neither database nor engine, so they are there without them: half of what a check
of everything may take would go by before it began.
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

_LIGHT = {"check": "template_checking", "fields": "template_fields"}
_ALL = (
    "template_checking",
    "template_fields",
    "template_needs",
    "template_versions",
    "template_trying",
    "template_pictures",
)


def _commands(module: str) -> dict[str, Any]:
    part: typer.Typer = import_module(f"app.cli.{module}").app
    whole = typer.Typer()
    whole.callback()(lambda: None)  # one command alone would be no group
    whole.registered_commands += part.registered_commands
    return dict(get_group(whole).commands)


class _Gathered(TyperGroup):
    """Loads a light command by itself, and all of them for anything else."""

    def list_commands(self, ctx: Any) -> list[str]:
        for module in _ALL:
            self.commands.update(_commands(module))
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, name: str) -> Any:
        if name in _LIGHT:
            self.commands.update(_commands(_LIGHT[name]))
        else:
            self.list_commands(ctx)
        return super().get_command(ctx, name)


app = typer.Typer(
    cls=_Gathered,
    no_args_is_help=True,
    help="What messages say and look like: checking, trying out, publishing, comparing, taking back.",
)


@app.callback()
def _nothing_before() -> None:
    """What messages say and look like: checking, trying out, publishing, comparing, taking back."""
