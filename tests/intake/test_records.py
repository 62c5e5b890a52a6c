"""Reading a file's records: encodings, delimiters, line numbers, and damage that costs one row only."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ConfigurationError, Fault
from app.intake.csv_file import read_orders
from app.intake.records import MAX_RECORD, CsvRecords, Record


def read(content: bytes, encoding: str | None = None, delimiter: str | None = None) -> list[Record | Fault]:
    """Every record and fault of a file."""
    file = io.BytesIO(content)
    file.name = "orders.csv"
    records = CsvRecords(file, encoding, delimiter)
    found = list(records)
    records.detach()
    return found


def remark(content: bytes) -> str | None:
    """What is said about the file's encoding."""
    file = io.BytesIO(content)
    file.name = "orders.csv"
    records = CsvRecords(file, None, None)
    records.detach()
    return records.remark


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "without a byte-order mark"),
        ("utf-16-be", "without a byte-order mark"),
        ("cp1252", "read as Windows-1252"),
    ],
)
def test_each_usual_encoding_is_found_out(encoding: str, said: str | None) -> None:
    """Names come out right from every encoding that shops export, and an unusual one is mentioned."""
    content = "number,name\r\n1,Åsa Öberg\r\n2,“Zoë”\r\n".encode(encoding)
    cells = [record.cells for record in read(content) if isinstance(record, Record)]
    assert cells == [["number", "name"], ["1", "Åsa Öberg"], ["2", "“Zoë”"]]
    found = remark(content)
    assert found is None if said is None else said in (found or "")


def test_one_wrong_byte_does_not_spoil_everybody_elses_name() -> None:
    """A file that is UTF-8 but for a byte stays UTF-8; the byte is left as a mark that spoils its own row."""
    content = "number,name\n1,Åsa\n".encode() + b"2,Bj\xf6rn\n"
    records = [record for record in read(content) if isinstance(record, Record)]
    assert records[1].cells == ["1", "Åsa"]
    assert "\udcf6" in records[2].cells[1]
    assert "except for 1 bytes" in (remark(content) or "")


def test_a_spreadsheet_is_called_one() -> None:
    """An .xlsx file is refused by name, not as a thousand broken rows."""
    with pytest.raises(ConfigurationError, match="is a spreadsheet, not a CSV file"):
        read(b"PK\x03\x04" + b"\x00" * 100)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_the_delimiter_is_found_out(mark: str) -> None:
    """Comma, semicolon and tab are told apart by the header, whatever stands in quotes."""
    content = mark.join(["number", '"city, or; place"', "name"]) + "\n" + mark.join(["1", "Ystad", "Ann"]) + "\n"
    cells = [record.cells for record in read(content.encode()) if isinstance(record, Record)]
    assert cells == [["number", "city, or; place", "name"], ["1", "Ystad", "Ann"]]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    """Quoted line breaks, blank lines and DOS endings leave every record its true first line."""
    content = b'a,b\r\n1,"two\r\nlines"\r\n\r\n2,x\r\n3,"\n\n\n"\n4,y'
    assert [record.line for record in read(content)] == [1, 2, 5, 6, 10]


def test_an_open_quote_costs_its_own_row() -> None:
    """A quote that is never closed is reported on the line that opens it; every other row is read."""
    content = b'a,b\n1,x\n2,"open\n3,y\n4,z\n'
    records = read(content)
    [fault] = [record for record in records if isinstance(record, Fault)]
    assert (fault.line, fault.column) == (3, "row")
    assert "a quote is opened and not closed" in fault.problem
    assert [(r.line, r.cells[0]) for r in records if isinstance(r, Record)] == [(1, "a"), (2, "1"), (4, "3"), (5, "4")]


def test_a_stray_quote_costs_its_own_row() -> None:
    """Text behind a closing quote is reported, though the quote seemed to close on a later line."""
    content = b'a,b\n1,"open\n2,"x"\n3,y\n'
    records = read(content)
    assert [fault.line for fault in records if isinstance(fault, Fault)] == [2]
    assert [(r.line, r.cells) for r in records[1:] if isinstance(r, Record)] == [(3, ["2", "x"]), (4, ["3", "y"])]


@pytest.mark.parametrize("quoted", [True, False])
def test_a_row_of_a_megabyte_is_refused_and_the_next_one_read(quoted: bool) -> None:
    """An endless row is one fault, in bounded memory, wherever its length comes from."""
    long = ('"' + "long\n" * (MAX_RECORD // 5 + 10)) if quoted else "x" * (2 * MAX_RECORD)
    records = read(f"a,b\n1,{long}\n2,y\n".encode())
    faults = [record for record in records if isinstance(record, Fault)]
    assert [fault.line for fault in faults] == [2]
    assert [r.cells for r in records if isinstance(r, Record)][-1] == ["2", "y"]
    assert [r.line for r in records if isinstance(r, Record)][-1] == (MAX_RECORD // 5 + 13 if quoted else 3)


CELLS = st.lists(st.lists(st.text(st.sampled_from('ab,;"\n\r é€\t'), max_size=8), min_size=2, max_size=2), max_size=12)


@given(rows=CELLS, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), quoting=st.sampled_from([0, 1]))
def test_what_a_csv_writer_writes_is_read_back(rows: list[list[str]], encoding: str, quoting: int) -> None:
    """Any cells, with quotes, delimiters and line breaks in them, come back, each on its own line."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL if quoting else csv.QUOTE_MINIMAL)
    lines = []
    for row in [["number", "é"], *rows]:
        text = file.getvalue()
        lines.append(1 + text.count("\n") + text.count("\r") - text.count("\r\n"))
        writer.writerow(row)
    found = read(file.getvalue().encode(encoding), delimiter=",")
    kept = [
        (line, row) for line, row in zip(lines, [["number", "é"], *rows], strict=True) if any(c.strip() for c in row)
    ]
    assert [(record.line, record.cells) for record in found if isinstance(record, Record)] == kept


@given(content=st.binary(max_size=300))
def test_any_bytes_at_all_give_records_or_faults(content: bytes) -> None:
    """Whatever a file holds, reading it ends, and lines never go backwards."""
    if content.startswith(b"PK\x03\x04"):
        return
    lines = [found.line or 0 for found in read(content)]
    assert lines == sorted(lines)


def test_a_missing_file_is_said_in_a_sentence(tmp_path: Path) -> None:
    """No file, or a folder, is an error that a person can read."""
    for path, said in ((tmp_path / "none.csv", "cannot be read: No such file"), (tmp_path, "is a folder")):
        with pytest.raises(ConfigurationError, match=said):
            list(read_orders(path, None, ()))
