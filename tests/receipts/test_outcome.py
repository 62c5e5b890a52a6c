"""The table of message state × report is total, and blind to the order of reports."""

from itertools import permutations

import pytest

from app.channels.base import REPORT_KINDS
from app.models.vocabulary import WITHHELD, MessageState
from app.receipts.outcome import outcome


@pytest.mark.parametrize("state", list(MessageState))
@pytest.mark.parametrize("kind", [*REPORT_KINDS, "never heard of"])
def test_the_table_is_total(state, kind):
    """Every pair has an answer, and an answer never leads out of what was sent."""
    change = outcome(state, kind)
    if change is not None:
        assert change[0] in (MessageState.accepted, MessageState.delivered, MessageState.bounced)


@pytest.mark.parametrize("start", [MessageState.sending, MessageState.unconfirmed, MessageState.ready])
def test_the_order_of_reports_does_not_matter(start):
    """Accepted, deferred, delivered, opened and bounced end alike in any order and however often."""

    def final(kinds):
        state = start
        for kind in kinds:
            change = outcome(state, kind)
            state = change[0] if change else state
        return state

    kinds = ("accepted", "deferred", "delivered", "opened", "bounced")
    assert {final(order + order[:2]) for order in permutations(kinds)} == {MessageState.bounced}
    assert {final(order) for order in permutations(kinds[:4])} == {MessageState.delivered}


def test_a_report_proves_acceptance_even_of_what_was_given_up():
    """An ambiguous end is corrected by evidence that comes late."""
    change = outcome(MessageState.failed, "delivered")
    assert change is not None and change[0] is MessageState.delivered


def test_a_report_proves_acceptance_even_of_what_was_withheld_after_a_try():
    """A message that expired or was cancelled while it waited for its second try had been sent by the first."""
    for state in WITHHELD:
        change = outcome(state, "accepted")
        assert change is not None and change[0] is MessageState.accepted
