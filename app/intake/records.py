"""Reads a CSV file's records one by one: encoding, delimiter, true line numbers, and what cannot be read."""

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.errors import ConfigurationError, Fault

MAX_RECORD = 1_000_000
"""Characters in one record; a longer one is refused, so that a quote left open costs no more than this."""
_CHUNK = 1 << 20
_ESCAPED = re.compile(r"[\udc80-\udcff]")
_DAMAGED = re.compile(r"[\udc80-\udcff\ufffd]")
_BEYOND_ASCII = re.compile(r"[\x80-\ud7ff\ue000-\U0010ffff]")
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the line it begins on, and its cells."""

    line: int
    cells: list[str]


def detect_encoding(file: BinaryIO) -> tuple[str, str | None]:
    """A file's encoding, and a remark where it is not the usual one. Reads it through once, in pieces."""
    head = file.read(4096)
    if head.startswith(b"PK\x03\x04"):
        raise ConfigurationError(f"{file.name} is a spreadsheet, not a CSV file. Save it as CSV (UTF-8) first.")
    for bom, name in _BOMS.items():
        if head.startswith(bom):
            return name, "is UTF-16 and is read as such" if name == "utf-16" else None
    if head.count(0) > len(head) // 4:
        name = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
        return name, "looks like UTF-16 without a byte-order mark and is read as such"
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    wrong = right = 0
    while chunk := file.read(_CHUNK):
        text = decoder.decode(chunk)
        wrong += len(_ESCAPED.findall(text))
        right += len(_BEYOND_ASCII.findall(text))
    if wrong and not right:
        return "cp1252", "is not UTF-8 and is read as Windows-1252; check a few names, or save it as UTF-8"
    # A few wrong bytes in a file that is UTF-8 elsewhere spoil their rows, not everybody's names.
    return "utf-8", f"is UTF-8 except for {wrong} bytes; the rows with them are skipped" if wrong else None


class CsvRecords:
    """The records of one open file, header first. Line numbers count as a text editor does."""

    def __init__(self, file: BinaryIO, encoding: str | None, delimiter: str | None) -> None:
        found, self.remark = detect_encoding(file) if encoding is None else (encoding, None)
        if found == "utf-8":
            found = "utf-8-sig"
        file.seek(0)
        # newline="" keeps line breaks inside quotes; wrong bytes become marks that spoil one row only.
        errors = "replace" if found.startswith("utf-16") else "surrogateescape"
        self._text = io.TextIOWrapper(file, encoding=found, errors=errors, newline="")
        self._pending: deque[str] = deque()
        self._line = 0
        self.delimiter = delimiter or self._sniff()

    def detach(self) -> None:
        """Let the file live on without this reader."""
        self._text.detach()

    def _next_line(self) -> str:
        line = self._pending.popleft() if self._pending else self._text.readline(MAX_RECORD + 1)
        self._line += bool(line)
        return line

    def _sniff(self) -> str:
        """The delimiter that gives the first line the most cells; a comma when none does."""
        first = self._text.readline(MAX_RECORD + 1)
        self._pending.append(first)
        cells = {mark: len(next(csv.reader([first], delimiter=mark), [])) for mark in ",;\t"}
        return max(cells, key=lambda mark: cells[mark])

    def __iter__(self) -> Iterator[Record | Fault]:
        """Each record, or the fault that stands in its place. Blank lines are no records."""
        while True:
            start, taken = self._line + 1, list[str]()
            try:
                cells = next(csv.reader(self._lines_of_one(taken), delimiter=self.delimiter, strict=True), None)
            except (csv.Error, _TooLong) as error:
                yield self._refused(start, taken, error)
                continue
            if cells is None:
                return
            if any(cell.strip() for cell in cells):
                yield Record(start, cells)

    def _lines_of_one(self, taken: list[str]) -> Iterator[str]:
        """Lines for one record, remembered in `taken`; the CSV reader asks for as many as its quotes need."""
        size = 0
        while line := self._next_line():
            taken.append(line)
            size += len(line)
            if size > MAX_RECORD:
                raise _TooLong
            yield line

    def _refused(self, start: int, taken: list[str], error: Exception) -> Fault:
        """The fault for a record that cannot be read; all lines but its first get another chance as records."""
        first, rest = taken[0], taken[1:]
        self._pending.extendleft(reversed(rest))
        self._line -= len(rest)
        if len(first) > MAX_RECORD:
            while not first.endswith(("\n", "\r")) and (first := self._text.readline(MAX_RECORD)):
                pass
            return Fault(start, "row", f"is longer than {MAX_RECORD} characters", "Split it, or mend its line breaks.")
        problem = (
            "a quote is opened and not closed" if isinstance(error, _TooLong) or _open_ended(error) else str(error)
        )
        return Fault(start, "row", f"cannot be read: {problem}", 'Write a quote inside a quoted cell as "".')


class _TooLong(Exception):
    """A record went on for more than MAX_RECORD characters."""


def _open_ended(error: Exception) -> bool:
    return "unexpected end of data" in str(error)


def unreadable(record: Record, header: list[str]) -> Fault | None:
    """The fault of a record whose cells do not fit its header, or hold what is no text."""
    spare = record.cells[len(header) :]
    if len(record.cells) < len(header):
        remedy = "Fill the row up to the header's length, or quote the cell that holds a line break."
        column = header[len(record.cells)]
        return Fault(record.line, column, f"the row has {len(record.cells)} cells, the header {len(header)}", remedy)
    if any(cell.strip() for cell in spare):
        problem = f"the row has {len(record.cells)} cells, the header {len(header)}"
        return Fault(record.line, f"cell {len(header) + 1}", problem, "Quote the cell that holds the delimiter.")
    for name, cell in zip(header, record.cells, strict=False):
        if "\x00" in cell:
            return Fault(record.line, name, "holds a NUL byte", "Export the file again; it was damaged on its way.")
        if _DAMAGED.search(cell):
            return Fault(record.line, name, "holds bytes that are no text", "Save the file as UTF-8.")
    return None


Progress = Callable[[int, int], None]


def size_of(path: Path) -> int:
    """A file's size in bytes. Raises ConfigurationError where there is no such file."""
    try:
        if path.is_dir():
            raise ConfigurationError(f"{path} is a folder. Name a CSV file.")
        return path.stat().st_size
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
