"""The check that guards publishing: every message of a brand, in every language, against everything that is asked.

One bad file hides no other: each is judged by itself, and all that is found is told.
"""

import re
from collections.abc import Callable, Collection, Iterator

from app.errors import ConfigurationError
from app.messages.authoring.bundle import OWN_MJML, locale_chain, misnamed, named
from app.messages.authoring.wording import MAIL, is_message, read_words
from app.messages.base import TemplateMissing
from app.messages.catalog import Catalog
from app.messages.checking.findings import Finding, Report, report_of
from app.messages.checking.layouts import of_markup
from app.messages.checking.linking import of_addresses, of_links
from app.messages.checking.reading import Asked, Reader
from app.messages.checking.schemes import of_schemes
from app.messages.checking.wording import of_small_words
from app.messages.checking.writing import (
    first_read,
    of_document,
    of_layout,
    of_marks,
    of_message,
    of_syntax,
    of_words,
)
from app.messages.rendering.sandbox import Refused
from app.messages.rendering.using import unknown
from app.messages.shelf import File, Shelf

_PLACE = re.compile(r"(?:[a-z_]+, )?line (\d+)(?:, column (\d+))?: ")

Progress = Callable[[int, int], None]
"""Told how many messages have been looked at, of how many."""


def check(
    catalog: Catalog,
    brand_key: str,
    only: Collection[str] | None = None,
    progress: Progress | None = None,
    *,
    light: bool = False,
    brief: bool = False,
    texts: bool = True,
    rest: bool = False,
    reader: Reader | None = None,
) -> Report:
    """Check a brand's templates: all, or those that the paths in `only` touch (a language's words touch that language,
    a layout or a picture every email, the brand itself everything).

    With `rest`, only what is no message: layouts, words, languages. With `light`, emails that this brand shares with
    others, and sets in shared layouts, are compiled in the brand's own language and not rendered: what a brand's
    colours and fonts do to a layout shows in any. With `brief`, for who waits: of what is touched without having
    changed itself, emails in the brand's own language alone meet every order, or those of `FEW` where only the brand
    itself changed, one email of each other language is compiled, and SMS meet the few orders of `FEW`. `reader` is one
    that has read other messages before.

    Without `texts`, messages that are no emails are passed over: what they say of the brand is as it was.

    Writes nothing, and raises nothing for what is wrong with a template.
    """
    try:
        catalog.brands()
    except ConfigurationError as error:
        return Report((_whole("brand.yaml", "brand.yaml", "brand", str(error)),))
    run = _Run(catalog, brand_key, reader or Reader(), light=light, brief=brief)
    run.dressed = only is not None and all("/" not in one for one in only)
    rendered = run.reader.renderings
    touched = touching(only)
    chosen = [path for path in sorted(run.messages(), key=by_message) if not rest and touched(path)]
    if not texts:
        chosen = [path for path in chosen if ".email." in path or path in (only or ())]
    found: list[Finding] = []
    for number, path in enumerate(chosen, 1):
        found += run.message(path, meant=only is None or path in only)
        if progress is not None:
            progress(number, len(chosen))
    found += [one for path in run.layouts() if only is None or path in only for one in run.layout(path)]
    if only is None or rest:
        found += run.languages()
    return report_of(found, len(chosen), run.reader.renderings - rendered)


def by_message(path: str) -> tuple[str, str]:
    """The order in which messages are looked at: all that meet the same orders after each other, whatever language."""
    return path.split("/")[2].partition(".")[0].removesuffix("_team"), path


def touching(only: Collection[str] | None) -> Callable[[str], bool]:
    """What says of a message's path whether it has to be checked when the files in `only` have changed (None: all of
    them). A brand's pictures stand in its emails alone."""
    changed = frozenset(only or ())
    everything = only is None or any("/" not in one and not one.endswith(".png") for one in changed)
    emails = any(one.startswith("layouts/") or one.endswith(".png") for one in changed)
    languages = {_language(one) for one in changed if one.endswith("/words.yaml")}

    def touched(path: str) -> bool:
        return everything or path in changed or (emails and ".email." in path) or _language(path) in languages

    return touched


def _language(path: str) -> str:
    return path.split("/")[1].split("-")[0]


