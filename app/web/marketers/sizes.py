"""What an SMS costs in each language: for an ordinary order, and for the one that makes it longest."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.errors import ConfigurationError, InvalidInput
from app.messages.base import NotRenderable, TemplateMissing
from app.models import Brand
from app.pipeline.deciding.editions import catalog_of
from app.pipeline.house import House
from app.rehearsal.previewing import Asked, filled_in, with_files
from app.rehearsal.samples import ORDINARY, sample
from app.web.marketers.sheets import Sheet

LONGEST = ("endless item", "endless name", "right to left", "emoji", "fifty together", "everything known")
"""The orders that make an SMS long or dear."""


@dataclass(frozen=True, slots=True)
class Size:
    """Segments in one language: `usual` of an ordinary order, `most` of the order named `at`. `encoding` is what most
    of its letters need. `wrong` says why it could not be filled in."""

    locale: str
    path: str
    usual: int = 0
    most: int = 0
    at: str = ""
    encoding: str = ""
    wrong: str = ""


def sizes(house: House, session: Session, brand: Brand, sheet: Sheet) -> list[Size]:
    """The message in every language in which it is written; the sheet's own as it lies on the desk."""
    if sheet.message is None:
        return []
    key, channel = sheet.message
    catalog = catalog_of(session, house, brand.key)
    try:
        catalog = with_files(catalog, brand.key, {sheet.path: sheet.content})
    except InvalidInput:
        return []
    found = []
    for locale in catalog.locales(brand.key):
        path = f"messages/{locale}/{key}.sms.txt"
        if catalog.shelf(brand.key).file(path) is None:
            continue
        try:
            took = []
            for name in (ORDINARY, *LONGEST):
                seen = filled_in(house, catalog, brand, Asked(key, channel, locale, name), sample(brand, key, name))
                if seen.size is not None:
                    took.append((seen.size.segments, name, seen.size.encoding))
            most = max(took, key=lambda one: one[0])
            found.append(Size(locale, path, took[0][0], most[0], most[1], took[0][2]))
        except (NotRenderable, TemplateMissing, ConfigurationError) as error:
            found.append(Size(locale, path, wrong=str(error)))
    return found
