"""What the commands on templates work at: a transaction, a brand, what counts for it, and what somebody read of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from app.cli.common import operator, standing_house
from app.errors import Fault, InvalidInput
from app.messages.catalog import Catalog
from app.messages.shelf import Shelf
from app.messages.versions.drafts import drafts_of
from app.messages.versions.live import Edition as Counting
from app.messages.versions.live import edition_of
from app.messages.versions.publishing import Said
from app.models import Brand
from app.rehearsal.lacking import Lack, lacking_in

Draft = Annotated[
    list[str] | None,
    typer.Option("--draft", help="A draft as you read it, PATH=DIGEST (`diff` and `list` tell it); may be repeated."),
]
Edition = Annotated[int | None, typer.Option("--edition", min=0, help="The publication that counted when you looked.")]

SHORTEST = 8
"""Hexadecimal digits that a draft's digest is named by at least."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command works at: a transaction, the shipped catalog, the brand, and what it published so far."""

    session: Session
    catalog: Catalog
    brand: Brand
    edition: Counting
    said: Said

    @property
    def shelf(self) -> Shelf:
        return self.catalog.over(self.brand.key, self.edition.files).shelf(self.brand.key)

    def counting(self) -> dict[str, bytes]:
        shelf = self.shelf
        return {path: file.content for path in shelf.paths() if (file := shelf.file(path))}


@contextmanager
def desk_of(brand: str, why: str = "") -> Iterator[Desk]:
    """The desk of a brand; what is done at it counts when the block ends."""
    with standing_house(brand) as (house, brands), house.sessions.begin() as session:
        row = session.get_one(Brand, brands[brand])
        said = Said(operator(), why, house.clock.now())
        yield Desk(session, house.catalog, row, edition_of(session, row.id), said)


def drafts_read(desk: Desk, written: Sequence[str] | None) -> dict[str, str] | None:
    """The drafts that somebody read, by path and whole digest; None where nothing is said. A digest may be cut short.
    Raises InvalidInput for what is no PATH=DIGEST."""
    if not written:
        return None
    saved = drafts_of(desk.session, desk.brand.id)
    read = {}
    for one in written:
        path, _, digest = one.partition("=")
        if len(digest) < SHORTEST or not set(digest.lower()) <= set("0123456789abcdef"):
            remedy = f"Write PATH=DIGEST with {SHORTEST} digits or more, as `doorstep templates diff` does."
            raise InvalidInput([Fault(None, "--draft", f"{one!r} names no draft", remedy)])
        whole = saved[path].digest if path in saved else ""
        read[path] = whole if whole.startswith(digest.lower()) else digest.lower()
    return read


def lacks_of(desk: Desk, changes: Mapping[str, bytes]) -> list[Lack]:
    """What changed files need that those that count do not."""
    return lacking_in(desk.session, desk.catalog, desk.brand, desk.edition.files, changes)
