"""What a publication changed, or would change, file by file: from what counted before and what counts then."""

from collections.abc import Iterable, Mapping

from sqlalchemy.orm import Session

from app.messages.catalog import Catalog
from app.messages.versions.differing import Difference, differences, unified
from app.messages.versions.history import Publication
from app.messages.versions.live import files_after
from app.messages.versions.publishing import Published

Pair = tuple[str, bytes | None, bytes | None]
"""A path, and its file before and after."""


def pairs(
    catalog: Catalog, brand_key: str, before: Mapping[str, bytes], after: Mapping[str, bytes], paths: Iterable[str]
) -> list[Pair]:
    """The files under these paths where one set and where another lies over those that ship."""
    one, other = (catalog.over(brand_key, files).shelf(brand_key) for files in (before, after))
    return [
        (path, was.content if (was := one.file(path)) else None, now.content if (now := other.file(path)) else None)
        for path in sorted(paths)
    ]


def changed_by(session: Session, catalog: Catalog, brand_id: int, brand_key: str, found: Publication) -> list[Pair]:
    """What a publication changed, beside what counted just before it."""
    before, after = (files_after(session, brand_id, number) for number in (found.number - 1, found.number))
    return pairs(catalog, brand_key, before, after, [one.path for one in found.files])


def changed_now(catalog: Catalog, brand_key: str, done: Published) -> list[Pair]:
    """What was changed just now."""
    return pairs(catalog, brand_key, done.before.files, done.edition.files, done.changes)


def in_words(found: Iterable[Pair]) -> list[Difference]:
    """All differences, file by file."""
    return [one for pair in found for one in differences(*pair)]


def in_lines(found: Iterable[Pair]) -> str:
    """The same as one unified diff."""
    return "".join(unified(*pair) for pair in found)
