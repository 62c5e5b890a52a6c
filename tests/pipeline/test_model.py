"""Claim, attempt, call, settle, report, ask: in any order, with deaths anywhere, each message is taken at most once,
and each that came back is stood in for once."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app import pipeline
from app.channels.base import Answer, Asking, Finding, Outgoing, Question, Report, Verdict
from app.clock import stopwatch
from app.insight.audit import audit
from app.models.vocabulary import AttemptOutcome, Channel, Milestone
from app.pipeline.leaving import delivering
from app.pipeline.leaving.claiming import claim
from app.pipeline.leaving.delivering import deliver
from app.pipeline.leaving.gate import gate_of
from app.pipeline.leaving.sending import begin, settle
from app.pipeline.settling.settling import keep_reports
from app.rules.document import parse_rules
from tests.pipeline.conftest import START, World, prepared
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_falling_back import RULES
from tests.pipeline.test_path import whole

ENDS = {"accepted", "delivered", "bounced"}
PATIENT = {"deadline": 1200.0, "margin": 300.0, "settle": 1e6}
"""Seconds, and so many that a machine may stall for minutes and be none of them late: time passes where a life says so,
and what a life comes to hangs on nothing else. Asked in vain, a provider is asked again after ten to fifteen minutes
(`margin`, doubled), which no stall comes to either; with a margin of a tenth of a second it hung on the machine."""
A_CALL_IS_OVER = 2_000
"""Seconds: past a call's deadline and margin, within its claim's lease (2,405)."""
ALL_IS_OVER = 4_000
"""Seconds: past the lease too, and past any pause between two questions."""


@dataclass
class Provider:
    """What a provider does with the next calls, what it took, and whether it can be asked just now."""

    acts: list[str] = field(default_factory=list)
    journal: dict[str, str] = field(default_factory=dict)
    asked: bool = True

    def answer(self, outgoing: Outgoing) -> Verdict:
        act = self.acts.pop() if self.acts else "accept"
        if act in ("accept", "accept_silently"):
            self.journal[outgoing.attempt_id] = outgoing.to_email
        if act == "accept":
            return Verdict(AttemptOutcome.accepted, f"ref-{outgoing.attempt_id}")
        if act == "busy":
            return Verdict(AttemptOutcome.not_sent, error="busy")
        return Verdict(AttemptOutcome.unanswered, error="reset")

    def records(self, question: Question) -> Finding:
        if not self.asked:
            return Finding(Answer.unclear, "away")
        if question.attempt_id in self.journal:
            return Finding(Answer.found, "there", f"ref-{question.attempt_id}")
        return Finding(Answer.absent, "not there")


class Life(RuleBasedStateMachine):
    """Workers that may die at any point, over the real SQL."""

    world: World

    @initialize(orders=st.integers(1, 2))
    def begin_anew(self, orders: int) -> None:
        # One statement: a run starts from an empty house, and the database is the same for all runs.
        sql(self.world, "TRUNCATE orders, shipments, crossings, decisions, messages, ledger_keys, attempts, receipts,"
                        " scans, senders CASCADE")  # fmt: skip
        self.world.clock.turn(seconds=(START - self.world.clock.now()).total_seconds())
        self.provider, self.unsettled, self.reports = Provider(), [], 0
        email = self.world.email
        email.asking, email.answer, email.records = Asking.lookup, self.provider.answer, self.provider.records
        for number in range(orders):
            phone = f"+4670174060{number}"
            shopper = {"name": "Maja", "email": f"maja{number}@example.test", "phone": phone, "country": "SE"}
            (parcel,) = self.world.order(str(number), shopper=shopper)
            self.world.scan(parcel, Milestone.out_for_delivery)

    @precondition(lambda self: any(state == "ready" for state, _ in self.states()))
    @rule(
        acts=st.lists(st.sampled_from(["accept_silently", "drop", "busy", "accept"]), min_size=2, max_size=2),
        dies=st.sampled_from(["never", "after the call", "after the begin", "after the claim"]),
    )
    def a_worker_sends(self, acts: list[str], dies: str) -> None:
        house, now = self.world.house, self.world.clock.turn(minutes=1)
        self.provider.acts = acts
        with house.sessions.begin() as session:
            token, claimed = claim(session, house, Channel.email, now)
        if dies == "after the claim" or not claimed:
            return
        letters, withheld = prepared(house, claimed, now)
        assert not withheld
        begun = begin(house, token, letters)
        if dies == "after the begin":
            return
        verdicts = house.loop.run(deliver(begun, gate_of(house), 2, stopwatch(), house.sending.deadline))
        if dies == "after the call":
            self.unsettled += verdicts
        else:
            settle(house, verdicts, now)

    @precondition(lambda self: self.unsettled)
    @rule()
    def an_answer_comes_late(self) -> None:
        settle(self.world.house, [self.unsettled.pop()], self.world.clock.now())

    @precondition(lambda self: self.provider.journal)
    @rule(which=st.integers(0, 9), kind=st.sampled_from(["accepted", "delivered", "bounced"]), applied=st.booleans())
    def a_report_comes(self, which: int, kind: str, applied: bool) -> None:
        attempt = sorted(self.provider.journal)[which % len(self.provider.journal)]
        self.reports += 1
        told = Report(f"e{self.reports}", kind, attempt, f"ref-{attempt}", None, None, b"{}")
        with self.world.house.sessions.begin() as session:
            keep_reports(session, "sendgrid", [told])
        if applied:
            pipeline.digest_reports(self.world.house)

    def time_passes(self, seconds: int) -> None:
        self.world.clock.turn(seconds=seconds / 2)
        sql(self.world, "UPDATE messages SET lease_until = lease_until - make_interval(secs => :s)", s=seconds)
        sql(self.world, "UPDATE attempts SET begun_at = begun_at - make_interval(secs => :s),"
                        " deadline_at = deadline_at - make_interval(secs => :s),"
                        " ask_at = ask_at - make_interval(secs => :s)", s=seconds)  # fmt: skip

    @precondition(lambda self: any(state in ("sending", "unconfirmed") for state, _ in self.states()))
    @rule(seconds=st.sampled_from([ALL_IS_OVER, A_CALL_IS_OVER, 0]), asked=st.booleans())
    def what_is_in_doubt_is_asked_about(self, seconds: int, asked: bool) -> None:
        self.time_passes(seconds)
        self.provider.asked = asked
        pipeline.recover(self.world.house)

    @invariant()
    def nobody_is_written_to_twice(self) -> None:
        assert all(count == 1 for count in Counter(self.provider.journal.values()).values())

    @invariant()
    def what_counts_as_sent_was_taken(self) -> None:
        for state, address in self.states():
            assert state not in ENDS or address in self.provider.journal.values()

    @invariant()
    def what_came_back_is_stood_in_for_once(self) -> None:
        rows = sql(self.world, "SELECT email.state, count(sms.id) AS texts FROM messages AS email"
                               " LEFT JOIN messages AS sms ON sms.fallback_of = email.id"
                               " WHERE email.channel = 'email' GROUP BY email.id")  # fmt: skip
        assert all(row.texts == (row.state == "bounced") for row in rows)

    @invariant()
    def the_books_are_whole(self) -> None:
        with self.world.house.sessions() as session:
            found = audit(session, 1e6)
        # Here nobody looks after lost leases until the machine says so.
        broken = [breach for breach in found.breaches if breach.law != "nothing is being sent past its lease"]
        assert not broken, broken

    def states(self) -> list[tuple[str, str]]:
        rows = sql(self.world, "SELECT messages.state, orders.email FROM messages JOIN orders"
                               " ON orders.id = messages.order_id"
                               " WHERE channel = 'email' ORDER BY messages.id")  # fmt: skip
        return [(row.state, row.email) for row in rows]

    def teardown(self) -> None:
        """Once all is well again, everything has left, and left once."""
        self.provider.asked, self.provider.acts = True, []
        for _ in range(4):
            self.time_passes(ALL_IS_OVER)
            pipeline.digest_reports(self.world.house)
            pipeline.recover(self.world.house)
            pipeline.send(self.world.house, Channel.email)
        pipeline.send(self.world.house, Channel.sms)
        assert {state for state, _ in self.states()} <= ENDS
        assert sorted(self.provider.journal.values()) == sorted(address for _, address in self.states())
        whole(self.world)


@pytest.mark.long
@pytest.mark.parametrize("lives", [15, pytest.param(300, marks=[pytest.mark.sweep, pytest.mark.timeout(1800)])])
def test_no_order_of_events_loses_or_repeats_a_message(world: World, lives: int, monkeypatch: pytest.MonkeyPatch):
    """Random lives of one or two messages: taken exactly once each, whatever died and whoever was asked when."""
    monkeypatch.setattr(delivering, "LATEST_SECONDS", PATIENT["deadline"])
    patient = world.house.sending.model_copy(update=PATIENT)
    world = world.with_(sending=patient, rules=parse_rules(RULES))
    allowed = settings(
        max_examples=lives, stateful_step_count=12, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(type("LifeHere", (Life,), {"world": world}), settings=allowed)
