"""`doorstep bench backlog`: whether a large backlog drains at a constant rate and in flat memory."""

from dataclasses import dataclass
from functools import partial

from app.bench.ground import Meter, Sink, await_, ground, memory_of
from app.bench.programs import running, senders
from app.bench.send import PATIENCE, housed, plan_messages

PARTS = 10


@dataclass(frozen=True, slots=True)
class Part:
    """One tenth of the backlog: messages a second, CPU milliseconds each, and megabytes of the largest process."""

    sent: int
    per_second: float
    cpu_ms: float
    memory_mb: float


def bench_backlog(messages: int) -> list[Part]:
    """Plan `messages` emails, then let two of Celery's processes send them over TLS, measured tenth by tenth."""
    with ground() as here, housed(here, here.tls) as house:
        for start in range(0, messages, 10_000):
            plan_messages(house, min(10_000, messages - start))
        parts: list[Part] = []
        with running(here, here.tls, senders(here)) as pids:
            await_("the first messages have left", lambda: here.tls.count() > messages // 100, PATIENCE)
            for part in range(1, PARTS + 1):
                meter, began = Meter(here.servers, pids), here.tls.count()
                goal = messages * part // PARTS if part < PARTS else messages
                await_(f"{goal} messages have left", partial(_arrived, here.tls, goal), PATIENCE)
                cost = meter.stop(here.tls.count() - began)
                parts.append(Part(goal, cost.per_second, cost.cpu_ms, max(memory_of(pids))))
        return parts


def _arrived(sink: Sink, goal: int) -> bool:
    return sink.count() >= goal
