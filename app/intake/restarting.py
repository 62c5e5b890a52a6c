"""Starts parcels anew whose tracking number was wrong: what was heard under it was another's, and counts no more.

Scans, estimates and crossings are kept as that number's, for whoever asks later; the ledger is kept as it is, so that
what was told is not told again.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.intake.cancelling import unsay

_RETIRES = (
    sa.text("UPDATE scans SET retired_at = :now WHERE shipment_id = ANY(:ids) AND retired_at IS NULL"),
    sa.text("UPDATE estimates SET retired_at = :now WHERE shipment_id = ANY(:ids) AND retired_at IS NULL"),
    sa.text(
        "UPDATE crossings SET retired_at = :now WHERE shipment_id = ANY(:ids) AND retired_at IS NULL"
        " AND scope = 'parcel'"
    ),
)


def retire(session: Session, shipment_ids: Sequence[int], now: datetime) -> None:
    """Retire all that rests on the number that these locked parcels had until now; `now` is engine time."""
    if not shipment_ids:
        return
    for statement in _RETIRES:
        session.execute(statement, {"ids": list(shipment_ids), "now": now})
    unsay(session, shipment_ids, now)
