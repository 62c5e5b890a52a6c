"""A file's rows as orders: the default layout, each bad cell by line and column, odd rows, rows of one order."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import ConfigurationError, Fault, InvalidInput
from app.intake.csv_file import BadRow, Notice, Reading, Row, Skipped, read_orders
from app.intake.schema import IncomingItem
from app.models.vocabulary import Milestone
from tests.intake.rows import CARRIERS, NOW, write_csv

SOUND = {
    "order_number": "1001",
    "placed_at": "2026-03-05T10:15:00+01:00",
    "name": "Ann Ek",
    "email": "ann@example.test",
    "phone": "070-174 06 05",
    "locale": "sv",
    "country": "SE",
    "city": "Ystad",
    "postal_code": "271 41",
    "zone": "",
    "currency": "SEK",
    "total": "1299.50",
    "promised_on": "2026-03-12",
    "items": "2x Lantern|Rope, 10 m",
    "carrier": "dhl",
    "tracking_number": "T1",
    "parcel_reference": "",
    "tags": "gift|vip",
    "dispatched_at": "2026-03-06T08:00:00+01:00",
    "delivered_at": "",
}


def readings(path: Path, mapping: str | None = None) -> list[Reading]:
    """Everything read from a file, with a mapping given as text."""
    mapping_path = path.with_suffix(".yaml") if mapping is not None else None
    if mapping_path is not None:
        mapping_path.write_text(mapping or "", encoding="utf-8")
    return list(read_orders(path, mapping_path, CARRIERS, now=NOW))


def rows_of(found: list[Reading]) -> list[Row]:
    """The good rows among what was read."""
    return [one for one in found if isinstance(one, Row)]


def faults_of(found: list[Reading]) -> list[Fault]:
    """Every fault of every bad row."""
    return [fault for one in found if isinstance(one, BadRow) for fault in one.faults]


def test_the_default_layout_gives_a_whole_order(tmp_path: Path) -> None:
    """Every column of the layout lands in its field, money in minor units, scans from their columns."""
    [row] = rows_of(readings(write_csv(tmp_path / "orders.csv", [SOUND])))
    order, [parcel] = row.order, row.order.parcels
    assert (row.lines, order.number, order.source, order.total_minor) == ((2,), "1001", "shop", 129950)
    assert order.placed_at == datetime(2026, 3, 5, 9, 15, tzinfo=UTC)
    assert (order.shopper.phone, order.shopper.postal_code) == ("+46701740605", "271 41")
    assert (order.promised_on, order.tags) == (date(2026, 3, 12), ("gift", "vip"))
    assert parcel.items == (IncomingItem(name="Lantern", quantity=2), IncomingItem(name="Rope, 10 m"))
    assert (parcel.carrier, parcel.tracking_number, parcel.reference) == ("dhl", "T1", None)
    assert [(scan.milestone, scan.occurred_at.hour) for scan in parcel.scans] == [(Milestone.dispatched, 7)]
    assert row.warnings == ()


@pytest.mark.parametrize(
    ("column", "text", "problem", "remedy"),
    [
        ("order_number", "", "is missing", "Give it"),
        ("placed_at", "", "is missing", "Give it"),
        ("placed_at", "5 March", "no date and time", "2026-03-01T14:05:00+01:00"),
        ("placed_at", "2026-03-05 10:15", "no UTC offset", "fill the zone column"),
        ("placed_at", "0001-01-01T00:00:00+14:00", "the year 1 cannot be meant", "Correct the date"),
        ("email", "ann@@example.test", "no email address", "Correct it"),
        ("phone", "12", "cannot be a phone number in SE", "country code"),
        ("locale", "klingon", "no language tag", "pt-BR"),
        ("country", "UK", "no country code", "Write GB"),
        ("zone", "Ystad", "no time zone", "IANA"),
        ("currency", "KR", "no currency code", "ISO 4217"),
        ("currency", "", "needs a currency", "Fill the currency column"),
        ("total", "a lot", "no amount of SEK", "1234.50"),
        ("total", "1.299,50", "no amount of SEK", "no thousands mark"),
        ("total", "1.299", "no amount of SEK", "at most 2 decimals"),
        ("total", "-5", "no amount of SEK", "1234.50"),
        ("promised_on", "next week", "no date", "2026-03-01"),
        ("items", "0x Lantern", "below 1", "1 or more"),
        ("carrier", "dlh", "no carrier", "Write 'dhl'"),
        ("tracking_number", "7" * 101, "101 characters", "at most 100"),
        ("parcel_reference", "7" * 101, "101 characters", "at most 100"),
        ("dispatched_at", "2026-03-32T08:00:00+01:00", "no date and time", "2026-03-01T14:05:00+01:00"),
        ("name", "Ann\0Ek", "holds a NUL byte", "Export the file again"),
    ],
)
def test_each_bad_cell_is_told_by_line_and_column(
    tmp_path: Path, column: str, text: str, problem: str, remedy: str
) -> None:
    """A bad cell skips its row alone and is told by the file's line, the column's name, and what mends it."""
    rows = [
        SOUND,
        SOUND | {"order_number": "1002", "city": "two\nlines"} | {column: text},
        SOUND | {"order_number": "3"},
    ]
    found = readings(write_csv(tmp_path / "orders.csv", rows))
    [fault] = faults_of(found)
    assert (fault.line, fault.column) == (3, column if problem != "needs a currency" else "total")
    assert problem in fault.problem
    assert remedy in fault.remedy
    assert [row.lines for row in rows_of(found)] == [(2,), (5,)]


def test_a_row_without_any_way_to_reach_the_shopper_is_skipped(tmp_path: Path) -> None:
    """Neither email nor phone names both columns and the remedy."""
    found = readings(write_csv(tmp_path / "orders.csv", [SOUND | {"email": "", "phone": " "}]))
    assert [str(fault) for fault in faults_of(found)] == [
        "line 2, email or phone: without any way to reach the shopper. "
        "Give an email address or a phone number, or both."
    ]


def test_every_bad_cell_of_a_row_is_told_at_once(tmp_path: Path) -> None:
    """A row is mended in one go: all its faults come together, each once."""
    bad = SOUND | {"placed_at": "soon", "email": "x", "total": "1.299", "dispatched_at": "then"}
    [bad_row] = readings(write_csv(tmp_path / "orders.csv", [bad]))
    assert isinstance(bad_row, BadRow)
    assert sorted(fault.column for fault in bad_row.faults) == ["dispatched_at", "email", "placed_at", "total"]


def test_ragged_rows_are_told_and_skipped(tmp_path: Path) -> None:
    """A row with too few or too many cells is a fault; empty cells too many at its end are none."""
    path = tmp_path / "orders.csv"
    start = "order_number,placed_at,email\n"
    path.write_text(f"{start}1,2026-03-05T10:00Z\n2,2026-03-05T10:00Z,a@b.test,x\n3,2026-03-05T10:00Z,a@b.test,,\n")
    found = readings(path)
    assert [(fault.line, fault.column) for fault in faults_of(found)] == [(2, "email"), (3, "cell 4")]
    assert [row.order.number for row in rows_of(found)] == ["3"]


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        ("", ConfigurationError, "is empty"),
        ("order_number,email\n", ConfigurationError, "line 1: nothing gives placed_at"),
        ("order_number,placed_at\n", ConfigurationError, r"nothing gives email \(or phone\)"),
        ("order_number,placed_at,email,email\n", InvalidInput, "email: two columns have this name"),
        ("order_number,placed_at,,email\n", InvalidInput, "column 3 has no name"),
        ('order_number,"placed_at\n', InvalidInput, "line 1, row: cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_whole(
    tmp_path: Path, content: str, error: type[Exception], said: str
) -> None:
    """An empty file or a header that cannot give orders is refused before any row, in a sentence."""
    path = tmp_path / "orders.csv"
    path.write_text(content)
    with pytest.raises(error, match=said):
        readings(path)


def test_a_column_that_nobody_reads_is_mentioned(tmp_path: Path) -> None:
    """A misspelt optional column is named with what was probably meant."""
    [notice, _] = readings(write_csv(tmp_path / "orders.csv", [SOUND | {"tracking_nr": "T1"}]))
    assert isinstance(notice, Notice)
    assert str(notice.fault) == "line 1, tracking_nr: is a column that is not read. Did you mean 'tracking_number'?"


@pytest.mark.parametrize(
    ("changes", "column", "said"),
    [
        ({"delivered_at": "2026-03-05T20:00:00+01:00"}, "delivered_at", "is delivered 12.0 h before it was dispatched"),
        ({"dispatched_at": "2026-03-01T08:00:00+01:00"}, "dispatched_at", "4.1 d before the order was placed"),
        ({"promised_on": "2026-03-03"}, "promised_on", "2 d before the day of the order"),
        ({"dispatched_at": "2026-03-12T13:00:00+01:00"}, "dispatched_at", "is dispatched 2.0 d from now"),
    ],
)
def test_odd_rows_are_kept_and_mentioned(tmp_path: Path, changes: dict[str, str], column: str, said: str) -> None:
    """What is strange but possible stays, with a remark by line and column."""
    [row] = rows_of(readings(write_csv(tmp_path / "orders.csv", [SOUND | changes])))
    [warning] = row.warnings
    assert (warning.line, warning.column) == (2, column)
    assert said in warning.problem


def test_rows_of_one_order_become_one_order(tmp_path: Path) -> None:
    """Two parcels, then a second line of the first parcel: one order, two parcels, items added up."""
    more = {"order_number": "1001", "placed_at": SOUND["placed_at"], "email": "ann@example.test"}
    rows = [
        SOUND,
        more | {"tracking_number": "T2", "items": "Stove", "promised_on": "2026-03-14"},
        more | {"tracking_number": "T1", "items": "3x Peg"},
        more | {"tracking_number": "T1", "items": "3x Peg"},
        SOUND | {"order_number": "1002"},
    ]
    found = readings(write_csv(tmp_path / "orders.csv", rows))
    first, second = rows_of(found)
    assert (first.lines, second.lines) == ((2, 3, 4), (6,))
    parcels = {parcel.tracking_number: parcel for parcel in first.order.parcels}
    assert [(item.quantity, item.name) for item in parcels["T1"].items] == [
        (2, "Lantern"),
        (1, "Rope, 10 m"),
        (3, "Peg"),
    ]
    assert (parcels["T2"].promised_on, first.order.promised_on) == (date(2026, 3, 14), date(2026, 3, 12))
    assert first.warnings == ()
    [notice] = [one for one in found if isinstance(one, Notice)]
    assert (notice.repeated, notice.fault.line, notice.fault.problem) == (True, 5, "is the same as line 4")


def test_rows_of_one_order_that_disagree_are_mentioned(tmp_path: Path) -> None:
    """Where two rows of an order differ, the later one holds, and the difference is told."""
    rows = [SOUND, SOUND | {"tracking_number": "T2", "email": "else@example.test"}]
    [row] = rows_of(readings(write_csv(tmp_path / "orders.csv", rows)))
    assert row.order.shopper.email == "else@example.test"
    assert [str(warning) for warning in row.warnings] == ["line 3, email: differs from line 2. This one holds."]


MAPPING = """
source: webshop
order_number: Name
placed_at: {column: Created, format: "%d/%m/%Y %H:%M"}
email: "{Name}@example.test"
currency: {constant: SEK}
total: Total
zone: Europe/Stockholm
carrier: {column: Shipped with, values: {DHL Paket: dhl}}
tracking_number: Tracking
promised_on: {column: Promise, format: "%d/%m/%Y"}
scans:
  - {milestone: delivered, at: Done, place: City, expected_when: {State: [done]}}
