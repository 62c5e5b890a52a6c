"""The kept screenshots: which there are, how one is taken, and when a new one counts as the same.

`python -m tests.messages.pictures.golden` takes them all anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.messages.base import RenderedEmail
from app.messages.catalog import Catalog
from app.messages.checking.corpus import PUBLIC_URL
from app.messages.rendering.render import Renderer
from app.rehearsal.pictures.browser import Browser, View
from app.rehearsal.pictures.comparing import Comparison, compare
from app.rehearsal.pictures.frames import DESKTOP, PHONE, email_page
from app.rehearsal.pictures.pixels import small
from app.rehearsal.pictures.sitting import Sitter, email_of, pictures_of

KEPT = Path(__file__).parent / "kept"
LOCALES = ("en", "sv")
"""Every message is kept in these languages, where it is written in them, the two in different brands."""
COLOURS = 64
TOLERANCE, SOFTEN = 40, 2.0
ALLOWED = 0.0005
"""The share of a picture that may differ. Letters drawn otherwise come to 0.0000, a lost logo to 0.0012."""


@dataclass(frozen=True, slots=True)
class Pose:
    """One screenshot to be: of which message, how wide in CSS pixels, by day or by night."""

    brand: str
    locale: str
    key: str
    width: int
    dark: bool

    @property
    def name(self) -> str:
        device = "phone" if self.width == PHONE else "desktop"
        return f"{self.brand}.{self.locale}.{self.key}.{device}.{'dark' if self.dark else 'light'}.png"

    def email(self, catalog: Catalog, renderer: Renderer) -> RenderedEmail:
        """The message that sits for it."""
        template = catalog.resolve(self.brand, self.locale, self.key, "email")
        return email_of(Sitter(self.brand, template), catalog, renderer)


def poses(catalog: Catalog) -> Iterator[Pose]:
    """Each email in LOCALES, phone and desktop, light and dark; the brands take turns. Nothing is compiled for it."""
    brands = sorted(catalog.brands())
    messages = catalog.keys()
    for turn, key in enumerate(sorted(key for key, channel in messages if channel == "email")):
        for second, locale in enumerate(LOCALES):
            brand = brands[(turn + second) % len(brands)]
            if any(path.startswith(f"messages/{locale}/{key}.email.") for path in catalog.shelf(brand).paths()):
                yield from (
                    Pose(brand, locale, key, width, dark) for width in (PHONE, DESKTOP) for dark in (False, True)
                )


def shoot(browser: Browser, email: RenderedEmail, pose: Pose) -> bytes:
    """One screenshot as it is kept: half size, from a short palette."""
    return small(browser.shoot(email_page(email), View(pose.width, pose.dark, 0.5)), COLOURS, rare=True)


def judge(kept: bytes, taken: bytes) -> Comparison:
    """The two compared as a person would at arm's length."""
    return compare(kept, taken, TOLERANCE, SOFTEN)


def passes(found: Comparison) -> bool:
    """Whether the difference is one of letters' edges: a line of pixels more or less counts as none."""
    (wide, tall), (width, height) = found.sizes
    return wide == width and abs(tall - height) <= 2 and found.share <= ALLOWED + abs(tall - height) / max(tall, height)


def renew() -> None:
    """Take every kept screenshot anew, and drop those that nothing is kept for any more."""
    catalog = Catalog(Path(__file__).resolve().parents[3] / "templates", PUBLIC_URL)
    renderer = Renderer()
    KEPT.mkdir(exist_ok=True)
    gone = {path.name for path in KEPT.glob("*.png")}
    with Browser(pictures_of(catalog)) as browser:
        for pose in poses(catalog):
            place, gone = KEPT / pose.name, gone - {pose.name}
            taken = shoot(browser, pose.email(catalog, renderer), pose)
            if not place.exists() or not judge(place.read_bytes(), taken).same:
                place.write_bytes(taken)
    for name in gone:
        (KEPT / name).unlink()
    kept = list(KEPT.glob("*.png"))
    print(f"{len(kept)} screenshots, {sum(path.stat().st_size for path in kept) / 1e6:.1f} MB, in {KEPT}")


if __name__ == "__main__":
    renew()
