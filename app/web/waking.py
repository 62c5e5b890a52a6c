"""Wake-ups leave from a thread of their own, so that a broker that is slow or away keeps no caller waiting."""

from collections.abc import Mapping
from threading import Condition, Thread

from app.clock import stopwatch
from app.log import logger
from app.wiring import Wake

log = logger(__name__)

LAST_SECONDS = 2.0
"""How long a stop waits for what is still to be told; what is lost costs one tick."""


RESTS = {"digest_reports": 0.25, "hear_pushes": 0.02}
"""Seconds after a wake-up in which the same work is not woken again, but after them. Reports and carriers' calls come
by the hundred a second, one wake-up takes in all that are there, and a queue full of wake-ups holds up what stands
behind them."""


class Waker:
    """Passes wake-ups on to `wake`, each kind of work once however often it is named meanwhile."""

    def __init__(self, wake: Wake, rests: Mapping[str, float] = RESTS) -> None:
        self._wake = wake
        self._rests = rests
        self._due: dict[tuple[str, str], None] = {}
        self._rested_at: dict[tuple[str, str], float] = {}
        self._told = Condition()
        self._stopping = False
        self._thread = Thread(target=self._pass_on, name="waker", daemon=True)

    def __call__(self, kind: str, which: str) -> None:
        """Note that a kind of work is due. Returns at once."""
        with self._told:
            self._due[kind, which] = None
            self._told.notify()

    def start(self) -> None:
        """Begin to pass on what is noted."""
        self._thread.start()

    def stop(self) -> None:
        """Pass on what is left, for a moment at most."""
        with self._told:
            self._stopping = True
            self._told.notify()
        self._thread.join(LAST_SECONDS)

    def _pass_on(self) -> None:
        while due := self._next():
            for kind, which in due:
                try:
                    self._wake(kind, which)
                except Exception as error:
                    log.error("wake-up failed; the next tick finds the work", kind=kind, which=which, exc_info=error)

    def _next(self) -> list[tuple[str, str]]:
        """What has been noted since and does not rest, once there is something; nothing when it is time to stop."""
        with self._told:
            while not self._stopping:
                now = stopwatch()
                left = {work: self._rested_at.get(work, now) - now for work in self._due}
                ripe = [work for work, seconds in left.items() if seconds <= 0]
                if ripe:
                    return self._taken(ripe, now)
                self._told.wait(min(left.values(), default=None))
            return self._taken(list(self._due), stopwatch())

    def _taken(self, works: list[tuple[str, str]], now: float) -> list[tuple[str, str]]:
        for work in works:
            del self._due[work]
            self._rested_at[work] = now + self._rests.get(work[0], 0.0)
        return works
