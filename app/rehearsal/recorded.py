"""Reads a file of recorded orders for the replay: cancelled orders are left out, odd rows are kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from app.errors import Fault
from app.intake.csv_file import BadRow, Row, read_orders
from app.intake.schema import IncomingOrder
from app.rehearsal.replay import ReplayReport, replay
from app.rules.ruleset import RuleSet
from app.tracking.carriers.registry import CARRIERS


@dataclass(slots=True)
class Recorded:
    """The orders of a file; `ends_at` is the last instant that any of its rows names, cancelled ones included."""

    orders: list[IncomingOrder] = field(default_factory=list)
    cancelled: int = 0
    faults: list[Fault] = field(default_factory=list)
    ends_at: datetime | None = None


def read_recorded(path: Path, mapping: Path | None) -> Recorded:
    """The whole file in memory. Raises InvalidInput when the file or its mapping cannot be used at all."""
    recorded = Recorded()
    for reading in read_orders(path, mapping, list(CARRIERS)):
        if isinstance(reading, BadRow):
            recorded.faults += reading.faults
        if not isinstance(reading, Row):
            continue
        order = reading.order
        instants = [order.placed_at, *(scan.occurred_at for parcel in order.parcels for scan in parcel.scans)]
        recorded.ends_at = max([*instants, *([recorded.ends_at] if recorded.ends_at else [])])
        if reading.cancelled:
            recorded.cancelled += 1
        else:
            recorded.orders.append(order)
    return recorded


def replay_file(
    path: Path, mapping: Path | None, rules: RuleSet, on_step: Callable[[int, int], None]
) -> tuple[ReplayReport, Recorded]:
    """Replay a file of orders from its first purchase to its last timestamp."""
    recorded = read_recorded(path, mapping)
    return replay(recorded.orders, rules, ends_at=recorded.ends_at, on_step=on_step), recorded
