"""What the shop pushes gets lost, doubled and late; the carrier is asked all the same, and nobody is told otherwise."""

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from app import pipeline
from app.demo.carrier.timetable import Step, TimedStep, Timetable
from app.models import Crossing, Message, Shipment
from app.models.vocabulary import Milestone, Source
from app.pipeline.listening.hearing import Heard
from tests.integration.conftest import Town
from tests.pipeline.conftest import START, heard_scan

WAY = ((1, Step.pickup), (7, Step.sorted), (20, Step.arrived), (26, Step.van), (30, Step.delivered))
PARCELS, HOURS, SEED = 12, 60, 20261126


def way_of(number: str, index: int) -> Timetable:
    """A parcel's way, each a little later than the one before."""
    steps = tuple(
        TimedStep(at=START + timedelta(hours=hours, minutes=7 * index), step=step, place="Malmö", country="SE",
                  lag_seconds=0)
        for hours, step in WAY
    )  # fmt: skip
    return Timetable(tracking_number=number, origin="SE", destination="SE", steps=steps)


def comes_in(at: datetime, dice: random.Random | None) -> list[datetime]:
    """When what is told at this moment comes in: at once, or as the dice say never, twice, or a day late."""
    fate = dice.random() if dice else 0.5
    if fate < 0.2:
        return []
    late = timedelta(hours=24) if fate < 0.4 else timedelta(0)
    return [at + late] * (2 if fate > 0.8 else 1)


def told(town: Town, prefix: str) -> tuple[dict[str, Counter[str]], dict[str, Counter[tuple[str, str]]], set[str]]:
    """By place in the crowd: the milestones that were reached, the messages that were sent, and the other ends."""
    with town.house.sessions() as session:
        rows = session.execute(
            sa.select(Shipment.tracking_number, Crossing.milestone)
            .join(Crossing, sa.and_(Crossing.shipment_id == Shipment.id, Crossing.scope == "parcel"))
            .where(Shipment.tracking_number.startswith(prefix))
        ).all()
        messages = session.execute(
            sa.select(Shipment.tracking_number, Message.channel, Message.milestone, Message.state)
            .join(Message, Message.shipment_id == Shipment.id)
            .where(Shipment.tracking_number.startswith(prefix))
        ).all()
    reached: dict[str, Counter[str]] = {}
    sent: dict[str, Counter[tuple[str, str]]] = {}
    for number, milestone in rows:
        reached.setdefault(number[1:], Counter())[milestone] += 1
    for number, channel, milestone, state in messages:
        sent.setdefault(number[1:], Counter())
        if state == "accepted":
            sent[number[1:]][channel, milestone] += 1
    return reached, sent, {state for *_, state in messages if state != "accepted"}


def assert_told_alike(town: Town, parcels: int) -> None:
    """Parcels of which not everything came in have reached the same, nobody was told more, and nothing hangs."""
    punctual, lossy = told(town, "A"), told(town, "B")
    assert lossy[0] == punctual[0] and len(punctual[0]) == parcels, "the same milestones, each as often"
    for place, sent in lossy[1].items():
        assert sent <= punctual[1][place], f"{place}: no message extra"
        assert set(sent.values()) == {1}
    assert lossy[2] <= {"superseded", "expired"}
    with town.house.sessions() as session:
        assert set(session.scalars(sa.select(Shipment.milestone))) == {"delivered"}
    town.assert_whole()


@pytest.mark.long
def test_polling_finds_what_pushes_lose(town: Town, providers):
    """A fifth of the pushes lost, a fifth a day late, a fifth doubled: the same milestones are reached as by parcels
    whose pushes all came at once, no message is sent twice or more, and what was not sent was overtaken or expired."""
    providers.behave(callbacks={"enabled": False})
    dice = random.Random(SEED)
    due: list[tuple[datetime, str, TimedStep]] = []
    for index in range(PARCELS):
        for prefix, faults in (("A", None), ("B", dice)):
            way = way_of(f"{prefix}{index}", index)
            town.carrier.register([way])
            phone = f"+467017{index:03}{ord(prefix):02}"
            person = {"name": "Maja", "email": f"{prefix}{index}@example.test", "phone": phone, "country": "SE"}
            town.order(f"{prefix}{index}", shopper=person)
            due += [(at, f"{prefix}{index}", step) for step in way.steps for at in comes_in(step.at, faults)]
    due.sort(key=lambda one: one[0])
    assert len(due) != 2 * PARCELS * len(WAY), "the dice fell"
    ids = {f"{prefix}{index}": town.parcel(f"{prefix}{index}").id for prefix in "AB" for index in range(PARCELS)}
    for _ in range(HOURS):
        town.clock.turn(hours=1)
        now = town.clock.now()
        while due and due[0][0] <= now:
            _, number, step = due.pop(0)
            scan = heard_scan(Milestone(step.step.milestone), step.at)
            pipeline.listen(town.house, [Heard(ids[number], Source.push, (scan,))], now)
        with town.house.sessions.begin() as session:
            session.execute(sa.text("DELETE FROM carrier_budgets"))  # the clock runs faster than the allowance refills
        town.poll()
        town.send()
    assert_told_alike(town, PARCELS)
