"""Parcels whose carrier is paused, and that are asked about through another adapter: out of the way until it is lifted.

Such a parcel is not asked about, and would stand in front of all others that are due there. It is put off for a while
each time that it is come across, and taken up at once when the pause is lifted.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.pipeline.house import House

PUT_OFF_SECONDS = 1800.0
"""Longer than a parcel may ride along with others before its time, or it would be come across at every claim."""
AT_ONCE = 1000

_ANY = sa.text("SELECT EXISTS (SELECT 1 FROM pauses WHERE lifted_at IS NULL AND kind = 'carrier' AND name <> :carrier)")
_PUT_OFF = sa.text("""
    WITH passed AS MATERIALIZED (
        SELECT nearest.id FROM brands CROSS JOIN generate_series(0, 3) AS ranks (rank) CROSS JOIN LATERAL (
            SELECT id, carrier, brand_id FROM shipments
            WHERE asked_of = :carrier AND brand_id = brands.id AND poll_rank = ranks.rank AND next_poll_at <= :soon
            ORDER BY next_poll_at LIMIT :amount
        ) AS nearest
        WHERE EXISTS (
            SELECT 1 FROM pauses WHERE lifted_at IS NULL AND kind = 'carrier' AND name = nearest.carrier
                AND (pauses.brand_id IS NULL OR pauses.brand_id = nearest.brand_id))
    ), mine AS MATERIALIZED (
        SELECT shipments.id FROM shipments JOIN passed USING (id) WHERE next_poll_at <= :soon
        ORDER BY shipments.id FOR NO KEY UPDATE OF shipments SKIP LOCKED
    )
    UPDATE shipments SET next_poll_at = :until FROM mine WHERE shipments.id = mine.id
""")
_TAKE_UP = sa.text("""
    WITH waiting AS MATERIALIZED (
        SELECT put_off.id
        FROM brands CROSS JOIN unnest(cast(:adapters AS text[])) AS adapters (name)
        CROSS JOIN generate_series(0, 3) AS ranks (rank) CROSS JOIN LATERAL (
            SELECT id FROM shipments
            WHERE asked_of = adapters.name AND brand_id = brands.id AND poll_rank = ranks.rank
                AND next_poll_at > :now AND next_poll_at <= :until AND carrier = :carrier
            LIMIT :amount
        ) AS put_off
        WHERE cast(:brand AS bigint) IS NULL OR brands.id = :brand
    ), mine AS MATERIALIZED (
        SELECT shipments.id FROM shipments JOIN waiting USING (id) WHERE next_poll_at > :now
        ORDER BY shipments.id FOR NO KEY UPDATE OF shipments SKIP LOCKED
    )
    UPDATE shipments SET next_poll_at = :now FROM mine WHERE shipments.id = mine.id RETURNING shipments.id
""")


def put_off(session: Session, house: House, adapter: str, soon: datetime) -> None:
    """Put off those of an adapter's next parcels whose own carrier is paused, in the caller's transaction."""
    if session.scalar(_ANY, {"carrier": adapter}):
        until = max(house.clock.after_wall(PUT_OFF_SECONDS), soon)
        session.execute(_PUT_OFF, {"carrier": adapter, "soon": soon, "until": until, "amount": AT_ONCE})


def take_up(house: House, carrier: str, brand_id: int | None) -> int:
    """Let the parcels of a carrier be asked about at once that were put off: all, or those of one brand; how many.

    One that another worker holds at this moment is asked about when its time comes.
    """
    now, total, taken = house.clock.now(), 0, 1
    values = {
        "carrier": carrier,
        "brand": brand_id,
        "adapters": sorted(house.carriers.keys() - {carrier}),
        "now": now,
        "until": house.clock.after_wall(PUT_OFF_SECONDS),
        "amount": AT_ONCE,
    }
    while taken:
        with house.sessions.begin() as session:
            taken = len(session.scalars(_TAKE_UP, values).all())
        total += taken
    return total
