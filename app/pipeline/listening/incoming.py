"""What a shop says happened to its parcels, made into what the pipeline hears."""

from collections.abc import Iterable

from app.intake.schema import IncomingScan
from app.intake.store import ParcelScans
from app.models.vocabulary import Source
from app.pipeline.listening.hearing import Heard
from app.tracking.adapter.base import HeardScan, scan_digest


def heard_from_incoming(told: Iterable[ParcelScans], source: Source) -> list[Heard]:
    """One `Heard` a parcel, as told through the API or a file. A scan told again, by either way, is the same scan."""
    return [Heard(parcel.shipment_id, source, scans=tuple(map(heard_scan, parcel.scans))) for parcel in told]


def heard_scan(scan: IncomingScan) -> HeardScan:
    """One scan of the shop's own telling. Its code is the shop's, or the milestone's name where it has none."""
    code = scan.code or scan.milestone.value
    written = scan.occurred_at.isoformat()
    return HeardScan(
        digest=scan_digest("api", code, written, scan.place or ""),
        code=code,
        milestone=scan.milestone,
        description=scan.description,
        place=scan.place,
        written_time=written,
        occurred_at=scan.occurred_at,
        zone_source="offset",
    )
