"""A dry run: both sets' answers to each milestone of one parcel, on what each was decided on."""

import pytest
import sqlalchemy as sa

from app.errors import NotFound
from app.models import Crossing, Shipment
from app.rehearsal.dry_run import dry_run
from app.rules.document import parse_rules
from tests.rehearsal.past import RULES


@pytest.fixture
def names(past):
    """The parcels' outside ids."""
    world, brand_id = past
    with world.house.sessions() as session:
        return session.scalars(sa.select(Shipment.public_id).where(Shipment.brand_id == brand_id)).all()


def test_the_live_rules_answer_as_themselves(past, names):
    """Every milestone that was concluded is there, and a draft of the same text differs in none."""
    world, brand_id = past
    runs = [dry_run(world.house, brand_id, name, parse_rules(RULES)) for name in names]
    moments = [moment for run in runs for moment in run.moments]
    assert moments and all(moment.same and moment.live == moment.draft for moment in moments)
    with world.house.sessions() as session:
        assert len(moments) == session.scalar(
            sa.select(sa.func.count(Crossing.id)).where(Crossing.brand_id == brand_id)
        )
    said = {answer.sentence for moment in moments for answer in moment.live}
    assert any("It leaves." in one for one in said) and any(one.startswith("Not asked: ") for one in said)


def test_a_draft_that_says_less_differs_where_something_left(past, names):
    """And is the same where nothing had left anyway."""
    world, brand_id = past
    draft = parse_rules("version: 1\nrules:\n  - {name: x, when: returned, send: [email], expires: 48h}\n")
    for name in names:
        for moment in dry_run(world.house, brand_id, name, draft).moments:
            left = any(one.fired for one in moment.live)
            assert moment.same is not left or moment.milestone == "returned"
            assert moment.draft is not None


def test_other_thresholds_open_other_milestones(past, names):
    """What the draft's thresholds do not open has no answer of the draft's, and the other way."""
    world, brand_id = past
    draft = parse_rules(
        "version: 1\nmilestones: {delayed: {promise: {grace: 20d}, carrier: off, eta: off}}\n" + RULES.split("\n", 2)[2]
    )
    sides = [
        (moment.live is None, moment.draft is None)
        for name in names
        for moment in dry_run(world.house, brand_id, name, draft).moments
        if moment.milestone == "delayed"
    ]
    assert (False, True) in sides


def test_only_the_brands_own_parcels_are_tried(past, names):
    """Another brand's, and one that there is not, are alike."""
    world, brand_id = past
    for brand, name in ((brand_id + 1000, names[0]), (brand_id, "shp_none")):
        with pytest.raises(NotFound):
            dry_run(world.house, brand, name, parse_rules(RULES))
