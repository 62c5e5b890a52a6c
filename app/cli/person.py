"""`doorstep person …`: a shopper's rights: to be told what is kept of them, and to be forgotten."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from app.cli.common import AsJson, BrandKey, err, out, print_json, standing_house
from app.cli.trail import log_change
from app.errors import ConfigurationError
from app.pipeline.people.consent_file import address_of
from app.pipeline.people.erasing import Erased, erase_person
from app.pipeline.people.person import Held, find_person, held_about
from app.pipeline.people.person_export import export_person
from app.web.access.changes import Change, person_erased, person_exported

app = typer.Typer(no_args_is_help=True, help="A person's rights: everything about them, or nothing any more.")

Address = Annotated[str, typer.Argument(help="An email address, or a number with its country code.")]


@app.command("export")
def export_command(
    address: Address,
    file: Annotated[Path | None, typer.Argument(help="Where to; standard output where none is named.")] = None,
    brand: BrandKey = "fjallhem",
) -> None:
    """Everything that one brand keeps of a person, as one JSON document; a file is made readable to its owner only."""
    channel, known = address_of(address)
    with standing_house(brand) as (house, brands):
        document = export_person(
            house,
            brands[brand],
            channel,
            known,
            _noted(person_exported, brands[brand]),
        )
    if file is None:
        out.print_json(json.dumps(document))
        return
    try:
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
            json.dump(document, opened, ensure_ascii=False, indent=1)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}. Name another.") from error
    err.print(f"{len(document['orders'])} orders written to {file}.", markup=False, highlight=False)


@app.command("erase")
def erase_command(
    address: Address,
    brand: BrandKey = "fjallhem",
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget a person at one brand: say what goes, ask, and do it. Stopped in the middle, it is ended by running it
    again."""
    channel, known = address_of(address)
    if as_json and not yes:
        raise ConfigurationError("Nobody can be asked while JSON is printed. Add --yes.")
    with standing_house(brand) as (house, brands):
        with house.sessions() as session:
            held = held_about(session, find_person(session, brands[brand], channel, known))
        if not as_json:
            for line in _beforehand(held):
                out.print(line, markup=False, highlight=False)
        if not yes:
            typer.confirm("Erase this? It cannot be undone", abort=True)
        erased = erase_person(
            house,
            brands[brand],
            channel,
            known,
            _noted(person_erased, brands[brand]),
        )
    if as_json:
        print_json({"held": asdict(held), "erased": asdict(erased)})
        return
    for line in _afterwards(erased):
        out.print(line, markup=False, highlight=False)


def _noted(change: Callable[[Held], Change], brand_id: int) -> Callable[[Session, Held], None]:
    """What writes such a change into the audit log, in the transaction that makes it."""

    def write(session: Session, held: Held) -> None:
        log_change(session, change(held), brand_id)

    return write


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _beforehand(held: Held) -> list[str]:
    under_way = len(held.under_way)
    lines = [
        f"What goes of the person: their name, address and number on {_many(held.orders, 'order')} with"
        f" {_many(held.parcels, 'parcel')} and {_many(held.messages, 'message')}.",
        f"Stopped: {_many(held.messages_waiting, 'waiting message')}; under way, and may arrive: {under_way}.",
        f"Emptied: {_many(held.inbound, 'text')} that they wrote, and on the list {held.suppressions}.",
    ]
    if held.shared_addresses:
        lines.append(f"{held.shared_addresses} addresses on these orders are on others too, and stay there.")
    return lines


def _afterwards(erased: Erased) -> list[str]:
    lines = [f"Erased: {erased.orders} orders; {erased.messages_stopped} messages stopped."]
    if erased.in_flight:
        lines.append(f"Under way, and gone from here once settled: {', '.join(erased.in_flight)}.")
    return lines
