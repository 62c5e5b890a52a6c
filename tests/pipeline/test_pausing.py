"""Pauses: what they hold, when they take hold, and that lifting one neither loses nor repeats a message."""

from dataclasses import replace
from threading import Thread

import pytest
import sqlalchemy as sa

from app import pipeline
from app.clock import stopwatch
from app.errors import InvalidInput
from app.insight.alarms import _OVERDUE
from app.insight.audit import audit
from app.insight.explain import explain
from app.insight.tell import tell
from app.models import Brand, Message, Shipment
from app.models.vocabulary import Channel, Milestone
from app.pipeline.brakes.pausing import Paused, Resumed, count_stopped, pause, read_scope, resume, standing
from app.pipeline.leaving import delivering
from app.pipeline.leaving.claiming import _DUE, claim
from app.pipeline.leaving.delivering import LATEST_SECONDS, deliver
from app.pipeline.leaving.gate import gate_of
from app.pipeline.leaving.sending import begin
from app.pipeline.polling.due import claim_due
from app.rules.ruleset import RuleSet
from tests.pipeline.conftest import World, prepared
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_path import send_all, whole

M = Milestone


def hold(world: World, written: str, brand_id: int | None = None) -> Paused:
    with world.house.sessions.begin() as session:
        return pause(session, read_scope(session, world.house, written), brand_id, "a look first", "ops")


def stopped(world: World, done: Paused) -> int:
    with world.house.sessions() as session:
        return count_stopped(session, done)


def lift(world: World, written: str, brand_id: int | None = None, *, recover: bool = True) -> Resumed:
    with world.house.sessions.begin() as session:
        lifted = resume(session, read_scope(session, world.house, written), brand_id, "ops")
    if recover:
        pipeline.recover(world.house)
    return lifted


def told(world: World) -> int:
    return len(world.email.sent) + len(world.sms.sent)


def plan(world: World, numbers, milestone: Milestone = M.out_for_delivery) -> None:
    for number in numbers:
        (parcel,) = world.order(str(number))
        world.scan(parcel, milestone)


_BOTH = {"email", "sms"}
_SCOPES = {
    "all": _BOTH,
    "brand:fjallhem": _BOTH,
    "rule:out_for_delivery": _BOTH,
    "template:out_for_delivery": _BOTH,
    "carrier:dhl": _BOTH,
    "milestone:out_for_delivery": _BOTH,
    "channel:sms": {"sms"},
    "milestone:delivered": set(),
    "rule:delivered": set(),
}


def test_a_pause_holds_its_scope_and_nothing_else(world: World):
    """Paused messages wait unclaimed; lifted, each leaves once."""
    for number, (scope, held) in enumerate(_SCOPES.items(), 1001):
        plan(world, [number])
        done = hold(world, scope)
        assert (done.new, stopped(world, done)) == (True, len(held)), scope
        send_all(world)
        assert {m.channel for m in world.messages() if m.state == "ready"} == held, scope
        assert lift(world, scope).released == len(held), scope
        for _ in range(2):
            world.clock.turn(minutes=2)  # after a carrier's pause the carrier is asked first
            send_all(world)
        assert {m.state for m in world.messages()} == {"accepted"} and told(world) == 2 * (number - 1000), scope
    whole(world)


def test_what_was_claimed_before_the_pause_is_not_called_after_it(world: World):
    """Between claim and call the compare-and-swap looks once more; afterwards the message leaves once."""
    plan(world, [1001])
    with world.house.sessions.begin() as session:
        token, claimed = claim(session, world.house, Channel.email, world.clock.now())
    letters, _ = prepared(world.house, claimed, world.clock.now())
    hold(world, "rule:out_for_delivery")
    assert len(letters) == 1 and begin(world.house, token, letters) == []
    sql(world, "UPDATE messages SET lease_until = clock_timestamp() - interval '1 second' WHERE state = 'sending'")
    pipeline.recover(world.house)
    send_all(world)
    assert told(world) == 0 and {m.state for m in world.messages()} == {"ready"}
    lift(world, "rule:out_for_delivery")
    send_all(world)
    assert {m.state for m in world.messages()} == {"accepted"} and told(world) == 2
    whole(world)


