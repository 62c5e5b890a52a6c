"""What carriers' replies come to as plain JSON in our vocabulary: parcels with their scans, and what went wrong."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from app.models.vocabulary import NO_TIME
from app.tracking.adapter.base import CarrierReply, HeardScan
from app.tracking.milestones import KnownScan, fold

_WRITTEN = re.compile(r"(\d{4})\D?(\d\d)\D?(\d\d)\D{0,3}(\d\d)\D?(\d\d)(?:\D?(\d\d))?", re.ASCII)
_QUARTER = timedelta(minutes=15)


def normalised(tracked: Sequence[CarrierReply], errors: Sequence[CarrierReply]) -> dict[str, Any]:
    """`shipments`, each with its milestone by the fold over its scans, and `errors`."""
    return {
        "shipments": [_shipment(reply) for reply in tracked],
        "errors": [
            {"tracking_number": one.tracking_number or None, "kind": one.kind.value, "detail": one.detail}
            | ({"retry_after": one.retry_after} if one.retry_after is not None else {})
            for one in errors
        ],
    }


def _shipment(reply: CarrierReply) -> dict[str, Any]:
    state = fold(KnownScan(scan.digest, scan.milestone, scan.occurred_at, moves=scan.moves) for scan in reply.scans)
    return {
        "tracking_number": reply.tracking_number or None,
        "milestone": state.milestone.value,
        "eta": _eta(reply),
        "service": reply.service,
        "notes": reply.notes.told(),
        "scans": [_scan(scan) for scan in reply.scans],
    }


def _eta(reply: CarrierReply) -> dict[str, Any] | None:
    given = {"from": reply.eta_from, "through": reply.eta_through, "day": reply.eta_day}
    told = {name: value.isoformat() for name, value in given.items() if value is not None}
    return told or None


def _scan(scan: HeardScan) -> dict[str, Any]:
    without = {} if scan.occurred_at else {"no_time_because": NO_TIME.get(scan.zone_source, scan.zone_source)}
    return {
        "occurred_at": _local(scan).isoformat() if scan.occurred_at else None,
        **without,
        "written_time": scan.written_time,
        "zone_source": scan.zone_source,
        "code": scan.code,
        "milestone": scan.milestone.value if scan.milestone else None,
        "unknown_code": scan.unknown,
        "moves": scan.moves,
        "description": scan.description,
        "location": scan.place,
    }


def _local(scan: HeardScan) -> datetime:
    """The scan's instant on the clock by which the carrier wrote it, else in UTC."""
    at = scan.occurred_at or datetime.min.replace(tzinfo=UTC)
    found = _WRITTEN.match(scan.written_time)
    if found is None:
        return at
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        written = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return at
    # Zones differ by quarters of an hour; some carriers cut a local time to its minute and give the instant in full.
    apart = written - at.replace(microsecond=0)
    offset = round(apart / _QUARTER) * _QUARTER
    if abs(offset) > timedelta(hours=14) or abs(apart - offset) >= timedelta(minutes=1):
        return at
    return at.astimezone(timezone(offset))
