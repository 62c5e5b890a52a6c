"""What is strange about a row, though it can be kept: said once, so that its owner can look."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise

from app.errors import Fault
from app.intake.mapping import FileMapping, holds
from app.intake.schema import IncomingOrder
from app.models.vocabulary import PROGRESS, Milestone
from app.zones import zone, zone_of_country

_KEPT = "The row is kept as it is; correct the file if it is wrong."


def oddities(
    line: int, row: Mapping[str, str], order: IncomingOrder, mapping: FileMapping, now: datetime | None
) -> tuple[Fault, ...]:
    """Everything odd about one row that has become `order`. `now` is engine time, None where none is too late."""
    found = [*_times(order, mapping, now), *_promise(order, mapping), *_status(row, order, mapping)]
    return tuple(Fault(line, column, problem, _KEPT) for column, problem in found)


Odd = tuple[str, str]


def _when(order: IncomingOrder) -> list[tuple[Milestone, datetime]]:
    """The order's scans along a parcel's journey."""
    scans = [(scan.milestone, scan.occurred_at) for parcel in order.parcels for scan in parcel.scans]
    return sorted((scan for scan in scans if scan[0] in PROGRESS), key=lambda scan: PROGRESS[scan[0]])


def _times(order: IncomingOrder, mapping: FileMapping, now: datetime | None) -> Iterator[Odd]:
    scans = _when(order)
    for (before, earlier), (after, later) in pairwise(scans):
        if later < earlier and PROGRESS[after] > PROGRESS[before]:
            yield mapping.scan_written_as(after), f"is {after} {_gap(earlier, later)} before it was {before}"
    for milestone, at in scans:
        if at < order.placed_at:
            column = mapping.scan_written_as(milestone)
            yield column, f"is {milestone} {_gap(order.placed_at, at)} before the order was placed"
        if now is not None and at > now:
            yield mapping.scan_written_as(milestone), f"is {milestone} {_gap(at, now)} from now"


def _promise(order: IncomingOrder, mapping: FileMapping) -> Iterator[Odd]:
    here = order.shopper.zone or zone_of_country(order.shopper.country) or "UTC"
    placed_on = order.placed_at.astimezone(zone(here)).date()
    if order.promised_on is not None and order.promised_on < placed_on:
        days = (placed_on - order.promised_on).days
        yield mapping.written_as("promised_on"), f"the promised day is {days} d before the day of the order"


def _status(row: Mapping[str, str], order: IncomingOrder, mapping: FileMapping) -> Iterator[Odd]:
    told = {milestone for milestone, _ in _when(order)}
    for scan in mapping.scans:
        if holds(scan.expected_when, row) and scan.milestone not in told:
            said = ", ".join(f"{column} is {row[column].strip()!r}" for column in scan.expected_when)
            yield mapping.scan_written_as(scan.milestone), f"has no time, although {said}"
    if holds(mapping.cancelled_when, row) and Milestone.delivered in told:
        yield mapping.scan_written_as(Milestone.delivered), "is delivered, although the order is cancelled"


def _gap(later: datetime, earlier: datetime) -> str:
    seconds = (later - earlier).total_seconds()
    return f"{seconds / 86400:.1f} d" if seconds >= 86400 else f"{seconds / 3600:.1f} h"
