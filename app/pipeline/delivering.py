"""The calls themselves: many at once, each within one deadline, and no database in reach."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from app.channels.base import Verdict
from app.clock import stopwatch
from app.log import logger
from app.models.vocabulary import AttemptOutcome
from app.pipeline.senders import Rests, SenderKey, is_down, sender_key
from app.pipeline.sending import Begun

log = logger(__name__)

LATEST_SECONDS = 4.0
"""A call that has not begun so long after its attempt was committed is not made: what is paused then falls silent
within five seconds, however slow the calls before it were."""


TOO_LATE = Verdict(AttemptOutcome.not_sent, error="could not begin soon enough")


class _Trial:
    """A sender during one batch: after one call that found it down, the others are not made. One that was down
    before is tried by one call alone."""

    def __init__(self, latest: float, *, doubtful: bool) -> None:
        self._latest = latest
        self._down: Verdict | None = None
        self._doubtful = doubtful
        self._turn = asyncio.Lock()
        self._called: set[int] = set()

    def called(self, entry: Begun) -> bool:
        """Whether the call was begun, and not only waited for its turn."""
        return entry.attempt_id in self._called

    async def call(self, entry: Begun) -> Verdict:
        if self._doubtful:
            async with self._turn:
                if self._doubtful:
                    verdict = await self._call(entry)
                    self._doubtful = is_down(verdict)
                    return verdict
        return await self._call(entry)

    async def _call(self, entry: Begun) -> Verdict:
        if self._down is not None:
            return replace(self._down, http_status=None, error=f"not tried, as another was told: {self._down.error}")
        if stopwatch() > self._latest:
            return TOO_LATE
        self._called.add(entry.attempt_id)
        verdict = await entry.letter.transport.send(entry.letter.outgoing)
        if is_down(verdict):
            self._down = verdict
        return verdict


async def deliver(
    begun: Sequence[Begun], concurrency: int, started: float, deadline: float, rests: Rests | None = None
) -> list[tuple[Begun, Verdict]]:
    """Call the providers, many at once. No database is in reach here.

    `started` is the stopwatch before the attempts were committed, `deadline` the seconds from then by which every
    call must be over: whoever asks later what became of an attempt relies on it. A call that could not begin in
    time (a stalled machine, a slow wave before it) is not made at all. `rests` names the senders in doubt.
    """
    limit = asyncio.Semaphore(concurrency)
    trials: dict[SenderKey, _Trial] = {}

    async def one(entry: Begun) -> tuple[Begun, Verdict]:
        key = sender_key(entry.letter.transport, entry.letter.outgoing)
        trial = trials.setdefault(key, _Trial(started + LATEST_SECONDS, doubtful=key in (rests or {})))
        async with limit:
            left = deadline - (stopwatch() - started)
            if left < min(1.0, deadline / 4):
                return entry, Verdict(AttemptOutcome.not_sent, error="could not begin before the deadline")
            try:
                async with asyncio.timeout(left):
                    return entry, await trial.call(entry)
            except TimeoutError:
                if not trial.called(entry):
                    return entry, Verdict(AttemptOutcome.not_sent, error="no turn came before the deadline")
                return entry, Verdict(AttemptOutcome.unanswered, error=f"no answer within {left:.1f} s")
            except Exception as error:  # noqa: BLE001 - a fault in one call must not cost the others their answers
                log.error(
                    "a provider's call failed", attempt=entry.attempt_id, error=f"{type(error).__name__}: {error}"
                )
                return entry, Verdict(AttemptOutcome.unanswered, error=type(error).__name__)

    return list(await asyncio.gather(*(one(entry) for entry in begun)))
