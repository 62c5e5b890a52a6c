"""What an answer costs or brings a parcel: unchanged, changed, or unusable, each written in one transaction a batch."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import cause_of
from app.log import logger
from app.models import Shipment
from app.models.vocabulary import Source
from app.pipeline.deciding.concluding import hear
from app.pipeline.halving import in_halves
from app.pipeline.house import House
from app.pipeline.listening.hearing import Heard, Tally
from app.pipeline.polling.due import DueParcel
from app.pipeline.polling.raw_answers import packed
from app.pipeline.polling.settling_carrier import ask_the_next, is_passed_on
from app.pipeline.polling.silence import fall_silent, is_last_answer
from app.pipeline.polling.understanding import SAME_AGAIN, Asked, answer_digest
from app.tracking.adapter.base import AnswerKind, clean
from app.tracking.cadence import Rank, after_failure, after_not_found, next_question
from app.tracking.covered import seldom

log = logger(__name__)

_SOON = 20.0
"""Times the wait after a first failure: a hint without the whole is asked about again in some five minutes."""

_KEPT_OF_A_FAULT = 16_000
"""Bytes kept of an answer that could not be used: enough to see what it was."""


def record(house: House, asked: Sequence[Asked], now: datetime) -> Tally:
    """Write down what a carrier answered about each parcel; one parcel's trouble is its own."""
    tally = Tally()
    asked = sorted(asked, key=lambda one: one.parcel.id)  # rows are written, and so locked, in the one order
    same = {one.parcel.id for one in asked if _unchanged(one)}
    no_news = [one for one in asked if one.parcel.id in same or _is_unknown(one)]
    last = {one.parcel.id for one in no_news if is_last_answer(house, one.parcel, now)}
    silent = [one for one in asked if one.parcel.id in last]
    asked = [one for one in asked if one.parcel.id not in last]
    unchanged = [one for one in asked if one.parcel.id in same]
    changed = [one for one in asked if one.reply.kind is AnswerKind.tracked and one.parcel.id not in same]
    unusable = [one for one in asked if one.reply.kind is not AnswerKind.tracked]
    in_halves(unchanged, lambda batch: _rest(house, batch, now), lambda one, error: _set_aside(house, one, error))
    in_halves(
        changed, lambda batch: tally.add(_news(house, batch, now)), lambda one, error: _set_aside(house, one, error)
    )
    in_halves(
        silent,
        lambda batch: tally.add(fall_silent(house, [one.parcel for one in batch], now)),
        lambda one, error: _set_aside(house, one, error),
    )
    in_halves(unusable, lambda batch: _fault(house, batch, now), lambda one, error: _set_aside(house, one, error))
    tally.parcels = len(asked) + len(silent)
    return tally


_GIVE_BACK = sa.text("""
    WITH kept AS MATERIALIZED (
        SELECT shipments.id
        FROM shipments JOIN unnest(cast(:ids AS bigint[]), cast(:numbers AS text[])) AS claimed (id, number)
            ON claimed.id = shipments.id
        WHERE shipments.tracking_number = claimed.number AND shipments.next_poll_at > :now
        ORDER BY shipments.id FOR NO KEY UPDATE OF shipments
    )
    UPDATE shipments SET next_poll_at = :now FROM kept WHERE shipments.id = kept.id
""")


def give_back(house: House, parcels: Sequence[DueParcel], now: datetime) -> None:
    """Let parcels that were claimed and not asked about be due again at once: it is their carrier that waits."""
    if parcels:
        values = {"ids": [one.id for one in parcels], "numbers": [one.tracking_number for one in parcels], "now": now}
        with house.sessions.begin() as session:
            session.execute(_GIVE_BACK, values)


def _is_unknown(one: Asked) -> bool:
    return one.reply.kind is AnswerKind.not_found and not is_passed_on(one)


def _unchanged(one: Asked) -> bool:
    if one.reply is SAME_AGAIN:
        return True
    return one.reply.kind is AnswerKind.tracked and one.parcel.last_answer == answer_digest(one.about)


