"""Which templates each brand writes with at this moment: those that ship, and over them what it published last.

A batch asks once, at its beginning, and keeps what it was told to its end: a publication counts from the next batch of
every process. What a process has compiled of an edition it keeps until a newer one takes its place.
"""

from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import ConfigurationError
from app.log import logger
from app.messages.authoring.brands import read_brand
from app.messages.catalog import Catalog
from app.messages.editions import Editions
from app.messages.versions.live import Edition, edition_of
from app.pipeline.house import House

log = logger(__name__)

_Numbers = tuple[tuple[str, int, int], ...]
"""A brand's key, its edition's number and its row id."""

_NUMBERS = sa.text("SELECT id, key, template_edition AS number FROM brands WHERE template_edition > 0 ORDER BY key")


def catalog_of(session: Session, house: House, brand_key: str | None = None) -> Catalog:
    """The catalog of what counts: for one brand, or for all. One query where nothing is new."""
    now = _editions(session, house)
    return now.of(brand_key) if brand_key is not None and isinstance(now, Editions) else now


def known_edition(house: House, brand_key: str, number: int) -> Catalog | None:
    """One brand's catalog by the number that its row shows, without a query; None where nobody has asked for it yet."""
    return house.editions.get((house.catalog, brand_key, number))


def as_of_now(session: Session, house: House) -> House:
    """The same house, whose catalog is the editions that count at this moment and that stay so for a batch."""
    catalog = _editions(session, house)
    return house if catalog is house.catalog else replace(house, catalog=catalog)


def _editions(session: Session, house: House) -> Catalog:
    if isinstance(house.catalog, Editions):
        return house.catalog  # this batch was told already
    numbers = tuple((row.key, row.number, row.id) for row in session.execute(_NUMBERS))
    shipped = house.catalog
    numbers = tuple(one for one in numbers if one[0] in shipped.brands())
    if not numbers:
        return shipped
    known = house.editions.get((shipped, numbers))
    if known is None:
        by_brand = {key: _edition(session, house, key, number, brand_id) for key, number, brand_id in numbers}
        known = house.editions[shipped, numbers] = Editions(shipped, by_brand)
        _forget_older(house, numbers)
    return known


def _edition(session: Session, house: House, key: str, number: int, brand_id: int) -> Catalog:
    """One brand's catalog, by the number of its edition."""
    shipped = house.catalog
    known = house.editions.get((shipped, key, number))
    if known is None:
        read = edition_of(session, brand_id)  # which may be newer by now than the number that was read
        known = house.editions[shipped, key, read.number] = _readable(shipped, key, read)
    return known


def _readable(shipped: Catalog, key: str, counting: Edition) -> Catalog:
    """What was valid when it was published and that today's program cannot read stops nobody's batch: such a brand
    goes by the `brand.yaml` that ships."""
    files, number = counting.files, counting.number
    edition = shipped.over(key, files, number)
    try:
        read_brand(edition.shelf(key))
    except ConfigurationError as error:
        log.error("a published brand.yaml cannot be read any more", brand=key, error=str(error))
        return shipped.over(key, {path: content for path, content in files.items() if path != "brand.yaml"}, number)
    return edition


def _forget_older(house: House, numbers: _Numbers) -> None:
    """Keep one edition of each brand. A batch that began with an older one holds it itself."""
    shipped = house.catalog
    kept = {(shipped, numbers), *((shipped, key, number) for key, number, _ in numbers)}
    for known in [one for one in list(house.editions) if one[0] is shipped and one not in kept]:
        house.editions.pop(known, None)
