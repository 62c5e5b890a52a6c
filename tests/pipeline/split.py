"""Split orders for tests: rules that tell of several parcels together, and what each message says."""

from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from app import pipeline
from app.insight.audit import audit
from app.models import Crossing, Decision, Shipment
from app.models.vocabulary import Channel
from app.rules.document import parse_rules
from tests.pipeline.conftest import World

RULES = """
version: 1
quiet_hours: none
rules:
  - {name: out, when: out_for_delivery, send: [email], expires: 12h, merge: 30m}
  - {name: there, when: delivered, send: [email], expires: 72h, hold: 5m, merge: 30m}
  - {name: late, when: delayed, send: [email], expires: 48h, merge: 1h}
  - {name: sent, when: dispatched, send: [email], expires: 48h, per: order}
  - {name: whole, when: all_delivered, if: order.parcel_count > 1, send: [sms], expires: 48h}
"""
SET = parse_rules(RULES.replace("quiet_hours: none", "quiet_hours: {}"))


def split(world: World, rules: str | None = None) -> World:
    """The world with rules that merge."""
    return world.with_(rules=SET if rules is None else parse_rules(rules))


def go(world: World, minutes: float = 0) -> None:
    """Let some time pass, then send whatever is due."""
    world.clock.turn(minutes=minutes)
    for channel in (Channel.email, Channel.sms):
        while pipeline.send_batch(world.house, channel):
            pass


def told(world: World, **where: object) -> list[tuple[str, str, list[int]]]:
    """Each message: its milestone, its state, and the parcels (row ids) that it tells of, its own first."""
    with world.house.sessions() as session:
        ids = dict(session.execute(sa.select(Shipment.public_id, Shipment.id)).all())
        facts = dict(session.execute(sa.select(Crossing.id, Crossing.facts)).all())
    found = []
    for message in world.messages(**where):
        shown = message.released or facts[message.crossing_id]
        parcels = [shown["parcel"]["id"], *(one["id"] for one in shown["merged"])]
        found.append((message.milestone, message.state, [ids[one] for one in parcels]))
    return found


def reasons(world: World, parcel: int, milestone: str) -> list[str]:
    """Why each decision on a parcel's milestone came out as it did, in the order of their writing."""
    with world.house.sessions() as session:
        query = sa.select(Decision.reason).join(Crossing, Crossing.id == Decision.crossing_id)
        where = (Crossing.shipment_id == parcel, Crossing.milestone == milestone)
        return list(session.scalars(query.where(*where).order_by(Decision.id)))


def whole(world: World) -> None:
    """Nothing is lost and nothing contradicts itself."""
    with world.house.sessions() as session:
        found = audit(session, 3600)
    assert found.breaches == ()


def at_speed(world: World) -> World:
    """The world with senders that wait for nothing."""
    return world.with_(sending=replace(world.house.sending, margin=timedelta(0).total_seconds()))
