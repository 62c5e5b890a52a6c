"""`doorstep templates who`: which of a brand's files read a field, and which break by what became of the fields."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from app.cli.common import AsJson, BrandKey, out, print_json
from app.cli.template_desk import desk_of
from app.errors import ConfigurationError, Fault, InvalidInput
from app.messages.checking.field_uses import broken_by, who_uses
from app.messages.rendering.fields import FIELDS, Field, nearest

app = typer.Typer(no_args_is_help=True, help="Who needs a field.")


@app.command("who")
def who_command(
    field: Annotated[str, typer.Argument(help="A field, as `doorstep templates fields` lists it.")] = "",
    since: Annotated[
        Path | None,
        typer.Option("--since", help="What `fields --json` wrote with another Doorstep: who breaks by what changed."),
    ] = None,
    brand: BrandKey = "fjallhem",
    as_json: AsJson = False,
) -> None:
    """The files that read a field, as they count for the brand; or those that break because fields are gone, or became
    another kind, since a list was kept. Exit code 1 where one breaks."""
    if since is None and field not in FIELDS:
        meant = nearest(field)
        remedy = f"Write {meant}." if meant else "`doorstep templates fields` lists them all."
        raise InvalidInput([Fault(None, "field", f"there is no field called {field!r}", remedy)])
    old = _kept(since) if since is not None else {}
    with desk_of(brand) as desk:
        shelf = desk.shelf
    if since is None:
        rows = [asdict(one) for one in who_uses(shelf, field)]
    else:
        broken = broken_by(shelf, old)
        rows = [
            {"path": path, "line": use.line, "column": use.column, "reads": use.path}
            for path, found in broken.items()
            for use in found
        ]
    if as_json:
        print_json(rows)
    elif rows:
        table = Table(*rows[0], box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*(Text(str(value)) for value in row.values()))
        out.print(table)
    else:
        out.print(f"No file reads {field}." if since is None else "Nothing breaks.", markup=False, highlight=False)
    if since is not None and rows:
        raise typer.Exit(1)


def _kept(file: Path) -> dict[str, Field]:
    """The fields that a kept list documents. Raises ConfigurationError."""
    try:
        told = json.loads(file.read_bytes())
        names = ("path", "kind", "meaning", "blank", "most")
        return {one["path"]: Field(**{name: one[name] for name in names}) for one in told}
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "Write it with `doorstep templates fields --json`, before you change to another Doorstep."
        raise ConfigurationError(f"{file} is no list of fields. {remedy}") from error