def test_a_call_that_waits_behind_slow_ones_does_not_begin_late(world: World, monkeypatch: pytest.MonkeyPatch):
    """Attempts that were committed before a pause begin within seconds, or not at all."""
    plan(world, [1001])
    with world.house.sessions.begin() as session:
        token, claimed = claim(session, world.house, Channel.email, world.clock.now())
    letters, _ = prepared(world.house, claimed, world.clock.now())
    begun = begin(world.house, token, letters)
    monkeypatch.setattr(delivering, "LATEST_SECONDS", LATEST_SECONDS)  # as it ships
    late = stopwatch() - LATEST_SECONDS - 0.5
    ((_, verdict),) = world.house.loop.run(deliver(begun, gate_of(world.house), 1, late, 10.0))
    assert (verdict.outcome, world.email.sent) == ("not_sent", [])
    assert LATEST_SECONDS < 5


def test_what_is_put_aside_costs_nothing_while_it_waits(world: World):
    """No claim writes to a paused row again, and nothing due wakes anybody."""
    plan(world, range(5))
    hold(world, "all")
    send_all(world)
    rows = sql(world, "SELECT xmin::text, ctid::text, pause_id IS NOT NULL AS aside FROM messages ORDER BY id")
    for _ in range(3):
        send_all(world)
    assert all(row.aside for row in rows)
    again = sql(world, "SELECT xmin::text, ctid::text, pause_id IS NOT NULL AS aside FROM messages ORDER BY id")
    assert again == rows
    assert pipeline.due_work(world.house) == []


def copies(world: World, count: int, **changes: object) -> None:
    """So many more messages like the first one, older than it: rows to choose from."""
    columns = [column.name for column in Message.__table__.columns if column.name not in ("id", "public_id")]
    chosen = [f":{name}" if name in changes else name for name in columns]
    chosen[columns.index("send_at")] = "send_at - interval '1 minute'"
    sql(
        world,
        f"INSERT INTO messages (public_id, {', '.join(columns)})"
        f" SELECT 'msg_' || substr(md5(random()::text), 1, 20), {', '.join(chosen)}"
        " FROM (SELECT * FROM messages WHERE channel = 'email' ORDER BY id LIMIT 1) AS first,"
        f" generate_series(1, {count})",
        **changes,
    )


def test_a_paused_flood_hides_nothing_behind_it(world: World):
    """Older paused messages of the same brand and priority are passed over in one claim."""
    plan(world, [1001])
    copies(world, 300, rule="flood")
    hold(world, "rule:flood")
    with world.house.sessions.begin() as session:
        _, claimed = claim(session, world.house, Channel.email, world.clock.now())
    assert claimed == [m.id for m in world.messages(channel="email", rule="out_for_delivery")]
    assert sql(world, "SELECT count(*) FROM messages WHERE pause_id IS NOT NULL AND state = 'ready'") == [(300,)]


def test_seven_times_the_load_of_one_brand_takes_nothing_from_another(world: World):
    """Each brand with anything due gets the same slice of every claim, however much the other has."""
    plan(world, [1001])
    with world.house.sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
        session.flush()
        loud, quiet = session.scalars(sa.select(Message.brand_id).limit(1)).one(), other.id
    copies(world, 60, brand_id=quiet)
    copies(world, 60)
    house = replace(world.house, sending=world.house.sending.model_copy(update={"batch": 40}))

    def share() -> int:
        with house.sessions() as session:
            _, claimed = claim(session, house, Channel.email, world.clock.now())
            rows = session.scalars(sa.select(Message.brand_id).where(Message.id.in_(claimed))).all()
            session.rollback()
        assert set(rows) == {loud, quiet}
        return rows.count(quiet)

    alike = share()
    copies(world, 360)
    assert share() == alike == 20


