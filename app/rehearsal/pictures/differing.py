"""What a change to a message looks like: two versions of its template, shot alike and laid side by side."""

from dataclasses import dataclass

from app.messages.catalog import Catalog
from app.messages.rendering.render import Renderer
from app.rehearsal.pictures.browser import Browser, View
from app.rehearsal.pictures.comparing import Comparison, compare, side_by_side
from app.rehearsal.pictures.frames import email_page, sms_page
from app.rehearsal.pictures.sitting import Sitter, email_of, sms_of


@dataclass(frozen=True, slots=True)
class Differing:
    """Two versions in PNGs: each alone, and `picture` with both and what differs; `found` says how much and where."""

    before: bytes
    after: bytes
    picture: bytes
    found: Comparison


def differing(
    browser: Browser, sitters: tuple[Sitter, Sitter], editions: tuple[Catalog, Catalog], view: View
) -> Differing:
    """Two versions of a message, filled in with the same sample order. Raises NotRenderable and BrowserFailed.

    Each of the `editions` knows its brand's name and pictures; the browser is to answer with those of both.
    """
    renderer = Renderer()
    pages = [_page(sitter, catalog, renderer) for sitter, catalog in zip(sitters, editions, strict=True)]
    one, two = (browser.shoot(page, view) for page in pages)
    return Differing(one, two, side_by_side(one, two), compare(one, two))


def _page(sitter: Sitter, catalog: Catalog, renderer: Renderer) -> str:
    if sitter.template.channel == "sms":
        return sms_page(sms_of(sitter, catalog, renderer))
    return email_page(email_of(sitter, catalog, renderer))
