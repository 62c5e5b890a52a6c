"""Tells the owner what is wrong: each notice by webhook or mail, at least once, over restarts and bad days."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.channels.base import OutgoingEmail, Transport, one_line
from app.clock import stopwatch
from app.log import logger, mask
from app.models import public_id
from app.models.vocabulary import AttemptOutcome, NoticeRoute, NoticeStage
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.house import House

log = logger(__name__)

DEADLINE = 5.0
"""Seconds for one telling, whatever the other side does."""

LEASE_SECONDS = 30.0
"""How long one worker has a notice for itself: longer than it can take to tell it."""

ENOUGH_SECONDS = 15.0
"""After this long the rest is left to the next look: other work waits on the same queue."""

BACKOFF = (5.0, 300.0)
"""Seconds until a telling that failed is tried again: at first, and at the most; doubling in between."""

GIVE_UP_SECONDS = 86_400.0
"""How long a telling is tried at all."""

# An end is told after its beginning, on the same way; a beginning that nobody took holds its end back.
_CLAIM = sa.text("""
    WITH due AS MATERIALIZED (
        SELECT id FROM alarm_notices
        WHERE told_at IS NULL AND given_up_at IS NULL AND due_at <= clock_timestamp()
            AND (leased_until IS NULL OR leased_until < clock_timestamp())
            AND NOT EXISTS (
                SELECT 1 FROM alarm_notices AS earlier
                WHERE earlier.incident_id = alarm_notices.incident_id AND earlier.route = alarm_notices.route
                    AND earlier.id < alarm_notices.id
                    AND earlier.told_at IS NULL AND earlier.given_up_at IS NULL)
        ORDER BY id LIMIT 20 FOR UPDATE SKIP LOCKED
    )
    UPDATE alarm_notices
    SET leased_until = clock_timestamp() + make_interval(secs => :lease), tries = tries + 1
    FROM due WHERE alarm_notices.id = due.id
    RETURNING alarm_notices.id, public_id, stage, route, content, tries
""")

_TOLD = sa.text("""
    UPDATE alarm_notices SET told_at = clock_timestamp(), leased_until = NULL, problem = NULL
    WHERE id = :id AND told_at IS NULL
""")

_PUT_OFF = sa.text("""
    UPDATE alarm_notices
    SET due_at = clock_timestamp() + make_interval(secs => :wait), leased_until = NULL, problem = :problem,
        given_up_at = CASE WHEN created_at < clock_timestamp() - make_interval(secs => :limit)
            THEN clock_timestamp() END
    WHERE id = :id AND told_at IS NULL
    RETURNING given_up_at
