"""What is done to the engine, in which order: all of it drawn from one seed."""

import random
from dataclasses import dataclass
from enum import StrEnum

from tests.chaos.points import CHILD, TREE, WEB_POINTS, WORKER_POINTS


class Deed(StrEnum):
    """One thing that befalls the engine."""

    point = "killed at a named point"
    child = "one pool child killed"
    tree = "a whole worker killed"
    jump = "a whole worker killed, its clock jumps"
    beat = "beat killed"
    web = "web process killed"
    crash = "PostgreSQL crashes"
    restart = "PostgreSQL restarts"
    flush = "Valkey flushed"
    broker = "Valkey restarts, empty"


KILLS_OF_WORKERS = frozenset({Deed.point, Deed.child, Deed.tree, Deed.jump})


@dataclass(frozen=True, slots=True)
class Event:
    """A deed, and at a point: which one, and whether the child or its whole worker dies of it."""

    deed: Deed
    point: str = ""
    how: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of one run. `messages` are decided, `kills` are SIGKILLs of workers, at the least.

    `settle` is the stated wait of an unconfirmed message, `patience` the longest that the whole run may take; both in
    wall seconds. `deadline` and `margin` are the engine's own, for one call and for the time until anybody asks.
    """

    seed: int
    messages: int = 10_000
    kills: int = 100
    deadline: float = 2.0
    margin: float = 1.5
    settle: float = 60.0
    patience: float = 900.0

    def events(self) -> list[Event]:
        """The deeds in their order."""
        dice = random.Random(self.seed)
        points = _repeated(dice, WORKER_POINTS, self.kills // 2)
        events = [Event(Deed.point, point, dice.choice((CHILD, CHILD, TREE))) for point in points]
        others = self.kills - len(points)
        trees = others // 2
        events += [Event(Deed.jump if n % 3 == 0 else Deed.tree) for n in range(trees)]
        events += [Event(Deed.child)] * (others - trees)
        events += [Event(Deed.point, point, TREE) for point in _repeated(dice, WEB_POINTS, max(1, self.kills // 25))]
        for deed, one_in in _RARE.items():
            events += [Event(deed)] * max(1, self.kills // one_in)
        dice.shuffle(events)
        return events


_RARE = {Deed.beat: 30, Deed.web: 30, Deed.crash: 50, Deed.restart: 50, Deed.flush: 25, Deed.broker: 50}
"""Of how many kills one such deed is done."""


def _repeated(dice: random.Random, points: tuple[str, ...], amount: int) -> list[str]:
    """`amount` points, each as often as any other, give or take one."""
    drawn: list[str] = []
    while len(drawn) < amount:
        drawn += dice.sample(points, min(len(points), amount - len(drawn)))
    return drawn