def test_lifting_waits_for_the_claim_that_puts_messages_aside(world: World):
    """A claim that was under way when the pause was lifted leaves nothing behind that nobody lets go."""
    plan(world, [1001])
    hold(world, "all")
    with world.house.sessions() as session:
        assert claim(session, world.house, Channel.email, world.clock.now())[1] == []
        lifting = Thread(target=lift, args=(world, "all"))
        lifting.start()
        until(world, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'", 1)
        session.commit()
    lifting.join(30)
    assert sql(world, "SELECT count(*) FROM messages WHERE pause_id IS NOT NULL") == [(0,)]
    send_all(world)
    assert told(world) == 2
    assert sql(world, "SELECT count(*) FROM pauses WHERE emptied_at IS NULL") == [(0,)]


def test_no_claim_waits_for_a_pause_to_be_counted(world: World):
    """While the count of what a pause holds goes on, its row can be claimed under; a scope that is not paused counts
    nothing at all."""
    plan(world, [1001])
    hold(world, "all")
    with world.house.sessions.begin() as blocker:
        blocker.execute(sa.text("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE"))  # the count cannot end
        assert lift(world, "channel:sms", recover=False) == Resumed((), 0, 0)
        lifting = Thread(target=lift, args=(world, "all"))
        lifting.start()
        until(world, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'", 1)
        assert len(sql(world, "SELECT id FROM pauses WHERE lifted_at IS NULL FOR SHARE NOWAIT")) == 1
    lifting.join(30)
    assert sql(world, "SELECT count(*) FROM pauses WHERE lifted_at IS NULL") == [(0,)]


def test_all_of_a_brand_has_one_name(world: World):
    """However it was said, it is one pause, and each way of saying it lifts it."""
    world.order()
    brand_id = shipments(world)[0].brand_id
    ways = (("all", brand_id), ("brand:fjallhem", None), ("brand:fjallhem", brand_id))
    for pausing in ways:
        for lifting in ways:
            assert hold(world, *pausing).new is True
            assert [hold(world, *again).new for again in ways] == [False] * 3
            assert lift(world, *lifting).lifted == ("brand:fjallhem",)
    hold(world, "all", brand_id)
    assert lift(world, "all").lifted == (), "that is the pause of every brand"


def until(world: World, query: str, wanted: int) -> None:
    deadline = stopwatch() + 60
    while sql(world, query) != [(wanted,)]:
        assert stopwatch() < deadline, query


def test_whoever_dies_after_lifting_is_followed_by_another(world: World):
    """The lift is committed, and the messages still stand aside: the next pass of recovery lets them go."""
    plan(world, [1001])
    hold(world, "all")
    send_all(world)
    with world.house.sessions.begin() as session:
        resume(session, read_scope(session, world.house, "all"), None, "ops")
    send_all(world)
    assert told(world) == 0
    pipeline.recover(world.house)
    send_all(world)
    assert told(world) == 2


def test_each_message_is_judged_again_when_it_is_let_go(world: World):
    """What has been overtaken or has outlived its worth meanwhile ends with its reason."""
    plan(world, [1001, 1002])
    hold(world, "all")
    send_all(world)
    first, _ = (shipment.id for shipment in shipments(world))
    world.clock.turn(hours=1)
    world.scan(first, M.delivered)
    world.clock.turn(hours=12)
    lift(world, "all")
    send_all(world)
    ended = {(m.shipment_id == first, m.milestone, m.state, m.reason) for m in world.messages(channel="email")}
    assert ended == {
        (True, "out_for_delivery", "superseded", "overtaken"),
        (True, "delivered", "accepted", "accepted"),
        (False, "out_for_delivery", "expired", "outlived"),
    }
    whole(world)


def shipments(world: World) -> list[Shipment]:
    with world.house.sessions() as session:
        return list(session.scalars(sa.select(Shipment).order_by(Shipment.id)))


def test_two_pauses_must_both_be_lifted(world: World):
    """Lifting one says what the other still holds; paused twice is paused once, with the first reason."""
    plan(world, [1001])
    hold(world, "all")
    assert hold(world, "all").new is False
    hold(world, "channel:sms")
    send_all(world)
    assert lift(world, "all") == Resumed(("all",), 1, 1)
    send_all(world)
    assert {(m.channel, m.state) for m in world.messages()} == {("email", "accepted"), ("sms", "ready")}
    assert lift(world, "all") == Resumed((), 0, 0)
    with world.house.sessions() as session:
        assert [(one.scope, one.waiting) for one in standing(session)] == [("channel:sms", 1)]


def test_a_paused_carrier_is_not_asked(world: World):
    """Nor by another worker; a brand's own pause stops only that brand's parcels; lifted, it is asked at once."""
    world.order()
    brand_id = shipments(world)[0].brand_id
    world.clock.turn(hours=1)
    dhl = world.house.carriers["dhl"]

    def due() -> tuple[int, bool]:
        with world.house.sessions() as session:
            parcels, _ = claim_due(session, world.house, dhl, world.clock.now())
            session.rollback()
        return len(parcels), ("poll", "dhl") in pipeline.due_work(world.house)

    assert due() == (1, True)
    for bound in (None, brand_id):
        hold(world, "carrier:dhl", bound)
        assert due() == (0, False)
        lift(world, "carrier:dhl", bound)
        assert due() == (1, True)
    with world.house.sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
        session.flush()
        other_id = other.id
    hold(world, "carrier:dhl", other_id)
    assert due() == (1, True)


def test_the_story_and_the_audit_name_the_pause(world: World):
    """Why it waits, since when and by whom; a brand's people do not read why the whole installation is paused."""
    plan(world, [1001])
    hold(world, "rule:out_for_delivery")
    parcel = shipments(world)[0]
    with world.house.sessions() as session:
        lines = "\n".join(tell(explain(session, parcel.public_id)))
        outside = explain(session, parcel.public_id, parcel.brand_id).model_dump_json()
    with world.house.sessions() as session:
        assert [(one.scope, one.count) for one in audit(session, 3600).paused] == [("rule:out_for_delivery", 2)]
    assert "is held back" in lines and "rule:out_for_delivery is paused by ops" in lines and "a look first" in lines
    assert "rule:out_for_delivery" in outside and "a look first" not in outside


def test_a_pause_of_a_rule_that_is_gone_can_still_be_lifted(world: World):
    """A name that no rule has any more is known for as long as something waits under it, or its pause stands."""
    hold(world, "rule:delivered")
    without = world.with_(rules=RuleSet((), ""))
    assert lift(without, "rule:delivered").lifted == ("rule:delivered",)
    with pytest.raises(InvalidInput):
        hold(without, "rule:delivered")
    plan(world, [1001])
    assert stopped(world, hold(without, "rule:out_for_delivery")) == 2


_SLIPS = {
    "": "all, brand:KEY",
    "everything": "all, brand:KEY",
    "all:x": "all, brand:KEY",
    "rule": "all, brand:KEY",
    "rule:out_for_deliver": "Did you mean rule:out_for_delivery?",
    "carrier:pigeon": "dhl",
    "brand:nobody": "fjallhem",
    "channel:fax": "sms",
}


def test_a_scope_that_holds_nothing_is_refused(world: World):
    """A slip of the pen is no pause: the answer says what there is."""
    for written, says in _SLIPS.items():
        with world.house.sessions() as session, pytest.raises(InvalidInput, match="scope") as refused:
            read_scope(session, world.house, written)
        assert says in str(refused.value)


def test_what_is_due_is_looked_for_in_its_own_index_alone(world: World):
    """On an empty table's statistics the planner would take any that fits, and read all that waits: none other fits."""
    with world.house.sessions() as session:
        session.execute(sa.text("DROP INDEX ix_messages_due"))
        session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        values = {"channel": "email", "priority": 0, "now": world.clock.now(), "amount": 1, "token": "x", "lease": 1}
        plan_ = session.scalars(sa.text(f"EXPLAIN {_DUE}"), values).all()
        late = session.scalars(sa.text(f"EXPLAIN {_OVERDUE}"), {"before": world.clock.now(), "most": 9}).all()
        session.rollback()
    assert any("ix_messages_expiring" in line for line in late), "what is late has an index of its own"
    used = {word for line in plan_ for word in line.split() if word.startswith("ix_messages")}
    assert used == set(), used


def test_beginning_a_call_renews_no_index_for_the_sake_of_the_brakes(world: World):
    """What the brakes and alarms look things up by is nothing that the compare-and-swap before a call writes."""
    written = {"open_attempt_id", "attempts", "provider", "released", "personal", "rendered_at", "subject"}
    ours = ("due", "paused", "expiring", "failed")
    indexes = sql(world, "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'messages'")
    definitions = [row.indexdef for row in indexes if row.indexname in {f"ix_messages_{name}" for name in ours}]
    assert len(definitions) == len(ours)
    assert not any(column in definition for column in written for definition in definitions)
