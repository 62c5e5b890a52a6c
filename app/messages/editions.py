"""Several brands' editions as one catalog: each brand's templates as it published them, the others as they ship."""

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

from app.messages.authoring.brands import BrandSource
from app.messages.authoring.bundle import Source
from app.messages.base import Template
from app.messages.catalog import Catalog
from app.messages.shelf import Shelf


class Editions(Catalog):
    """The catalog that ships, and over it one catalog for each brand that published something.

    Each compiles and remembers for itself, so that one brand's publication costs the others nothing.
    """

    def __init__(self, shipped: Catalog, by_brand: Mapping[str, Catalog]) -> None:
        super().__init__(shipped.root, shipped.public_url)
        self.shipped = shipped
        self._by_brand = by_brand

    def of(self, brand_key: str) -> Catalog:
        """The catalog that this brand's templates come from."""
        return self._by_brand.get(brand_key, self.shipped)

    @cached_property
    def _brands(self) -> Mapping[str, BrandSource]:
        return MappingProxyType({key: self.of(key).brands()[key] for key in self.shipped.brands()})

    def shelf(self, brand_key: str) -> Shelf:
        """A brand's files."""
        return self.of(brand_key).shelf(brand_key)

    def page_words(self, brand_key: str, locales: tuple[str, ...]) -> tuple[str, Mapping[str, Any]]:
        """As the brand's own catalog says."""
        return self.of(brand_key).page_words(brand_key, locales)

    def over(self, brand_key: str, published: Mapping[str, bytes], edition: int = 0) -> Catalog:
        """The same with other files published for a brand."""
        return Editions(self.shipped, {**self._by_brand, brand_key: self.shipped.over(brand_key, published, edition)})

    def edition_of(self, brand_key: str) -> int:
        """The number of the publication that counts for a brand in here, 0 where that is what ships."""
        return self.of(brand_key).edition

    def _compile(self, brand: BrandSource, source: Source) -> Template:
        return self.of(brand.key).compiled(brand, source)