def _is_around(path: str) -> bool:
    return path.startswith("layouts/") or path.endswith(f"/{MAIL}")


class _Run:
    """One check of one brand."""

    def __init__(self, catalog: Catalog, brand_key: str, reader: Reader, *, light: bool, brief: bool) -> None:
        self.catalog = catalog
        self.light, self.brief = light, brief
        self.dressed = False
        """Whether nothing but the brand's looks and names has changed: what is filled in for an order is as it was."""
        self._spoken: set[str] = set()
        self._of_words: dict[str, list[Finding]] = {}
        self.shelf = catalog.shelf(brand_key)
        self.brand = catalog.brands()[brand_key]
        self.reader = reader
        self._paths = self.shelf.paths()
        around = [self.shelf.file(path) for path in self._paths if light and _is_around(path)]
        self._sets_as_others = all(file is not None and file.origin == "shared" for file in around)
        there = {path.split("/")[1] for path in self._paths if path.startswith("messages/")}
        chain = locale_chain(self.brand.locale, self.brand.locale)
        self._own = next((locale for locale in chain if locale in there), "en")

    def messages(self) -> list[str]:
        return [path for path in self._paths if is_message(path)]

    def layouts(self) -> list[str]:
        return [path for path in self._paths if path.startswith(("layouts/", "messages/")) and not is_message(path)]

    def message(self, path: str, *, meant: bool) -> Iterator[Finding]:
        """Everything that is wrong with one message's file; `meant` where the file itself was asked for."""
        file = self.shelf.file(path)
        if file is None:
            return
        locale, name = path.split("/")[1:]
        if not_read := _not_read(file, locale):
            yield not_read
            return
        key, channel = named(path) or (name, "email")
        own = name.endswith(OWN_MJML)
        seen_elsewhere = self.light and channel == "email" and file.origin == "shared" and self._sets_as_others
        if seen_elsewhere and locale != self._own:
            return
        brief = self.brief and not meant
        aside = brief and channel == "email" and locale != self._own
        if aside and locale in self._spoken:
            return
        self._spoken.add(locale if channel == "email" else "")
        try:
            text = file.text
        except ConfigurationError as error:
            yield _whole(path, file.label, "text", str(error))
            return
        language = locale.split("-")[0]
        written: list[Finding] = []
        if not brief:  # else the file says what it said before
            asked = self._document(file, key, language) if own else of_message(file, key, channel, language)
            links = of_links(file) if channel == "email" and not own else ()
            written = [*asked, *links, *_unknown(file, text)]
        yield from written
        if wrong := self._words(locale):
            yield from wrong
            return  # nothing can be built from them
        if channel == "email" and not own and self.shelf.file(f"messages/{locale}/{key}{OWN_MJML}") is not None:
            return  # the document is what is sent
        try:
            template = self.catalog.resolve(self.brand.key, locale, key, channel)
        except TemplateMissing:
            return  # a WhatsApp template that this brand has not had approved
        except ConfigurationError as error:
            if not any(one.code in ("syntax", "field") for one in written):  # which said the same, with its place
                yield self._of_compiling(file, str(error))
            return
        if template.locale == locale and not seen_elsewhere and not aside:
            yield from self.reader.findings(
                Asked(self.brand, template, file, self.shelf), few=brief and (channel != "email" or self.dressed)
            )

    def _of_compiling(self, file: File, said: str) -> Finding:
        """A fault that kept a message from being compiled, as that of the layout where it stands there: once for all
        messages that are set in it."""
        around, beside, _ = said.partition(f" with {file.label}")
        for path in self._paths if beside else ():
            layout = self.shelf.file(path) if path.startswith("layouts/") else None
            if layout is not None and layout.label == around:
                return _whole(path, layout.label, "compile", said.replace(beside, "", 1))
        return _whole(file.path, file.label, "compile", said)

    def _document(self, file: File, key: str, language: str) -> Iterator[Finding]:
        yield from of_document(file, key, language)
        yield from of_addresses(file)
        yield from of_markup(file, self.brand.colours)
        yield from of_schemes(file, self.brand.colours)

    def layout(self, path: str) -> Iterator[Finding]:
        """Everything that is wrong with one layout, or one language's words, as it is written."""
        file = self.shelf.file(path)
        if file is None:
            return
        try:
            _ = file.text
        except ConfigurationError as error:
            yield _whole(path, file.label, "text", str(error))
            return
        if path.startswith("layouts/"):
            written = first_read(file.text)
            yield from of_syntax(file, written)
            yield from _unknown(file, written)
        elif path.endswith(f"/{MAIL}"):
            yield from self._words(path.split("/")[1])
        else:
            yield from of_small_words(file, self.shelf)
            yield from of_marks(file, brief=False)
        if not path.endswith(".mjml"):
            yield from of_words(file)
        else:
            yield from of_layout(file)
            yield from of_addresses(file)
            yield from of_markup(file, self.brand.colours)
            yield from of_schemes(file, self.brand.colours)

    def languages(self) -> Iterator[Finding]:
        """Words that a language lacks, and messages that stand in English only."""
        there = {locale: self._named(locale) for locale in self.catalog.locales(self.brand.key)}
        for locale, names in there.items():
            words = f"messages/{locale}/{MAIL}"
            yield from self._words(locale)
            lacking = sorted(there.get("en", set()) - names) if "-" not in locale and locale != "en" else []
            shared = [name for name in lacking if "_team" not in name]
            if shared:
                message = f"{locale} has no {', '.join(shared[:3])}{' and others' if len(shared) > 3 else ''}"
                remedy = "Write them; until then the brand's own language or English is sent."
                yield Finding(
                    "warning", "language", words, self.shelf.place(words), None, None, message, remedy, locale
                )

    def _words(self, locale: str) -> list[Finding]:
        """What is wrong with the small words that a language's messages are built from, once for all of them."""
        if locale not in self._of_words:
            paths = dict.fromkeys(f"messages/{step}/{MAIL}" for step in (locale.split("-")[0], locale))
            files = [file for path in paths if (file := self.shelf.file(path)) is not None]
            self._of_words[locale] = [one for file in files for one in _of_mail_words(file, self.shelf)]
            if not self._of_words[locale]:
                try:
                    read_words(self.shelf, locale)
                except ConfigurationError as error:
                    path = files[-1].path if files else f"messages/{locale}/{MAIL}"
                    label = files[-1].label if files else self.shelf.place(path)
                    self._of_words[locale] = [_whole(path, label, "words", str(error))]
        return self._of_words[locale]

    def _named(self, locale: str) -> set[str]:
        return {path.split("/")[2] for path in self.messages() if path.split("/")[1] == locale}


