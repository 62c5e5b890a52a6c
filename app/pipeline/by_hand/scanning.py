"""A person says what happened to a parcel, where its carrier was wrong or said nothing."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.intake.schema import IncomingScan
from app.intake.store import ParcelScans
from app.models import Shipment
from app.models.vocabulary import Source
from app.pipeline.deciding.concluding import hear
from app.pipeline.house import House
from app.pipeline.listening.hearing import Tally
from app.pipeline.listening.incoming import heard_from_incoming


@dataclass(frozen=True, slots=True)
class Told:
    """What a scan by hand came to: `new` is false where the very same was told before; where the parcel stood and
    stands; how many messages it plans; the channels to wake."""

    new: bool
    before: str
    milestone: str
    tally: Tally


def tell_scan(
    session: Session, house: House, brand_id: int, shipment: str, scan: IncomingScan, now: datetime
) -> Told | None:
    """Hear one scan in the caller's transaction; None for a parcel that the brand has not. Twice is once."""
    query = sa.select(Shipment).where(Shipment.public_id == shipment, Shipment.brand_id == brand_id)
    row = session.scalars(query).one_or_none()
    if row is None:
        return None
    before = row.milestone
    tally = hear(session, house, heard_from_incoming([ParcelScans(row.id, (scan,))], Source.person), now)
    session.refresh(row)
    return Told(bool(tally.scans), before, row.milestone, tally)
