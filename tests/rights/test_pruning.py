"""What has been kept for long enough goes, class by class; what is still needed stays, however old it is."""

from threading import Thread

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

import celeryconfig
from app import pipeline
from app.channels.base import Report, Verdict
from app.models.keeping import Retention
from app.models.vocabulary import AttemptOutcome, Channel, Milestone
from app.pipeline.people import pruning
from app.pipeline.people.pruning import prune
from app.pipeline.settling.settling import keep_reports
from app.settings import RetentionSettings
from app.worker import app as celery
from tests.rights.conftest import send, traces, whole
from tests.rights.test_erasing import MAIL, PHONE, a_full_life, sql

FOREVER = {retention.value: 0 for retention in Retention}
# What each class takes away, as columns in which the person or raw words can be read beforehand and not afterwards.
TAKES = {
    "carrier_answers": {"carrier_answers.body"},
    "receipt_batches": {"receipt_batches.body"},
    "receipts": {"receipts.body", "receipts.detail"},
    "inbound": {"inbound_messages.sender", "inbound_messages.body"},
    "suppressions": {"suppressions.address"},
}
WORDS = (MAIL, PHONE, "Maja", "Lind")


def keeping(world, **days):
    """The world, in which only these classes have an end."""
    return world.with_(retention=RetentionSettings(**{**FOREVER, **days}))


def years_later(world):
    """Every row and the clock a thousand days apart; parcels at rest, as they are by then."""
    world.clock.turn(days=1000)
    for table, column in (
        ("orders", "created_at"), ("receipts", "received_at"), ("receipt_batches", "received_at"),
        ("suppressions", "created_at"), ("orders", "updated_at"),
    ):  # fmt: skip
        sql(world, f"UPDATE {table} SET {column} = {column} - interval '1000 days'")
    sql(world, "UPDATE shipments SET next_poll_at = NULL, watch_at = NULL")


@pytest.mark.parametrize("name", sorted(TAKES))
def test_each_class_takes_its_own_and_nothing_else(world, name):
    """Every row is still there but those that go as a whole; what else could be read still can."""
    a_full_life(world)
    send(world)
    sql(world, "UPDATE carrier_answers SET heard_at = :now", now=world.clock.now())
    years_later(world)
    before = traces(world, *WORDS)
    assert before >= TAKES[name]
    kept = keeping(world, **{name: 30})
    assert sum(prune(kept.house).rows.values()) > 0
    assert before - traces(world, *WORDS) == TAKES[name]
    assert prune(kept.house).rows == {}
    whole(world)


def test_messages_lose_what_they_said_and_keep_why(world):
    """The snapshot goes; state, reason, attempts and key stay."""
    a_full_life(world)
    send(world)
    years_later(world)
    before = [(m.state, m.reason) for m in world.messages()]
    prune(keeping(world, messages=30).house)
    assert [(m.state, m.reason) for m in world.messages()] == before
    assert {(m.personal, m.released, m.subject) for m in world.messages()} == {(None, None, None)}
    assert not {one for one in traces(world, *WORDS, "Wool") if one.startswith(("messages", "crossings"))}
    whole(world)


def test_an_old_order_forgets_its_person(world):
    """A year after its last news nobody knows whose it was; handed in again, it stays so."""
    a_full_life(world)
    send(world)
    years_later(world)
    assert prune(keeping(world, orders=365).house).rows["orders"] == 1
    left = traces(world, *WORDS, "Wool blanket")
    assert left == {"suppressions.address", "receipts.body", "receipts.detail", "receipt_batches.body"} & left
    world.order("1001")
    assert "orders.email" not in traces(world, MAIL)
    whole(world)


@pytest.mark.parametrize(
    "needed",
    [
        "UPDATE shipments SET next_poll_at = now() WHERE id = (SELECT min(id) FROM shipments)",
        "UPDATE shipments SET watch_at = now() WHERE id = (SELECT min(id) FROM shipments)",
        "UPDATE shipments SET last_heard_at = '2028-11-25' WHERE id = (SELECT min(id) FROM shipments)",
        "UPDATE messages SET state = 'held', ended_at = NULL WHERE id = (SELECT min(id) FROM messages)",
        "UPDATE orders SET created_at = now()",
    ],
)
def test_what_is_still_needed_stays(world, needed):
    """A parcel that moves, a promise that runs, news of yesterday, a message that waits, an order just handed in."""
    a_full_life(world)
    send(world)
    years_later(world)
    sql(world, needed)
    assert "orders" not in prune(keeping(world, orders=365).house).rows
    assert "orders.email" in traces(world, MAIL)