""")


def tell_notices(house: House) -> int:
    """Tell every notice that is due; how many were taken by the other side. No transaction is open meanwhile.

    A worker that dies between claim and telling leaves the notice to the next one, once its lease has ended; one
    that dies after telling lets it be told again, under the same incident's id.
    """
    told, started = 0, stopwatch()
    with house.sessions() as session:
        house = as_of_now(session, house)  # whose sender it is, the brand may have published since
    while stopwatch() - started < ENOUGH_SECONDS and (claimed := _claim(house)):
        problems = house.loop.run(_tell(house, claimed))
        for notice, problem in zip(claimed, problems, strict=True):
            _settle(house, notice, problem)
            told += problem is None
    return told


@dataclass(frozen=True, slots=True)
class _Test:
    public_id: str
    stage: str
    route: str
    content: Mapping[str, object]


def try_route(house: House, route: NoticeRoute, content: Mapping[str, object]) -> str | None:
    """Tell a test alarm by one way, once; None if it was taken, else what stood in the way. Nothing is stored."""
    problem = house.loop.run(_tell_one(house, _Test(public_id("alm"), NoticeStage.opened, route.value, content)))
    return mask(one_line(problem)) if problem is not None else None


def _claim(house: House) -> Sequence[Any]:
    with house.sessions.begin() as session:
        return session.execute(_CLAIM, {"lease": LEASE_SECONDS}).all()


async def _tell(house: House, notices: Sequence[Any]) -> list[str | None]:
    return list(await asyncio.gather(*(_tell_one(house, notice) for notice in notices)))


async def _tell_one(house: House, notice: Any) -> str | None:
    """None if it was taken, else what stood in the way."""
    way = _by_url if notice.route == NoticeRoute.url else _by_email
    try:
        async with asyncio.timeout(DEADLINE):
            return await way(house, notice)
    except TimeoutError:
        return f"no answer within {DEADLINE:g} s"
    except Exception as error:  # noqa: BLE001 - a fault on one way out must not silence the other; it is written down
        return f"{type(error).__name__}: {error}"


async def _by_url(house: House, notice: Any) -> str | None:
    url = house.alerts.url.get_secret_value()
    if not url:
        return "DOORSTEP_ALERTS__URL is not set any more"
    headers = {"Idempotency-Key": notice.public_id, "User-Agent": "Doorstep"}
    request = house.http.build_request("POST", url, json=notice.content, headers=headers, timeout=DEADLINE)
    # The body is not read: all that counts is the status, and a page of any size must not hold up the next alarm.
    answer = await house.http.send(request, stream=True, follow_redirects=False)
    await answer.aclose()
    return None if answer.is_success else f"answered with HTTP {answer.status_code}"


async def _by_email(house: House, notice: Any) -> str | None:
    """By the first provider that takes it. One that never answered may have taken it: the other is tried all the same,
    for an alarm is rather told twice than not at all."""
    if not house.mailers or not house.alerts.email:
        return "DOORSTEP_ALERTS__EMAIL is not set any more"
    mail, problems = _mail(house, notice), []
    for mailer in house.mailers:
        problem = await _hand_over(mailer, mail, DEADLINE / len(house.mailers))
        if problem is None:
            return None
        problems.append(f"{mailer.name}: {problem}")
    return "; ".join(problems)


async def _hand_over(mailer: Transport, mail: OutgoingEmail, seconds: float) -> str | None:
    try:
        async with asyncio.timeout(seconds):
            verdict = await mailer.send(mail)
    except TimeoutError:
        return f"no answer within {seconds:g} s"
    return None if verdict.outcome is AttemptOutcome.accepted else verdict.error or verdict.outcome.value


def _mail(house: House, notice: Any) -> OutgoingEmail:
    content = notice.content
    over = notice.stage == NoticeStage.resolved
    lines = [
        content["summary"],
        "" if over else f"What to do: {content['remedy']}",
        f"Incident {content['incident']} ({content['kind']}), since {content['opened_at']}"
        + (f", over at {content['closed_at']}" if over else ""),
        f"This is Doorstep at {content['installation']}.",
    ]
    text = "\n\n".join(line for line in lines if line)
    first = next(iter(house.catalog.brands().values()))
    return OutgoingEmail(
        attempt_id=notice.public_id,
        to_email=house.alerts.email,
        to_name=None,
        from_email=house.alerts.sender or first.sender.from_email,
        from_name="Doorstep",
        reply_to=None,
        subject=one_line(content["text"], 150),
        html="",
        text=text,
        category="doorstep_alarm",
    )


def _settle(house: House, notice: Any, problem: str | None) -> None:
    with house.sessions.begin() as session:
        if problem is None:
            session.execute(_TOLD, {"id": notice.id})
            return
        first, most = BACKOFF
        wait = min(most, first * 2 ** min(notice.tries - 1, 10))
        said = mask(one_line(problem))
        values = {"id": notice.id, "wait": wait, "problem": said, "limit": GIVE_UP_SECONDS}
        row = session.execute(_PUT_OFF, values).one_or_none()
    gave_up = row is not None and row.given_up_at is not None
    log.error("an alarm could not be told", route=notice.route, problem=said, tries=notice.tries, given_up=gave_up)
