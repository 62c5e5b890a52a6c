"""Languages rendered side by side never mix."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Condition, get_ident
from types import FrameType

import pytest

from app.messages import rendering
from app.messages.base import RenderedEmail, RenderedSms
from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, PERSON, PUBLIC_URL, facts_for
from app.messages.rendering import moments
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


class Turns:
    """Threads of which one runs at a time: at every so many calls of a function that renders, it is the next one's
    turn. So where they cross is forced, and the same each time."""

    def __init__(self, threads: int, stride: int) -> None:
        self.stride, self.expected = stride, threads
        self.passed: dict[int, int] = {}
        self._waiting: list[int] = []
        self._calls: dict[int, int] = {}
        self._changed = Condition()

    def __enter__(self) -> None:
        me = get_ident()
        with self._changed:
            self._waiting.append(me)
            self._calls[me] = self.passed[me] = 0
            self._changed.notify_all()
            self._await(lambda: len(self.passed) == self.expected and self._waiting[0] == me)
        sys.settrace(self._trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        with self._changed:
            self._waiting.remove(get_ident())
            self._changed.notify_all()

    def _trace(self, frame: FrameType, event: str, _arg: object) -> None:
        if not frame.f_code.co_filename.startswith(HERE):
            return
        me = get_ident()
        self._calls[me] += 1
        if self._calls[me] % self.stride:
            return
        with self._changed:
            if len(self._waiting) > 1:
                self.passed[me] += 1
            self._waiting.append(self._waiting.pop(0))
            self._changed.notify_all()
            self._await(lambda: self._waiting[0] == me)

    def _await(self, mine) -> None:
        assert self._changed.wait_for(mine, timeout=120), "the other thread never gave the turn back"


HERE = str(Path(rendering.__file__).parent)
FAR_APART = {"sv": ("sv-SE", "SE", "Europe/Stockholm"), "fr": ("fr-CA", "CA", "America/Vancouver")}


def _both(renderer: Renderer, catalog: Catalog, language: str) -> tuple[RenderedEmail, RenderedSms]:
    locale, country, zone = FAR_APART[language]
    shopper = ShopperFacts(has_email=True, has_phone=True, locale=locale, country=country, zone=zone)
    told = facts_for("out_for_delivery", shopper=shopper), PERSON, LINKS, NOW
    email, sms = (catalog.resolve("fjallhem", language, "out_for_delivery", way) for way in ("email", "sms"))
    return renderer.render_email(email, *told), renderer.render_sms(sms, *told)


def test_two_languages_that_take_turns_within_a_message_are_those_of_one() -> None:
    """Stockholm's and Vancouver's hours, in Swedish and French, one thread each: at every call, every second, third …
    of a function that renders it is the other's turn, and nothing is remembered of the round before."""
    catalog = Catalog(ROOT, PUBLIC_URL)
    alone = {language: _both(Renderer(), catalog, language) for language in FAR_APART}
    assert alone["sv"][1].text != alone["fr"][1].text
    for stride in (1, 2, 5, 13, 34):
        _forget()
        turns, renderer = Turns(len(FAR_APART), stride), Renderer(remember=1)

        def one(language: str, turns: Turns = turns, renderer: Renderer = renderer) -> object:
            with turns:
                return _both(renderer, catalog, language)

        with ThreadPoolExecutor(len(FAR_APART)) as threads:
            found = dict(zip(FAR_APART, threads.map(one, FAR_APART), strict=True))
        assert found == alone
        assert min(turns.passed.values()) >= 3, turns.passed


def _forget() -> None:
    for kept in vars(moments).values():
        if hasattr(kept, "cache_clear"):
            kept.cache_clear()
