"""A whole engine under fire: what the schedule says is done to it while a shop sends, then everything settles."""

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import psutil

from app.clock import Clock, describe_clock, wall_now, wall_seconds
from app.demo.providers import Act
from app.embedded.engine import web_program, worker_program
from app.models.vocabulary import PENDING, Channel
from tests.chaos import points
from tests.chaos.reckoning import Lateness, Reckoning, broken_laws, look_at_lateness, reckon
from tests.chaos.schedule import KILLS_OF_WORKERS, Deed, Event, Plan
from tests.chaos.shop import EACH, Shop
from tests.faults.conftest import Engine, await_
from tests.faults.servers import Broker, Database

WORKERS = ("worker-1", "worker-2")
POOL = 2
CALM = 0.06
"""The share of orders that come when the storm is over: without later messages, silence about earlier ones says
nothing."""
LATEST = 120.0
"""Seconds: by so much, and its stated wait, everything must have ended when the storm is over."""
JUMP = timedelta(hours=1)
"""How far a worker's clock jumps, at the most, either way."""


class Overdue(Exception):
    """The run took longer than it may."""


@dataclass(slots=True)
class Outcome:
    """What a run came to."""

    plan: Plan
    balances: list[Reckoning]
    deeds: Counter[Deed]
    at_points: Counter[str]
    killed: Counter[str]
    cancelled: int
    suppressed: int
    calls: int
    in_doubt: int
    acts: dict[Act, int]
    lateness: Lateness
    seconds: float
    broken: list[str]
    logs: Path | None = None