def test_an_unanswered_call_keeps_its_snapshot(world):
    """What it is asked about by is not taken, nor is a report that has not been applied."""
    (parcel,) = world.order()
    world.scan(parcel, Milestone.out_for_delivery)
    world.email.answer = lambda outgoing: Verdict(AttemptOutcome.unanswered, error="reset")
    pipeline.send(world.house, Channel.email)
    with world.house.sessions.begin() as session:
        keep_reports(session, "sendgrid", [Report("e1", "delivered", None, None, None, MAIL, MAIL.encode())])
    years_later(world)
    prune(keeping(world, messages=30, receipts=30, orders=30).house)
    (message,) = world.messages(channel="email")
    assert message.state == "unconfirmed" and message.personal["email"] == MAIL
    assert {"messages.personal", "receipts.body", "orders.email", "crossings.facts"} <= traces(world, MAIL, "Wool")
    assert sql(world, "SELECT facts = '{}' FROM crossings WHERE id = :id", id=message.crossing_id) == [(False,)]


def test_young_rows_stay(world):
    """The defaults take nothing from an order of today."""
    a_full_life(world)
    sql(world, "UPDATE carrier_answers SET heard_at = :now", now=world.clock.now())
    before = traces(world, *WORDS)
    assert prune(world.house).rows == {}
    assert traces(world, *WORDS) == before


def test_nothing_goes_where_nothing_has_an_end(world):
    """0 days keep for ever; only the counts of days that are over go, and they name nobody."""
    a_full_life(world)
    years_later(world)
    before = traces(world, *WORDS)
    assert prune(keeping(world).house).rows.keys() == {"daily_counts"} and traces(world, *WORDS) == before


def test_two_at_once_do_it_once(world, monkeypatch):
    """Two passes over many small batches share the rows, in peace, and leave none."""
    monkeypatch.setattr(pruning, "BATCH", 3)
    monkeypatch.setattr(pruning, "ORDERS_AT_ONCE", 2)
    for number in range(12):
        (parcel,) = world.order(str(number))
        world.scan(parcel, Milestone.out_for_delivery)
    send(world)
    years_later(world)
    house, failures = keeping(world, messages=30, orders=30).house, []

    def run():
        try:
            prune(house)
        except Exception as error:
            failures.append(error)

    passes = [Thread(target=run) for _ in range(2)]
    for one in passes:
        one.start()
    for one in passes:
        one.join(60)
    prune(house)
    assert failures == []
    assert not traces(world, MAIL, PHONE, "Maja Lind", "Wool blanket")
    whole(world)


@settings(max_examples=12)
@given(
    ages=st.lists(st.integers(0, 60), min_size=1, max_size=7),
    waiting=st.sets(st.integers(0, 6), max_size=3),
    days=st.integers(1, 60),
    batch=st.integers(1, 4),
)
def test_of_any_ages_just_the_old_and_ended_go(world, ages, waiting, days, batch):
    """Whatever the ages, the batches and what waits: a message loses its snapshot exactly when it is old and ended."""
    sql(world, "TRUNCATE orders, shipments, crossings, decisions, messages, ledger_keys, attempts, scans, pruning_marks"
               " CASCADE")  # fmt: skip
    pruning_batch, pruning.BATCH = pruning.BATCH, batch
    try:
        now = world.clock.now()
        for number, _ in enumerate(ages):
            (parcel,) = world.order(str(number), shopper={"name": "M", "email": "m@example.test", "country": "SE"})
            world.scan(parcel, Milestone.out_for_delivery)
        send(world)
        ids = [message.id for message in world.messages()]
        for place, (message_id, age) in enumerate(zip(ids, sorted(ages, reverse=True), strict=True)):
            values = {"id": message_id, "age": age, "now": now}
            sql(world, "UPDATE messages SET planned_at = cast(:now AS timestamptz) - make_interval(days => :age)"
                       " WHERE id = :id", **values)  # fmt: skip
            if place in waiting:
                sql(world, "UPDATE messages SET state = 'held' WHERE id = :id", id=message_id)
        prune(keeping(world, messages=days).house)
        gone = [message.personal is None for message in world.messages()]
    finally:
        pruning.BATCH = pruning_batch
    old = [age > days for age in sorted(ages, reverse=True)]
    assert gone == [is_old and place not in waiting for place, is_old in enumerate(old)]


def test_beat_prunes_now_and_then():
    """The task is on the beat and on the queue of what settles, and lives there."""
    assert celeryconfig.task_routes["doorstep.prune"] == {"queue": "settle"}
    assert "doorstep.prune" in {entry["task"] for entry in celeryconfig.beat_schedule.values()}
    assert "doorstep.prune" in celery.tasks


def test_with_nothing_due_little_is_read(world):
    """Each look is by an index or by the next id: no statement goes through a table of any size."""
    with world.house.sessions.begin() as session:
        session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        for name in ("inbound_messages", "suppressions", "carrier_answers", "receipt_batches"):
            statement = pruning._BY_AGE[name][1]
            values = pruning._named(statement, {"before": world.clock.now(), "days": 30, "amount": 10})
            plan = "\n".join(session.scalars(sa.text(f"EXPLAIN {statement.text}"), values))
            assert "Seq Scan" not in plan, plan
        plan = "\n".join(
            session.scalars(
                sa.text(f"EXPLAIN {pruning._ORDERS.text}"), {"before": world.clock.now(), "days": 30, "amount": 10}
            )
        )
        assert "ix_orders_kept" in plan, plan
