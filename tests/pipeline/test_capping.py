"""Daily caps: no shopper gets, and no rule plans, more in a day than is written, whoever plans at once."""

from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from app.channels.base import Verdict
from app.models import Decision
from app.models.vocabulary import AttemptOutcome, Channel, Milestone
from app.pipeline.brakes import capping
from app.pipeline.brakes.alarming import keep_incidents
from app.pipeline.people.erasing import erase_person
from app.pipeline.people.pruning import prune
from app.rules.document import parse_rules
from tests.pipeline.conftest import World
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_path import report, send_all, whole

M = Milestone
RULES = """version: 1
caps: {shopper: SHOPPER, rule: RULE}
rules:
  - name: arrived
    when: delivered
    send: [email]
    fallback: {email: sms}
    expires: 48h
  - name: out
    when: out_for_delivery
    send: [sms]
    expires: 12h
    priority: urgent
"""


def capped(world: World, shopper: int = 1000, rule: int = 1000) -> World:
    return world.with_(rules=parse_rules(RULES.replace("SHOPPER", str(shopper)).replace("RULE", str(rule))))


def tell(world: World, number: str, milestone: Milestone = M.delivered, email: str = "maja@example.test") -> None:
    shopper = {"name": "Maja Lind", "email": email, "phone": "+46701740605", "country": "SE"}
    (parcel,) = world.order(number, shopper=shopper)
    world.scan(parcel, milestone)


def reasons(world: World) -> list[str]:
    with world.house.sessions() as session:
        return list(session.scalars(sa.select(Decision.reason).order_by(Decision.id)))


def counts(world: World) -> list[tuple[str, int]]:
    query = "SELECT kind, sum(planned)::int FROM daily_counts GROUP BY kind ORDER BY kind"
    return [tuple(row) for row in sql(world, query)]


def test_a_shopper_gets_so_many_a_day_over_all_their_orders(world: World):
    """What is beyond the cap is not planned and takes no key; the next day, theirs, begins anew."""
    world = capped(world, shopper=2)
    for number in ("1", "2", "3"):
        tell(world, number)
    tell(world, "4", email="MAJA@example.test ")
    tell(world, "5", email="nils@example.test")
    assert reasons(world) == ["planned", "planned", "shopper_cap", "shopper_cap", "planned"]
    assert sql(world, "SELECT count(*) FROM ledger_keys") == [(3,)]
    world.clock.turn(hours=14)  # 23:00 in Stockholm
    tell(world, "6")
    world.clock.turn(hours=1.2)  # another day there, not yet in UTC
    tell(world, "7")
    assert reasons(world)[-2:] == ["shopper_cap", "planned"]
    assert not any("maja" in row.key for row in sql(world, "SELECT key FROM daily_counts"))
    whole(world)


TAKEN_BACK = """version: 1
caps: {shopper: 2}
rules:
  - {name: sent, when: dispatched, send: [email], hold: 1h, expires: 48h}
  - {name: here, when: delivered, send: [email], fallback: {email: sms}, expires: 48h}
"""


def test_what_told_its_shopper_nothing_is_given_back(world: World):
    """Two are planned and one of them is overtaken before it leaves: one more may be told, on that day. What another
    message stood in for is not given back, for that one reached them."""
    world = world.with_(rules=parse_rules(TAKEN_BACK))
    (parcel,) = world.order("1")
    world.scan(parcel, M.dispatched)
    world.scan(parcel, M.delivered)
    tell(world, "2")
    assert reasons(world) == ["planned", "planned", "shopper_cap"], "it may leave yet"
    world.clock.turn(hours=2)
    send_all(world)
    assert world.states() == [("dispatched", "email", "superseded"), ("delivered", "email", "accepted")]
    world.email.answer = lambda out: Verdict(AttemptOutcome.refused, error="no such mailbox", cause="hard")
    tell(world, "3")
    send_all(world)
    assert world.states()[2:] == [("delivered", "email", "failed"), ("delivered", "sms", "accepted")]
    tell(world, "4")
    assert reasons(world)[3:] == ["planned", "fell_back", "shopper_cap"]
    assert counts(world) == [("shopper", 3)], "what was planned is what is counted"
    world.clock.turn(hours=24)
    tell(world, "5")
    assert reasons(world)[-1] == "planned"
    whole(world)


