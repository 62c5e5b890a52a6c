"""The brand's messages as a table: a row for each milestone, a column for each language and channel."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.messages.authoring.bundle import OWN_MJML, SUFFIXES, known_locale, named
from app.messages.authoring.wording import is_message
from app.messages.catalog import Catalog
from app.messages.checking.check import check
from app.messages.versions.drafts import Draft, drafts_of
from app.messages.versions.live import Edition, edition_of
from app.models import Brand, TemplatePublication
from app.models.vocabulary import Milestone
from app.pipeline.house import House

MOST_CHECKED = 12
"""Drafts of messages that are checked for the list; what more there are is checked when they are opened."""

CHANNELS = ("email", "sms", "whatsapp")


@dataclass(frozen=True, slots=True)
class Cell:
    """What is there of a message in one language and channel. `path` is empty where nothing is; `begin` is where it
    would be written. `findings` is None where nobody looked; `accepted` are warnings that stand accepted."""

    path: str = ""
    begin: str = ""
    origin: str = ""
    draft: bool = False
    findings: int | None = None
    accepted: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One message in all its languages."""

    key: str
    cells: Mapping[tuple[str, str], Cell]


@dataclass(frozen=True, slots=True)
class Listed:
    """Everything that the studio's first page shows. `columns` are language and channel; `others` are files that are
    no message, by group."""

    columns: tuple[tuple[str, str], ...]
    groups: Mapping[str, tuple[Row, ...]]
    others: Mapping[str, tuple[Cell, ...]]
    drafts: Mapping[str, Draft]
    locales: tuple[str, ...]
    channels: tuple[str, ...]
    edition: int
    found: int

    @property
    def shown(self) -> list[str]:
        """The languages of the columns, in their order."""
        return list(dict.fromkeys(locale for locale, _ in self.columns))


def listed(session: Session, house: House, brand: Brand, query: str = "", locale: str = "") -> Listed:
    """A brand's files. `query` keeps the messages that have these words in their name or in a text; `locale` one
    language."""
    edition, drafts = edition_of(session, brand.id), drafts_of(session, brand.id)
    catalog = house.catalog.over(brand.key, edition.files)
    shelf = catalog.shelf(brand.key)
    accepted = _accepted(session, brand)
    counts = _findings(house, brand, edition, drafts)
    paths = sorted({*shelf.paths(), *drafts})
    cells: dict[str, Cell] = {}
    for path in paths:
        file = shelf.file(path)
        cells[path] = Cell(
            path, "", file.origin if file else "", path in drafts, counts.get(path), accepted.get(path, 0)
        )
    messages = [path for path in paths if is_message(path)]
    locales = tuple(sorted({path.split("/")[1] for path in messages if known_locale(path.split("/")[1])}))
    locales = tuple(sorted(locales, key=lambda one: (one != brand.locale.split("-")[0], one != "en", one)))
    there = {one[1] for path in messages if (one := named(path)) is not None}
    channels = tuple(channel for channel in CHANNELS if channel in there)
    columns = tuple((one, channel) for one in locales for channel in channels if not locale or one == locale)
    keys = {one[0] for path in messages if (one := named(path)) is not None}
    wanted = " ".join(query.lower().split())
    texts = {path: _text(catalog, brand, drafts, path) for path in messages} if wanted else {}
    kept = [key for key in keys if not wanted or _has(key, wanted, texts)]
    rows = [Row(key, {column: _cell(cells, key, *column) for column in columns}) for key in _in_order(kept)]
    return Listed(
        columns=columns,
        groups={name: some for name in _GROUPS if (some := tuple(row for row in rows if group_of(row.key) == name))},
        others=_others(cells),
        drafts=drafts,
        locales=locales,
        channels=channels,
        edition=edition.number,
        found=len(rows),
    )


_GROUPS = ("On its way", "Returns", "For the shop's own people", "Your own")
_KNOWN = {milestone.value: number for number, milestone in enumerate(Milestone)}


def group_of(key: str) -> str:
    """Which part of the list a message belongs to."""
    if key.endswith("_team"):
        return _GROUPS[2]
    if key.startswith("return_") and _order(key) < len(_KNOWN):
        return _GROUPS[1]
    return _GROUPS[0] if key in _KNOWN else _GROUPS[3]


def _order(key: str) -> int:
    return _KNOWN.get(key, _KNOWN.get(key.removeprefix("return_"), len(_KNOWN)))


def _in_order(keys: Iterable[str]) -> list[str]:
    return sorted(keys, key=lambda key: (_order(key), key))


def _cell(cells: Mapping[str, Cell], key: str, locale: str, channel: str) -> Cell:
    for suffix in (OWN_MJML, SUFFIXES[channel]) if channel == "email" else (SUFFIXES[channel],):
        found = cells.get(f"messages/{locale}/{key}{suffix}")
        if found is not None:
            return found
    return Cell(begin=f"messages/{locale}/{key}{SUFFIXES[channel]}")


def _others(cells: Mapping[str, Cell]) -> dict[str, tuple[Cell, ...]]:
    groups: dict[str, list[Cell]] = {"Brand": [], "Layouts": [], "Blocks": [], "Words of a language": []}
    for path, cell in cells.items():
        if "/" not in path:
            groups["Brand"].append(cell)
        elif path.startswith("layouts/blocks/"):
            groups["Blocks"].append(cell)
        elif path.startswith("layouts/"):
            groups["Layouts"].append(cell)
        elif not is_message(path):
            groups["Words of a language"].append(cell)
    return {name: tuple(found) for name, found in groups.items() if found}


def _accepted(session: Session, brand: Brand) -> dict[str, int]:
    """How many warnings were let through with each file that counts."""
    size = sa.func.jsonb_array_length(TemplatePublication.accepted)
    query = sa.select(TemplatePublication.path, size).where(
        TemplatePublication.brand_id == brand.id, TemplatePublication.replaced_at.is_(None)
    )
    return {str(path): int(number) for path, number in session.execute(query)}


@dataclass(frozen=True, slots=True)
class _Draft:
    """A draft over an edition: what its findings depend on. The contents are known by what names them."""

    shipped: Catalog
    brand_key: str
    edition: int
    path: str
    digest: str
    files: Mapping[str, bytes] = field(compare=False)


def _findings(house: House, brand: Brand, edition: Edition, drafts: Mapping[str, Draft]) -> dict[str, int]:
    """How much the check says to each draft of a message."""
    chosen = [path for path in drafts if named(path) is not None and path.startswith("messages/")]
    return {
        path: _count(
            _Draft(
                house.catalog, brand.key, edition.number, path, drafts[path].digest,
                {**edition.files, path: drafts[path].content},
            )
        )
        for path in chosen[:MOST_CHECKED]
    }  # fmt: skip


@lru_cache(maxsize=256)
def _count(draft: _Draft) -> int:
    """The check takes a third of a second for an email, so what it said is remembered."""
    catalog = draft.shipped.over(draft.brand_key, draft.files)
    return len(check(catalog, draft.brand_key, {draft.path}).findings)


def _text(catalog: Catalog, brand: Brand, drafts: Mapping[str, Draft], path: str) -> str:
    if path in drafts:
        return drafts[path].content.decode("utf-8", "replace").lower()
    file = catalog.shelf(brand.key).file(path)
    return file.content.decode("utf-8", "replace").lower() if file else ""


def _has(key: str, wanted: str, texts: Mapping[str, str]) -> bool:
    if wanted in key.replace("_", " ") or wanted in key:
        return True
    return any(wanted in text for path, text in texts.items() if (found := named(path)) is not None and found[0] == key)
