"""`doorstep suppressions …`: the list of who must not be written to."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import AsJson, BrandKey, err, out, print_json, standing_house
from app.cli.trail import log
from app.errors import ConfigurationError
from app.models.addresses import address_digest
from app.models.vocabulary import SuppressionKind, SuppressionScope
from app.pipeline.people.consent_file import address_of, export_list, import_list
from app.pipeline.people.consenting import lift, suppress, wish
from app.receipts.suppression import reach

app = typer.Typer(no_args_is_help=True, help="Who must not be written to, and why.")

Address = Annotated[str, typer.Argument(help="An email address, or a number with its country code.")]
Kind = Annotated[SuppressionKind, typer.Option(help="Why; a bounce or a complaint holds back everything.")]


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="CSV with a column address, email or phone; a provider's own will do.")],
    brand: BrandKey = "fjallhem",
    kind: Kind = SuppressionKind.manual,
    as_json: AsJson = False,
) -> None:
    """Put a file's addresses on the list. Bad rows are named by line and skipped; the same file again adds nothing."""
    with standing_house(brand) as (house, brands):
        done = import_list(house.sessions, file, brands[brand], kind)
        with house.sessions.begin() as session:
            log(session, "suppression.import", after={"new": done.new, "known": done.known}, brand_id=brands[brand])
    if as_json:
        print_json({**asdict(done), "faults": [str(fault) for fault in done.faults]})
    else:
        for fault in done.faults:
            err.print(f"skipped  {fault}", markup=False, highlight=False)
        out.print(f"{done.new} new, {done.known} known already, {len(done.faults)} skipped.")
    raise typer.Exit(1 if done.faults and not done.new + done.known else 0)


@app.command("export")
def export_command(
    file: Annotated[Path | None, typer.Argument(help="Where to; standard output where none is named.")] = None,
    brand: BrandKey = "fjallhem",
) -> None:
    """Everything that stands on the list, as CSV that `import` reads."""
    with standing_house(brand) as (house, brands), house.sessions() as session:
        if file is None:
            export_list(session, brands[brand], sys.stdout)
            return
        try:
            with file.open("w", encoding="utf-8", newline="") as opened:
                count = export_list(session, brands[brand], opened)
        except OSError as error:
            raise ConfigurationError(f"{file} cannot be written: {error.strerror}. Name another.") from error
    err.print(f"{count} written to {file}.", markup=False, highlight=False)


@app.command("add")
def add_command(
    address: Address,
    brand: BrandKey = "fjallhem",
    kind: Kind = SuppressionKind.manual,
    scope: Annotated[SuppressionScope | None, typer.Option(help="What is held back; as the kind says.")] = None,
) -> None:
    """Put one address on the list; it counts for every message that has not begun to leave."""
    channel, known = address_of(address)
    with standing_house(brand) as (house, brands), house.sessions.begin() as session:
        new = suppress(session, [wish(brands[brand], channel, known, kind, scope)])
        if new:
            said = {"channel": channel.value, "kind": kind.value}
            log(session, "suppression.add", f"an address by {channel.value}", after=said, brand_id=brands[brand])
    held = "everything" if (scope or reach(kind)) is SuppressionScope.all else "advertisements"
    out.print(f"{known}: {held} by {channel.value} is held back{'' if new else ', as before'}.", highlight=False)


@app.command("lift")
def lift_command(
    address: Address,
    brand: BrandKey = "fjallhem",
    kind: Annotated[SuppressionKind | None, typer.Option(help="Only this reason; all where none is named.")] = None,
) -> None:
    """Take one address off the list. A provider may still hold it on its own: lift it there too."""
    found, known = address_of(address)
    kinds = [kind] if kind else list(SuppressionKind)
    with standing_house(brand) as (house, brands), house.sessions.begin() as session:
        lifted = lift(session, [brands[brand]], found, address_digest(found, known), kinds)
        if lifted:
            said = {"channel": found.value, "kind": ", ".join(sorted({one.value for one in lifted}))}
            log(session, "suppression.lift", f"an address by {found.value}", before=said, brand_id=brands[brand])
    names = ", ".join(sorted({one.value for one in lifted}))
    out.print(f"{known}: lifted {names}." if lifted else f"{known} was not on the list.", highlight=False)
