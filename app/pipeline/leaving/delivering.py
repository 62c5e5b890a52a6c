"""The calls themselves: many at once, each within one deadline, and no database in reach."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from app.channels.base import Verdict
from app.clock import stopwatch
from app.log import logger
from app.models.vocabulary import AttemptOutcome
from app.pipeline.leaving.gate import Gate
from app.pipeline.leaving.senders import Rests, SenderKey, is_down, sender_key
from app.pipeline.leaving.sending import Begun

log = logger(__name__)

LATEST_SECONDS = 4.0
"""A call that has not begun so long after its attempt was committed is not made: what is paused then falls silent
within five seconds, however slow the calls before it were."""


TOO_LATE = Verdict(AttemptOutcome.not_sent, error="could not begin soon enough", untried=True)


class _Trial:
    """A sender during one batch: after one call that found it down or too busy, the others are not made. One that was
    so before is tried by one call alone."""

    def __init__(self, gate: Gate, latest: float, *, doubtful: bool) -> None:
        self._gate = gate
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
            return replace(
                self._down,
                outcome=AttemptOutcome.not_sent,
                provider_ref=None,
                http_status=None,
                untried=True,
                error=f"not tried, as another was told: {self._down.error or 'no more for now'}",
            )
        closed = self._gate(entry.letter.outgoing)
        if closed is not None:  # it should have been withheld long before: a fault of ours, and no call
            log.error("a call was stopped at the last step", attempt=entry.attempt_id, reason=closed.value)
            return Verdict(AttemptOutcome.refused, error=f"stopped before the call: {closed.value}")
        if stopwatch() > self._latest:
            return TOO_LATE
        self._called.add(entry.attempt_id)
        verdict = await entry.letter.transport.send(entry.letter.outgoing)
        if is_down(verdict) or verdict.throttled:
            self._down = verdict
        return verdict


async def deliver(
    begun: Sequence[Begun], gate: Gate, concurrency: int, started: float, deadline: float, rests: Rests | None = None
) -> list[tuple[Begun, Verdict]]:
    """Call the providers, many at once. No database is in reach here.

    `started` is the stopwatch before the attempts were committed, `deadline` the seconds from then by which every
    call must be over: whoever asks later what became of an attempt relies on it. A call that could not begin in
    time (a stalled machine, a slow wave before it) is not made at all, nor is one that `gate` is closed to. `rests`
    names the senders in doubt.
    """
    trials: dict[SenderKey, _Trial] = {}
    verdicts: dict[int, Verdict] = {}
    waiting = iter(begun)

    def trial_of(entry: Begun) -> _Trial:
        key = sender_key(entry.letter.transport, entry.letter.outgoing)
        if key not in trials:
            trials[key] = _Trial(gate, started + LATEST_SECONDS, doubtful=key in (rests or {}))
        return trials[key]

    async def carry() -> None:
        for entry in waiting:
            if (early := entry.letter.begins - stopwatch()) > 0:
                await asyncio.sleep(early)
            if deadline - (stopwatch() - started) < min(1.0, deadline / 4):
                return
            verdicts[entry.attempt_id] = await _one(entry, trial_of(entry))

    # As many carriers as calls may be made at once: a task and a timer for every call would cost a tenth of it.
    carriers = [asyncio.create_task(carry()) for _ in range(min(concurrency, len(begun)))]
    if carriers:
        _, late = await asyncio.wait(carriers, timeout=max(0.0, deadline - (stopwatch() - started)))
        for carrier in late:
            carrier.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    return [(entry, verdicts.get(entry.attempt_id) or _cut_short(trial_of(entry), entry, deadline)) for entry in begun]


async def _one(entry: Begun, trial: _Trial) -> Verdict:
    """One call's verdict, whatever it does: a fault in one must not cost the others their answers."""
    try:
        return await trial.call(entry)
    except Exception as error:  # noqa: BLE001 - nobody knows what a call that raises has done
        log.error("a provider's call failed", attempt=entry.attempt_id, error=f"{type(error).__name__}: {error}")
        return Verdict(AttemptOutcome.unanswered, error=type(error).__name__)


def _cut_short(trial: _Trial, entry: Begun, deadline: float) -> Verdict:
    """The verdict on a call without one when time ran out: in doubt if it was made, else surely not sent."""
    if trial.called(entry):
        return Verdict(AttemptOutcome.unanswered, error=f"no answer within {deadline:.1f} s")
    return Verdict(AttemptOutcome.not_sent, error="could not begin before the deadline", untried=True)
