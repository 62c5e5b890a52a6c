"""What follows from an answer that brings nothing new about a parcel which has been silent for weeks, or has ended."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from app.models import Shipment
from app.models.vocabulary import ENDS, Source
from app.pipeline.deciding.concluding import hear
from app.pipeline.house import House
from app.pipeline.listening.hearing import Heard, Tally
from app.pipeline.polling.due import DueParcel


def is_last_answer(house: House, parcel: DueParcel, now: datetime) -> bool:
    """Whether nothing new is the last that is waited for: the parcel's patience is over, or it has ended before."""
    if parcel.milestone in ENDS:
        return True
    return now - parcel.quiet_since >= house.cadence(parcel.asked_of).patience(parcel.milestone)


def fall_silent(house: House, parcels: Sequence[DueParcel], now: datetime) -> Tally:
    """Conclude from silence, in a transaction of its own: the parcel expires, or rests for good, or lives on after all
    (its number was corrected, say)."""
    heard = [Heard(parcel.id, Source.api, tracking_number=parcel.tracking_number, asked=True) for parcel in parcels]
    with house.sessions.begin() as session:
        tally = hear(session, house, heard, now)
        looked_at = [{"id": parcel.id, "last_polled_at": now, "poll_failures": 0} for parcel in parcels]
        session.execute(sa.update(Shipment), looked_at)
    return tally
