"""Asking a carrier about the parcels that are due: many calls at once, with no transaction open."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.clock import stopwatch
from app.pipeline.house import House
from app.pipeline.polling.due import LEASE_SECONDS, DueParcel, Pace
from app.pipeline.polling.fetching import fetch
from app.tracking.carriers.base import AnswerKind, Ask, Call, Carrier, CarrierReply, RawAnswer


@dataclass(frozen=True, slots=True)
class Asked:
    """A parcel with its carrier's raw answer and what it means."""

    parcel: DueParcel
    raw: RawAnswer
    reply: CarrierReply

    @property
    def about(self) -> bytes:
        """The part of the raw answer that is about this parcel."""
        return self.raw.body if self.reply.portion is None else self.reply.portion


async def ask(house: House, carrier: Carrier, due: Sequence[DueParcel], pace: Pace) -> list[Asked]:
    """Ask a carrier about these parcels, concurrently, no faster than `pace`; one `Asked` for each parcel.

    Those whose turn does not come in half a lease, because the carrier is too slow, are left out: they come due again.
    """
    started = stopwatch()
    config = house.carrier_config(carrier.name)
    by_number: dict[str, list[DueParcel]] = {}
    for parcel in due:
        by_number.setdefault(parcel.tracking_number, []).append(parcel)
    asks = [
        Ask(
            number,
            destination_country=parcels[0].country,
            zone=parcels[0].zone,
            carrier=parcels[0].carrier,
            placed_on=parcels[0].placed_at.date(),
        )
        for number, parcels in by_number.items()
    ]
    calls = carrier.calls(asks, house.access(carrier))
    limit = asyncio.Semaphore(config.concurrency)

    async def one(index: int, call: Call) -> list[Asked]:
        if pace.delay or pace.gap >= 0.005:
            await asyncio.sleep(pace.delay + index * pace.gap)
        async with limit:
            if stopwatch() - started > LEASE_SECONDS / 2:
                return []
            raw = await fetch(house.http, call, config.timeout_seconds)
        if said_before(call, raw, by_number):
            return [Asked(parcel, raw, SAME_AGAIN) for parcel in by_number[call.asks[0].tracking_number]]
        answered = {reply.tracking_number: reply for reply in carrier.read(call, raw)}
        return [
            Asked(parcel, raw, answered.get(asked.tracking_number) or _unmentioned(asked))
            for asked in call.asks
            for parcel in by_number[asked.tracking_number]
        ]

    answers = await asyncio.gather(*(one(index, call) for index, call in enumerate(calls)))
    return [asked for batch in answers for asked in batch]


SAME_AGAIN = CarrierReply(AnswerKind.tracked, "", detail="what it said before")
"""The reply to an answer that is byte for byte the last one: reading it again would tell nothing."""


def answer_digest(body: bytes) -> bytes:
    """The name of a carrier's answer, by which the same answer is known again."""
    return hashlib.blake2b(body, digest_size=16).digest()


def said_before(call: Call, raw: RawAnswer, by_number: Mapping[str, Sequence[DueParcel]]) -> bool:
    """Whether an answer about one number says, to each parcel that has it, exactly what the last one did."""
    if raw.status != 200 or len(call.asks) != 1:
        return False
    digest = answer_digest(raw.body)
    return all(parcel.last_answer == digest for parcel in by_number[call.asks[0].tracking_number])


def _unmentioned(ask: Ask) -> CarrierReply:
    return CarrierReply(AnswerKind.malformed, ask.tracking_number, detail="the answer does not mention this parcel")
