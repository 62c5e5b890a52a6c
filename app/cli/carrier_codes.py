"""`doorstep carriers unknown`, `map`, `unmap`, `mappings`, `reroute`: what is set about carriers without a deploy."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Column, Table

from app.cli.common import AsJson, operator, out, print_json, standing_house
from app.cli.trail import log_change
from app.pipeline.codes.mapping import MEANINGS, Changed, map_code, mappings, read_meaning, unknown_codes, unmap_code
from app.pipeline.codes.refolding import Refolded, refold
from app.pipeline.polling.rerouting import reroute
from app.web.access.changes import code_mapped

app = typer.Typer()

Carrier = Annotated[str, typer.Argument(metavar="CARRIER", help="The carrier's name, e.g. dhl.")]
Code = Annotated[str, typer.Argument(metavar="CODE", help="The code, as the carrier writes it.")]
OneBrand = Annotated[
    str | None, typer.Option("--brand", help="For this brand only, by the name of its folder in templates/brands/.")
]
Why = Annotated[str, typer.Option("--why", help="How you know; it stands in the history.")]


@app.command("unknown")
def unknown(brand: OneBrand = None, as_json: AsJson = False) -> None:
    """Codes that nobody knows, with how often and where they were seen. None of them became a milestone."""
    with standing_house(brand) as (house, brands), house.sessions() as session:
        found = unknown_codes(session, brands[brand] if brand else None)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        out.print("Every code that was seen is known.")
        return
    table = Table(Column("carrier", no_wrap=True), "code", "seen", "brand", "first (UTC)", "last (UTC)", box=None)
    table.add_column("for example", overflow="fold")
    for one in found:
        first, last = (f"{at:%Y-%m-%d %H:%M}" for at in (one.first_seen_at, one.last_seen_at))
        table.add_row(one.carrier, one.code, f"{one.count:,}", one.brand, first, last, one.example)
    out.print(table, markup=False)


@app.command("map", help=f"Say what a carrier's code means from now on: {', '.join(MEANINGS)}.")
def map_command(
    carrier: Carrier,
    code: Code,
    meaning: Annotated[str, typer.Argument(metavar="MEANING", help="A milestone, movement or nothing.")],
    why: Why,
    brand: OneBrand = None,
    as_json: AsJson = False,
) -> None:
    """Say what a carrier's code means from now on. Stored parcels follow, and nobody is told of what lies behind."""
    wanted = read_meaning(meaning)
    with standing_house(brand) as (house, brands):
        brand_id = brands[brand] if brand else None
        with house.sessions.begin() as session:
            done = map_code(session, house, (carrier, code), wanted, brand_id, (operator(), why))
            log_change(session, code_mapped(done, why), brand_id)
        read = refold(house)
    if as_json:
        print_json({**asdict(done), "brand": brand, "parcels_read_again": read.parcels})
        return
    if done.new and done.by_table is not None and done.by_table != done.meaning:
        loud = f"CAREFUL: {done.carrier}'s own table says that {done.code!r} means {done.by_table}. You correct it"
        out.print(f"{loud} for {brand or 'all brands'}.", style="bold red", markup=False, highlight=False)
    _tell(done, brand, read)


@app.command("unmap")
def unmap_command(carrier: Carrier, code: Code, why: Why, brand: OneBrand = None, as_json: AsJson = False) -> None:
    """Take a mapping back: stored parcels are read again without it. What had been told stays told."""
    with standing_house(brand) as (house, brands):
        brand_id = brands[brand] if brand else None
        with house.sessions.begin() as session:
            done = unmap_code(session, house, (carrier, code), brand_id, (operator(), why))
            log_change(session, code_mapped(done, why, taken_back=True), brand_id)
        read = refold(house)
    if as_json:
        print_json({**asdict(done), "brand": brand, "parcels_read_again": read.parcels})
        return
    _tell(done, brand, read)


@app.command("mappings")
def mappings_command(
    history: Annotated[bool, typer.Option("--history/--standing", help="Those that ended too, or not.")] = True,
    as_json: AsJson = False,
) -> None:
    """What operations have said that codes mean: who, when, before, after, why; newest first."""
    with standing_house() as (house, _brands), house.sessions() as session:
        found = mappings(session, history=history)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        out.print("Nothing is mapped: every code means what its carrier's table says.")
    for one in found:
        until = f", until {one.ended_at:%Y-%m-%d %H:%M} by {one.ended_by} ({one.ended_why})" if one.ended_at else ""
        still = ", parcels are still being read again" if one.refolding else ""
        told = f"{one.carrier} {one.code!r}: {one.before} → {one.meaning} for {one.brand or 'all brands'}"
        said = f"since {one.mapped_at:%Y-%m-%d %H:%M} UTC by {one.mapped_by} ({one.why}){until}{still}"
        out.print(f"{told}, {said}.", markup=False, highlight=False)


@app.command("reroute")
def reroute_command(as_json: AsJson = False) -> None:
    """Bring the parcels under way to where their carrier is asked about now, after a change of settings."""
    with standing_house() as (house, _brands):
        moved = reroute(house)
    if as_json:
        print_json(dict(moved))
        return
    told = ", ".join(f"{count:,} to {name}" for name, count in sorted(moved.items()))
    out.print(f"Parcels rerouted: {told}." if moved else "Every parcel is asked about where it should be.")


def _tell(done: Changed, brand: str | None, reread: Refolded) -> None:
    whose = brand or "all brands"
    if not done.new:
        out.print(f"{done.carrier} {done.code!r} means {done.meaning} for {whose} already.", markup=False)
        return
    parcels, rest = reread.parcels, "" if reread.whole else " The rest follows while `doorstep up` runs."
    read = f"{parcels:,} {'parcel was' if parcels == 1 else 'parcels were'} read again; nobody was told.{rest}"
    told = f"{done.carrier} {done.code!r} means {done.meaning} for {whose} now; it meant {done.before}. {read}"
    out.print(told, markup=False, highlight=False)
