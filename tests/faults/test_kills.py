"""Workers die while messages leave, and the broker forgets everything: none is lost, none leaves twice."""

import random
import time
from collections import Counter
from datetime import timedelta

import pytest
import redis
import sqlalchemy as sa

from app.clock import wall_now
from app.db import Sessions
from app.insight.audit import audit
from app.intake.schema import parse_order
from app.intake.store import upsert_orders
from app.models import Attempt, Brand, Message, Shipment
from app.models.vocabulary import Milestone, Source
from app.pipeline import listen
from app.pipeline.hearing import Heard
from app.settings import Settings
from app.tracking.carriers.base import HeardScan, scan_digest
from app.wiring import build_house
from tests.faults.conftest import Engine, await_

KILLS = 20
ORDERS = 1000


def plan_messages(engine: sa.Engine, sessions: Sessions, orders: int) -> int:
    """Plan an email and an SMS for each of `orders` parcels that are out for delivery; how many messages."""
    house = build_house(Settings(send="shadow"), engine=engine)
    now = wall_now()
    payloads = [
        {
            "number": f"K{n:05}",
            "placed_at": (now - timedelta(days=2)).isoformat(),
            "shopper": {"name": "Maja Lind", "email": f"maja{n}@example.test", "phone": f"+4670174{n:04}"},
            "parcels": [{"reference": "1"}],
        }
        for n in range(orders)
    ]
    with sessions.begin() as session:
        brand = session.scalars(sa.select(Brand)).one()
        upsert_orders(session, brand, [parse_order(payload, ()) for payload in payloads], now=now)
        ids = list(session.scalars(sa.select(Shipment.id).order_by(Shipment.id)))
    at = now - timedelta(minutes=1)
    scan = HeardScan(scan_digest("k"), "van", Milestone.out_for_delivery, "On the van", "Malmö", "now", at, "offset")
    for start in range(0, len(ids), 250):
        listen(house, [Heard(one, Source.push, (scan,)) for one in ids[start : start + 250]], now)
    house.loop.run(house.http.aclose())
    house.loop.close()
    return 2 * orders


@pytest.mark.faults
def test_twenty_kills_and_a_flushed_broker_lose_and_repeat_nothing(running: Engine, engine: sa.Engine, broker_url: str):
    """2,000 messages leave while every worker is killed twenty times: the journal shows each exactly once."""
    total = plan_messages(engine, running.sessions, ORDERS)
    running.providers.behave(sendgrid={"slow_ms": 80}, twilio={"slow_ms": 80})
    running.start_web()
    running.start_beat()
    running.start_worker()
    dice = random.Random(20261124)
    journal = running.providers.journal.entries
    for kill in range(KILLS):
        goal = len(journal) + dice.randint(15, 45)
        await_(f"the journal grows to {goal}\n{running.log('worker')}", lambda goal=goal: len(journal) >= goal)
        time.sleep(dice.random() * 0.2)  # not waiting for a state: the kill falls anywhere in a batch
        running.kill("worker")
        if kill == KILLS // 2:
            redis.Redis.from_url(broker_url).flushall()
        running.start_worker()
    assert len(journal) < total - 300, "the kills must fall while messages are still leaving"
    await_("every message is settled", lambda: set(running.states()) <= {"accepted", "delivered"}, 120)
    with running.sessions() as session:
        named = sa.select(Attempt.public_id, Message.public_id).join(Message, Message.id == Attempt.message_id)
        owner = dict(session.execute(named).all())
    with running.sessions() as session:
        found = audit(session, 120)
    times_sent = Counter(owner[entry.attempt_id] for entry in journal)
    assert {name: n for name, n in times_sent.items() if n > 1} == {}, "sent twice"
    assert len(times_sent) == total, "lost"
    assert found.whole, found.breaches
