"""What is kept of carriers' raw answers: compressed, of bounded size each, and of bounded number a parcel."""

import zlib

import sqlalchemy as sa

from app.clock import stopwatch
from app.pipeline.house import House

KEPT_BYTES = 256_000
"""Bytes kept of one answer, before it is compressed: ten times the longest history that a parcel has."""

KEPT_A_PARCEL = 40
"""Answers kept of one parcel, the newest: a carrier that rewrites a date in every answer fills no disk."""

_MARK = "answers_a_parcel"
_WINDOW = 5000
_ENOUGH_SECONDS = 20.0

_BEGIN = sa.text("INSERT INTO pruning_marks (retention) VALUES (:mark) ON CONFLICT DO NOTHING")
_HOLD = sa.text("SELECT upto FROM pruning_marks WHERE retention = :mark FOR UPDATE SKIP LOCKED")
_MOVE = sa.text("UPDATE pruning_marks SET upto = :upto WHERE retention = :mark")
_AHEAD = sa.text("""
    SELECT max(id), array_agg(DISTINCT shipment_id)
    FROM (SELECT id, shipment_id FROM carrier_answers WHERE id > :upto ORDER BY id LIMIT :window) AS ahead
""")
_THIN = sa.text("""
    DELETE FROM carrier_answers WHERE id = ANY(ARRAY(
        SELECT older.id FROM unnest(cast(:shipments AS bigint[])) AS parcel (id)
        CROSS JOIN LATERAL (
            SELECT id FROM carrier_answers WHERE shipment_id = parcel.id ORDER BY id DESC OFFSET :kept
        ) AS older
    )) RETURNING id
""")


def packed(body: bytes) -> bytes:
    """A raw answer as it is stored."""
    return zlib.compress(body[:KEPT_BYTES], 6)


def thin_out(house: House, enough: float = _ENOUGH_SECONDS) -> int:
    """Take away what is too much of one parcel, going on where it stopped the last time; how many answers went."""
    gone, started, more = 0, stopwatch(), True
    while more and stopwatch() - started < enough:
        with house.sessions.begin() as session:
            session.execute(_BEGIN, {"mark": _MARK})
            upto = session.scalars(_HOLD, {"mark": _MARK}).one_or_none()
            if upto is None:  # another pass is at it
                return gone
            reached, shipments = session.execute(_AHEAD, {"upto": upto, "window": _WINDOW}).one()
            more = reached is not None
            if more:
                gone += len(session.execute(_THIN, {"shipments": shipments, "kept": KEPT_A_PARCEL}).all())
                session.execute(_MOVE, {"mark": _MARK, "upto": reached})
    return gone
