"""What shoppers never received: a claim on a parcel that is marked as delivered, until it turns up or is dealt with."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.log import logger
from app.models import Claim, Shipment, public_id

log = logger(__name__)


def open_claim(session: Session, shipment: Shipment, now: datetime) -> bool:
    """Note that a parcel is not there, in the caller's transaction; whether that is new. Twice is once.

    Only of a parcel to its shopper that is marked as delivered: of any other it says nothing that is not known.
    """
    if shipment.direction != "outbound" or shipment.delivered_at is None:
        return False
    row = {
        "public_id": public_id("clm"),
        "brand_id": shipment.brand_id,
        "shipment_id": shipment.id,
        "opened_at": now,
    }
    unclosed = sa.text("closed_at IS NULL")
    written = insert(Claim).values(row).on_conflict_do_nothing(index_elements=["shipment_id"], index_where=unclosed)
    opened = session.scalar(written.returning(Claim.id)) is not None
    if opened:
        log.warning("a shopper did not receive a parcel", shipment=shipment.public_id, claim=row["public_id"])
    return opened


def close_claim(session: Session, shipment_id: int, by: str, now: datetime) -> bool:
    """End the claim that is open on a parcel; whether one was. `by` is `shopper`, or a person of the shop."""
    ended = sa.update(Claim).where(Claim.shipment_id == shipment_id, Claim.closed_at.is_(None))
    return session.scalar(ended.values(closed_at=now, closed_by=by).returning(Claim.id)) is not None
