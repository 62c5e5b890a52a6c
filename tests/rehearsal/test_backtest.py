"""A back-test of the live rules comes to what was decided, exactly; of a draft, to what would have been different."""

import sys
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.errors import InvalidInput
from app.models import Base, Crossing, Decision, Message
from app.rehearsal.backtest import Passed, as_decided_on, backtest, play, steps
from app.rehearsal.reading import looking, pages, read_orders
from app.rehearsal.telling import tell_backtest
from app.rules.document import parse_rules
from tests.rehearsal.past import DAYS, RULES


def draft(*changes: tuple[str, str], more: str = ""):
    text = RULES
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_rules(text + more)


def test_the_past_holds_every_kind_of_answer(past):
    """What is reproduced below is worth reproducing: fired and not, held, overtaken, out of order, in silence."""
    world, _ = past
    with world.house.sessions() as session:
        reasons = set(session.scalars(sa.select(Decision.reason)))
        states = set(session.scalars(sa.select(Message.state)))
        causes = set(session.scalars(sa.select(Crossing.cause)))
    assert reasons >= {
        "planned", "history", "stale", "late_news", "no_address", "cancelled", "condition_false", "no_template",
        "merged", "another_rule", "fell_back",
    }  # fmt: skip
    assert states >= {"accepted", "superseded"} and causes >= {"scan", "promise_passed", "order"}


def test_the_live_rules_come_to_the_outbox_exactly(past):
    """Each decision and each message again: rule, channel, recipient, reason, times and priority."""
    world, brand_id = past
    live, until = parse_rules(RULES), world.clock.now()
    answers, mails = set(), set()
    with looking(world.house.sessions) as session:
        for _, ids in pages(session, brand_id, until - DAYS, False):
            for stored in read_orders(session, ids):
                opened = [as_decided_on(one) for one in stored.crossings]
                stage = play(world.house, stored, opened, live, (until - DAYS, until))
                answers |= {
                    (a.opened.id, a.decided.rule, a.decided.channel.value, a.decided.recipient_id, a.fired,
                     a.reason.value) for a in stage.answers
                }  # fmt: skip
                mails |= {
                    (m.shipment_id, m.milestone.value, m.decided.rule, m.decided.channel.value, m.planned_at,
                     m.send_at, m.expires_at, m.decided.priority,
                     m.withheld.reason.value if m.withheld else "accepted") for m in stage.mails
                }  # fmt: skip
        decided = session.execute(sa.select(
            Decision.crossing_id, Decision.rule, Decision.channel, Decision.recipient_id, Decision.fired,
            Decision.reason,
        ))  # fmt: skip
        outbox = session.execute(sa.select(
            Message.shipment_id, Message.milestone, Message.rule, Message.channel, Message.planned_at, Message.send_at,
            Message.expires_at, Message.priority, Message.reason,
        ))  # fmt: skip
        assert answers == set(map(tuple, decided)) and len(answers) > 40
        assert mails == set(map(tuple, outbox)) and len(mails) > 20


def test_a_backtest_of_the_live_rules_changes_nothing_and_says_so(past):
    """All of it reproduces, nobody gains or loses, and each day has as many messages as it had."""
    world, brand_id = past
    found = backtest(world.house, brand_id, parse_rules(RULES), DAYS)
    with world.house.sessions() as session:
        decided, left = (
            session.scalar(sa.select(sa.func.count()).select_from(Decision)),
            session.scalar(sa.select(sa.func.count()).where(Message.state == "accepted")),
        )
    assert found.reproduced.whole and found.reproduced.recorded == decided
    assert (found.gained.count, found.lost.count, found.changed.count) == (0, 0, 0)
    assert found.live == found.draft == left == sum(day.live for day in found.by_day.values())


@pytest.mark.parametrize("hours", [30, 77.5, 78.5, 100, 110.5, 111.5, 124.5, 125.5])
def test_wherever_it_begins_it_reproduces(past, hours):
    """What was planned, told and taken before the span is remembered: keys of whole orders, and what still waited."""
    world, brand_id = past
    found = backtest(world.house, brand_id, parse_rules(RULES), timedelta(hours=hours))
    assert found.reproduced.whole, found.reproduced
    assert (found.gained.count, found.lost.count, found.changed.count) == (0, 0, 0)


def test_a_draft_is_told_by_whom_what_and_why(past):
    """A rule that is taken out loses its messages, one that waits comes later; counts, hours, reasons and examples."""
    world, brand_id = past
    changed = draft(
        ("  - {name: delivered, when: delivered, send: [email, sms], expires: 72h, merge: 2h}\n", ""),
        ("{name: dispatched, when: dispatched,", "{name: dispatched, when: dispatched, hold: 30m,"),
    )
    found = backtest(world.house, brand_id, changed, DAYS)
    assert found.reproduced.whole and found.gained.count == 0
    assert found.lost.by_rule == {"delivered": 2} and found.lost.by_channel == {"sms": 2}
    assert found.lost.by_milestone == {"delivered": 2} and found.lost.by_carrier == {"dhl": 2}
    assert found.lost.by_hour == {8: 1, 14: 1}  # one, of two parcels, waited for the morning where the shopper lives
    assert {one.why for one in found.lost.examples} == {"Rule 'delivered_dear' tells it by email only."}
    assert set(found.changed.by_rule) == {"dispatched"}
    assert {one.why for one in found.changed.examples} == {"30 min later"}
    assert found.live - found.draft == 2 == sum(day.live - day.draft for day in found.by_day.values())
    story = "\n".join(tell_backtest(found))
    assert "Lost: 2" in story and found.lost.examples[0].shipment in story and "decisions reproduce" in story


