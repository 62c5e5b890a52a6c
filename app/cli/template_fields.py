"""`doorstep templates fields`: what a template may name."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from app.cli.consoles import AsJson, BrandKey, out, print_json
from app.messages.catalog import Catalog
from app.messages.checking.corpus import PUBLIC_URL
from app.messages.checking.field_samples import page, samples
from app.messages.rendering.fields import FIELDS
from app.settings import shipped

app = typer.Typer(no_args_is_help=True, help="What a template may name.")


@app.command("fields")
def fields_command(
    find: Annotated[str, typer.Argument(help="Only fields with this in their name or meaning.")] = "",
    brand: BrandKey = "fjallhem",
    markdown: Annotated[bool, typer.Option("--markdown", help="As the page docs/fields.md.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every field that a template may name: its meaning, its type, whether it may be blank, and a sample."""
    found = samples(Catalog(shipped("templates"), PUBLIC_URL), brand)
    if markdown:
        sys.stdout.write(page(found))
        return
    listed = [field for field in FIELDS.values() if find.lower() in f"{field.path} {field.meaning}".lower()]
    if as_json:
        print_json([{**asdict(field), "sample": found.get(field.path)} for field in listed])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("field", "type", "blank", "meaning", "sample"):
        table.add_column(title, overflow="fold")
    for field in listed:
        told = (field.path, field.kind, "maybe" if field.blank else "", field.meaning, found.get(field.path, ""))
        table.add_row(*map(Text, told))
    out.print(table)
