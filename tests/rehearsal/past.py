"""A compact past, built through the pipeline: crossings of every kind, and every way in which a rule can answer."""

from datetime import timedelta

import sqlalchemy as sa

from app import pipeline
from app.intake.store import cancel_order
from app.models import Brand, RuleSetPublication, RuleSetVersion
from app.models.vocabulary import Channel, Milestone
from app.rules.document import parse_rules
from tests.pipeline.conftest import START, World

M = Milestone

RULES = """
version: 1
quiet_hours: {sms: "21:00-08:00"}
rules:
  - {name: dispatched, when: dispatched, send: [email, sms], expires: 48h}
  - name: in_transit
    when: in_transit
    if: '!history.exists(told, told.milestone == "dispatched" && told.channel == "email")'
    send: [email]
    expires: 48h
  - {name: out_for_delivery, when: out_for_delivery, send: [email, sms], expires: 12h, priority: urgent}
  - {name: attempt_failed, when: attempt_failed, hold: 3h, send: [{channel: email, template: delayed}], expires: 24h}
  - {name: delivered_dear, when: delivered, send: [email], expires: 72h, merge: 2h, if: order.number != "7"}
  - {name: delivered, when: delivered, send: [email, sms], expires: 72h, merge: 2h}
  - {name: complete, when: all_delivered, send: [{channel: email, template: delivered}], expires: 72h}
  - {name: on_its_way, when: in_transit, per: order, send: [sms], expires: 48h}
  - {name: afar, when: dispatched, for: {country: "NO"}, send: [whatsapp], expires: 48h}
  - {name: exception, when: exception, send: [{channel: email, template: nothing_yet}], expires: 48h,
     fallback: {email: {channel: sms, template: delayed}}}
  - {name: our_own, when: delayed, send: [{channel: email, template: delayed, audience: team}], expires: 48h}
  - {name: delayed, when: delayed, send: [email, sms], expires: 48h}
"""


def publish(session, brand_id: int, content: str) -> None:
    """Let a brand live by a set of rules from now on."""
    version = RuleSetVersion(brand_id=brand_id, digest=parse_rules(content).digest, content=content)
    session.add(version)
    session.flush()
    session.execute(
        sa.update(RuleSetPublication)
        .where(RuleSetPublication.brand_id == brand_id, RuleSetPublication.replaced_at.is_(None))
        .values(replaced_at=sa.func.now())
    )
    number = session.scalar(sa.select(sa.func.count(RuleSetPublication.id))) + 1
    session.add(
        RuleSetPublication(
            brand_id=brand_id,
            rule_set_version_id=version.id,
            number=number,
            published_by="tests",
            why="a test",
            published_at=START,
        )
    )


def lived(world: World) -> int:
    """Six days of a small shop; the brand's row id. Time stands at the end of them."""
    with world.house.sessions.begin() as session:
        brand_id = session.scalars(sa.select(Brand.id).where(Brand.key == "fjallhem")).one()
        publish(session, brand_id, RULES)
    usual = world.order("1", promised_on="2026-03-04")[0]
    late = world.order("2", promised_on="2026-03-03", shopper={"email": "b@example.test", "country": "SE"})[0]
    first, second = world.order("3", parcels=2, promised_on="2026-03-06")
    cancelled = world.order("4", promised_on="2026-03-05")[0]
    old = world.order("5", history=True)[0]
    hours = {
        1: [(usual, M.dispatched, 1), (first, M.dispatched, 0.5), (old, M.dispatched, 10)],
        5: [
            (usual, M.in_transit, 1), (late, M.dispatched, 1), (second, M.dispatched, 60), (cancelled, M.dispatched, 1),
        ],
        14: [(first, M.in_transit, 0.2)],  # the evening: texts wait
        15: [(second, M.in_transit, 0.1)],
        26: [(usual, M.out_for_delivery, 1), (old, M.out_for_delivery, 1), (late, M.exception, 2)],
        28: [(usual, M.attempt_failed, 0.5), (first, M.out_for_delivery, 0.5)],
        29: [(usual, M.delivered, 0.1), (first, M.attempt_failed, 0.1)],  # overtakes what is still held
        35: [(first, M.exception, 11), (first, M.out_for_delivery, 15)],
        40: [(late, M.in_transit, 30)],
        60: [(second, M.out_for_delivery, 1), (cancelled, M.in_transit, 1)],
        61: [(first, M.delivered, 0.2), (late, M.out_for_delivery, 20)],
        62: [(second, M.delivered, 0.2)],  # joins what waits for it
        100: [(late, M.delivered, 1), (first, M.out_for_delivery, 45)],
    }  # fmt: skip
    for hour in range(1, 140):
        world.clock.turn(hours=1)
        for shipment, milestone, ago in hours.get(hour, ()):
            world.scan(shipment, milestone, ago, name=f"{hour}")
        if hour == 50:
            with world.house.sessions.begin() as session:
                cancel_order(session, brand_id, "4", world.clock.now())
        if hour in hours or hour % 8 == 0:
            pipeline.watch(world.house)
            send(world)
    return brand_id


def send(world: World) -> None:
    """Let both channels' senders run."""
    for channel in (Channel.email, Channel.sms):
        pipeline.send(world.house, channel)


DAYS = timedelta(days=30)
