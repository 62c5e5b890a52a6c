"""`doorstep templates preview`, `test`, `waiting`, `move`: a template looked at, tried on oneself, and let reach what
waits."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from app.cli.common import AsJson, BrandKey, err, operator, out, print_json, standing_house
from app.cli.trail import log, log_change
from app.errors import ConfigurationError
from app.models import Brand
from app.models.vocabulary import AttemptOutcome, Channel
from app.pipeline.deciding.editions import catalog_of
from app.pipeline.house import House
from app.pipeline.leaving.moving import List, Wanted, move, waiting
from app.rehearsal.previewing import Asked, Preview, SmsSize, preview
from app.rehearsal.samples import SAMPLES
from app.rehearsal.trying import try_on_oneself
from app.web.access.changes import words_moved

app = typer.Typer(no_args_is_help=True, help="Trying templates out, and letting what waits have them.")

Key = Annotated[str, typer.Argument(help="The template's name: delivered, return_delayed, …")]
Shipment = Annotated[
    str | None, typer.Option("--shipment", help="A parcel's id (shp_…), its tracking number, or an order number.")
]
Sample = Annotated[str | None, typer.Option("--sample", help="A made-up order by name; `--samples` lists them.")]
Channels = Annotated[str, typer.Option("--channel", help="email, sms or whatsapp.")]
Locale = Annotated[str | None, typer.Option("--locale", help="The reader's language, e.g. sv-SE; their own, if none.")]


@app.command("preview")
def preview_command(
    key: Annotated[str, typer.Argument(help="The template's name: delivered, return_delayed, …")] = "",
    shipment: Shipment = None,
    sample: Sample = None,
    channel: Channels = "email",
    locale: Locale = None,
    brand: BrandKey = "fjallhem",
    file: Annotated[
        Path | None, typer.Option("--out", help="FILE.html for the email itself, or FILE.txt for its text.")
    ] = None,
    all_locales: Annotated[bool, typer.Option("--all-locales", help="In each language that there is.")] = False,
    show_person: Annotated[bool, typer.Option("--show-person", help="Greet the parcel's shopper by name.")] = False,
    samples: Annotated[bool, typer.Option("--samples", help="List the made-up orders, and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """What a template would say, filled in for a sample or a real parcel. Nothing is sent."""
    if samples or not key:
        _print_samples(samples, as_json)
        return
    _one_of(shipment, sample)
    if file is not None and file.suffix not in (".html", ".txt"):
        raise ConfigurationError(f"{file} is neither FILE.html nor FILE.txt. End its name with what you want to have.")
    asked = Asked(key, channel, locale, sample, shipment, show_person)
    with _brand(brand) as (house, session, whose):
        spoken = catalog_of(session, house, brand).locales(brand) if all_locales else [locale]
        now = house.clock.now()
        found = [
            preview(house, session, whose, Asked(key, channel, one, sample, shipment, show_person), now)
            for one in spoken
        ]
    if file is not None:
        for one in found:
            _save(one, file, several=len(found) > 1)
    if as_json:
        print_json([shown(one) for one in found] if all_locales else shown(found[0]))
        return
    for one in found if file is None else []:
        _print(one, asked)


@app.command("test")
def test_command(
    key: Key,
    to: Annotated[str, typer.Option("--to", help="Your own address; a number for SMS.")],
    shipment: Shipment = None,
    sample: Sample = None,
    channel: Annotated[str | None, typer.Option("--channel", help="email or sms; as the address is, if none.")] = None,
    locale: Locale = None,
    brand: BrandKey = "fjallhem",
    as_json: AsJson = False,
) -> None:
    """Send a template to yourself by the real way out, marked [Test]; at most 20 an hour a brand. It is recorded."""
    _one_of(shipment, sample)
    by = channel or ("email" if "@" in to else "sms")
    with standing_house(brand) as (house, brands):
        asked = Asked(key, by, locale, sample, shipment)
        try:
            seen, tried = try_on_oneself(house, brands[brand], asked, to, operator())
            with house.sessions.begin() as session:
                came_to = {"id": tried.id, "outcome": tried.outcome.value}
                log(session, "templates.test", key, after=came_to, brand_id=brands[brand])
        finally:
            house.loop.run(house.http.aclose())
            house.loop.close()
    if as_json:
        print_json({**asdict(tried), "subject": seen.subject, "locale": seen.locale, "digest": seen.digest})
    else:
        went = tried.outcome is AttemptOutcome.accepted
        said = f": {tried.error}" if tried.error else ""
        told = f"{tried.provider} {'took it' if went else f'did not take it ({tried.outcome.value}{said})'}"
        _line(f"{key} in {seen.locale} to {to}: {told}. {tried.left} more this hour. ({tried.id})")
    raise typer.Exit(0 if tried.outcome is AttemptOutcome.accepted else 1)


@app.command("waiting")
def waiting_command(
    key: Annotated[str | None, typer.Option("--key", help="Only those of this template.")] = None,
    brand: BrandKey = "fjallhem",
    as_json: AsJson = False,
) -> None:
    """The messages that wait with other words than their template has now, and what is different."""
    with _brand(brand) as (house, session, whose):
        found = waiting(session, house, whose, key)
    if as_json:
        print_json(asdict(found))
    else:
        _print_waiting(found)


@app.command("move")
def move_command(
    key: Annotated[str, typer.Option("--key", help="The template whose waiting messages get its new words.")],
    why: Annotated[str, typer.Option(help="Stands in each message's story, beside your name.")],
    brand: BrandKey = "fjallhem",
    yes: Annotated[bool, typer.Option("--yes", help="Move what is listed without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let the messages that wait have their template's new words: lists them, asks, and moves exactly those."""
    with _brand(brand) as (house, session, whose):
        found = waiting(session, house, whose, key)
        session.rollback()  # nothing is held while somebody reads
        if not as_json:
            _print_waiting(found)
        if not found.messages:
            if as_json:
                print_json({"moved": [], "left": []})
            return
        if not yes and not typer.confirm(f"Move {_messages(len(found.messages))}?", err=True):
            raise typer.Exit(1)
        names = tuple(one.message for one in found.messages)
        done = move(
            house,
            whose.id,
            Wanted(key, found.token, names, operator(), why),
            lambda writing, done: log_change(writing, words_moved(key, done, why), whose.id),
        )
    if as_json:
        print_json(asdict(done))
        return
    left = f" {_messages(len(done.left))} had left or begun to, and kept the old words." if done.left else ""
    out.print(f"{_messages(len(done.moved))} moved.{left}", highlight=False)


