"""`doorstep rules backtest` and `doorstep simulate`: what rules would do, before they do it."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import AsJson, BrandKey, out, print_json, progress_bar, read_file, standing_house
from app.errors import ConfigurationError, NotFound
from app.insight.explain import find_shipments
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.deciding.publishing import known_names
from app.pipeline.house import House
from app.rehearsal.backtest import Passed, Step, backtest
from app.rehearsal.differences import Difference, Example
from app.rehearsal.script import parse_span, read_script
from app.rehearsal.simulate import simulate
from app.rehearsal.telling import tell_backtest, tell_simulation
from app.rules.document import parse_rules
from app.rules.ruleset import RuleSet

app = typer.Typer()


def backtest_command(
    file: Annotated[Path, typer.Argument(help="The draft: a rule set in YAML.")],
    since: Annotated[str, typer.Option(help="How far back: 30d, 12h; at most 90d.")] = "30d",
    brand: BrandKey = "fjallhem",
    listed: Annotated[
        Path | None, typer.Option("--list", help="A CSV file to write every message to that differs.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Who would have gained or lost which message under a draft. Nothing is written, nothing is sent."""
    span = parse_span(since, "--since")
    with standing_house(brand) as (house, brands):
        draft = _rules(house, file, brand)
        with progress_bar(not as_json) as progress, _list(listed) as note:
            task = progress.add_task(f"Replaying {since}", total=None)

            def on_step(step: Step) -> None:
                if isinstance(step, Passed):
                    progress.update(task, completed=step.done, total=step.total)
                elif isinstance(step, Difference):
                    note(step)

            found = backtest(house, brands[brand], draft, span, on_step)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    for line in tell_backtest(found):
        out.print(line, markup=False, highlight=False)


@contextmanager
def _list(file: Path | None) -> Iterator[Callable[[Difference], None]]:
    """Writes each difference to a file as it is found; to none, where none is named."""
    if file is None:
        yield lambda _one: None
        return
    try:
        opened = file.open("w", newline="", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}. Name another.") from error
    with opened:
        rows = csv.writer(opened)
        rows.writerow(["difference", *Example.model_fields])
        yield lambda one: rows.writerow([one.kind, *one.message.model_dump(mode="json").values()])


@app.command("simulate")
def simulate_command(
    shipment: Annotated[str, typer.Argument(help="A parcel's id (shp_…), its tracking number, or an order number.")],
    scan: Annotated[
        list[str] | None,
        typer.Option(help="A scan to make up: out_for_delivery, delivered@+1d, exception@+2h@Malmö. Repeatable."),
    ] = None,
    at: Annotated[str | None, typer.Option(help="When scans happen that name no time: +2d; now, if not given.")] = None,
    until: Annotated[str, typer.Option(help="How far the clock is moved: +10d, or a time with its offset.")] = "+10d",
    rules: Annotated[Path | None, typer.Option(help="A draft to live by, in place of the live rules.")] = None,
    show_person: Annotated[bool, typer.Option("--show-person", help="Greet the shopper by name in the texts.")] = False,
    as_json: AsJson = False,
) -> None:
    """What one real parcel's shopper would receive, and when: forked into memory, with the clock moved on."""
    with standing_house() as (house, _brands):
        script = read_script(house.clock.now(), until, at, scan or [])
        with house.sessions() as session:
            found = find_shipments(session, shipment)
        if len(found) != 1:
            raise _unclear(shipment, found)
        draft = _rules(house, rules, None) if rules is not None else None
        simulation = simulate(house, found[0], script, draft, show_person=show_person)
    if as_json:
        print_json(simulation.model_dump(mode="json"))
        return
    for line in tell_simulation(simulation):
        out.print(line, markup=False, highlight=False)


def _rules(house: House, file: Path, brand: str | None) -> RuleSet:
    try:
        content = read_file(file).decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} is no text in UTF-8. Name a rule set in YAML.") from error
    with house.sessions() as session:
        known = known_names(as_of_now(session, house), brand)
    return parse_rules(content, known)


def _unclear(written: str, found: list[str]) -> NotFound:
    if not found:
        return NotFound(f"Nothing is known by {written!r}. Give a parcel's id, a tracking or an order number.")
    listed = ", ".join(found[:10])
    return NotFound(f"{written!r} names {len(found)} parcels. Simulate one of them: {listed}.")
