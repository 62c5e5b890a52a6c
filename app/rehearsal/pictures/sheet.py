"""The contact sheet: every email of every brand in one picture, to be looked at as a whole."""

import base64
from collections.abc import Callable
from itertools import groupby

from app.messages.catalog import Catalog
from app.messages.rendering.render import Renderer
from app.models.vocabulary import Milestone
from app.rehearsal.pictures.browser import Browser, View
from app.rehearsal.pictures.frames import email_page, page
from app.rehearsal.pictures.pixels import small
from app.rehearsal.pictures.sitting import Sitter, email_of, sitters

WIDTH = 1960
"""CSS pixels across the sheet; eight emails stand side by side on it."""
_COLUMNS = 8
_EMAIL = 400
_CUT = 840
"""CSS pixels of an email that the sheet shows, from its top: the facts, the journey, the button and what follows."""
_ORDER = list(Milestone)
_BY_NIGHT = ("out_for_delivery", "delayed", "delivered", "ready_for_pickup", "dispatched", "arriving_early", "returned")


def contact_sheet(
    browser: Browser,
    catalog: Catalog,
    locale: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> bytes:
    """A PNG of all emails, brand by brand, in `locale` or each brand's own language where it is written in that.

    The last row is filled up with emails by night. `progress` hears how many shots are taken, and of how many.
    """
    renderer = Renderer()
    brands = []
    for key, sitting in groupby(_chosen(catalog, locale), lambda sitter: sitter.brand_key):
        emails = sorted(sitting, key=_on_its_way)
        free = -len(emails) % _COLUMNS
        night = [one for name in _BY_NIGHT for one in emails if one.template.key == name][:free]
        brands.append((catalog.brands()[key], [(one, False) for one in emails] + [(one, True) for one in night]))
    total, done, sections = sum(len(cells) for _, cells in brands), 0, []
    for brand, cells in brands:
        shots = []
        for sitter, dark in cells:
            html = email_page(email_of(sitter, catalog, renderer), inbox=False)
            shot = browser.shoot(html, View(_EMAIL, dark, 1.0, _CUT))
            shots.append({"name": _caption(sitter), "night": dark, "png": base64.b64encode(shot).decode("ascii")})
            done += 1
            progress(done, total)
        sections.append({"brand": brand, "shots": shots})
    return small(browser.shoot(page("sheet", sections=sections, columns=_COLUMNS), View(WIDTH)))


def _chosen(catalog: Catalog, locale: str | None) -> list[Sitter]:
    """One language for each brand: the first that it has of the one asked for, its own, and English."""
    everything = sitters(catalog)
    chosen = []
    for key, brand in sorted(catalog.brands().items()):
        written = {one.template.locale for one in everything if one.brand_key == key}
        wanted = [name for name in (locale, brand.locale, brand.locale.split("-")[0], "en") if name in written]
        language = wanted[0] if wanted else min(written, default="")
        chosen += [one for one in everything if one.brand_key == key and one.template.locale == language]
    return chosen


def _on_its_way(sitter: Sitter) -> tuple[bool, bool, int]:
    """Parcels before returns, the brand's own people last, each as a parcel goes."""
    key = sitter.template.key
    name = key.removesuffix("_team")
    name = name if name in Milestone.__members__ else name.removeprefix("return_")
    order = _ORDER.index(Milestone[name]) if name in Milestone.__members__ else len(_ORDER)
    return key.endswith("_team"), key.startswith("return_"), order


def _caption(sitter: Sitter) -> str:
    return sitter.template.key.replace("_", " ").capitalize().replace("Eta", "ETA")
