"""A parcel's whole story: which rules answered, from which facts, which were not for it, and what is due."""

import sqlalchemy as sa

from app.insight.tell import tell
from app.models import Decision, Shipment
from app.models.vocabulary import Milestone
from app.rehearsal.aside import outside, whole_story
from app.rehearsal.backtest import as_decided_on
from app.rehearsal.reading import looking, pages, read_orders
from app.rules.ruleset import Reach
from tests.pipeline.conftest import World, world  # noqa: F401 - a fixture
from tests.rehearsal.past import DAYS, RULES, publish

M = Milestone

MORE = """
  - {name: letters, when: dispatched, send: [whatsapp], expires: 48h, for: {carrier: [postnord, bring]}}
  - {name: back_at_the_shop, when: dispatched, send: [whatsapp], expires: 48h, for: {direction: return}}
"""


def test_the_story_names_the_version_the_other_rules_and_what_is_due(world: World):  # noqa: F811
    """Each answer has its version, rules for others are said with the reason, held messages and looks are listed."""
    (parcel,) = world.order(promised_on="2026-03-06")
    with world.house.sessions.begin() as session:
        publish(session, 1, RULES + MORE)
    world.scan(parcel, M.dispatched)
    world.clock.turn(hours=13)  # ten in the evening in Sweden
    world.scan(parcel, M.out_for_delivery)
    with world.house.sessions.begin() as session:
        session.execute(sa.delete(Decision).where(Decision.rule.in_(["letters", "back_at_the_shop"])))
        first = session.scalars(sa.select(Decision).order_by(Decision.id)).first()
        first.inputs = {"order.total_minor": 49900, "parcel.items": [{"name": "x"}] * 9}
        name = session.scalars(sa.select(Shipment.public_id)).one()
        story = whole_story(session, world.house, name)
    text = "\n".join(tell(story))
    for expected in (
        "(rule 'dispatched' of publication 1)",
        "Not by rule 'letters': it is for parcels with Bring, PostNord, and this one goes with DHL.",
        "Not by rule 'back_at_the_shop': it is for return parcels.",
        "It looked at order.total_minor = 49900, parcel.items = 9 of them.",
        "SMS about out for delivery leaves Tue 03 Mar 08:00, if it is still true then.",
        "it is late",
    ):
        assert expected in text, f"{expected!r} is missing from:\n{text}"
    assert [one.what for one in story.coming] == sorted([one.what for one in story.coming], key=lambda _: 0)
    assert {one.what for one in story.coming} >= {"message", "promise"}
    shown = story.model_dump(mode="json")
    assert all("id" not in one and "rule_set_version_id" not in str(one) for one in shown["crossings"])
    assert shown["crossings"][0]["decisions"][0]["rules_publication"] == 1


def test_why_a_rule_is_not_for_a_parcel(past):
    """Each part of a rule's reach has its sentence; where it is for the parcel there is none."""
    world, brand_id = past  # noqa: F811
    with looking(world.house.sessions) as session:
        (_, ids), *_ = pages(session, brand_id, world.clock.now() - DAYS, False)
        facts = as_decided_on(read_orders(session, ids)[0].crossings[0]).crossed.facts
    assert (
        outside(Reach(), facts) == outside(Reach(countries=frozenset({"SE"}), carriers=frozenset({"dhl"})), facts) == ""
    )
    for reach, part in (
        (Reach(carriers=frozenset({"ups"})), "goes with DHL"), (Reach(countries=frozenset({"NO"})), "lives in SE"),
        (Reach(brands=frozenset({"other"})), "one is fjallhem"), (Reach(tags=frozenset({"gift"})), "nothing known"),
        (Reach(services=("mypack*",)), "goes by none"), (Reach(direction="return"), "return parcels"),
    ):  # fmt: skip
        assert part in outside(reach, facts)