skip_when: {State: [draft, ""]}
cancelled_when: {State: [void]}
"""
FOREIGN = {
    "Name": "#7",
    "Created": "29/03/2026 01:30",
    "State": "done",
    "Total": "12,5",
    "Shipped with": "DHL Paket",
    "Tracking": "X",
    "Promise": "02/04/2026",
    "Done": "2026-03-30 12:00",
    "City": "Lund",
}


def test_a_mapping_reads_a_foreign_file(tmp_path: Path) -> None:
    """Columns, constants, patterns, formats, translated values and zones without offsets, as the mapping says."""
    rows = [FOREIGN, FOREIGN | {"State": "draft"}, FOREIGN | {"Name": "#8", "State": "void", "Done": ""}]
    found = readings(write_csv(tmp_path / "orders.csv", [*rows, FOREIGN | {"Name": "#9", "Done": ""}]), MAPPING)
    first, cancelled, undated = rows_of(found)
    assert (first.order.source, first.order.shopper.email) == ("webshop", "#7@example.test")
    assert first.order.placed_at == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    assert (first.order.total_minor, first.order.promised_on) == (1250, date(2026, 4, 2))
    [parcel] = first.order.parcels
    [scan] = parcel.scans
    assert (parcel.carrier, scan.place) == ("dhl", "Lund")
    assert scan.occurred_at == datetime(2026, 3, 30, 10, tzinfo=UTC)
    assert (cancelled.cancelled, first.cancelled) == (True, False)
    assert [warning.problem for warning in undated.warnings] == ["has no time, although State is 'done'"]
    assert [one.line for one in found if isinstance(one, Skipped)] == [3]


def test_faults_name_the_columns_as_the_owner_wrote_them(tmp_path: Path) -> None:
    """Under a mapping, a fault names the file's own column, not ours."""
    bad = FOREIGN | {"Created": "2026-03-29", "Shipped with": "Pigeon", "Done": "noon", "Promise": "2026-04-02"}
    faults = faults_of(readings(write_csv(tmp_path / "orders.csv", [bad]), MAPPING))
    assert {fault.column: fault.remedy for fault in faults} == {
        "Created": "Write it as the mapping's format %d/%m/%Y %H:%M.",
        "Shipped with": "Known carriers: dhl, postnord. Leave it empty for any other.",
        "Done": "Write it as 2026-03-01T14:05:00+01:00.",
        "Promise": "Write it as the mapping's format %d/%m/%Y.",
    }


