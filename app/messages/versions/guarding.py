"""What stands between a change and shoppers: the findings of the check on what would count after it."""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from app.errors import ConfigurationError, DoorstepError
from app.messages.authoring.bundle import SUFFIXES, locale_chain
from app.messages.base import TemplateMissing
from app.messages.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Objection:
    """One finding about one file. `id` names it by what it says: the same as long as the finding stays."""

    severity: Literal["error", "warning"]
    path: str
    line: int | None
    column: int | None
    message: str
    remedy: str

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits."""
        said = "\0".join((self.severity, self.path, self.message))
        return hashlib.sha256(said.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Objections:
    """What the check found: errors refuse, a warning is let through by somebody who says why."""

    errors: tuple[Objection, ...] = ()
    warnings: tuple[Objection, ...] = ()


def examine(catalog: Catalog, brand_key: str, paths: Collection[str]) -> Objections:
    """Check every template of a brand that is made of one of these files, in every language it is written in."""
    try:
        catalog.brands()
    except ConfigurationError as error:
        return Objections(errors=(_objection("brand.yaml", error),))
    errors = {_objection(path, error) for path, error in _broken(catalog, brand_key, set(paths))}
    return Objections(errors=tuple(sorted(errors, key=lambda one: (one.path, one.message))))


def vanishing(before: Catalog, after: Catalog, brand_key: str) -> list[Objection]:
    """A warning for each message that is left in no language: a rule that names it would tell nobody."""
    return [
        Objection(
            "warning",
            f"messages/{before.brands()[brand_key].locale.split('-')[0]}/{key}{SUFFIXES[channel]}",
            None,
            None,
            f"no {key!r} for {channel} is left in any language, and a rule that names it tells nobody",
            "Take it out of the rules first.",
        )
        for key, channel in sorted(before.keys(brand_key) - after.keys(brand_key))
    ]


def _objection(path: str, error: DoorstepError) -> Objection:
    return Objection("error", path, None, None, str(error), "")


def _broken(catalog: Catalog, brand_key: str, touched: set[str]) -> Iterator[tuple[str, DoorstepError]]:
    shelf, brand = catalog.shelf(brand_key), catalog.brands()[brand_key]
    everything = any(not path.startswith("messages/") for path in touched)
    spoken = {path.split("/")[1].split("-")[0] for path in touched if path.endswith("words.yaml")}
    for path in shelf.paths():
        parts = path.split("/")
        if parts[0] != "messages" or path.endswith("words.yaml"):
            continue
        if not (everything or path in touched or parts[1].split("-")[0] in spoken):
            continue
        for channel, suffix in SUFFIXES.items():
            if parts[2].endswith(suffix):
                try:
                    catalog.resolve(brand_key, locale_chain(parts[1], brand.locale)[0], _key(parts[2]), channel)
                except TemplateMissing:
                    continue
                except ConfigurationError as error:
                    yield path, error


def _key(name: str) -> str:
    return name.split(".", 1)[0]
