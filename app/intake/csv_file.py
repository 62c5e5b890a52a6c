"""Reads a CSV file as orders, one row a parcel, in bounded memory; a row that is no order is told and passed over."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.errors import ConfigurationError, Fault, InvalidInput
from app.intake.mapping import LAYOUT, FileMapping, check_needed, default_mapping, did_you_mean, holds
from app.intake.mapping_file import load_mapping, reading_options
from app.intake.merging import merge_rows
from app.intake.oddities import oddities
from app.intake.records import CsvRecords, Record, size_of, unreadable
from app.intake.row_order import RowReading
from app.intake.schema import IncomingOrder

_TELL_EVERY = 200


@dataclass(frozen=True, slots=True)
class Row:
    """An order, from one row or several in a row. `warnings` are oddities that it was kept with."""

    lines: tuple[int, ...]
    order: IncomingOrder
    cancelled: bool = False
    warnings: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was passed over, with everything wrong with it."""

    line: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """A remark about the file, or about a row that only says again what the one before it said (`repeated`)."""

    fault: Fault
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that the mapping's `skip_when` leaves out."""

    line: int


Reading = Row | BadRow | Notice | Skipped


def read_orders(
    path: Path,
    mapping_path: Path | None,
    known_carriers: Collection[str],
    *,
    now: datetime | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Reading]:
    """Everything that stands in the file, in its order; consecutive rows of one order come as one.

    `mapping_path` names a YAML mapping, None the default layout. With `now`, times still to come are called odd.
    `on_progress` hears bytes read and bytes in all. Raises ConfigurationError or InvalidInput when the file as a
    whole, or the mapping, cannot be used; single rows never raise.
    """
    total = size_of(path)
    options = reading_options(mapping_path)
    with path.open("rb") as file:
        records = CsvRecords(file, *options)
        try:
            lines = iter(records)
            header, mapping = _header(lines, path, mapping_path)
            yield from _notices(records, header, mapping, mapping_path)
            rows = _Rows(header, mapping, frozenset(known_carriers), now)
            for count, record in enumerate(lines):
                yield from rows.take(record)
                if count % _TELL_EVERY == 0:
                    on_progress(file.tell(), total)
            yield from rows.rest()
            on_progress(total, total)
        finally:
            records.detach()


def _header(lines: Iterator[Record | Fault], path: Path, mapping_path: Path | None) -> tuple[list[str], FileMapping]:
    first = next(lines, None)
    if first is None:
        raise ConfigurationError(f"{path} is empty. It needs a header with the columns' names.")
    if isinstance(first, Fault):
        raise InvalidInput([first])
    header = [cell.strip() for cell in first.cells]
    while header and not header[-1]:
        header.pop()
    for number, name in enumerate(header, start=1):
        if header.count(name) > 1 or not name:
            problem = f"column {number} has no name" if not name else "two columns have this name"
            raise InvalidInput([Fault(first.line, name or f"column {number}", problem, "Give each its own name.")])
    mapping = load_mapping(mapping_path, header) if mapping_path else default_mapping(header)
    if mapping_path is None:
        check_needed(mapping, f"{path.name}, line {first.line}")
    return header, mapping


def _notices(
    records: CsvRecords, header: list[str], mapping: FileMapping, mapping_path: Path | None
) -> Iterator[Notice]:
    if records.remark:
        yield Notice(Fault(None, "the file", records.remark, "Say `encoding:` in a mapping if that is wrong."))
    if mapping_path is None:
        for name in header:
            if name not in mapping.columns:
                yield Notice(Fault(1, name, "is a column that is not read", did_you_mean(name, LAYOUT)))


class _Rows:
    """Turns records into rows, holding back the last order until it is certain that no more of it follows."""

    def __init__(
        self, header: list[str], mapping: FileMapping, known_carriers: frozenset[str], now: datetime | None
    ) -> None:
        self.header, self.mapping, self.known_carriers, self.now = header, mapping, known_carriers, now
        self.held: Row | None = None
        self.last_cells: list[str] = []

    def take(self, record: Record | Fault) -> Iterator[Reading]:
        """What is certain once this record has been seen."""
        fault = record if isinstance(record, Fault) else unreadable(record, self.header)
        if isinstance(record, Fault) or fault is not None:
            assert fault is not None
            yield BadRow(fault.line or 0, (fault,))
            return
        cells = dict(zip(self.header, record.cells, strict=False))
        if holds(self.mapping.skip_when, cells):
            yield Skipped(record.line)
            return
        reading = RowReading(record.line, cells, self.mapping, self.known_carriers)
        order = reading.order()
        if order is None:
            yield BadRow(record.line, tuple(reading.faults))
            return
        yield from self._join(record, order, cells)

    def _join(self, record: Record, order: IncomingOrder, cells: dict[str, str]) -> Iterator[Reading]:
        """Add the order to the one held back where it is the same, else let that one go."""
        warnings = oddities(record.line, cells, order, self.mapping, self.now)
        row = Row((record.line,), order, holds(self.mapping.cancelled_when, cells), warnings)
        held, repeated = self.held, record.cells == self.last_cells
        self.last_cells = record.cells
        if held is not None and repeated:
            problem, remedy = f"is the same as line {held.lines[-1]}", "Nothing is lost; delete it to be rid of this."
            yield Notice(Fault(record.line, "row", problem, remedy), repeated=True)
            return
        merged = merge_rows(held.order, order) if held is not None else None
        if held is not None and merged is not None:
            differs = tuple(
                Fault(
                    record.line, self.mapping.written_as(name), f"differs from line {held.lines[-1]}", "This one holds."
                )
                for name in merged.differing
            )
            self.held = Row(
                (*held.lines, record.line),
                merged.order,
                held.cancelled and row.cancelled,
                (*held.warnings, *warnings, *differs),
            )
            return
        yield from self.rest()
        self.held = row

    def rest(self) -> Iterator[Row]:
        """The order held back."""
        if self.held is not None:
            yield self.held
            self.held = None
