"""What stands between a change and shoppers: the findings of the check on what would count after it."""

from collections.abc import Collection

from app.errors import ConfigurationError
from app.messages.authoring.bundle import SUFFIXES
from app.messages.authoring.layouts import brand_facts
from app.messages.catalog import Catalog
from app.messages.checking.check import check
from app.messages.checking.findings import Finding, Report


def examine(
    catalog: Catalog, brand_key: str, paths: Collection[str], *, whole: bool = False, before: Catalog | None = None
) -> Report:
    """Check the templates of a brand that are made of one of these files: the files themselves against everything,
    what is made of them briefly, because somebody waits; with `whole`, that too against everything. Where a brand
    changed in its looks alone since `before`, text messages say what they said, and are not asked."""
    texts = whole or before is None or not _looks_alone(before, catalog, brand_key, paths)
    return check(catalog, brand_key, paths, brief=not whole, texts=texts)


def _looks_alone(before: Catalog, after: Catalog, brand_key: str, paths: Collection[str]) -> bool:
    if any("/" in path for path in paths):
        return False
    try:
        was, now = (one.brands()[brand_key] for one in (before, after))
    except ConfigurationError:
        return False
    return all(brand_facts(was, locale) == brand_facts(now, locale) for locale in after.locales(brand_key))


def vanishing(before: Catalog, after: Catalog, brand_key: str) -> list[Finding]:
    """A warning for each message that is left in no language: a rule that names it would tell nobody."""
    language = before.brands()[brand_key].locale.split("-")[0]
    return [
        _gone(f"messages/{language}/{key}{SUFFIXES[channel]}", key, channel)
        for key, channel in sorted(before.keys(brand_key) - after.keys(brand_key))
    ]


def _gone(path: str, key: str, channel: str) -> Finding:
    message = f"no {key!r} for {channel} is left in any language, and a rule that names it tells nobody"
    return Finding("warning", "gone", path, path, None, None, message, "Take it out of the rules first.")
