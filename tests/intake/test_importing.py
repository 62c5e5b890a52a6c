"""A file goes into the database: once, in any order of its rows, and past the rows and orders that fail."""

from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.db import Sessions
from app.intake import importing
from app.intake.importing import ImportReport, import_file
from app.intake.routes import Route
from app.intake.store import ParcelScans
from app.models import Brand
from tests.intake.rows import CARRIERS, NOW, table, write_csv

OLIST = Path("docs/mappings/olist.yaml").resolve()
RECORDED = Path("../shared/data/orders_sample.csv").resolve()


class Ear:
    """Stands where the pipeline listens: counts what it is told, and can choke on one parcel's scans."""

    def __init__(self, chokes_on: str | None = None) -> None:
        self.heard: list[ParcelScans] = []
        self.chokes_on = chokes_on

    def __call__(self, session: Session, parcels: list[ParcelScans]) -> None:
        for parcel in parcels:
            if any(scan.place == self.chokes_on for scan in parcel.scans if self.chokes_on):
                session.execute(sa.text("SELECT 1 / 0"))
        self.heard += parcels


def bring(
    sessions: Sessions,
    brand: Brand,
    path: Path,
    ear: Ear | None = None,
    live: bool = False,
    mapping: Path | None = None,
) -> ImportReport:
    """Import a file as the command line does."""
    return import_file(
        path, mapping, brand, sessions, ear or Ear(), now=NOW, live=live, known_carriers=CARRIERS,
        routes=lambda session: lambda carrier, number, country: Route(carrier),
    )  # fmt: skip


def row(number: int, **changes: str) -> dict[str, str]:
    """One sound row."""
    sound = {
        "order_number": f"n{number}",
        "placed_at": "2026-03-05T10:15:00+01:00",
        "email": f"a{number}@example.test",
        "country": "SE",
        "promised_on": "2026-03-12",
        "carrier": "dhl",
        "tracking_number": f"T{number}",
        "dispatched_at": "2026-03-06T08:00:00+01:00",
    }
    return sound | changes


def everything(sessions: Sessions, without: tuple[str, ...] = ()) -> list[str]:
    """Every order and parcel."""
    with sessions() as session:
        return table(session, "orders", without) + table(session, "shipments", without)


CHANCE = ("id", "order_id", "public_id", "link_token", "created_at", "updated_at")


@pytest.mark.parametrize("live", [False, True])
def test_importing_twice_changes_nothing(sessions: Sessions, brand: Brand, tmp_path: Path, live: bool) -> None:
    """The second import of a file, bad rows and all, leaves every row of the database as it was."""
    bad = [row(900, email="ann@@example.test"), row(901, placed_at="soon"), row(902, carrier="pigeon")]
    parts = [row(3, tracking_number="other"), row(5, tracking_number="", carrier="")]
    path = write_csv(tmp_path / "orders.csv", [*map(row, range(8)), *bad, *parts])
    first = bring(sessions, brand, path, live=live)
    assert (first.rows, first.rows_bad, first.orders_new, first.parcels_new, first.scans) == (13, 3, 8, 9, 10)
    assert [fault.line for fault in first.faults] == [10, 11, 12]
    before = everything(sessions)
    second = bring(sessions, brand, path, live=live)
    assert everything(sessions) == before
    assert (second.orders_new, second.orders_changed, second.orders_unchanged) == (0, 0, 10)
    assert (second.parcels_new, second.parcels_changed, second.faults) == (0, 0, first.faults)


def test_an_import_is_history_unless_it_is_live(sessions: Sessions, brand: Brand, tmp_path: Path) -> None:
    """Without --live every parcel gets its baseline at now; with it, none does."""
    bring(sessions, brand, write_csv(tmp_path / "old.csv", [row(1)]))
    bring(sessions, brand, write_csv(tmp_path / "new.csv", [row(2)]), live=True)
    with sessions() as session:
        query = sa.text("SELECT tracking_number, history_until, next_poll_at FROM shipments ORDER BY id")
        assert [tuple(one) for one in session.execute(query)] == [("T1", NOW, NOW), ("T2", None, NOW)]


@settings(max_examples=12)
@given(seed=st.integers())
def test_the_order_of_rows_does_not_matter(sessions: Sessions, brand: Brand, tmp_path: Path, seed: int) -> None:
    """Any permutation of a file's rows, parcels of one order far apart, gives the same orders and parcels."""
    rows = [row(number, tracking_number=f"T{number}-{part}") for number in range(6) for part in range(1 + number % 3)]
    results = []
    for arrangement in (rows, Random(seed).sample(rows, len(rows))):
        with sessions.begin() as session:
            session.execute(sa.text("TRUNCATE orders, shipments CASCADE"))
        bring(sessions, brand, write_csv(tmp_path / "orders.csv", arrangement))
        results.append(everything(sessions, without=CHANCE))
    assert results[0] == results[1]
    assert len(results[0]) == 6 + 12