@dataclass
class Storm:
    """The engine, its servers, and the shop, with everything that is done to them."""

    plan: Plan
    engine: Engine
    database: Database
    broker: Broker
    shop: Shop
    armed: Path
    dice: random.Random
    deeds: Counter[Deed] = field(default_factory=Counter)
    lateness: Lateness = field(default_factory=Lateness)
    started: float = field(default_factory=time.monotonic)
    say: Callable[[str], None] = lambda _: None

    def rage(self) -> None:
        """Do everything that is planned, while orders come in."""
        events = self.plan.events()
        stormy = int(self.plan.messages / EACH * (1 - CALM))
        for n, event in enumerate(events, 1):
            portion = stormy * n // len(events) - self.shop.placed
            self.shop.place(portion)
            self._in_time()
            self._let_work(portion)
            self.say(f"{n}/{len(events)} {event.deed.value}{f' ({event.point})' if event.point else ''}")
            self._do(event)
            self.deeds[event.deed] += 1
            self.engine.tend()
        self._top_up()

    def _let_work(self, portion: int) -> None:
        """Until little is left to do, so that the blow falls while messages are leaving; a seeded moment longer."""
        until = time.monotonic() + 3
        while time.monotonic() < until and self._pending() > max(60, portion):
            self.engine.tend()
            time.sleep(0.1)
        time.sleep(self.dice.random() * 0.25)

    def _pending(self) -> int:
        look_at_lateness(self.engine.sessions, self.plan.settle, self.lateness)
        return sum(amount for state, amount in self.engine.states().items() if state in PENDING - {"unconfirmed"})

    def _do(self, event: Event) -> None:
        match event.deed:
            case Deed.point:
                self._at_a_point(event)
            case Deed.child:
                self._kill_a_child()
            case Deed.tree | Deed.jump:
                self._kill_a_worker(jump=event.deed is Deed.jump)
            case Deed.beat:
                self.engine.kill("beat")
                self.engine.start_beat()
            case Deed.web:
                self.engine.kill("web")
                time.sleep(self.dice.random())
                self._start_web()
            case Deed.crash:
                self.database.crash()
                time.sleep(self.dice.random())
                self.database.start()
            case Deed.restart:
                self.database.stop()
                time.sleep(self.dice.random())
                self.database.start()
            case Deed.flush:
                self.broker.flush()
            case Deed.broker:
                self.broker.stop()
                time.sleep(self.dice.random())
                self.broker.start()

    def _at_a_point(self, event: Event) -> None:
        """Arm it, and go on when somebody died of it; a rare one stays armed."""
        points.arm(self.armed, event.point, event.how)
        armed_at, calls = time.monotonic(), self._calls()

        def rare() -> bool:
            """Not passed for a while, although there was enough to do, or nothing: a slow machine takes its time."""
            waited = time.monotonic() - armed_at
            return waited > 30 or (waited > 2.5 and (self._calls() >= calls + 20 or self._pending() == 0))

        while (self.armed / "armed" / event.point).exists() and not rare():
            self.engine.tend()
            time.sleep(0.02)

    def _calls(self) -> int:
        """How many calls the providers have had so far."""
        return sum(self.engine.providers.acts.values())

    def _kill_a_child(self) -> None:
        name = self.dice.choice(WORKERS)
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.engine.running[name].pid).children()
            if children:
                self.dice.choice(children).kill()
                return
        self._kill_a_worker(jump=False)

    def _kill_a_worker(self, *, jump: bool) -> None:
        """Only the first worker's clock ever jumps: the other keeps the engine going meanwhile."""
        name = WORKERS[0] if jump else self.dice.choice(WORKERS)
        self.engine.kill(name)
        shift = JUMP * self.dice.uniform(-1, 1) if jump else timedelta(0)
        self.start_worker(name, shift)

    def start_worker(self, name: str, shift: timedelta = timedelta(0)) -> None:
        """A worker on every queue, whose engine clock stands `shift` off the real one."""
        clock = Clock(wall_now() + shift, wall_seconds())
        program = worker_program(name, "tick,poll,push,urgent,send,settle", POOL, {})
        argv = (*program.argv, "-I", "tests.chaos.points")
        self.engine.start(replace(program, argv=argv, env={"DOORSTEP_CLOCK": describe_clock(clock)}))

    def _start_web(self) -> None:
        program = web_program("127.0.0.1", self.engine.port, {})
        swapped = {"app.web.main:create_app": "tests.chaos.web:create_app"}
        self.engine.start(replace(program, argv=tuple(swapped.get(word, word) for word in program.argv)))

    def start(self) -> None:
        """Everything, for the first time."""
        self._start_web()
        self.engine.start_beat()
        for name in WORKERS:
            self.start_worker(name)

    def _top_up(self) -> None:
        """Points that nobody passed any more are disarmed, and as many children killed instead."""
        for path in (self.armed / "armed").iterdir():
            path.unlink(missing_ok=True)
        while self.kills() < self.plan.kills:
            self.shop.place(5)
            self._let_work(5)
            self._kill_a_child()
            self.deeds[Deed.child] += 1
            self._in_time()

    def kills(self) -> int:
        """SIGKILLs of workers so far, whole ones and single children."""
        at_points = sum(point in points.WORKER_POINTS for point, _ in points.fired(self.armed))
        return at_points + sum(self.deeds[deed] for deed in KILLS_OF_WORKERS - {Deed.point})

    def settle(self) -> None:
        """The storm is over: a few orders more, every clock past the farthest jump, until nothing is pending."""
        for name in WORKERS:
            self.engine.kill(name)
            self.start_worker(name, 2 * JUMP)
        left = int(self.plan.messages / EACH) - self.shop.placed
        for portion in (left - 2 * (left // 3), left // 3, left // 3):
            self.shop.place(portion)
            self._await(lambda: self._pending() == 0, "every message has been tried", self.plan.settle + LATEST)
            time.sleep(self.plan.deadline + self.plan.margin)  # not waiting for a state: silence must have lasted
        self._await(
            lambda: self._pending() + self.engine.states().get("unconfirmed", 0) == 0,
            "everything has ended",
            self.plan.settle + LATEST,
        )

    def _await(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        def holds() -> bool:
            self.engine.tend()
            self._in_time()
            return condition()

        with suppress(AssertionError):  # what is still pending is reckoned as lost
            await_(what, holds, seconds)

    def _in_time(self) -> None:
        if time.monotonic() - self.started > self.plan.patience:
            raise Overdue(f"not at an end after {self.plan.patience:.0f} s")

    def outcome(self, overdue: str | None) -> Outcome:
        """The reckoning, with every part of the engine at rest or dead."""
        providers, sessions = self.engine.providers, self.engine.sessions
        balances = [
            reckon(sessions, providers.journal.entries, self.shop, channel, self.shop.expected(channel))
            for channel in (Channel.email, Channel.sms)
        ]
        at_points = points.fired(self.armed)
        killed = Counter(how for point, how in at_points if point in points.WORKER_POINTS)
        killed[points.CHILD] += self.deeds[Deed.child]
        killed[points.TREE] += self.deeds[Deed.tree] + self.deeds[Deed.jump]
        acts = dict(providers.acts)
        broken = broken_laws(sessions, balances, self.plan.settle)
        return Outcome(
            plan=self.plan,
            balances=balances,
            deeds=self.deeds,
            at_points=Counter(point for point, _ in at_points),
            killed=killed,
            cancelled=len(self.shop.cancelled),
            suppressed=len(self.shop.suppressed),
            calls=sum(acts.values()),
            in_doubt=sum(amount for act, amount in acts.items() if act.in_doubt),
            acts=acts,
            lateness=self.lateness,
            seconds=time.monotonic() - self.started,
            broken=[*([overdue] if overdue else []), *broken],
        )
