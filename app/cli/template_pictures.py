"""`doorstep templates sheet|shoot|compare`: messages as pictures, and what differs between two of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import AsJson, out, print_json, progress_bar, read_file
from app.errors import ConfigurationError, Fault, InvalidInput, NotFound, nearest
from app.messages.catalog import Catalog
from app.messages.checking.corpus import PUBLIC_URL
from app.messages.rendering.render import Renderer
from app.rehearsal.pictures.browser import Browser
from app.rehearsal.pictures.comparing import TOLERANCE, compare, side_by_side
from app.rehearsal.pictures.frames import desktop, email_page, phone, sms_page
from app.rehearsal.pictures.sheet import contact_sheet
from app.rehearsal.pictures.sitting import email_of, pictures_of, sitters, sms_of
from app.settings import shipped

app = typer.Typer(no_args_is_help=True, help="Messages as pictures.")

Locale = Annotated[str | None, typer.Option("--locale", help="Only this language; all, if not given.")]


@app.command("sheet")
def sheet_command(
    file: Annotated[Path, typer.Argument(help="The PNG to write.")],
    locale: Annotated[
        str | None, typer.Option("--locale", help="Its language; each brand's own, if not given.")
    ] = None,
) -> None:
    """Every email of every brand in one picture."""
    _require_png(file)
    with _browser("Taking pictures") as (browser, catalog, tell):
        written = sorted({one for brand in catalog.brands() for one in catalog.locales(brand)})
        if locale is not None and locale not in written:
            problem = f"no email is written in {locale!r}"
            raise InvalidInput([Fault(None, "locale", problem, nearest(locale, written))])
        _write(file, contact_sheet(browser, catalog, locale, tell))


@app.command("shoot")
def shoot_command(
    folder: Annotated[Path, typer.Argument(help="Where the PNGs are written; made where it is not there.")],
    brand: Annotated[str | None, typer.Option("--brand", help="Only this brand.")] = None,
    locale: Locale = None,
    key: Annotated[str | None, typer.Option("--key", help="Only this message: delivered, return_received.")] = None,
    dark: Annotated[bool, typer.Option("--dark", help="As it looks by night.")] = False,
    on_phone: Annotated[bool, typer.Option("--phone", help="As a phone shows it; SMS always are.")] = False,
) -> None:
    """Emails and SMS as shoppers see them, one PNG each."""
    with _browser("Taking pictures") as (browser, catalog, tell):
        renderer = Renderer()
        chosen = [
            one
            for channel in ("email", "sms")
            for one in sitters(catalog, channel, brand=brand, locale=locale, key=key)
        ]
        if not chosen:
            raise NotFound(
                f"No email or SMS has brand {brand or 'any'}, locale {locale or 'any'} and key {key or 'any'}. "
                "Leave one of the options out, or correct its spelling."
            )
        for number, one in enumerate(chosen, 1):
            if one.template.channel == "sms":
                shot = browser.shoot(sms_page(sms_of(one, catalog, renderer)), phone(dark))
            else:
                view = phone(dark) if on_phone else desktop(dark)
                shot = browser.shoot(email_page(email_of(one, catalog, renderer)), view)
            _write(folder / f"{one.name}.{one.template.channel}.png", shot)
            tell(number, len(chosen))
    out.print(f"{len(chosen)} pictures in {folder}", markup=False, highlight=False)


@app.command("compare")
def compare_command(
    before: Annotated[Path, typer.Argument(help="A PNG.")],
    after: Annotated[Path, typer.Argument(help="Another.")],
    picture: Annotated[Path | None, typer.Option("--out", help="A PNG to write: before, after, difference.")] = None,
    tolerance: Annotated[int, typer.Option(min=0, max=254, help="How far a colour may be off, of 255.")] = TOLERANCE,
    as_json: AsJson = False,
) -> None:
    """How much two pictures differ, and where; exit 1 when they do."""
    if picture is not None:
        _require_png(picture)
    one, two = read_file(before), read_file(after)
    found = compare(one, two, tolerance)
    if picture is not None:
        _write(picture, side_by_side(one, two, tolerance))
    if as_json:
        print_json({"same": found.same, "share": found.share, "places": found.places, "sizes": found.sizes})
    elif found.same:
        out.print("The two look the same.")
    else:
        out.print(f"{found.share:.2%} of the pixels differ, in {len(found.places)} places:")
        for left, top, right, bottom in found.places:
            out.print(f"  {right - left} x {bottom - top} at {left}, {top}", markup=False, highlight=False)
    if not found.same:
        raise typer.Exit(1)


@contextmanager
def _browser(told: str) -> Iterator[tuple[Browser, Catalog, Callable[[int, int], None]]]:
    """A browser, the shipped catalog that it sees pictures of, and what hears of the progress."""
    catalog = Catalog(shipped("templates"), PUBLIC_URL)
    with Browser(pictures_of(catalog)) as browser, progress_bar(True) as progress:
        task = progress.add_task(told, total=None)
        yield browser, catalog, lambda done, total: progress.update(task, completed=done, total=total)


def _require_png(file: Path) -> None:
    """Raise InvalidInput for a file whose name is no picture's."""
    if file.suffix.lower() != ".png":
        remedy = f"Give a file to write, such as {file.name or 'emails'}.png."
        raise InvalidInput([Fault(None, str(file), "is no name of a PNG", remedy)])


def _write(file: Path, png: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}. Name another.") from error
