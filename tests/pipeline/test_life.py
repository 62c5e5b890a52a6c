"""A message's life as the database keeps it: every state × every answer; answers and reports in any order."""

from itertools import product

import pytest

from app import pipeline
from app.channels.base import REPORT_KINDS, Report, Verdict
from app.models.vocabulary import AttemptOutcome, Channel, MessageState, Milestone
from app.pipeline.leaving.claiming import claim
from app.pipeline.leaving.sending import Begun, begin, settle
from app.pipeline.settling.settling import keep_reports
from tests.pipeline.conftest import World, prepared
from tests.pipeline.test_attacks import sql

S, A = MessageState, AttemptOutcome
ANSWERS = {
    A.accepted: Verdict(A.accepted, "ref"),
    A.refused: Verdict(A.refused, http_status=400, error="no"),
    A.not_sent: Verdict(A.not_sent, http_status=429, error="later"),
    A.unanswered: Verdict(A.unanswered, error="reset"),
}
ENDS = {A.accepted: S.accepted, A.refused: S.failed, A.not_sent: S.ready, A.unanswered: S.unconfirmed}
"""What each answer makes of a message whose call it answers."""


def under_way(world: World) -> Begun:
    """One email whose call has begun."""
    (parcel,) = world.order()
    world.scan(parcel, Milestone.out_for_delivery)
    house, now = world.house, world.clock.now()
    with house.sessions.begin() as session:
        token, claimed = claim(session, house, Channel.email, now)
    letters, _ = prepared(house, claimed, now)
    (begun,) = begin(house, token, letters)
    return begun


class Again:
    """Puts the one message and its attempt back to where they were, as often as a table has cells."""

    def __init__(self, world: World) -> None:
        self.world, self.begun = world, under_way(world)
        self.reports = 0

    def put(self, state: MessageState, *, open_: bool) -> None:
        values = {"state": state.value, "open": self.begun.attempt_id if open_ else None}
        sql(self.world, "UPDATE messages SET state = :state, open_attempt_id = :open, reason = 'planned',"
                        " ended_at = NULL WHERE channel = 'email'", **values)  # fmt: skip
        sql(self.world, "UPDATE attempts SET outcome = NULL, settled_at = NULL, first_receipt_at = NULL")
        sql(self.world, "DELETE FROM suppressions")
        sql(self.world, "DELETE FROM receipts")

    def answered(self, answer: AttemptOutcome) -> None:
        settle(self.world.house, [(self.begun, ANSWERS[answer])], self.world.clock.now())

    def reported(self, kind: str) -> None:
        self.reports += 1
        report = Report(f"e{self.reports}", kind, self.begun.letter.outgoing.attempt_id, "ref", None, None, b"{}")
        with self.world.house.sessions.begin() as session:
            keep_reports(session, "sendgrid", [report])
        pipeline.digest_reports(self.world.house)

    @property
    def state(self) -> MessageState:
        return MessageState(self.world.messages(channel="email")[0].state)


@pytest.mark.parametrize("open_", [True, False])
def test_every_state_has_its_answer_to_every_answer(world: World, open_):
    """Total: an answer settles the call that is open; late, it moves nothing but what was about to be tried again."""
    again = Again(world)
    for state, answer in product(MessageState, ANSWERS):
        again.put(state, open_=open_)
        again.answered(answer)
        settles = open_ and state in (S.sending, S.unconfirmed)
        proves = answer is A.accepted and state in (S.ready, S.sending)
        assert again.state is (ENDS[answer] if settles or proves else state), (state, answer, open_)


@pytest.mark.parametrize(
    ("starts", "orders"),
    [
        ([S.sending], ("ar", "rar")),
        pytest.param([S.sending, S.unconfirmed], ("ar", "ra", "arr", "rar", "rra", "ara"), marks=pytest.mark.sweep),
    ],
)
def test_answers_and_reports_come_in_any_order(world: World, starts, orders):
    """For a call under way or in doubt, an answer and a report lead to one end whichever is first, repeated or not."""
    again = Again(world)
    for start, answer, kind in product(starts, ANSWERS, REPORT_KINDS):
        ends = []
        for steps in orders:
            again.put(start, open_=True)
            for step in steps:
                again.answered(answer) if step == "a" else again.reported(kind)
            ends.append(again.state)
        assert len(set(ends)) == 1, (start, answer, kind, ends)