def shown(one: Preview) -> dict[str, Any]:
    """A preview as plain JSON values."""
    return {
        "key": one.template.key,
        "channel": one.template.channel,
        "asked_locale": one.asked_locale,
        "locale": one.locale,
        "digest": one.digest,
        "about": one.about,
        "note": one.note,
        "subject": one.subject,
        "preheader": one.preheader,
        "html": one.html,
        "text": one.text,
        "size": asdict(one.size) if one.size else None,
    }


@contextmanager
def _brand(key: str) -> Iterator[tuple[House, Session, Brand]]:
    with standing_house(key) as (house, brands), house.sessions() as session:
        yield house, session, session.get_one(Brand, brands[key])


def _one_of(shipment: str | None, sample: str | None) -> None:
    if shipment is not None and sample is not None:
        raise typer.BadParameter("Name a parcel or a sample, not both.", param_hint="--shipment")


def _print_samples(asked: bool, as_json: bool) -> None:
    if not asked:
        raise typer.BadParameter("Name a template, e.g. delivered.", param_hint="KEY")
    if as_json:
        print_json(list(SAMPLES))
        return
    for name in SAMPLES:
        out.print(name, markup=False, highlight=False)


def _print(one: Preview, asked: Asked) -> None:
    whom = f"parcel {one.about}" if asked.shipment else f"sample {one.about!r}"
    spoken = one.locale if one.locale == one.asked_locale else f"{one.locale} (for a reader of {one.asked_locale})"
    _line(f"{one.template.key}, {one.template.channel}, {spoken}, for {whom}, version {one.digest[:12]}", style="dim")
    if one.note:
        _line(one.note, style="yellow")
    if one.template.channel == Channel.email:
        _line(f"Subject    {one.subject}", style="bold")
        _line(f"Preheader  {one.preheader}")
        _line("")
        _line(one.text)
        return
    width = min(46, max(20, out.width - 4))
    lines = [part for line in one.text.splitlines() for part in textwrap.wrap(line, width - 4) or [""]]
    out.print(Panel(Text("\n".join(lines)), box=box.ROUNDED, width=width, padding=(0, 1)))
    if one.size is not None:
        for line in _size(one.size):
            _line(line)
    _line("")


def _size(size: SmsSize) -> Iterator[str]:
    many = "segment" if size.segments == 1 else "segments"
    yield f"{size.letters} letters in {size.encoding}, {size.segments} {many}"
    for one in size.strangers:
        yield f"  {one.letter!r} ({one.name}) is not in the GSM alphabet: a segment then holds 70 letters, not 160."


def _line(text: str, style: str | None = None) -> None:
    out.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _save(one: Preview, file: Path, *, several: bool) -> None:
    place = file.with_suffix(f".{one.locale}{file.suffix}") if several else file
    content = one.html if place.suffix == ".html" and one.html else one.text
    try:
        place.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{place} cannot be written: {error.strerror}. Name another.") from error
    err.print(f"{place}: {one.template.key} in {one.locale}", markup=False, highlight=False)


def _print_waiting(found: List) -> None:
    if not found.messages:
        out.print("Nothing waits with other words than its template has now.")
        return
    table = Table("parcel", "message", "template", "leaves (UTC)", "from", "to", box=None)
    table.add_column("what changed", overflow="fold")
    for one in found.messages:
        named = f"{one.key} ({one.channel}, {one.locale})"
        leaves = f"{one.send_at:%Y-%m-%d %H:%M}"
        table.add_row(one.shipment, one.message, named, leaves, one.old[:8], one.new[:8], ", ".join(one.changed))
    out.print(table, markup=False)
    more = f"; the oldest {len(found.messages):,} are listed" if found.total > len(found.messages) else ""
    wait = "waits" if found.total == 1 else "wait"
    out.print(f"{_messages(found.total)} {wait} with older words{more}.", highlight=False)


def _messages(count: int) -> str:
    return f"{count:,} {'message' if count == 1 else 'messages'}"
