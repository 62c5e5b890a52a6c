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


def differing(browser: Browser, before: Sitter, after: Sitter, catalog: Catalog, view: View) -> Differing:
    """Two versions of a message, filled in with the same sample order. Raises NotRenderable and BrowserFailed.

    `catalog` knows the brand; the browser answers with the pictures of whichever edition it was opened for.
    """
    renderer = Renderer()
    one, two = (browser.shoot(_page(sitter, catalog, renderer), view) for sitter in (before, after))
    return Differing(one, two, side_by_side(one, two), compare(one, two))


def _page(sitter: Sitter, catalog: Catalog, renderer: Renderer) -> str:
    if sitter.template.channel == "sms":
        return sms_page(sms_of(sitter, catalog, renderer))
    return email_page(email_of(sitter, catalog, renderer))
