"""`doorstep import` and `replay`: orders that come from a file."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.cli.common import AsJson, BrandKey, err, out, print_json, progress_bar, standing_house
from app.embedded import default_home, running
from app.intake.importing import ImportReport, import_file
from app.models import Brand
from app.models.vocabulary import Source
from app.pipeline.deciding.concluding import hear
from app.pipeline.listening.incoming import heard_from_incoming
from app.pipeline.polling.routing import accepted_carriers, routes_for
from app.rehearsal.recorded import Recorded, replay_file
from app.rehearsal.replay import ReplayReport
from app.rules.document import default_rules
from app.settings import load_settings

app = typer.Typer()


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="A CSV file with one row a parcel.")],
    mapping: Annotated[Path | None, typer.Option("--map", help="A YAML file that names the columns.")] = None,
    brand: BrandKey = "fjallhem",
    live: Annotated[bool, typer.Option("--live", help="Treat the rows as new: what happens is told.")] = False,
    as_json: AsJson = False,
) -> None:
    """Orders and parcels from a file. What they have behind them is history, and nobody is told of it."""
    settings = load_settings()
    home = settings.home or default_home()
    alone = settings.embedded and running(home) is None
    with standing_house(brand) as (house, brands), house.sessions() as session:
        row = session.get_one(Brand, brands[brand])
        now = house.clock.now()
        with progress_bar(not as_json) as progress:
            task = progress.add_task(f"Importing {file.name}", total=None)
            report = import_file(
                file,
                mapping,
                row,
                house.sessions,
                lambda at, parcels: hear(at, house, heard_from_incoming(parcels, Source.file), now),
                now=now,
                live=live,
                known_carriers=accepted_carriers(house),
                routes=lambda at: routes_for(house, at, row.id),
                on_progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
    if alone and not as_json:
        err.print(f"No engine runs on {home}: it is `doorstep up` that asks carriers and sends.", markup=False)
    _print_import(report, as_json)


def _print_import(report: ImportReport, as_json: bool) -> None:
    if as_json:
        print_json(report.as_json())
    else:
        for line in report.lines():
            out.print(line, markup=False, highlight=False)
    raise typer.Exit(1 if report.faults and not report.orders else 0)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="A CSV file of orders with their timestamps.")],
    mapping: Annotated[Path | None, typer.Option("--map", help="A YAML file that names the columns.")] = None,
    as_json: AsJson = False,
) -> None:
    """The pipeline over recorded orders with a stepped clock; nothing is stored or sent."""
    with progress_bar(not as_json) as progress:
        task = progress.add_task(f"Replaying {file.name}", total=None)
        report, recorded = replay_file(
            file, mapping, default_rules(), lambda done, total: progress.update(task, completed=done, total=total)
        )
    if as_json:
        print_json({**asdict(report), "agrees": report.agrees, "faults": [str(one) for one in recorded.faults]})
    else:
        _print_replay(report, recorded)
    raise typer.Exit(0 if report.agrees and (report.parcels or not recorded.faults) else 1)


def _print_replay(report: ReplayReport, recorded: Recorded) -> None:
    table = Table("milestone", "opened by the replay", "straight from the file", "missing", "extra", box=None)
    for one in report.comparisons:
        table.add_row(one.milestone.value, *map(str, (one.opened, one.implied, len(one.missing), len(one.extra))))
    for fault in recorded.faults:
        out.print(f"skipped  {fault}", markup=False, highlight=False)
    out.print(
        f"{report.parcels} parcels in {report.steps} steps{f', until {report.ended_at}' if report.ended_at else ''}; "
        f"{recorded.cancelled} cancelled orders left out, {len(recorded.faults)} faults."
    )
    out.print(table)
    for what, counts in (("Decisions", report.decisions), ("Would have been sent", report.would_send)):
        out.print(f"{what}: " + (", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"))
    if not report.parcels:
        out.print("No parcel could be replayed.")
    else:
        out.print("The replay agrees with the file." if report.agrees else "The replay DISAGREES with the file.")
