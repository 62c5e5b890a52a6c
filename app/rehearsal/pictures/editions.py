"""Which messages look different between two editions of a brand's files, told in pictures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from app.messages.authoring.bundle import find, locale_chain, named
from app.messages.base import TemplateMissing
from app.messages.catalog import Catalog
from app.rehearsal.pictures.browser import Browser, View
from app.rehearsal.pictures.differing import Differing, differing
from app.rehearsal.pictures.frames import phone
from app.rehearsal.pictures.sitting import Sitter


@dataclass(frozen=True, slots=True)
class Told:
    """One message that stands in one edition only (`differing` is None), or in both, shot alike."""

    name: str
    differing: Differing | None
    gone: bool = False


def touched_messages(after: Catalog, brand_key: str, paths: Sequence[str]) -> list[tuple[str, str, str]]:
    """The messages to look at, by language, name and channel: those whose own files are among `paths`; every email in
    the language's own or, for layouts and the brand itself, in the brand's language."""
    found: set[tuple[str, str, str]] = set()
    there = after.locales(brand_key)
    nearest = [locale for locale in locale_chain(after.brands()[brand_key].locale, "en") if locale in there][:1]
    for path in paths:
        message = named(path) if path.startswith("messages/") else None
        locales = [path.split("/")[1]] if path.startswith("messages/") else nearest
        if message is not None:
            found.add((locales[0], *message))
        else:
            emails = [key for key, channel in after.keys(brand_key) if channel == "email"]
            found |= {(locale, key, "email") for locale in locales for key in emails}
    return sorted(one for one in found if one[2] in ("email", "sms"))


def in_pictures(
    browser: Browser,
    editions: tuple[Catalog, Catalog],
    brand_key: str,
    paths: Sequence[str],
    view: View,
    progress: Callable[[int, int], None],
) -> Iterator[Told]:
    """Each message that looks different in the second edition, was added or is gone; an SMS as a phone shows it.

    Raises BadTemplate, NotRenderable and BrowserFailed.
    """
    asked = touched_messages(editions[1], brand_key, paths)
    for number, (locale, key, channel) in enumerate(asked, 1):
        one, two = (_sitter(catalog, brand_key, locale, key, channel) for catalog in editions)
        name = f"{brand_key}.{locale}.{key}.{channel}"
        if one is None or two is None:
            if one is not two:
                yield Told(name, None, gone=two is None)
        elif one.template.digest != two.template.digest:
            found = differing(browser, (one, two), editions, phone(view.dark) if channel == "sms" else view)
            if not found.found.same:
                yield Told(name, found)
        progress(number, len(asked))


def _sitter(catalog: Catalog, brand_key: str, locale: str, key: str, channel: str) -> Sitter | None:
    source = find(catalog.shelf(brand_key), (locale,), key, channel)
    if source is None:
        return None
    try:
        return Sitter(brand_key, catalog.compiled(catalog.brands()[brand_key], source))
    except TemplateMissing:
        return None
