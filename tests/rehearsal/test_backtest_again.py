"""A delay of which nobody was told leaves room for another, in a back-test of other thresholds too."""

from datetime import timedelta

import sqlalchemy as sa

from app import pipeline
from app.models import Brand
from app.models.vocabulary import Channel, Milestone
from app.rehearsal.backtest import backtest
from app.rules.document import parse_rules
from tests.pipeline.conftest import World, world  # noqa: F401 - a fixture
from tests.pipeline.test_watching import answered, asked_in_vain, row
from tests.rehearsal.past import publish

LIVE = """version: 1
milestones: {delayed: {promise: off, silence: 2bd, again: 0}}
rules:
  - {name: late, when: delayed, send: [email], expires: 48h, hold: 1h}
"""


def test_what_nobody_was_told_of_is_opened_again_under_a_draft_too(world: World):  # noqa: F811
    """Over before its message left, late again, and told: a draft that watches for more changes none of it."""
    with world.house.sessions.begin() as session:
        publish(session, 1, LIVE)
        brand_id = session.scalars(sa.select(Brand.id)).one()
    (parcel,) = world.order()
    answered(world, parcel, (Milestone.in_transit, 1))
    for lasts in (False, True):
        due = row(world, parcel).watch_at
        assert due is not None
        world.clock.turn(seconds=(due - world.clock.now()).total_seconds())
        asked_in_vain(world)
        pipeline.watch(world.house)
        world.clock.turn(minutes=30)
        if not lasts:
            answered(world, parcel, (None, 0.1))
        world.clock.turn(minutes=30)
        pipeline.send(world.house, Channel.email)
    assert [m.state for m in world.messages()] == ["superseded", "accepted"]
    draft = parse_rules(LIVE.replace("milestones: {", "milestones: {eta_changed: {by: 1d}, "))
    found = backtest(world.house, brand_id, draft, timedelta(days=9))
    assert found.reproduced.whole, found.reproduced
    assert (found.opened, found.not_opened) == ({}, {})
    assert (found.live, found.draft, found.lost.count) == (1, 1, 0)
