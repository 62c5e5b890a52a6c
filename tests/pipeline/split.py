"""Split orders for tests: rules that tell of several parcels together, and what each message says."""

import sqlalchemy as sa

from app import pipeline
from app.insight.audit import audit
from app.intake.cancelling import CancelledParcel, cancel_parcel
from app.models import Crossing, Decision, Shipment
from app.models.vocabulary import Channel, Source
from app.pipeline.deciding.concluding import hear
from app.pipeline.listening.hearing import Heard
from app.rules.document import parse_rules
from tests.pipeline.conftest import World

RULES = """
version: 1
rules:
  - {name: out, when: out_for_delivery, send: [email], expires: 12h, merge: 30m}
  - {name: there, when: delivered, send: [email], expires: 72h, hold: 5m, merge: 30m}
  - {name: late, when: delayed, send: [email], expires: 48h, merge: 1h}
  - {name: sent, when: dispatched, send: [email], expires: 48h, per: order}
  - {name: whole, when: all_delivered, if: order.parcel_count > 1, expires: 48h,
     send: [{channel: sms, template: delivered}]}
"""
SET = parse_rules(RULES)


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


def cancel(world: World, parcel: int) -> CancelledParcel:
    """The shop takes a parcel out of its order, as the API does it."""
    with world.house.sessions.begin() as session:
        row = session.get_one(Shipment, parcel)
        done = cancel_parcel(session, row.brand_id, row.public_id, world.clock.now())
        hear(session, world.house, [Heard(parcel, Source.api)], world.clock.now())
    assert done is not None
    return done


def completions(world: World) -> list[tuple[int, int, list[str]]]:
    """Each `all_delivered`: its number, the parcel it hangs on, and how its rules answered."""
    with world.house.sessions() as session:
        rows = session.scalars(sa.select(Crossing).where(Crossing.scope == "order").order_by(Crossing.id)).all()
        answers = session.execute(sa.select(Decision.crossing_id, Decision.reason)).all()
    return [(row.occurrence, row.shipment_id, [why for at, why in answers if at == row.id]) for row in rows]
