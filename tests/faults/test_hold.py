"""A message that waits for half a day waits in a column: what befalls the broker and the workers is nothing to it."""

import sys
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import redis
import sqlalchemy as sa

from app.clock import Clock, describe_clock, wall_now, wall_seconds
from app.db import Sessions
from app.demo.providers import CallbackManners
from app.embedded.processes import Program
from app.insight.audit import audit
from app.models import Attempt, Message
from app.rules.document import parse_rules
from app.settings import Settings
from app.wiring import build_house
from tests.faults.conftest import Engine, await_
from tests.faults.parcels import plan_messages

HELD = """
version: 1
rules:
  - name: out_for_delivery
    when: out_for_delivery
    send: [email, sms]
    hold: 12h
    expires: 48h
"""
HOLD = timedelta(hours=12)
WORKERS, RESTARTS = 8, 3
SPEED = 60.0
VISIBILITY = 1.0
"""Seconds: of the half day at this speed a larger part than 60 seconds are of a real one, and far longer than a task
takes. A task that waited in the broker would be handed out again and again."""


@pytest.mark.long
@pytest.mark.faults
def test_a_message_held_twelve_hours_leaves_exactly_once(running: Engine, engine: sa.Engine, broker_url: str):
    """Eight workers are killed and started three times, the broker forgets everything each time, and nothing leaves
    early; when its time has come, the email leaves once and so does the SMS."""
    planned_at = wall_now()
    house = build_house(Settings(send="shadow"), engine=engine)
    plan_messages(running.sessions, replace(house, rules=parse_rules(HELD)), 1)
    running.providers.behave(callbacks=CallbackManners(enabled=False))
    running.start_beat()
    journal = running.providers.journal.entries
    for restart in range(RESTARTS + 1):
        last = restart == RESTARTS
        # Where the clock goes on after each start: at 0, 4 and 8 hours, and five minutes before the end of the hold.
        passed = HOLD - timedelta(minutes=5) if last else restart * timedelta(hours=4)
        clock = start_workers(running, planned_at + passed)
        await_(f"all have started\n{running.log('workers')}", lambda n=restart: started(running) >= WORKERS * (n + 1))
        if not last:
            assert journal == [], "nothing leaves before its time"
            assert running.states() == {"held": 2}
            running.kill("workers")
            with redis.Redis.from_url(broker_url) as client:
                client.flushall()
    await_(f"it has left\n{running.log('workers')}", lambda: running.states() == {"accepted": 2})
    assert sorted(entry.channel for entry in journal) == ["email", "sms"]
    for begun_at, send_at in begun(running.sessions):
        assert clock.start is not None
        engine_time = clock.start + timedelta(seconds=(begun_at.timestamp() - clock.anchor) * clock.speed)
        assert engine_time >= send_at >= planned_at + HOLD
    with running.sessions() as session:
        assert audit(session, 120).whole


def start_workers(running: Engine, now: datetime) -> Clock:
    """Eight workers on a clock that stands at `now` and runs fast."""
    clock = Clock(now, wall_seconds(), SPEED)
    argv = (sys.executable, "-m", "tests.faults.many_workers", str(WORKERS), str(VISIBILITY))
    running.start(Program("workers", argv, {"DOORSTEP_CLOCK": describe_clock(clock)}))
    return clock


def started(running: Engine) -> int:
    """How many times a worker has said that it is ready."""
    return (running.home / "workers.log").read_text(errors="replace").count(" ready.")


def begun(sessions: Sessions) -> list[tuple[datetime, datetime]]:
    """When each call began, on the database's clock, and from when on it might, in engine time."""
    with sessions() as session:
        query = sa.select(Attempt.begun_at, Message.send_at).join(Message, Message.id == Attempt.message_id)
        return [(row.begun_at, row.send_at) for row in session.execute(query)]
