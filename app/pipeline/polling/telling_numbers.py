"""Calls that tell a carrier which numbers to follow: within its budget, until it is found ill."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.clock import stopwatch
from app.log import logger
from app.models.vocabulary import CarrierState
from app.pipeline.house import House
from app.pipeline.polling.breaker import moment_of
from app.pipeline.polling.budget import spend
from app.pipeline.polling.fetching import fetch
from app.pipeline.polling.understanding import NOT_FORESEEN, told_of, without_credentials
from app.tracking.adapter.base import Access, AnswerKind, Ask, Call, Carrier, Enrolled, Enrolment, RawAnswer
from app.tracking.health import Outcome, Standing, after, fault_of

log = logger(__name__)

_SECONDS_AT_ONCE = 4.0
"""How long the calls of one round may take to begin; what does not fit in waits for its parcel's next turn."""


@dataclass(slots=True)
class Telling:
    """What a carrier is to be told: of which numbers, and where it shall call; and what its answers showed of it."""

    asks: Sequence[Ask]
    hook_url: str
    health: Standing
    outcomes: list[Outcome] = field(default_factory=list)


async def tell_numbers(house: House, carrier: Carrier, enrolment: Enrolment, telling: Telling) -> list[Enrolled]:
    """Tell a carrier of numbers, concurrently, no faster than its pace, until it is found ill; none where its budget
    has nothing to give."""
    config, access = house.carrier_config(carrier.name), house.access(carrier)
    allowed = config.requests_per_second or carrier.requests_per_second
    per_second = min(allowed, telling.health.pace or allowed)
    at_once = max(1, int(_SECONDS_AT_ONCE * per_second)) * enrolment.batch_size
    calls = enrolment.calls(telling.asks[:at_once], access, telling.hook_url)
    grant = await asyncio.to_thread(spend, house, carrier, 0, len(calls)) if calls else None
    if grant is None:
        return []
    pace, calls = grant.pace, calls[: grant.calls]
    limit, moment = asyncio.Semaphore(config.concurrency), moment_of(house, carrier, house.clock.now())

    async def one(index: int, call: Call) -> list[Enrolled]:
        await asyncio.sleep(pace.delay + index * max(pace.gap, 1 / per_second))
        async with limit:
            if telling.health.state is CarrierState.open:
                return []
            began = stopwatch()
            raw = await fetch(house.http, call, config.timeout_seconds)
        enrolled = [_discreet(access, one) for one in _of_each(enrolment, call, raw)]
        outcome = _outcome(enrolled, raw, stopwatch() - began)
        telling.outcomes.append(outcome)
        telling.health = after(telling.health, outcome, moment)
        return enrolled

    told = await asyncio.gather(*(one(index, call) for index, call in enumerate(calls)))
    return [enrolled for batch in told for enrolled in batch]


def _outcome(enrolled: Sequence[Enrolled], raw: RawAnswer, seconds: float) -> Outcome:
    """What an answer shows of the carrier; a number that it will not take is no fault of its."""
    kinds = {one.refusal.kind if one.refusal else AnswerKind.tracked for one in enrolled}
    fault = fault_of(kinds, raw)
    if fault is None:
        return Outcome(seconds=seconds)
    waits = [one.refusal.retry_after for one in enrolled if one.refusal and one.refusal.retry_after is not None]
    return Outcome(fault, told_of(raw), max(waits, default=None))


def _discreet(access: Access, one: Enrolled) -> Enrolled:
    if one.refusal is None or not one.refusal.detail:
        return one
    return replace(one, refusal=replace(one.refusal, detail=without_credentials(access, one.refusal.detail)))


def _of_each(enrolment: Enrolment, call: Call, raw: RawAnswer) -> list[Enrolled]:
    asked = {ask.tracking_number for ask in call.asks}
    try:
        return [one for one in enrolment.read(call, raw) if one.tracking_number in asked]
    except NOT_FORESEEN as error:
        log.error("an adapter failed", error=type(error).__name__)
        return []