def test_a_pattern_with_an_empty_part_gives_nothing(tmp_path: Path) -> None:
    """An address made of an empty cell would be nobody's, so there is none."""
    path = write_csv(tmp_path / "orders.csv", [{"n": "1", "at": "2026-03-05T10:00Z", "who": ""}])
    [fault] = faults_of(readings(path, 'order_number: n\nplaced_at: at\nemail: "{who}@example.test"\n'))
    assert (fault.column, fault.problem) == ("who", "without any way to reach the shopper")


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=30).map(
    lambda text: text.strip()
).filter(lambda text: text and "\ufffd" not in text)  # fmt: skip


@settings(max_examples=60)
@given(
    orders=st.lists(
        st.fixed_dictionaries(
            {
                "order_number": st.from_regex(r"[A-Z0-9#-]{1,20}", fullmatch=True),
                "name": WORDS,
                "city": WORDS,
                "placed_at": st.datetimes(datetime(1990, 1, 2), datetime(2100, 12, 30), timezones=st.just(UTC)),
                "minutes": st.integers(-14 * 60, 14 * 60),
                "minor": st.integers(0, 10**12),
                "promised_on": st.dates(date(2026, 1, 1), date(2099, 1, 1)),
            }
        ),
        max_size=6,
        unique_by=lambda order: order["order_number"],
    )
)
def test_orders_written_as_csv_come_back_as_they_were(tmp_path: Path, orders: list[dict]) -> None:  # type: ignore[type-arg]
    """Names with quotes, delimiters and any script, instants at any offset, days and amounts survive the file."""
    lines = []
    for order in orders:
        at = order["placed_at"] + timedelta(minutes=order["minutes"])
        sign, minutes = "-" if order["minutes"] < 0 else "+", abs(order["minutes"])
        written = f"{at.replace(tzinfo=None).isoformat()}{sign}{minutes // 60:02}:{minutes % 60:02}"
        lines.append(
            SOUND
            | {name: order[name] for name in ("order_number", "name", "city")}
            | {"placed_at": written, "total": f"{order['minor'] // 100}.{order['minor'] % 100:02}"}
            | {"promised_on": order["promised_on"].isoformat()}
        )
    found = readings(write_csv(tmp_path / "orders.csv", [*lines, SOUND | {"order_number": "last one"}]))
    assert faults_of(found) == []
    for told, row in zip(orders, rows_of(found), strict=False):
        assert (row.order.number, row.order.placed_at) == (told["order_number"], told["placed_at"])
        assert (row.order.shopper.name, row.order.shopper.city) == (told["name"], told["city"])
        assert (row.order.total_minor, row.order.promised_on) == (told["minor"], told["promised_on"])