def test_what_a_draft_would_have_told_is_its_own_history(past):
    """A rule that asks for the history sees what the draft would have told before, not what was told."""
    world, brand_id = past
    silent = draft(("when: dispatched, send: [email, sms]", "when: dispatched, send: [sms]"))
    found = backtest(world.house, brand_id, silent, DAYS)
    assert found.lost.by_rule == {"dispatched": 4}
    assert found.gained.by_rule["in_transit"] >= 2
    assert all("condition" in one.why or "not true" in one.why for one in found.gained.examples)


def test_without_merging_each_parcel_is_told_alone(past):
    """Two parcels that were told of together would have been told apart, the first of them sooner."""
    world, brand_id = past
    found = backtest(world.house, brand_id, draft((", merge: 2h, if:", ", if:")), DAYS)
    assert found.reproduced.whole and found.lost.count == 0
    assert (found.gained.by_rule, found.gained.by_channel) == ({"delivered_dear": 1}, {"email": 1})
    assert "with parcel shp_" in found.gained.examples[0].why
    assert [one.why for one in found.changed.examples] == ["1 h earlier"]


def test_other_thresholds_open_other_delays(past):
    """With a day's grace a promise that was kept half a day late is no delay; without any there is one more rule."""
    world, brand_id = past
    patient = draft(more="\nmilestones: {delayed: {promise: {grace: 3d}}}\n")
    found = backtest(world.house, brand_id, patient, DAYS)
    assert found.reproduced.whole
    assert found.not_opened["delayed"] >= 1 and found.lost.by_milestone.keys() == {"delayed"}
    assert found.lost.count + found.changed.count >= 1
    same = draft(more="\nmilestones: {delayed: {promise: {grace: 0h}, again: 7}}\n")
    again = backtest(world.house, brand_id, same, DAYS)
    assert (again.opened, again.not_opened, again.lost.count, again.gained.count) == ({}, {}, 0, 0)


def test_what_does_not_reproduce_is_said(past, monkeypatch):
    """Under rules that are not those of the time nothing is claimed: how many do, and why the others do not."""
    world, brand_id = past
    other = draft(("expires: 12h", "expires: 11h"))
    monkeypatch.setattr("app.rehearsal.backtest.rules_of", lambda *_: {brand_id: other})
    found = backtest(world.house, brand_id, other, DAYS)
    assert not found.reproduced.whole and set(found.reproduced.unlike) == {"decided by another version of the rules"}
    assert found.reproduced.examples and "do not: " not in found.reproduced.sentence[:20]


def test_a_backtest_writes_nothing_and_calls_nobody(past):
    """PostgreSQL refuses its transaction every write, no table changes, and no socket is opened."""
    world, brand_id = past
    sent = len(world.email.sent) + len(world.sms.sent)
    before, watched = _counts(world), _connects()
    backtest(world.house, brand_id, draft(("expires: 72h}", "expires: 1h}")), DAYS)
    assert _counts(world) == before and watched == []
    assert len(world.email.sent) + len(world.sms.sent) == sent
    with looking(world.house.sessions) as session, pytest.raises(sa.exc.InternalError, match="read-only"):
        session.execute(sa.text("DELETE FROM messages"))


def _counts(world) -> dict[str, tuple[int, int]]:
    """Each table's rows and the newest transaction that wrote any of them."""
    with world.house.sessions() as session:
        return {
            table.name: tuple(
                session.execute(
                    sa.select(sa.func.count(), sa.text("coalesce(max(xmin::text::bigint), 0)")).select_from(table)
                ).one()
            )
            for table in Base.metadata.sorted_tables
        }


def _connects() -> list[object]:
    """Every connection that this thread, or one that begins after now, makes; PostgreSQL's library makes its own.
    What a test before has left running, and which may connect at any moment, is not asked about."""
    found: list[object] = []
    others = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}

    def note(event: str, arguments: tuple) -> None:
        if threading.get_ident() in others:
            return
        if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
            found.append(arguments)

    sys.addaudithook(note)
    return found


def test_how_far_is_looked_back_is_bounded(past):
    """A quarter of a year at most, and some time at least."""
    world, brand_id = past
    for days in (0, 91):
        with pytest.raises(InvalidInput, match="90d"):
            backtest(world.house, brand_id, parse_rules(RULES), timedelta(days=days))
    assert backtest(world.house, brand_id, parse_rules(RULES), timedelta(hours=1)).crossings == 0


def test_a_backtest_is_ended_by_asking_for_no_more(past):
    """Whoever closes it closes its transaction too."""
    world, brand_id = past
    going = steps(world.house, brand_id, parse_rules(RULES), DAYS)
    assert next(going) == Passed(0, 5)
    going.close()
    with world.house.sessions() as session:
        idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
        assert session.scalar(sa.text(idle)) == 0
