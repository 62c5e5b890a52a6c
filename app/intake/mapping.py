"""How a file's columns become an order's fields: the default layout, and what a mapping says instead."""

import re
import string
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches

from app.errors import ConfigurationError
from app.models.vocabulary import CARRIER_MILESTONES, Milestone

FIELDS = (
    "order_number", "placed_at", "name", "email", "phone", "locale", "country", "city", "postal_code", "zone",
    "currency", "total", "promised_on", "items", "carrier", "tracking_number", "parcel_reference", "tags",
)  # fmt: skip
"""What a row can say. A mapping's keys, and the column names of the default layout."""

LAYOUT = (*FIELDS, *(f"{milestone}_at" for milestone in CARRIER_MILESTONES))
"""The columns of the default layout."""

NEEDED = ("order_number", "placed_at")


@dataclass(frozen=True, slots=True)
class Cell:
    """Where one field's text comes from: a column, a fixed text, or a pattern over columns.

    `values` translates what the file writes into what is meant; `format` is how its times are written
    (`strptime`'s letters), where that is not ISO 8601.
    """

    column: str | None = None
    constant: str | None = None
    pattern: tuple[tuple[str, str | None], ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    format: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is read from."""
        return (self.column,) if self.column is not None else tuple(name for _, name in self.pattern if name)

    def read(self, row: Mapping[str, str]) -> str:
        """The field's text in one row; empty where a column that it needs is empty."""
        if self.constant is not None:
            return self.constant
        if self.column is not None:
            text = row[self.column].strip()
            return self.values.get(text, text)
        texts = [row[name].strip() if name else "" for _, name in self.pattern]
        if not all(text for (_, name), text in zip(self.pattern, texts, strict=True) if name):
            return ""
        return "".join(literal + text for (literal, _), text in zip(self.pattern, texts, strict=True)).strip()


def pattern(text: str) -> tuple[tuple[str, str | None], ...]:
    """A text with `{column}` in it, taken apart. Raises ValueError for anything but plain placeholders."""
    parts = []
    for literal, name, spec, conversion in string.Formatter().parse(text):
        if name == "" or spec or conversion:
            raise ValueError("a placeholder is a column's name in braces, nothing more")
        parts.append((literal, name))
    return tuple(parts)


Condition = Mapping[str, frozenset[str]]
"""Columns and the texts of which each must hold one."""


def holds(condition: Condition, row: Mapping[str, str]) -> bool:
    """Whether every column of the condition holds one of its texts; no condition never holds."""
    return bool(condition) and all(row[column].strip() in texts for column, texts in condition.items())


@dataclass(frozen=True, slots=True)
class ScanColumn:
    """A milestone whose time stands in a column. `expected_when`: rows that are odd if it is missing."""

    milestone: Milestone
    at: Cell
    description: Cell | None = None
    place: Cell | None = None
    expected_when: Condition = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileMapping:
    """Everything needed to read a file as orders.

    `times_in` is the zone of times without an offset, where that is not the shopper's. `zone` among `cells`
    is the shopper's. `encoding` and `delimiter` are found out where they are None.
    """

    cells: Mapping[str, Cell]
    scans: tuple[ScanColumn, ...] = ()
    source: str = "shop"
    times_in: str | None = None
    skip_when: Condition = field(default_factory=dict)
    cancelled_when: Condition = field(default_factory=dict)
    encoding: str | None = None
    delimiter: str | None = None

    @property
    def columns(self) -> frozenset[str]:
        """Every column that is read."""
        cells = [*self.cells.values()]
        for scan in self.scans:
            cells += [cell for cell in (scan.at, scan.description, scan.place) if cell]
        conditions = [self.skip_when, self.cancelled_when, *(scan.expected_when for scan in self.scans)]
        return frozenset(name for cell in cells for name in cell.columns) | {
            name for condition in conditions for name in condition
        }

    def written_as(self, name: str) -> str:
        """The column that a field comes from, as the file's owner wrote it; else the field's own name."""
        cell = self.cells.get(name)
        return " + ".join(cell.columns) if cell and cell.columns else name

    def scan_written_as(self, milestone: Milestone) -> str:
        """The column that a milestone's time comes from."""
        return next((" + ".join(scan.at.columns) for scan in self.scans if scan.milestone is milestone), milestone)


def default_mapping(header: Collection[str]) -> FileMapping:
    """The default layout, as far as the file has it: each field's own name, and `<milestone>_at` for scans."""
    cells = {name: Cell(column=name) for name in FIELDS if name in header}
    scans = [
        ScanColumn(milestone, Cell(column=f"{milestone}_at"))
        for milestone in CARRIER_MILESTONES
        if f"{milestone}_at" in header
    ]
    return FileMapping(cells=cells, scans=tuple(scans))


def check_needed(mapping: FileMapping, where: str) -> None:
    """Raises ConfigurationError where orders could not be told apart, dated, or their shoppers reached."""
    missing = [name for name in NEEDED if name not in mapping.cells]
    if "email" not in mapping.cells and "phone" not in mapping.cells:
        missing.append("email (or phone)")
    if missing:
        raise ConfigurationError(
            f"{where}: nothing gives {', '.join(missing)}. Add a column of that name, "
            "or say in a mapping (--map) which column or pattern gives it."
        )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A remedy for a name that nobody knows."""
    names = sorted(str(one) for one in known)
    close = get_close_matches(name, names, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known are {', '.join(names)}."


def readable_format(text: str) -> bool:
    """Whether a time format reads back what it writes."""
    sample = datetime(2026, 3, 1, 14, 5)  # noqa: DTZ001 (a pattern is tried out, no instant is meant)
    try:
        return datetime.strptime(sample.strftime(text), text).date() == sample.date()  # noqa: DTZ007 (same)
    except (ValueError, re.error):
        return False