def test_rows_of_one_order_meet_across_batches(
    sessions: Sessions, brand: Brand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parcels of an order that end up in different transactions are still one order's."""
    monkeypatch.setattr(importing, "BATCH", 3)
    rows = [row(number, tracking_number=f"T{part}-{number}") for part in range(3) for number in range(4)]
    report = bring(sessions, brand, write_csv(tmp_path / "orders.csv", rows))
    assert (report.orders_new, report.orders_changed, report.parcels_new) == (4, 8, 12)


def test_an_order_that_cannot_be_stored_is_set_aside_alone(
    sessions: Sessions, brand: Brand, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failing order in a batch is told by its line; all others of the batch are stored and heard once."""
    mapping = tmp_path / "map.yaml"
    fields = "\n".join(f"{name}: {name}" for name in row(0) if name != "dispatched_at")
    mapping.write_text(f"{fields}\nscans:\n- {{milestone: dispatched, at: dispatched_at, place: town}}\n")
    rows = [row(number, town="Lund" if number == 5 else "Ystad") for number in range(9)]
    ear = Ear(chokes_on="Lund")
    report = bring(sessions, brand, write_csv(tmp_path / "orders.csv", rows), ear, mapping=mapping)
    [fault] = report.faults
    assert (fault.line, report.orders_new, report.rows_bad) == (7, 8, 1)
    assert "could not be stored" in fault.problem
    assert "division by zero" in fault.problem
    assert len({parcel.shipment_id for parcel in ear.heard}) == len(ear.heard) == 8
    with sessions() as session:
        numbers = session.scalars(sa.text("SELECT number FROM orders ORDER BY number")).all()
    assert numbers == [f"n{number}" for number in range(9) if number != 5]
    logged = "".join(capsys.readouterr())
    assert "division by zero" in logged
    assert "example.test" not in logged


def test_a_database_that_is_gone_blames_no_row(sessions: Sessions, brand: Brand, tmp_path: Path) -> None:
    """When the connection breaks, the import ends with that error instead of a thousand faults."""

    def broken(session: Session, _parcels: list[ParcelScans]) -> None:
        session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

    path = write_csv(tmp_path / "orders.csv", [row(1), row(2)])
    with pytest.raises(sa.exc.OperationalError):
        import_file(path, None, brand, sessions, broken, now=NOW, live=True, known_carriers=CARRIERS)


def test_the_report_reads_as_sentences_and_as_values(sessions: Sessions, brand: Brand, tmp_path: Path) -> None:
    """A person sees odd and skipped rows by line and the counts; a program the same as plain values."""
    rows = [row(1), row(1), row(2, phone="12"), row(3, promised_on="2026-03-01")]
    report = bring(sessions, brand, write_csv(tmp_path / "orders.csv", rows))
    lines = report.lines()
    assert lines[-3:] == [
        "4 rows, 1 bad, 1 repeated; 2 remarks.",
        "2 orders: 2 new, 0 changed, 0 unchanged.",
        "2 parcels added, 0 changed; 2 scans told.",
    ]
    assert any(line.startswith("odd      line 3, row: is the same as line 2") for line in lines)
    assert any(line.startswith("skipped  line 4, phone: '12' cannot be a phone number in SE") for line in lines)
    assert (report.as_json()["orders"], report.as_json()["carriers_due"]) == (2, ["dhl"])


def test_a_thousand_faults_are_named_and_the_rest_counted(sessions: Sessions, brand: Brand, tmp_path: Path) -> None:
    """However broken a file is, the report stays bounded and its counts true."""
    path = write_csv(tmp_path / "orders.csv", [row(number, email="x") for number in range(1200)])
    report = bring(sessions, brand, path)
    assert (report.rows_bad, report.fault_count, len(report.faults)) == (1200, 1200, 1000)
    assert "skipped  … and 200 more" in report.lines()


def test_progress_ends_where_the_file_does(sessions: Sessions, brand: Brand, tmp_path: Path) -> None:
    """Progress counts bytes, never backwards, up to the file's size."""
    path = write_csv(tmp_path / "orders.csv", [row(number) for number in range(700)])
    told: list[tuple[int, int]] = []
    import_file(
        path, None, brand, sessions, Ear(), now=NOW, live=False, known_carriers=CARRIERS,
        on_progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == sorted(told)
    assert told[-1] == (path.stat().st_size, path.stat().st_size)


@pytest.mark.shared
@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded orders do not lie beside the repository")
def test_recorded_orders_go_in_whole_and_once(sessions: Sessions, brand: Brand) -> None:
    """All 6,685 real orders are stored through the mapping that ships, the odd ones named, and twice is once."""
    ear = Ear()
    report = bring(sessions, brand, RECORDED, ear, mapping=OLIST)
    assert (report.rows, report.orders_new, report.parcels_new, report.orders_cancelled) == (6685, 6685, 6685, 36)
    assert report.faults == []
    assert {warning.line for warning in report.warnings} == {29, 1518, 1715, 3937, 3956, 5744}
    assert report.scans == sum(len(parcel.scans) for parcel in ear.heard) == 6554 + 6468
    before = everything(sessions)
    again = bring(sessions, brand, RECORDED, Ear(), mapping=OLIST)
    assert (again.orders_unchanged, again.parcels_changed, again.orders_cancelled) == (6685, 0, 0)
    assert everything(sessions) == before
    with sessions() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM shipments WHERE history_until IS NULL")) == 0
        assert session.scalar(sa.text("SELECT count(*) FROM orders WHERE zone <> 'America/Sao_Paulo'")) == 0
