"""Whose number it is, where nobody said: the adapters are asked in turn, and the first that knows it settles it."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.vocabulary import Source
from app.pipeline.house import House
from app.pipeline.listening.hearing import Heard
from app.pipeline.polling.due import DueParcel
from app.pipeline.polling.routing import speaks_for_others
from app.pipeline.polling.understanding import Asked
from app.tracking.adapter.base import AnswerKind

NEXT_AFTER = timedelta(minutes=2)
"""Engine time until the next candidate is asked. Once none has known the number, the likeliest is asked again after as
long as any number that its carrier does not know."""

# What was written about this answer is kept but for who is asked next, and when. The last of them leads back to the
# first, at the time that was set for a number that nobody knows.
_NEXT = sa.text("""
    WITH unsettled AS MATERIALIZED (
        SELECT shipments.id, candidates, array_position(candidates, asked_of) AS at
        FROM shipments JOIN unnest(cast(:ids AS bigint[]), cast(:numbers AS text[])) AS asked (id, number)
            ON asked.id = shipments.id AND asked.number = shipments.tracking_number
        WHERE shipments.carrier IS NULL AND cardinality(candidates) > 1 AND shipments.next_poll_at IS NOT NULL
        ORDER BY shipments.id FOR NO KEY UPDATE OF shipments
    )
    UPDATE shipments
    SET asked_of = coalesce(unsettled.candidates[unsettled.at + 1], unsettled.candidates[1]),
        next_poll_at = CASE WHEN unsettled.at < cardinality(unsettled.candidates) THEN :soon ELSE next_poll_at END,
        poll_failures = CASE WHEN unsettled.at < cardinality(unsettled.candidates) THEN 0 ELSE poll_failures END
    FROM unsettled WHERE shipments.id = unsettled.id
""")

ILL_FOR = timedelta(minutes=10)
"""Engine time that a parcel waits for a candidate that is left alone, before another is asked."""

# The next in turn that may be asked; where all are left alone it stays where it is.
_PAST_THE_ILL = sa.text("""
    WITH stuck AS MATERIALIZED (
        SELECT id, candidates, array_position(candidates, asked_of) AS at FROM shipments
        WHERE asked_of = any(:ill) AND carrier IS NULL AND next_poll_at <= :since
            AND NOT candidates <@ cast(:ill AS text[])
        ORDER BY id LIMIT 400 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE shipments SET next_poll_at = :now, poll_failures = 0, asked_of = (
        SELECT name FROM unnest(stuck.candidates) WITH ORDINALITY AS one (name, place)
        WHERE name <> all(:ill) ORDER BY place <= stuck.at, place LIMIT 1
    )
    FROM stuck WHERE shipments.id = stuck.id
""")


def pass_by_the_ill(session: Session, ill: Collection[str], now: datetime) -> None:
    """Have another candidate asked about parcels that have long waited for one that is left alone: wrong credentials
    of the likeliest would keep them from the one that knows them for ever."""
    if ill:
        session.execute(_PAST_THE_ILL, {"ill": sorted(ill), "since": now - ILL_FOR, "now": now})


def is_passed_on(one: Asked) -> bool:
    """Whether another candidate is still to be asked about a number that this one does not know: one carrier's not
    knowing it is then nobody's last word."""
    parcel = one.parcel
    unknown = one.reply.kind is AnswerKind.not_found and parcel.carrier is None
    return unknown and parcel.asked_of in parcel.candidates[:-1]


def ask_the_next(session: Session, asked: Sequence[Asked], now: datetime) -> None:
    """Have the next candidate asked about parcels whose number this one does not know, or may not tell us.

    Called in the transaction that recorded these answers, after it has written the parcels' rows.
    """
    passed = [
        one.parcel
        for one in asked
        if one.parcel.carrier is None and one.reply.kind in (AnswerKind.not_found, AnswerKind.denied)
    ]
    pass_on(session, passed, now)


def pass_on(session: Session, parcels: Sequence[DueParcel], now: datetime) -> None:
    """Have the next candidate asked about these parcels, in the transaction that has just given them a later turn."""
    if parcels:
        ids, numbers = [parcel.id for parcel in parcels], [parcel.tracking_number for parcel in parcels]
        session.execute(_NEXT, {"ids": ids, "numbers": numbers, "soon": now + NEXT_AFTER})


def settled(house: House, shipment: Any, entry: Heard) -> dict[str, Any]:
    """The columns by which an answer settles whose number it is; empty for nearly every parcel: nobody guessed at it.

    One that is asked about for others knows every number: it ends the asking round, and names nobody.
    """
    if not shipment.candidates or entry.source is not Source.poll or entry.tracking_number is None:
        return {}
    knows = entry.by or shipment.asked_of
    if knows not in shipment.candidates:  # the settings changed while it was asked
        return {}
    if speaks_for_others(house, knows):
        return {"asked_of": knows, "candidates": []}
    return {"asked_of": knows, "carrier": knows, "carrier_guessed": True, "candidates": []}
