"""The storm brake: far more than usual is paused until a person has looked; a usual day, however busy, is not."""

from datetime import datetime, timedelta

import pytest

from app import pipeline
from app.insight.explain import explain
from app.insight.tell import tell
from app.models import Brand
from app.models.vocabulary import Milestone
from app.pipeline.brakes import braking
from app.pipeline.brakes.braking import Volume, bucket_of, limit, pull_brakes
from app.pipeline.brakes.pausing import count_stopped
from app.settings import BrakeSettings
from tests.pipeline.conftest import START, World
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_path import send_all, whole
from tests.pipeline.test_pausing import lift, plan, shipments, told

M = Milestone
SMALL = BrakeSettings(floor=4, unproven=10)


@pytest.fixture
def braked(world: World) -> World:
    """A world whose brake pulls at small numbers."""
    return world.with_(brake=SMALL)


def planned(world: World, amount: int, at: datetime, *, brand_id: int | None = None, slot: int = 0) -> None:
    """Let so many messages of the rule have been planned at a time, as the counters hold it."""
    sql(
        world,
        "INSERT INTO rule_volumes (brand_id, rule, bucket, slot, planned)"
        " SELECT coalesce(:brand, min(id)), 'out_for_delivery', :bucket, :slot, :amount FROM brands",
        brand=brand_id, bucket=bucket_of(at), slot=slot, amount=amount,
    )  # fmt: skip


def mornings(world: World, amount: int, days: int = 5) -> None:
    """So many at eight o'clock on each of the last days, from two workers."""
    for day in range(1, days + 1):
        planned(world, amount // 2, START - timedelta(days=day), slot=1)
        planned(world, amount - amount // 2, START - timedelta(days=day), slot=2)


def standing(world: World) -> list[tuple]:
    return sql(world, "SELECT kind, name, automatic FROM pauses WHERE lifted_at IS NULL")


def test_a_storm_is_paused_visibly_until_a_person_resumes(braked: World):
    """Nothing of it leaves, its story says why, an incident is open; resumed, all leave once and it rests a while."""
    mornings(braked, 2)
    plan(braked, range(1001, 1007))
    assert [one.recent for one in pull_brakes(braked.house)] == [12]
    assert pull_brakes(braked.house) == []
    send_all(braked)
    assert told(braked) == 0 and standing(braked) == [("rule", "out_for_delivery", True)]
    with braked.house.sessions() as session:
        story = "\n".join(tell(explain(session, shipments(braked)[0].public_id)))
    assert "paused by storm brake" in story and "12 messages planned within ten minutes" in story
    assert "had 2, the limit is 10" in story
    pipeline.alarm(braked.house)
    assert sql(braked, "SELECT kind FROM incidents WHERE closed_at IS NULL") == [("storm",)]
    brand_id = shipments(braked)[0].brand_id
    assert lift(braked, "rule:out_for_delivery", brand_id).released == 12
    assert pull_brakes(braked.house) == [], "a person has just looked"
    send_all(braked)
    assert told(braked) == 12
    whole(braked)
    sql(braked, "UPDATE pauses SET lifted_at = lifted_at - interval '2 hours'")
    assert len(pull_brakes(braked.house)) == 1, "it rests for an hour, not for ever"


def test_a_busy_morning_like_every_morning_is_no_storm(braked: World):
    """Compared is the busiest window of the days before, not their mean."""
    mornings(braked, 3)
    plan(braked, range(1001, 1008))
    assert pull_brakes(braked.house) == []
    assert standing(braked) == []


def test_small_shops_and_first_days_do_not_trip(braked: World):
    """Below the floor nothing is looked at; with nothing to compare with, the higher floor counts."""
    plan(braked, range(1001, 1006))
    assert pull_brakes(braked.house) == []
    plan(braked, [1006])
    assert [one.days for one in pull_brakes(braked.house)] == [0]
    quiet = braked.with_(brake=BrakeSettings(floor=4, unproven=10, on=False))
    sql(braked, "DELETE FROM pauses")
    assert pull_brakes(quiet.house) == []


def test_another_brands_storm_is_its_own(braked: World):
    """The same rule of the brand beside it goes on."""
    with braked.house.sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
        session.flush()
        other_id = other.id
    planned(braked, 500, START, brand_id=other_id)
    plan(braked, [1001])
    assert [one.brand_id for one in pull_brakes(braked.house)] == [other_id]
    send_all(braked)
    assert told(braked) == 2


def test_the_brake_bites_before_it_is_known_how_much_it_holds(braked: World, monkeypatch):
    """The count runs over all that waits, which in a storm is much: it begins when the pause is committed."""
    mornings(braked, 2)
    plan(braked, range(1001, 1007))
    seen = []

    def counting(session, done):
        seen.append(standing(braked))
        return count_stopped(session, done)

    monkeypatch.setattr(braking, "count_stopped", counting)
    pull_brakes(braked.house)
    assert seen == [[("rule", "out_for_delivery", True)]]


def test_counts_live_and_die_with_the_plan_and_are_forgotten(braked: World):
    """Counted in the transaction that plans, at every planned message and no other; old counts go."""
    planned(braked, 5, START - timedelta(days=30))
    plan(braked, [1001, 1002])
    plan(braked, [1001])
    counts = "SELECT rule, sum(planned)::int FROM rule_volumes WHERE bucket > :since GROUP BY rule"
    assert sql(braked, counts, since=START - timedelta(days=1)) == [("out_for_delivery", 4)]
    pull_brakes(braked.house)
    assert sql(braked, "SELECT count(*) FROM rule_volumes WHERE planned = 5") == [(0,)]


def test_the_limit_is_a_floor_or_a_multiple_of_the_busiest_window():
    """A table of the documented numbers."""
    told = BrakeSettings()
    for recent_days, busiest, expected in [(0, 50_000, 250_000), (0, 0, 10_000), (2.9, 300, 10_000), (3, 300, 1500),
                                           (30, 10, 1000), (30, 0, 1000)]:  # fmt: skip
        assert limit(Volume(1, "r", 0, busiest, recent_days), told) == expected
