"""Languages rendered side by side never mix."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.messages.base import RenderedEmail
from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, PERSON, PUBLIC_URL, facts_for
from app.messages.rendering.render import Renderer
from app.models.facts import ShopperFacts
from tests.messages.message_corpus import ROOT

WORDS = {
    "sv": ("today: idag\ntomorrow: imorgon\nyesterday: igår\nat: kl.", "Kommer {{ when.text }}"),
    "ar": ("today: اليوم\ntomorrow: غدا\nyesterday: أمس\nat: في", "يصل {{ when.text }}"),
}
SHOPPERS = {"en": ("en-GB", "GB", "Europe/London"), "sv": ("sv-SE", "SE", "Europe/Stockholm"),
            "ar": ("ar-EG", "EG", "Africa/Cairo")}  # fmt: skip


@pytest.fixture(scope="module")
def spoken() -> Catalog:
    """The shipped catalog, with Swedish and Arabic of its own."""
    shipped = Catalog(ROOT, PUBLIC_URL)
    shelf = shipped.shelf("fjallhem")
    files = {}
    for locale, (words, lead) in WORDS.items():
        english = shelf.file("messages/en/words.yaml").text  # type: ignore[union-attr]
        own = {line.split(":")[0] for line in words.splitlines()}
        kept = [line for line in english.splitlines() if line.split(":")[0] not in own]
        files[f"messages/{locale}/words.yaml"] = "\n".join([words, *kept]).encode()
        text = shelf.file("messages/en/out_for_delivery.email.md").text  # type: ignore[union-attr]
        lines = [f'lead: "{lead}"' if line.startswith("lead:") else line for line in text.splitlines()]
        files[f"messages/{locale}/out_for_delivery.email.md"] = "\n".join(lines).encode()
    return shipped.over("fjallhem", files)


def _render(renderer: Renderer, catalog: Catalog, language: str) -> RenderedEmail:
    locale, country, zone = SHOPPERS[language]
    shopper = ShopperFacts(has_email=True, has_phone=True, locale=locale, country=country, zone=zone)
    template = catalog.resolve("fjallhem", language, "out_for_delivery", "email")
    return renderer.render_email(template, facts_for("out_for_delivery", shopper=shopper), PERSON, LINKS, NOW)


def test_three_languages_in_eight_threads_are_byte_for_byte_those_of_one(spoken: Catalog) -> None:
    """A renderer that remembers too few templates and one that remembers all, used by all threads at once."""
    alone = {language: _render(Renderer(), spoken, language) for language in SHOPPERS}
    assert "Kommer" in alone["sv"].html and 'dir="rtl"' in alone["ar"].html and len({*map(str, alone.values())}) == 3
    wanted = list(SHOPPERS) * 40
    for remembered in (1, 256):
        renderer = Renderer(remember=remembered)
        with ThreadPoolExecutor(8) as threads:
            sent = list(threads.map(_render, [renderer] * len(wanted), [spoken] * len(wanted), wanted))
        for language, email in zip(wanted, sent, strict=True):
            assert email == alone[language]
