"""Pauses: what they hold, when they take hold, and that lifting one neither loses nor repeats a message."""

from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa

from app import pipeline
from app.errors import InvalidInput
from app.insight.explain import explain
from app.insight.tell import tell
from app.models import Brand, Message, Pause, Shipment
from app.models.vocabulary import Channel, Milestone
from app.pipeline.asking import claim_due
from app.pipeline.pausing import Paused, Resumed, let_go, pause, read_scope, resume, standing
from app.pipeline.preparing import prepare
from app.pipeline.releasing import claim
from app.pipeline.sending import begin
from tests.pipeline.conftest import World
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_path import send_all, whole

M = Milestone


def hold(world: World, written: str, brand_id: int | None = None) -> Paused:
    with world.house.sessions.begin() as session:
        return pause(session, read_scope(session, world.house, written), brand_id, "a look first", "ops")


def lift(world: World, written: str, brand_id: int | None = None) -> Resumed:
    with world.house.sessions.begin() as session:
        lifted = resume(session, read_scope(session, world.house, written), brand_id, "ops")
    pipeline.recover(world.house)
    return lifted


def told(world: World) -> int:
    return len(world.email.sent) + len(world.sms.sent)


def plan(world: World, numbers, milestone: Milestone = M.out_for_delivery) -> None:
    for number in numbers:
        (parcel,) = world.order(str(number))
        world.scan(parcel, milestone)


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        ("all", {"email", "sms"}),
        ("brand:fjallhem", {"email", "sms"}),
        ("rule:out_for_delivery", {"email", "sms"}),
        ("template:out_for_delivery", {"email", "sms"}),
        ("carrier:dhl", {"email", "sms"}),
        ("milestone:out_for_delivery", {"email", "sms"}),
        ("channel:sms", {"sms"}),
        ("milestone:delivered", set()),
        ("rule:delivered", set()),
    ],
)
def test_a_pause_holds_its_scope_and_nothing_else(world: World, scope, held):
    """Paused messages wait unclaimed; lifted, each leaves once."""
    plan(world, [1001])
    done = hold(world, scope)
    assert (done.new, done.waiting) == (True, len(held))
    send_all(world)
    assert {m.channel for m in world.messages() if m.state == "ready"} == held
    lifted = lift(world, scope)
    assert lifted.released == len(held)
    for _ in range(3):
        send_all(world)
    assert {m.state for m in world.messages()} == {"accepted"} and told(world) == 2
    whole(world)
