"""What a text needs, as the desk shows it: the fields that it reads, and those that the text which counts does not."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from app.messages.catalog import Catalog
from app.messages.checking.field_samples import samples
from app.messages.checking.field_uses import needed
from app.messages.versions.live import edition_of
from app.models import Brand
from app.pipeline.house import House
from app.rehearsal.lacking import lacking_in
from app.web.access.sessions import Visitor
from app.web.console.frame import environment
from app.web.marketers.sheets import Sheet, address


def needs(house: House, session: Session, brand: Brand, sheet: Sheet, text: str | None = None) -> Mapping[str, Any]:
    """What `marketers/needs.html` shows of a file with this text, or (None) as it was saved."""
    drafted = {}
    if text is not None or sheet.draft is not None:
        drafted[sheet.path] = sheet.content if text is None else text.encode("utf-8", "replace")
    catalog = house.catalog.over(brand.key, edition_of(session, brand.id).files)
    lacks = lacking_in(session, catalog, brand, catalog.shelf(brand.key).published, drafted)
    return {
        "needs": needed(sheet.path, sheet.text if text is None else text),
        "lacks": {one.need.field.path: one for one in lacks},
        "sampled": sampled_of(house.catalog, brand.key),
    }


def written_out(visitor: Visitor, found: Mapping[str, Any]) -> str:
    """The list as a piece of the desk's page; "" where nothing is needed."""
    if not found["needs"]:
        return ""
    piece = environment().get_template("marketers/needs.html")
    return piece.render(found, address=lambda *steps, **query: address(visitor, *steps, **query))


@lru_cache(maxsize=32)
def sampled_of(catalog: Catalog, brand_key: str) -> Mapping[str, str]:
    """What each field is for a sample order; worked out once for the files that ship."""
    return samples(catalog, brand_key)
