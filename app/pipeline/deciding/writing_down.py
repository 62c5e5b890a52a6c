"""Where the parcels of a batch stand by now, written in one statement."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.orm import Session

from app.models import Shipment

_WRITE = sa.text("""
    UPDATE shipments
    SET milestone = parcel.milestone, milestone_at = parcel.milestone_at, delivered_at = parcel.delivered_at,
        delivery_doubted_at = parcel.delivery_doubted_at, last_heard_at = parcel.last_heard_at,
        eta_from = parcel.eta_from, eta_through = parcel.eta_through, eta_day = parcel.eta_day,
        estimated_as_of = parcel.estimated_as_of, service = parcel.service, notes = parcel.notes,
        next_poll_at = parcel.next_poll_at, poll_rank = parcel.poll_rank, late_since = parcel.late_since,
        watch_at = parcel.watch_at
    FROM jsonb_to_recordset(cast(:parcels AS jsonb)) AS parcel (
        id bigint, milestone text, milestone_at timestamptz, delivered_at timestamptz, delivery_doubted_at timestamptz,
        last_heard_at timestamptz, eta_from timestamptz, eta_through timestamptz, eta_day date,
        estimated_as_of timestamptz, service text, notes jsonb, next_poll_at timestamptz, poll_rank smallint,
        late_since timestamptz, watch_at timestamptz
    )
    WHERE shipments.id = parcel.id
""")


def write_down(session: Session, parcels: Sequence[Mapping[str, Any]], settled: Sequence[Mapping[str, Any]]) -> None:
    """Write where these parcels stand, by column, and whose number it is where that was `settled`; each mapping has the
    `id` of a parcel whose row is locked. What the statement does not name is left out."""
    if parcels:
        session.execute(_WRITE, {"parcels": to_json(parcels).decode()})
    if settled:  # few: hardly anybody's number has to be guessed at
        session.execute(sa.update(Shipment), settled)
