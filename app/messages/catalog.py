"""Which template stands under a brand, a locale, a name and a channel; each is compiled once and then remembered."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any

from app.errors import ConfigurationError
from app.messages.authoring.brands import BrandSource, read_brand
from app.messages.authoring.bundle import SUFFIXES, Source, find, known_locale, locale_chain, named
from app.messages.authoring.compile import compile_template
from app.messages.authoring.layouts import Surroundings
from app.messages.authoring.wording import page_words, read_words
from app.messages.base import Template, TemplateMissing
from app.messages.shelf import Shelf


class Catalog:
    """The templates folder, read on demand: `root` holds `brands/`, `layouts/` and `messages/<locale>/`.

    `public_url` is where the brands' pictures are served, under `/brand/<key>/`. Files are taken to stand still
    while the process lives. `published` lies over them, by brand and by path: another edition is another catalog.
    `edition` is the number of the publication that this one is, 0 of the files that ship and of what nobody published.
    """

    def __init__(
        self,
        root: Path,
        public_url: str,
        published: Mapping[str, Mapping[str, bytes]] = MappingProxyType({}),
        edition: int = 0,
    ) -> None:
        self.edition = edition
        self.root = root
        self.public_url = public_url
        self._published = published
        self._compiled: dict[tuple[str, str, str], Template] = {}
        self._resolved: dict[tuple[str, str, str, str], Template] = {}
        self._words: dict[tuple[str, str], dict[str, Any]] = {}
        self._said: dict[tuple[str, tuple[str, ...]], tuple[str, Mapping[str, Any]]] = {}
        self._lock = Lock()

    def brands(self) -> Mapping[str, BrandSource]:
        """Every brand by key. Raises ConfigurationError for the first folder that is wrong."""
        return self._brands

    @cached_property
    def _brands(self) -> Mapping[str, BrandSource]:
        folder = self.root / "brands"
        found = sorted(path.parent for path in folder.glob("*/brand.yaml")) if folder.is_dir() else []
        if not found:
            raise ConfigurationError(f"{folder} holds no brand. Add a folder there with a brand.yaml.")
        return MappingProxyType({folder.name: read_brand(self.shelf(folder.name)) for folder in found})

    def shelf(self, brand_key: str) -> Shelf:
        """A brand's files."""
        return Shelf(self.root, brand_key, self._published.get(brand_key, {}))

    def over(self, brand_key: str, published: Mapping[str, bytes], edition: int = 0) -> "Catalog":
        """The same catalog with other files published for a brand."""
        return Catalog(self.root, self.public_url, {**self._published, brand_key: published}, edition)

    def edition_of(self, _brand_key: str) -> int:
        """The number of the publication that counts for a brand in here, 0 where that is what ships."""
        return self.edition

    def resolve(self, brand_key: str, locale: str, key: str, channel: str) -> Template:
        """The template for a message, in the nearest language there is.

        A locale falls back by `sv-SE`, `sv`, the brand's own, its language, `en`; at each step the brand's own
        `brands/<key>/messages/` is asked before the shared `messages/`. Raises TemplateMissing.
        """
        asked = (brand_key, locale, key, str(channel))
        template = self._resolved.get(asked)
        if template is None:
            template = self._find(*asked)
            with self._lock:
                if len(self._resolved) > 10_000:  # outside words are in the key, so it is kept from growing for ever
                    self._resolved.clear()
                self._resolved[asked] = template
        return template

    def _find(self, brand_key: str, locale: str, key: str, channel: str) -> Template:
        brand = self.brands().get(brand_key)
        if brand is None:
            raise TemplateMissing(f"There is no brand {brand_key!r}. Known are {', '.join(sorted(self.brands()))}.")
        source = find(self.shelf(brand_key), locale_chain(locale, brand.locale), key, channel)
        if source is None:
            raise TemplateMissing(
                f"{brand.name} has no template {key!r} for {channel} in {locale!r} or any language it falls back to. "
                f"Add {self.root / 'messages' / 'en'}/{key}{SUFFIXES.get(channel, '')}, or correct the rule's `send`."
            )
        return self._compile(brand, source)

    def _compile(self, brand: BrandSource, source: Source) -> Template:
        known = (brand.key, source.path, source.locale)
        with self._lock:
            if known not in self._compiled:
                words = self._words_of(brand, source.locale)
                around = Surroundings(brand, words, self.shelf(brand.key), self.public_url)
                self._compiled[known] = compile_template(source, around)
            return self._compiled[known]

    def compiled(self, brand: BrandSource, source: Source) -> Template:
        """The template that one file is; raises as `resolve` does."""
        return self._compile(brand, source)

    def page_words(self, brand_key: str, locales: tuple[str, ...]) -> tuple[str, Mapping[str, Any]]:
        """The first of these languages that a brand's pages are written in, else English, and its words: those that
        mail is built from, so that mail and page say the same, with the page's own on top."""
        asked = (brand_key, locales)
        if asked not in self._said:
            if len(self._said) > 1_000:  # browsers name any language
                self._said.clear()
            self._said[asked] = page_words(self.shelf(brand_key), locales)
        return self._said[asked]

    def _words_of(self, brand: BrandSource, locale: str) -> dict[str, Any]:
        if (brand.key, locale) not in self._words:
            self._words[brand.key, locale] = read_words(self.shelf(brand.key), locale)
        return self._words[brand.key, locale]

    def keys(self, brand_key: str | None = None) -> frozenset[tuple[str, str]]:
        """Every message that some brand has in some language, as (name, channel): what a rule may name. With
        `brand_key` those of that brand: its own and the shared ones."""
        return frozenset(
            message
            for key in self.brands()
            if brand_key in (None, key)
            for path in self.shelf(key).paths()
            if path.startswith("messages/") and (message := named(path)) is not None
        )

    def locales(self, brand_key: str) -> list[str]:
        """The languages that a brand has messages in, by folder name, sorted."""
        folders = {path.split("/")[1] for path in self.shelf(brand_key).paths() if path.startswith("messages/")}
        return sorted(folder for folder in folders if known_locale(folder))

    def all_templates(
        self,
        *,
        brand: str | None = None,
        locale: str | None = None,
        key: str | None = None,
        channel: str | None = None,
    ) -> Iterator[tuple[str, Template]]:
        """Every brand's every template in every language it is written in, compiled, with the brand's key; only those
        that are asked for, and no others are compiled."""
        for brand_key, look in sorted(self.brands().items()):
            if brand not in (None, brand_key):
                continue
            for language in self.locales(brand_key):
                for name, way in sorted(self.keys(brand_key)):
                    if locale not in (None, language) or key not in (None, name) or channel not in (None, way):
                        continue
                    source = find(self.shelf(brand_key), (language,), name, way)
                    if source is None:
                        continue
                    try:
                        yield brand_key, self._compile(look, source)
                    except TemplateMissing:
                        continue  # a WhatsApp template that this brand has not had approved