def test_another_shopper_s_end_gives_nothing_back(world: World):
    """Nor does another brand's day, nor what was overtaken the day before."""
    world = world.with_(rules=parse_rules(TAKEN_BACK))
    for number, email in (("1", "nils@example.test"), ("2", "maja@example.test")):
        (parcel,) = world.order(number, shopper={"name": "M", "email": email, "country": "SE"})
        world.scan(parcel, M.dispatched)
        world.scan(parcel, M.delivered)
        if number == "1":
            world.clock.turn(hours=2)
            send_all(world)
    tell(world, "3")
    assert reasons(world)[-1] == "shopper_cap"


def test_what_is_urgent_counts_and_is_told_all_the_same(world: World):
    """It arrives today: that is told to a shopper who has had their share, and takes a place for what comes after."""
    world = capped(world, shopper=1)
    tell(world, "1", M.out_for_delivery)
    tell(world, "2", M.out_for_delivery)
    tell(world, "3")
    assert reasons(world) == ["planned", "planned", "shopper_cap"]


def test_a_rule_plans_so_many_a_day_and_an_alarm_says_that_more_were_wanted(world: World):
    """Its cap holds for what is urgent too, and for nothing of another rule."""
    world = capped(world, rule=2)
    for number in range(4):
        tell(world, str(number), email=f"{number}@example.test")
    tell(world, "9", M.out_for_delivery)
    assert reasons(world) == ["planned", "planned", "rule_cap", "rule_cap", "planned"]
    keep_incidents(world.house)
    [incident] = sql(world, "SELECT kind, subject, count, summary FROM incidents")
    assert (incident.kind, incident.subject, incident.count) == ("capped", "fjallhem arrived", 2)
    assert incident.summary.endswith("2 messages beyond it were not planned")
    world.clock.turn(hours=24)
    tell(world, "10")
    assert reasons(world)[-1] == "planned"
    whole(world)


LINE = """version: 1
rules:
  - {name: first, when: delivered, if: order.parcel_count > 0, send: [email, sms], expires: 48h, cap: 3}
  - {name: dear, when: delivered, if: order.number == "9", send: [email], expires: 48h}
  - {name: second, when: delivered, if: order.parcel_count < 9, send: [email], expires: 48h, cap: 2}
  - {name: third, when: delivered, send: [email], fallback: {email: sms}, expires: 48h}
"""


def answers(world: World, number: str) -> list[tuple[str, str, str]]:
    query = """SELECT rule, channel, reason FROM decisions JOIN crossings ON crossings.id = decisions.crossing_id
        JOIN orders ON orders.id = crossings.order_id WHERE orders.number = :number ORDER BY decisions.id"""
    return [tuple(row) for row in sql(world, query, number=number)]


def test_a_rule_at_its_cap_leaves_the_word_to_the_next(world: World):
    """What it may not tell any more the next that fits tells, way by way and as far as that one's cap; each rule has
    one answer on each way, and the last says who told."""
    world = world.with_(rules=parse_rules(LINE))
    for number in ("1", "2", "3", "4", "9"):
        tell(world, number, email=f"{number}@example.test")
    beside, off = "another_rule", "condition_false"
    assert sorted(answers(world, "1")) == [
        ("dear", "email", beside), ("first", "email", "planned"), ("first", "sms", "planned"),
        ("second", "email", beside), ("third", "email", beside),
    ]  # fmt: skip
    # One more email, and no text: nobody else tells by text.
    assert sorted(answers(world, "2")) == [
        ("dear", "email", beside), ("first", "email", "planned"), ("first", "sms", "rule_cap"),
        ("second", "email", beside), ("third", "email", beside),
    ]  # fmt: skip
    for number in ("3", "4"):
        assert sorted(answers(world, number)) == [
            ("dear", "email", off), ("first", "email", "rule_cap"), ("first", "sms", "rule_cap"),
            ("second", "email", "planned"), ("third", "email", beside),
        ]  # fmt: skip
    assert sorted(answers(world, "9")) == [
        ("dear", "email", "planned"), ("first", "email", "rule_cap"), ("first", "sms", "rule_cap"),
        ("second", "email", beside), ("third", "email", beside),
    ]  # fmt: skip
    (parcel,) = world.order("5", shopper={"name": "M", "phone": "+46701740605", "country": "SE"})
    world.scan(parcel, M.delivered)
    tell(world, "6", email="6@example.test")
    assert sorted(answers(world, "6")) == [
        ("dear", "email", off), ("first", "email", "rule_cap"), ("first", "sms", "rule_cap"),
        ("second", "email", "rule_cap"), ("third", "email", "planned"),
    ]  # fmt: skip
    assert ("third", "sms", "fell_back") in answers(world, "5")
    send_all(world)
    whole(world)


