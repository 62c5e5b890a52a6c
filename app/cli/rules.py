"""`doorstep rules …`: checking, publishing, comparing and taking back the rules that a brand lives by."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy.orm import Session

from app.cli.common import AsJson, BrandKey, operator, out, print_json, read_file, standing_house
from app.cli.rehearsing import backtest_command
from app.cli.trail import log_change
from app.db import make_engine
from app.errors import ConfigurationError, InvalidInput, NotFound
from app.models import Brand
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.deciding.publishing import (
    Published,
    Said,
    history,
    known_names,
    live_set,
    publish,
    rollback,
    version,
)
from app.pipeline.house import House
from app.rules.as_json import as_json as document_as_json
from app.rules.differing import Difference, differences
from app.rules.document import parse_rules
from app.rules.ruleset import RuleSet
from app.rules.schema import rules_schema
from app.settings import load_settings
from app.web.access.changes import rules_published
from app.wiring import build_house

app = typer.Typer(no_args_is_help=True, help="The rules that decide which milestone triggers a message.")

RuleFile = Annotated[Path, typer.Argument(help="A rule set in YAML, or the same in JSON.")]
Why = Annotated[str, typer.Option(help="Stands in the history, beside your name.")]
Seen = Annotated[
    str | None, typer.Option("--seen", help="The digest of the rules that you changed; refused if others count by now.")
]


@app.command("check")
def check_command(
    file: RuleFile,
    brand: Annotated[
        str | None, typer.Option("--brand", help="Whose templates it may name; every brand's if none.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Validate a rule set; every fault is named with its line, its column and what to write instead."""
    content = _read(file)
    house = build_house(load_settings(), engine=make_engine("postgresql+psycopg://"))  # which nobody asks anything
    if brand is not None and brand not in house.catalog.brands():
        raise NotFound(f"There is no brand {brand!r}. One of: {', '.join(sorted(house.catalog.brands()))}.")
    try:
        rules = parse_rules(content, known_names(house, brand))
    except InvalidInput as error:
        if not as_json:
            raise
        print_json({"valid": False, "faults": [asdict(fault) for fault in error.faults]})
        raise typer.Exit(error.exit_code) from error
    if as_json:
        print_json({"valid": True, "rules": len(rules.rules), "digest": rules.digest.hex(), "faults": []})
        return
    out.print(f"{file}: {len(rules.rules)} rules, all valid.", markup=False, highlight=False)


@app.command("show")
def show_command(
    brand: BrandKey = "fjallhem",
    number: Annotated[int | None, typer.Option(help="A publication; without it, what counts.")] = None,
    as_json: AsJson = False,
) -> None:
    """The rules that a brand lives by, or lived by, as they were published."""
    with standing_house(brand) as (house, brands), house.sessions() as session:
        content = (
            live_set(session, house, brands[brand]).rules.content
            if number is None
            else version(session, brands[brand], number)[1]
        )
    if as_json:
        print_json(document_as_json(content))
    else:
        out.file.write(content if content.endswith("\n") else f"{content}\n")


@app.command("publish")
def publish_command(
    file: RuleFile, why: Why, brand: BrandKey = "fjallhem", seen: Seen = None, as_json: AsJson = False
) -> None:
    """Let a brand live by a rule set, from the next batch on. One that has a fault replaces nothing."""
    content = _read(file)
    with standing_house(brand) as (house, brands), house.sessions.begin() as session:
        whose = _whose(session, house, brands[brand])
        published, before, after = publish(*whose, content, Said(operator(), why), seen)
        log_change(session, rules_published(published, before, after), brands[brand])
    _tell(published, differences(before, after), as_json)


@app.command("history")
def history_command(brand: BrandKey = "fjallhem", as_json: AsJson = False) -> None:
    """What was published for a brand, newest first: when, by whom and why."""
    with standing_house(brand) as (house, brands), house.sessions() as session:
        found = history(session, brands[brand], limit=1000)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        out.print("Nothing was published: the rules that ship with Doorstep count.")
        return
    table = Table("number", "published (UTC)", "by", "why", "digest", box=None)
    for one in found:
        mark = " counts" if one.replaced_at is None else ""
        at = f"{one.published_at:%Y-%m-%d %H:%M}"
        table.add_row(f"{one.number}{mark}", at, one.published_by, one.why, one.digest[:12])
    out.print(table, markup=False)


@app.command("rollback")
def rollback_command(
    number: Annotated[int, typer.Argument(min=1, help="The publication that is to count again.")],
    why: Why,
    brand: BrandKey = "fjallhem",
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Publish an older publication's text again. It is checked like any other: what it names may be gone."""
    with standing_house(brand) as (house, brands), house.sessions.begin() as session:
        whose = _whose(session, house, brands[brand])
        published, before, after = rollback(*whose, number, Said(operator(), why), seen)
        log_change(session, rules_published(published, before, after, back_to=number), brands[brand])
    _tell(published, differences(before, after), as_json)


@app.command("diff")
def diff_command(
    other: Annotated[str, typer.Argument(help="A file with a rule set, or the number of a publication.")],
    brand: BrandKey = "fjallhem",
    as_json: AsJson = False,
) -> None:
    """What would change if a file, or an older publication, counted instead; rule by rule and key by key."""
    with standing_house(brand) as (house, brands), house.sessions() as session:
        before = live_set(session, house, brands[brand]).rules
        after = _other(session, house, brand, brands[brand], other)
    found = differences(before, after)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        _tell_differences(found)


@app.command("schema")
def schema_command() -> None:
    """The JSON Schema of a rule set, for editors: `# yaml-language-server: $schema=rules.schema.json`."""
    print_json(rules_schema())


def _read(file: Path) -> str:
    try:
        return read_file(file).decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} is no text in UTF-8. Name a rule set in YAML.") from error


def _whose(session: Session, house: House, brand_id: int) -> tuple[Session, House, Brand]:
    return session, house, session.get_one(Brand, brand_id)


def _other(session: Session, house: House, brand: str, brand_id: int, other: str) -> RuleSet:
    if other.isdecimal() and not Path(other).exists():
        return parse_rules(version(session, brand_id, int(other[:20]))[1])
    return parse_rules(_read(Path(other)), known_names(as_of_now(session, house), brand))


def _tell(published: Published, found: Sequence[Difference], as_json: bool) -> None:
    if as_json:
        print_json({**asdict(published), "changes": [asdict(one) for one in found]})
        return
    if not published.new:
        out.print(f"Nothing is new: publication {published.number} says the same and counts.", highlight=False)
        return
    out.print(
        f"Publication {published.number} counts from the next batch on ({published.digest[:12]}).", highlight=False
    )
    _tell_differences(found)


def _tell_differences(found: Sequence[Difference]) -> None:
    for one in found:
        out.print(f"  {one}", markup=False, highlight=False)
    if not found:
        out.print("The rules say the same.")


app.command("backtest")(backtest_command)
