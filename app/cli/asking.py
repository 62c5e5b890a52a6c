"""`doorstep explain`, `audit`, `rules`, `keys`: what an operator looks up and sets."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import AsJson, BrandKey, out, print_json, read_file, standing_house
from app.cli.rehearsing import backtest_command
from app.errors import ConfigurationError, NotFound
from app.insight.audit import audit as audit_database
from app.insight.explain import find_shipments
from app.insight.tell import tell
from app.pipeline.brakes.alarming import end_mended
from app.rehearsal.aside import whole_story
from app.rules.document import parse_rules
from app.settings import load_settings
from app.web.access import issue_key

app = typer.Typer()
rules_app = typer.Typer(no_args_is_help=True, help="The rules that decide which milestone triggers a message.")
keys_app = typer.Typer(no_args_is_help=True, help="Keys with which programs call the API.")
app.add_typer(rules_app, name="rules")
app.add_typer(keys_app, name="keys")
rules_app.command("backtest")(backtest_command)


@app.command()
def explain(
    shipment: Annotated[str, typer.Argument(help="A parcel's id (shp_…), its tracking number, or an order number.")],
    as_json: AsJson = False,
) -> None:
    """A parcel's whole story: scans, milestones, every rule's answer, messages, attempts, receipts."""
    with standing_house() as (house, _brands), house.sessions() as session:
        found = find_shipments(session, shipment)
        if not found:
            raise NotFound(f"Nothing is known by {shipment!r}. Give a parcel's id, a tracking or an order number.")
        stories = [whole_story(session, house, one) for one in found]
    if as_json:
        print_json([story.model_dump(mode="json") for story in stories])
        return
    for story in stories:
        for line in tell(story):
            out.print(line, markup=False, highlight=False)
        out.print()


@app.command()
def audit(as_json: AsJson = False) -> None:
    """The conservation law and the other invariants over the live database; exit 1 when one is broken."""
    settings = load_settings()
    with standing_house() as (house, _brands), house.sessions() as session:
        found = audit_database(session, settings.sending.settle)
        session.rollback()
        with house.sessions.begin() as writing:
            end_mended(writing, house, [breach.law for breach in found.breaches])
    if as_json:
        print_json({**asdict(found), "whole": found.whole})
    else:
        out.print(
            f"decided {found.decided} = sent {found.sent} + withheld {found.withheld}"
            f" + failed {found.failed} + pending {found.pending}"
        )
        out.print(", ".join(f"{count} {state}" for state, count in sorted(found.states.items())) or "No messages yet.")
        for waiting in found.paused:
            out.print(f"{waiting.count:,} of the pending wait for the pause {waiting.scope} ({waiting.why}).")
        for breach in found.breaches:
            out.print(f"BROKEN: {breach.law}: {breach.count}, e.g. {', '.join(breach.examples)}", style="red")
        out.print("Everything adds up." if found.whole else "Something does not add up.")
    raise typer.Exit(0 if found.whole else 1)


@rules_app.command("check")
def check_rules(file: Annotated[Path, typer.Argument(help="A rule set in YAML.")]) -> None:
    """Validate a rule set; every fault is named with its line, its column and what to write instead."""
    try:
        content = read_file(file).decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} is no text in UTF-8. Name a rule set in YAML.") from error
    rules = parse_rules(content)
    out.print(f"{file}: {len(rules.rules)} rules, all valid.")


@keys_app.command("add")
def add_key(
    label: Annotated[str, typer.Argument(help="What the key is for, e.g. 'web shop'.")],
    brand: BrandKey = "fjallhem",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="orders:read, orders:write (both if none is named), rules:read, pauses:write, carriers:write,"
            " people:export or people:erase."
        ),
    ] = None,
) -> None:
    """A new API key for one brand. It is shown once; only its digest is kept."""
    with standing_house(brand) as (house, brands), house.sessions.begin() as session:
        key = issue_key(session, brands[brand], label, scope or ["orders:read", "orders:write"])
    out.print(key, markup=False, highlight=False)
