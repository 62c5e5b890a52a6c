"""One answer for all who look at once: what was counted for one browser serves the others for a few seconds."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from app.clock import Clock, stopwatch

FOR_SECONDS = 5.0
"""How long an answer serves, in real seconds and in engine time, whichever is over first."""

AT_MOST = 64
"""Brands whose answers are kept at once; beyond that, those go that were asked for longest ago."""

Answer = TypeVar("Answer")


class _Slot(Generic[Answer]):
    """A brand's answer, and the turn that it is of: what was begun in an older one is not kept."""

    def __init__(self) -> None:
        self.counting = Lock()
        self.turn = 0
        self.kept: tuple[float, float, Answer] | None = None


class Shared(Generic[Answer]):
    """Answers of this process by brand. Those who ask while one is counted wait for it, so that ten who look at the
    same moment cost one count; `forget` is called after a change, and whoever asks from then on has it counted anew."""

    def __init__(self, seconds: float = FOR_SECONDS, at_most: int = AT_MOST) -> None:
        self._seconds, self._at_most = seconds, at_most
        self._slots: OrderedDict[int, _Slot[Answer]] = OrderedDict()
        self._guard = Lock()

    def get(self, brand_id: int, clock: Clock, count: Callable[[], Answer]) -> Answer:
        """The brand's answer: one that is new enough, else `count`'s. What `count` raises is raised here, and nothing
        is kept then."""
        slot = self._slot(brand_id)
        with slot.counting:
            kept = slot.kept  # taken once: somebody's act may forget it in between
            if kept is not None and self._serves(kept[0], kept[1], clock):
                return kept[2]
            turn, since, engine = slot.turn, stopwatch(), clock.now().timestamp()
            answer = count()
            with self._guard:
                slot.kept = (since, engine, answer) if slot.turn == turn else None
            return answer

    def forget(self, brand_id: int) -> None:
        """Something of the brand was changed: an answer from before, or one that is being counted, serves no others."""
        with self._guard:
            slot = self._slots.get(brand_id)
            if slot is not None:
                slot.turn += 1
                slot.kept = None

    def _serves(self, since: float, engine: float, clock: Clock) -> bool:
        moved = clock.now().timestamp() - engine
        return stopwatch() - since < self._seconds and 0 <= moved < self._seconds

    def _slot(self, brand_id: int) -> _Slot[Answer]:
        with self._guard:
            slot = self._slots.pop(brand_id, None) or _Slot()
            self._slots[brand_id] = slot
            if len(self._slots) > self._at_most:
                self._slots.popitem(last=False)
            return slot