# A parcel that was cancelled, put to rest or given another number since it was claimed is not what was asked about.
# Locked in the one order first: an update alone takes its rows in whatever order the plan finds them.
_REST = sa.text("""
    WITH rested AS MATERIALIZED (
        SELECT shipments.id, polled.next_poll_at, polled.poll_rank
        FROM shipments JOIN unnest(
            cast(:ids AS bigint[]), cast(:numbers AS text[]), cast(:next_poll_at AS timestamptz[]),
            cast(:ranks AS smallint[])
        ) AS polled (id, number, next_poll_at, poll_rank) ON polled.id = shipments.id
        WHERE shipments.tracking_number = polled.number AND shipments.next_poll_at IS NOT NULL
        ORDER BY shipments.id FOR NO KEY UPDATE OF shipments
    )
    UPDATE shipments
    SET last_polled_at = :now, poll_failures = 0, problem = NULL, next_poll_at = rested.next_poll_at,
        poll_rank = rested.poll_rank
    FROM rested WHERE shipments.id = rested.id
""")


def _rest(house: House, batch: Sequence[Asked], now: datetime) -> None:
    """The carrier says what it said before: only the next question moves."""
    parcels = [one.parcel for one in batch]
    questions = [next_question(parcel.watched(), now, house.cadence(parcel.asked_of)) for parcel in parcels]
    values = {
        "now": now,
        "ids": [parcel.id for parcel in parcels],
        "numbers": [parcel.tracking_number for parcel in parcels],
        "next_poll_at": [
            _rest_until(parcel, question.at, now) if question else None
            for parcel, question in zip(parcels, questions, strict=True)
        ],
        "ranks": [question.rank if question else Rank.cold for question in questions],
    }
    with house.sessions.begin() as session:
        session.execute(_REST, values)


def _rest_until(parcel: DueParcel, usual: datetime, now: datetime) -> datetime | None:
    """A parcel of which the carrier calls is asked about seldom, as long as asking finds nothing that no call told."""
    return seldom(usual, now, parcel.milestone) if parcel.covered else usual


def _news(house: House, batch: Sequence[Asked], now: datetime) -> Tally:
    with house.sessions.begin() as session:
        tally = hear(session, house, [_heard(one) for one in batch], now)
        theirs = _still_theirs(session, batch)
        if not theirs:
            return tally
        answers = [(one, one.about) for one in theirs]
        _keep(session, [*answers, *((one, one.more.body) for one in theirs if one.more is not None)], now)
        session.execute(_ANSWERED, {**_answered(theirs), "now": now})
        if hints := [_again_soon(house, one) for one in theirs if not one.complete]:
            session.execute(_STILL_ASKED, hints)
    return tally


_THEIRS = sa.text("""
    SELECT shipments.id
    FROM shipments JOIN orders ON orders.id = shipments.order_id
        JOIN unnest(cast(:ids AS bigint[]), cast(:numbers AS text[])) AS asked (id, number) ON asked.id = shipments.id
    WHERE shipments.tracking_number = asked.number AND orders.erased_at IS NULL
""")


def _still_theirs(session: Session, batch: Sequence[Asked]) -> list[Asked]:
    """The answers that are about a parcel as it stands: of a person who was erased while its carrier was asked nothing
    is kept, and of another number than the parcel has by now neither. Called when the parcels' rows are locked."""
    ids, numbers = [one.parcel.id for one in batch], [one.parcel.tracking_number for one in batch]
    theirs = set(session.scalars(_THEIRS, {"ids": ids, "numbers": numbers}))
    return [one for one in batch if one.parcel.id in theirs]


def _heard(one: Asked) -> Heard:
    heard = Heard.of_reply(one.parcel.id, Source.poll, one.reply, one.parcel.tracking_number)
    return replace(heard, covered=one.parcel.covered, by=one.parcel.asked_of or None)


_ANSWERED = sa.text("""
    UPDATE shipments SET last_polled_at = :now, last_answer = asked.answer, poll_failures = 0, problem = NULL
    FROM unnest(cast(:ids AS bigint[]), cast(:answers AS bytea[])) AS asked (id, answer)
    WHERE shipments.id = asked.id
""")


