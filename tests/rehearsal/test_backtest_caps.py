"""A back-test takes caps as they were, and whoever told in the place of a rule at its cap tells again."""

from datetime import timedelta

import sqlalchemy as sa

from app.models import Brand
from app.rehearsal.backtest import backtest
from app.rules.document import parse_rules
from tests.pipeline.conftest import World, world  # noqa: F401 - a fixture
from tests.pipeline.test_capping import LINE, tell
from tests.rehearsal.past import publish

PLENTY = LINE.replace("cap: 3", "cap: 300")


def test_what_was_left_to_the_next_rule_is_reproduced(world: World):  # noqa: F811
    """The live rules come out as they did, message by message; a draft that only raises the cap changes nothing,
    and the note says why."""
    with world.house.sessions.begin() as session:
        publish(session, 1, LINE)
        brand_id = session.scalars(sa.select(Brand.id)).one()
    for number in ("1", "2", "3", "4", "5", "9"):
        tell(world, number, email=f"{number}@example.test")
    world.clock.turn(minutes=1)
    found = backtest(world.house, brand_id, parse_rules(LINE), timedelta(days=1))
    assert found.reproduced.whole, found.reproduced
    assert (found.live, found.draft) == (7, 7)
    raised = backtest(world.house, brand_id, parse_rules(PLENTY), timedelta(days=1))
    assert (raised.gained.count, raised.lost.count, raised.changed.count) == (0, 0, 0)
    assert any("Daily caps are not counted again" in note for note in raised.notes)