def _not_read(file: File, locale: str) -> Finding | None:
    """A message in a folder that no shopper's language leads to."""
    wrong = misnamed(locale)
    return Finding("error", "locale", file.path, file.label, None, None, *wrong, locale) if wrong else None


def _of_mail_words(file: File, shelf: Shelf) -> Iterator[Finding]:
    try:
        text = file.text
    except ConfigurationError as error:
        yield _whole(file.path, file.label, "text", str(error))
        return
    yield from of_small_words(file, shelf)
    yield from of_syntax(file, text)
    yield from _unknown(file, text)
    yield from of_marks(file, brief=True)


def _unknown(file: File, text: str) -> Iterator[Finding]:
    """Fields that are not there, by where they are written."""
    try:
        found = unknown(text)
    except Refused:
        return  # told already
    for use in found:
        message, _, remedy = use.said().partition(". ")
        yield Finding("error", "field", file.path, file.label, use.line, use.column, message, f"{remedy}.", use.written)


def _whole(path: str, label: str, code: str, message: str) -> Finding:
    """A finding from an error's own sentences: its line and column where they are this file's, its remedy apart."""
    said = (
        message.removeprefix(f"{label}: ")
        .removeprefix(f"{label}, ")
        .replace(f"{label} is", "it is")
        .replace(f"{label} lacks", "it lacks")
    )
    place = _PLACE.match(said) if said != message else None
    line, column = (int(place[1]), int(place[2]) if place[2] else None) if place else (None, None)
    told = said[place.end() :] if place else said
    what, stop, remedy = told.rstrip(".").rpartition(". ")
    if not stop or not remedy[:1].isupper():
        what, remedy = told.rstrip("."), "Mend it there"
    return Finding("error", code, path, label, line, column, what, f"{remedy}.", said)
