"""Imports a file of orders: in batches, each its own transaction, and a report of what was kept and what was not."""

import traceback
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Sessions
from app.errors import Fault
from app.intake.cancelling import cancel_orders
from app.intake.csv_file import BadRow, Notice, Row, Skipped, read_orders
from app.intake.routes import Router, nobody
from app.intake.store import Outcome, ParcelScans, Stored, upsert_orders
from app.log import logger, mask
from app.models.brands import Brand

BATCH = 500
KEPT_FAULTS = 1000
"""So many faults and warnings are kept by name; of the rest, only how many."""

Hear = Callable[[Session, list[ParcelScans]], object]
"""Records what parcels' scans amount to, in the given transaction; the caller brings the pipeline."""

Routes = Callable[[Session], Router]
"""Who is asked about which parcel, as a transaction sees it; the caller brings it."""

log = logger(__name__)


@dataclass(slots=True)
class ImportReport:
    """What an import came to. Rows = good + bad + skipped + repeated; orders = new + changed + unchanged."""

    rows: int = 0
    rows_bad: int = 0
    rows_skipped: int = 0
    rows_repeated: int = 0
    orders_new: int = 0
    orders_changed: int = 0
    orders_unchanged: int = 0
    orders_cancelled: int = 0
    parcels_new: int = 0
    parcels_changed: int = 0
    scans: int = 0
    fault_count: int = 0
    warning_count: int = 0
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    carriers_due: set[str] = field(default_factory=set)

    @property
    def orders(self) -> int:
        """How many orders the file told, known before or not."""
        return self.orders_new + self.orders_changed + self.orders_unchanged

    def refuse(self, faults: Sequence[Fault], rows: int = 1) -> None:
        """Count rows that were passed over, and keep why."""
        self.rows_bad += rows
        self.fault_count += len(faults)
        self.faults += faults[: max(0, KEPT_FAULTS - len(self.faults))]

    def warn(self, warnings: Sequence[Fault]) -> None:
        """Keep what was odd about rows that were kept."""
        self.warning_count += len(warnings)
        self.warnings += warnings[: max(0, KEPT_FAULTS - len(self.warnings))]

    def add(self, stored: Stored, cancelled: int) -> None:
        """Count what one committed batch changed."""
        self.orders_new += stored.count(Outcome.new)
        self.orders_changed += stored.count(Outcome.changed)
        self.orders_unchanged += stored.count(Outcome.unchanged)
        self.orders_cancelled += cancelled
        self.parcels_new += stored.parcels_new
        self.parcels_changed += stored.parcels_changed
        self.scans += sum(len(parcel.scans) for parcel in stored.scans)
        self.carriers_due |= stored.carriers_due

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return asdict(self) | {"orders": self.orders, "carriers_due": sorted(self.carriers_due)}

    def lines(self) -> list[str]:
        """The report as a person reads it: what was odd, what was passed over, then the counts."""
        odd = [f"odd      {warning}" for warning in self.warnings]
        bad = [f"skipped  {fault}" for fault in self.faults]
        odd += [f"odd      … and {more} more" for more in [self.warning_count - len(odd)] if more]
        bad += [f"skipped  … and {more} more" for more in [self.fault_count - len(bad)] if more]
        rows = {"bad": self.rows_bad, "left out by the mapping": self.rows_skipped, "repeated": self.rows_repeated}
        beside = "".join(f", {count} {name}" for name, count in rows.items() if count)
        cancelled = f", {self.orders_cancelled} cancelled" if self.orders_cancelled else ""
        return [
            *odd,
            *bad,
            f"{self.rows} rows{beside}; {self.warning_count} remarks.",
            f"{self.orders} orders: {self.orders_new} new, {self.orders_changed} changed, "
            f"{self.orders_unchanged} unchanged{cancelled}.",
            f"{self.parcels_new} parcels added, {self.parcels_changed} changed; {self.scans} scans told.",
        ]


def import_file(
    path: Path,
    mapping_path: Path | None,
    brand: Brand,
    sessions: Sessions,
    hear: Hear,
    *,
    now: datetime,
    live: bool,
    known_carriers: Collection[str],
    routes: Routes = lambda session: nobody,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> ImportReport:
    """Import a CSV file of one brand's orders.

    Unless `live`, everything up to `now` (engine time) is history. `routes` gives, for a session,
    who is asked about which parcel. Raises as `read_orders` does, and when the database is not there.
    """
    one = _Import(brand, sessions, hear, now, live, routes)
    batch: list[Row] = []
    for reading in read_orders(path, mapping_path, known_carriers, now=now, on_progress=on_progress):
        one.count(reading)
        if isinstance(reading, Row):
            batch.append(reading)
        if len(batch) == BATCH:
            one.store(batch)
            batch = []
    one.store(batch)
    return one.report


@dataclass(slots=True)
class _Import:
    brand: Brand
    sessions: Sessions
    hear: Hear
    now: datetime
    live: bool
    routes: Routes
    report: ImportReport = field(default_factory=ImportReport)

    def count(self, reading: Row | BadRow | Notice | Skipped) -> None:
        """Count one reading's rows and keep what is to be told of it."""
        match reading:
            case Row(lines, _, _, warnings):
                self.report.rows += len(lines)
                self.report.warn(warnings)
            case BadRow(_, faults):
                self.report.rows += 1
                self.report.refuse(faults)
            case Notice(fault, repeated):
                self.report.rows += repeated
                self.report.rows_repeated += repeated
                self.report.warn([fault])
            case Skipped():
                self.report.rows += 1
                self.report.rows_skipped += 1

    def store(self, rows: Sequence[Row]) -> None:
        """Store rows in one transaction; should it fail, each half on its own, down to the one at fault."""
        if not rows:
            return
        try:
            with self.sessions.begin() as session:
                stored, cancelled = self._store(session, rows)
        except (sa.exc.OperationalError, sa.exc.InterfaceError):
            raise  # the database is not there: no row is to blame
        except Exception as error:  # noqa: BLE001 - whatever one order does, the others go in; it is reported
            if len(rows) == 1:
                self._set_aside(rows[0], error)
                return
            self.store(rows[: len(rows) // 2])
            self.store(rows[len(rows) // 2 :])
        else:
            self.report.add(stored, cancelled)

    def _store(self, session: Session, rows: Sequence[Row]) -> tuple[Stored, int]:
        orders = [row.order for row in rows]
        stored = upsert_orders(
            session, self.brand, orders, now=self.now, history=not self.live, route=self.routes(session)
        )
        cancelled = 0
        named = sorted({(row.order.source, row.order.number) for row in rows if row.cancelled})
        for source, keys in groupby(named, key=lambda key: key[0]):
            done = cancel_orders(session, self.brand.id, source, [number for _, number in keys], self.now)
            cancelled += sum(not one.already for one in done)
        self.hear(session, stored.scans)
        return stored, cancelled

    def _set_aside(self, row: Row, error: Exception) -> None:
        # The first line alone: what follows it in a database's error quotes the row, and people live in rows.
        cause = mask(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)
        frames = "".join(traceback.format_tb(error.__traceback__))
        log.error("an order could not be stored", lines=row.lines, order=row.order.number, cause=cause, at=frames)
        remedy = "The rest was stored. Correct the row, or report this with the log's entry."
        self.report.refuse([Fault(row.lines[0], "row", f"could not be stored: {cause}", remedy)], rows=len(row.lines))