def _answered(batch: Sequence[Asked]) -> dict[str, Any]:
    """An answer that is only a hint, because nobody could ask for the whole, is no last answer: it is news again."""
    return {
        "ids": [one.parcel.id for one in batch],
        "answers": [answer_digest(one.about) if one.complete else one.parcel.last_answer for one in batch],
    }


def _again_soon(house: House, one: Asked) -> dict[str, Any]:
    return {**_claimed(one), "next_poll_at": house.clock.after_wall(_SOON * after_failure(1, one.parcel.id))}


_STILL_ASKED = sa.update(cast("sa.Table", Shipment.__table__)).where(
    Shipment.id == sa.bindparam("claimed_id"),
    Shipment.tracking_number == sa.bindparam("claimed_number"),
    Shipment.next_poll_at.is_not(None),
)


def _fault(house: House, batch: Sequence[Asked], now: datetime) -> None:
    """An answer that cannot be used costs the parcel this poll and stands in its story, once a kind."""
    rows = [
        {**_claimed(one), "last_polled_at": now, "problem": _problem(one), **_retry(house, one, now)} for one in batch
    ]
    told_first = [one for one in batch if _problem(one) != one.parcel.problem]
    with house.sessions.begin() as session:
        session.execute(_STILL_ASKED, rows)
        ask_the_next(session, batch, now)
        kept = _still_theirs(session, told_first) if told_first else []
        if kept:
            _keep(session, [(one, one.about[:_KEPT_OF_A_FAULT]) for one in kept], now)


def _problem(one: Asked) -> str:
    return f"{one.reply.kind.value}: {clean(one.reply.detail or '', 300)}"


def _claimed(one: Asked) -> dict[str, Any]:
    return {"claimed_id": one.parcel.id, "claimed_number": one.parcel.tracking_number}


def _retry(house: House, one: Asked, now: datetime) -> dict[str, Any]:
    if one.reply.kind is AnswerKind.not_found:
        return {"poll_failures": 0, "next_poll_at": after_not_found(now, one.parcel.known_at, one.parcel.id)}
    failures = one.parcel.poll_failures + 1
    wait = max(after_failure(failures, one.parcel.id), one.reply.retry_after or 0.0)
    return {"poll_failures": failures, "next_poll_at": house.clock.after_wall(wait)}


_KEEP = sa.text("""
    INSERT INTO carrier_answers (brand_id, shipment_id, heard_at, source, kind, http_status, detail, body)
    SELECT brand_id, shipment_id, :now, :source, kind, http_status, detail, body
    FROM unnest(
        cast(:brands AS bigint[]), cast(:parcels AS bigint[]), cast(:kinds AS text[]), cast(:statuses AS integer[]),
        cast(:details AS text[]), cast(:bodies AS bytea[])
    ) AS answer (brand_id, shipment_id, kind, http_status, detail, body)
""")


def _keep(session: Session, answers: Sequence[tuple[Asked, bytes]], now: datetime) -> None:
    """Keep what was said about each parcel, word for word."""
    asked = [one for one, _ in answers]
    values = {
        "now": now,
        "source": Source.poll.value,
        "brands": [one.parcel.brand_id for one in asked],
        "parcels": [one.parcel.id for one in asked],
        "kinds": [one.reply.kind.value for one in asked],
        "statuses": [one.raw.status for one in asked],
        "details": [clean(one.reply.detail, 500) if one.reply.detail else None for one in asked],
        "bodies": [packed(body) for _, body in answers],
    }
    session.execute(_KEEP, values)


def _set_aside(house: House, one: Asked, error: Exception) -> None:
    """A parcel whose answer could not even be written: say so on it, and come back to it much later."""
    log.error("parcel set aside", shipment=one.parcel.id, error=cause_of(error))
    failures = one.parcel.poll_failures + 1
    with house.sessions.begin() as session:
        session.execute(
            sa.update(Shipment)
            .where(Shipment.id == one.parcel.id, Shipment.next_poll_at.is_not(None))
            .values(
                problem=f"set aside: {clean(cause_of(error), 300)}",
                poll_failures=failures,
                next_poll_at=house.clock.after_wall(after_failure(failures + 4, one.parcel.id)),
            )
        )
