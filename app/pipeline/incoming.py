"""What a shop says happened to its parcels, as the pipeline hears it."""

from collections.abc import Iterable

from app.intake.schema import IncomingScan
from app.intake.store import ParcelScans
from app.models.vocabulary import Source
from app.pipeline.concluding import Heard
from app.tracking.carriers.base import HeardScan, scan_digest


def heard_from_incoming(parcels: Iterable[ParcelScans], source: Source) -> list[Heard]:
    """Each parcel's scans as `Heard`. The same scan told twice, by file or by API, has one identity."""
    return [Heard(parcel.shipment_id, source, tuple(_heard(scan) for scan in parcel.scans)) for parcel in parcels]


def _heard(scan: IncomingScan) -> HeardScan:
    written = scan.occurred_at.isoformat()
    code = scan.code or scan.milestone.value
    return HeardScan(
        digest=scan_digest("shop", code, written, scan.place or ""),
        code=code,
        milestone=scan.milestone,
        description=scan.description,
        place=scan.place,
        written_time=written,
        occurred_at=scan.occurred_at,
        zone_source="offset",
    )
