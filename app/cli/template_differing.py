"""What two editions of a brand's files look like beside each other: a PNG for each message that differs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.cli.common import out, progress_bar
from app.errors import ConfigurationError
from app.messages.catalog import Catalog
from app.rehearsal.pictures.browser import Browser, View
from app.rehearsal.pictures.editions import in_pictures
from app.rehearsal.pictures.sitting import pictures_of


@dataclass(frozen=True, slots=True)
class Catalogs:
    """A brand's files as they were and as they are then."""

    brand_key: str
    before: Catalog
    after: Catalog


def paint(catalogs: Catalogs, paths: Sequence[str], folder: Path, view: View, *, tell: bool) -> list[Path]:
    """Write the PNGs (before, after, difference) and say how much of each differs, where it is for a person; the files
    that were written. Raises ConfigurationError where the folder cannot be written."""
    if not paths:
        return []
    written: list[Path] = []
    with Browser(pictures_of(catalogs.after, catalogs.before)) as browser, progress_bar(tell) as progress:
        task = progress.add_task("Taking pictures", total=None)
        editions = (catalogs.before, catalogs.after)
        for one in in_pictures(
            browser, editions, catalogs.brand_key, paths, view,
            lambda done, total: progress.update(task, completed=done, total=total),
        ):  # fmt: skip
            said = "is gone" if one.gone else "is new"
            if one.differing is not None:
                file = folder / f"{one.name}.png"
                _write(file, one.differing.picture)
                written.append(file)
                said = f"{one.differing.found.share:.2%} of the pixels differ: {file}"
            if tell:
                out.print(f"  {one.name}: {said}", markup=False, highlight=False)
    if tell and not written:
        out.print("No message that both have looks different.", highlight=False)
    return written


def _write(file: Path, png: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}. Name another folder.") from error
