"""Asking a carrier about the parcels that are due: many calls at once, no transaction open, until it is found ill."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from app.clock import stopwatch
from app.models.vocabulary import CarrierFault, CarrierState
from app.pipeline.house import House
from app.pipeline.polling.breaker import moment_of
from app.pipeline.polling.budget import Pace, spend, spend_more
from app.pipeline.polling.due import LEASE_SECONDS, DueParcel
from app.pipeline.polling.fetching import fetch
from app.pipeline.polling.tokens import Refused
from app.pipeline.polling.understanding import (
    SAME_AGAIN,
    Asked,
    brings_news,
    completed,
    replies_to,
    said_before,
    told_of,
    without_credentials,
)
from app.tracking.adapter.base import Access, AnswerKind, Ask, Call, Carrier, CarrierReply, RawAnswer
from app.tracking.health import Outcome, Standing, after, fault_of

_OF_THE_CARRIER = frozenset({AnswerKind.throttled, AnswerKind.denied})
"""Answers that are about the account and no parcel: what was asked so, where the carrier is left alone for it, counts
as not asked."""

_A_MOMENT = 0.005
"""A pause shorter than this costs more than it spaces out."""


@dataclass(slots=True)
class Round:
    """What came of one batch: the parcels with their answers, those that nobody asked about because the carrier was
    found ill first, and what each call showed of the carrier."""

    asked: list[Asked] = field(default_factory=list)
    unasked: list[DueParcel] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)


async def ask(house: House, carrier: Carrier, due: Sequence[DueParcel], pace: Pace, standing: Standing) -> Round:
    """Ask a carrier about these parcels, concurrently, no faster than `pace`, for as long as it is well.

    Those whose turn does not come in half a lease, because the carrier is too slow, are left out: they come due again.
    """
    batch = _Batch(house, carrier, due, standing)
    batch.begin(pace)
    if not await batch.log_in():
        return Round(unasked=list(due), outcomes=batch.round.outcomes)
    calls = await batch.paced(await batch.calls())
    await asyncio.gather(*(batch.make(call, wait) for call, wait in calls))
    return batch.whole()


class _Batch:
    """One round of questions under way. Only the event loop's thread touches it."""

    def __init__(self, house: House, carrier: Carrier, due: Sequence[DueParcel], standing: Standing) -> None:
        self.round = Round()
        self._house, self._carrier, self._standing = house, carrier, standing
        self._config = house.carrier_config(carrier.name)
        self._access = house.access(carrier)
        self._moment = moment_of(house, carrier, house.clock.now())
        self._by_number: dict[str, list[DueParcel]] = {}
        for parcel in due:
            self._by_number.setdefault(parcel.tracking_number, []).append(parcel)
        self._granted = -(-len(self._by_number) // carrier.batch_size)
        self._started = self._free_at = stopwatch()
        self._gap = 0.0
        self._gate = asyncio.Lock()
        self._limit = asyncio.Semaphore(self._config.concurrency)
        self._ill = asyncio.Event()
        self._renewing = asyncio.Lock()
        self._renewed = False

    def begin(self, pace: Pace) -> None:
        """From when on calls may begin, and how far apart."""
        slowed = 1 / self._standing.pace if self._standing.pace else 0.0
        self._free_at, self._gap = self._started + max(pace.delay, slowed), max(pace.gap, slowed)

    async def log_in(self) -> bool:
        """Whether there is a token, where the carrier wants one."""
        return await self._token() if self._carrier.login is not None else True

    async def _token(self, spent: str = "") -> bool:
        tokens, seconds = self._house.tokens, self._config.timeout_seconds
        lent = await tokens.lend(self._house.http, self._carrier, self._access, seconds, spent)
        if isinstance(lent, Refused):
            fault = fault_of([lent.reply.kind], lent.raw) or CarrierFault.malformed
            detail = without_credentials(self._access, lent.reply.detail or "")
            self._note(Outcome(fault, detail, lent.reply.retry_after, certain=True))
            return False
        self._access = replace(self._access, token=lent)
        return True

    async def calls(self) -> list[Call]:
        """The requests that ask about all parcels. Numbers whose last answer nobody could read are asked apart from
        the others, so that they spoil no batch but their own."""
        asks = [_question(number, parcels) for number, parcels in self._by_number.items()]
        odd = [one for one in asks if self._spoilt(one.tracking_number)]
        apart = self._carrier.batch_size > 1 and self._standing.state is CarrierState.closed  # a probe is one call
        if apart and 0 < len(odd) < len(asks) and await self._more() is not None:
            sound = [one for one in asks if not self._spoilt(one.tracking_number)]
            self._granted += 1
            return [*self._carrier.calls(sound, self._access), *self._carrier.calls(odd, self._access)]
        return self._carrier.calls(asks, self._access)

    async def paced(self, calls: Sequence[Call]) -> list[tuple[Call, float]]:
        """The calls that may be made, and how many seconds each waits at least. Some adapters need more than full
        batches come to (a number that must go alone): what no leave is had for comes due again."""
        within, beyond = calls[: self._granted], calls[self._granted :]
        grant = await asyncio.to_thread(spend, self._house, self._carrier, 0, len(beyond)) if beyond else None
        leave = grant.calls if grant else 0
        for call in beyond[leave:]:
            self._give_back(call.asks)
        wait = grant.pace.delay if grant else 0.0
        return [*((call, 0.0) for call in within), *((call, wait) for call in beyond[:leave])]

    def _spoilt(self, number: str) -> bool:
        return any((parcel.problem or "").startswith(AnswerKind.malformed.value) for parcel in self._by_number[number])

    async def make(self, call: Call, wait: float = 0.0, *, split: bool = True) -> None:
        """Make one call when its turn comes, and take in what it says. One about several parcels of which nobody can
        read a word is made once more in two halves, so that one number does not stand in the way of all the others."""
        raw = await self._made(self._rebuilding(call), wait)
        if raw is None:
            self._give_back(call.asks)
            return
        if said_before(call, raw.answer, self._by_number):
            self._note(Outcome(seconds=raw.seconds))
            self._take(call.asks[0], raw.answer, SAME_AGAIN)
            return
        replies = replies_to(self._carrier, call, raw.answer, self._access)
        fault = self._judge(replies.values(), raw)
        if split and fault is CarrierFault.malformed and len(call.asks) > 1 and await self._halved(call):
            return
        await asyncio.gather(*(self._finish(one, raw.answer, replies[one.tracking_number]) for one in call.asks))

    async def _halved(self, call: Call) -> bool:
        """Whether both halves of a call could be asked on their own."""
        middle = len(call.asks) // 2
        halves = [
            half
            for asks in (call.asks[:middle], call.asks[middle:])
            for half in self._carrier.calls(asks, self._access)
        ]
        pace = await self._more(len(halves)) if self._well else None
        if pace is None:
            return False
        await asyncio.gather(*(self.make(half, pace.delay, split=False) for half in halves))
        return True

    async def _finish(self, one: Ask, raw: RawAnswer, reply: CarrierReply) -> None:
        """Ask for the whole of what a batch's answer only hints at, and keep both."""
        news = brings_news(reply, self._by_number[one.tracking_number])
        fuller = self._carrier.fuller(one, self._access) if news else None
        if fuller is None:
            self._take(one, raw, reply)
            return
        pace = await self._more() if self._well else None
        more = (
            await self._made(lambda access: self._carrier.fuller(one, access) or fuller, pace.delay) if pace else None
        )
        if more is None:
            self._take(one, raw, reply, complete=False)
            return
        replies = replies_to(self._carrier, fuller, more.answer, self._access)
        self._judge(replies.values(), more)
        full = replies[one.tracking_number]
        if full.kind is AnswerKind.tracked:
            self._take(one, raw, completed(reply, full), more=more.answer)
        else:
            self._take(one, raw, reply, complete=False)

    def _take(
        self, one: Ask, raw: RawAnswer, reply: CarrierReply, *, more: RawAnswer | None = None, complete: bool = True
    ) -> None:
        self.round.asked += [
            Asked(parcel, raw, reply, more, complete) for parcel in self._by_number[one.tracking_number]
        ]

    def whole(self) -> Round:
        """The round, when every call has come back."""
        if not self._well:
            told = [one for one in self.round.asked if one.reply.kind in _OF_THE_CARRIER]
            self.round.unasked += [one.parcel for one in told]
            self.round.asked = [one for one in self.round.asked if one.reply.kind not in _OF_THE_CARRIER]
        return self.round

    def _judge(self, replies: Iterable[CarrierReply], raw: "_Timed") -> CarrierFault | None:
        """What is wrong with the carrier, by one call's answer; it is noted."""
        replies = list(replies)
        fault = fault_of({reply.kind for reply in replies}, raw.answer)
        if fault is None:
            self._note(Outcome(seconds=raw.seconds))
            return None
        waits = [reply.retry_after for reply in replies if reply.retry_after is not None]
        self._note(Outcome(fault, told_of(raw.answer), max(waits, default=None)))
        return fault

    def _note(self, outcome: Outcome) -> None:
        self.round.outcomes.append(outcome)
        self._standing = after(self._standing, outcome, self._moment)
        if not self._well:
            self._ill.set()

    @property
    def _well(self) -> bool:
        return self._standing.state is not CarrierState.open

    async def _more(self, calls: int = 1) -> Pace | None:
        """Leave for calls beyond those that were claimed. In a thread: it may wait for other workers."""
        return await asyncio.to_thread(spend_more, self._house, self._carrier, calls)

    async def _made(self, build: "_Build", wait: float) -> "_Timed | None":
        """The answer to a call; None where it was not made, because the carrier is ill or time is up."""
        await self._sleep(wait)
        await self._turn()
        async with self._limit:
            if not self._well or self._late():
                return None
            return await self._answer(build)

    async def _turn(self) -> None:
        """Wait for the next turn. Time that was lost is not made up for: a carrier counts what reaches it at once."""
        async with self._gate:
            await self._sleep(self._free_at - stopwatch())
            self._free_at = max(self._free_at, stopwatch()) + self._gap

    async def _sleep(self, seconds: float) -> None:
        """Do nothing for so long, or until the carrier is found ill."""
        if seconds >= _A_MOMENT and self._well:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._ill.wait()

    def _late(self) -> bool:
        return stopwatch() - self._started > LEASE_SECONDS / 2

    def _give_back(self, asks: Sequence[Ask]) -> None:
        """Parcels that were not asked about come due again when their carrier is well; with their lease, when the
        carrier was only too slow to get to them."""
        if not self._late():
            self.round.unasked += [parcel for one in asks for parcel in self._by_number[one.tracking_number]]

    def _rebuilding(self, call: Call) -> "_Build":
        """The call as it was made, as long as the token in it is the one in use."""
        token = self._access.token
        return lambda access: call if access.token == token else next(iter(self._carrier.calls(call.asks, access)))

    async def _answer(self, build: "_Build") -> "_Timed | None":
        """What comes back, with a new token where the old one was refused; None where no second try was to be had."""
        token = self._access.token
        first = await self._timed(build)
        if first.answer.status != HTTPStatus.UNAUTHORIZED or not token:
            return first
        if not await self._renew(token):
            return first if self._well else None
        pace = await self._more()
        if pace is None:
            return None
        await asyncio.sleep(pace.delay)
        return await self._timed(build)

    async def _timed(self, build: "_Build") -> "_Timed":
        began = stopwatch()
        raw = await fetch(self._house.http, build(self._access), self._config.timeout_seconds)
        return _Timed(raw, stopwatch() - began)

    async def _renew(self, token: str) -> bool:
        """Whether there is another token than this one, which was refused. A round gets one new token, no more."""
        async with self._renewing:
            if self._access.token != token:
                return True
            if self._renewed:
                return False
            self._renewed = True
            return await self._token(spent=token)


@dataclass(frozen=True, slots=True)
class _Timed:
    """An answer, and how many seconds it took."""

    answer: RawAnswer
    seconds: float


_Build = Callable[[Access], Call]
"""Makes a call anew, should its token have been refused."""


def _question(number: str, parcels: Sequence[DueParcel]) -> Ask:
    first = parcels[0]
    return Ask(
        number,
        destination_country=first.country,
        zone=first.zone,
        carrier=first.carrier,
        placed_on=first.placed_at.date(),
    )
