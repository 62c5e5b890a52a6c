"""`doorstep settings`: what the engine is told, and where each setting comes from."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from rich import box
from rich.table import Table

from app.cli.common import AsJson, out, print_json, remark_on_file, remark_on_strangers
from app.settings import Settings, load_settings
from app.settings.told import Told, field_at, names_of, told

app = typer.Typer(help="What the engine is told, and where each setting comes from; no secret is shown.")

_SET, _NOT_SET = "(set)", "(not set)"


@dataclass(frozen=True, slots=True)
class _Row:
    """One setting; a secret's value is only whether it is set."""

    name: str
    value: str
    source: str


@app.callback(invoke_without_command=True)
def settings_command(
    context: typer.Context,
    all_: Annotated[bool, typer.Option("--all", help="Those too that are as they ship.")] = False,
    as_json: AsJson = False,
) -> None:
    """What the engine is told, and where each setting comes from; no secret is shown."""
    if context.invoked_subcommand is None:
        _show(all_, as_json)


@app.command("check")
def check_command(as_json: AsJson = False) -> None:
    """The same, to be read before the engine is started; exit 2 and the place where a setting is wrong."""
    _show(False, as_json)


def _show(everything: bool, as_json: bool) -> None:
    given = told()
    settings = load_settings(given)
    rows = [_row(given, name) for name in sorted(given.values) if field_at(Settings, name) is not None]
    if everything:
        there = {one.name for one in rows}
        shipped = (f"DOORSTEP_{name.upper()}" for name in names_of(Settings))
        rows += [_Row(name, _default(settings, name), "as it ships") for name in shipped if name not in there]
    remark_on_file(given.file)
    remark_on_strangers(given)
    if as_json:
        print_json({"file": str(given.file.path) if given.file else None, "settings": [asdict(one) for one in rows]})
    else:
        _print(given, rows)


def _row(given: Told, name: str) -> _Row:
    field = field_at(Settings, name)
    value = given.values[name]
    shown = (_SET if value else _NOT_SET) if field is None or field.secret else value
    return _Row(name, shown, given.place(name))


def _default(settings: Settings, name: str) -> str:
    value: Any = settings
    for part in name.removeprefix("DOORSTEP_").lower().split("__"):
        fields = type(value).model_fields
        value = getattr(value, next(one for one, field in fields.items() if (field.alias or one) == part))
    if isinstance(value, SecretStr):
        return _SET if value.get_secret_value() else _NOT_SET
    return "none" if value is None else str(value)


def _print(given: Told, rows: list[_Row]) -> None:
    if not rows:
        out.print("Nothing is set: all is as it ships. Put settings into doorstep.env here, or set variables.")
        return
    table = Table("Setting", "Value", "From", box=box.SIMPLE_HEAD, pad_edge=False)
    for one in rows:
        table.add_row(one.name, one.value, one.source)
    out.print(table, markup=False, highlight=False) if out.is_terminal else _plainly(rows)
    if given.file is None:
        out.print("There is no doorstep.env here, and DOORSTEP_SETTINGS_FILE names no file.", highlight=False)


def _plainly(rows: list[_Row]) -> None:
    for one in rows:
        out.print(f"{one.name}={one.value}  # {one.source}", markup=False, highlight=False)