def test_workers_that_pass_the_word_on_at_once_wait_in_no_ring(world: World):
    """Eight at the same instant, three caps in a row: as many messages as there are places, and each its own."""
    rules = LINE.replace("[email, sms]", "[email]").replace("cap: 3", "cap: 2")
    world = world.with_(rules=parse_rules(rules.replace("fallback: {email: sms}", "cap: 3")))
    at_once(world, 8, "m{}@example.test")
    told = [row.rule for row in sql(world, "SELECT rule FROM messages ORDER BY rule")]
    assert told == ["first"] * 2 + ["second"] * 2 + ["third"] * 3
    whole(world)


def at_once(world: World, workers: int, email: str) -> None:
    """So many workers hear of one parcel each, at the same instant."""
    parcels = []
    for number in range(workers):
        shopper = {"name": "M", "email": email.format(number), "country": "SE"}
        parcels += world.order(f"w{number}", shopper=shopper)
    start = Barrier(workers)

    def work(parcel: int) -> None:
        start.wait(30)
        world.scan(parcel, M.delivered)

    threads = [Thread(target=work, args=(parcel,)) for parcel in parcels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


@pytest.mark.parametrize(("shopper", "rule", "email"), [(3, 1000, "maja@example.test"), (1000, 3, "m{}@example.test")])
def test_workers_that_plan_at_once_do_not_pass_a_cap(world: World, shopper: int, rule: int, email: str):
    """Eight at the same instant: three are planned, whichever, and nobody waits in a ring."""
    world = capped(world, shopper, rule)
    at_once(world, 8, email)
    assert len(world.messages()) == 3
    assert sorted(reasons(world)) == ["planned"] * 3 + ["shopper_cap" if shopper == 3 else "rule_cap"] * 5


def test_far_from_its_cap_a_rule_takes_no_turns(world: World, monkeypatch: pytest.MonkeyPatch):
    """Only near it do workers wait for each other; the count is the sum of their rows."""
    monkeypatch.setattr(capping, "NEAR", 2)
    world = capped(world, rule=5)
    locks: list[str] = []
    with world.house.sessions() as session:
        engine = session.get_bind()

    def note(_conn: object, _cursor: object, text: str, *_rest: object) -> None:
        locks.append(text)

    sa.event.listen(engine, "before_cursor_execute", note)
    turns = []
    for number in range(4):
        tell(world, str(number), email=f"{number}@example.test")
        turns.append(any("asked.turn" in text for text in locks))
    sa.event.remove(engine, "before_cursor_execute", note)
    assert turns == [False, False, False, True]
    assert counts(world) == [("rule", 4), ("shopper", 4)]


def test_what_stands_in_has_the_place_of_what_it_stands_in_for(world: World):
    """A bounce at the cap is still told by text; for its rule it counts once more."""
    world = capped(world, shopper=1)
    tell(world, "1")
    send_all(world)
    report(world, world.messages()[0].id, "bounced")
    assert reasons(world) == ["planned", "fell_back"]
    assert counts(world) == [("rule", 2), ("shopper", 1)]
    whole(world)


def test_counts_go_with_their_day_and_with_their_shopper(world: World):
    """Pruning drops days that are over everywhere; an erasure drops the person's."""
    world = capped(world)
    tell(world, "1")
    tell(world, "2", email="nils@example.test")
    brand_id = sql(world, "SELECT id FROM brands")[0].id
    erase_person(world.house, brand_id, Channel.email, "nils@example.test")
    assert counts(world) == [("rule", 2), ("shopper", 1)]
    world.clock.turn(hours=48)
    prune(world.house)
    assert counts(world) == [("rule", 2), ("shopper", 1)]
    world.clock.turn(hours=24)
    assert prune(world.house).rows["daily_counts"] == 2
    assert counts(world) == []


def test_what_is_told_together_counts_once(world: World):
    """Three parcels in one message are one of the shopper's share, and none of them is held back by it; what would
    join a message that is capped is capped with it."""
    together = (
        RULES.replace("SHOPPER", "1").replace("RULE", "9").replace("send: [email]", "send: [email]\n    merge: 1h")
    )
    world = world.with_(rules=parse_rules(together))
    for number in ("1", "2"):
        for parcel in world.order(number, parcels=3):
            world.scan(parcel, M.delivered, name=str(parcel))
    assert reasons(world) == ["planned", "merged", "merged"] + ["shopper_cap"] * 3
    assert counts(world) == [("rule", 1), ("shopper", 1)]
    whole(world)
