"""The table of message state × report is total, and blind to the order of reports."""

from itertools import combinations_with_replacement, permutations

import pytest

from app.channels.base import REPORT_KINDS
from app.models.vocabulary import WITHHELD, MessageState
from app.receipts.outcome import is_evidence, outcome


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


RANK = {MessageState.accepted: 1, MessageState.delivered: 2, MessageState.bounced: 3}
PROVES = {
    "accepted": MessageState.accepted, "deferred": MessageState.accepted, "delivered": MessageState.delivered,
    "complained": MessageState.delivered, "opened": MessageState.delivered, "machine_opened": MessageState.delivered,
    "clicked": MessageState.delivered, "bounced": MessageState.bounced, "dropped": MessageState.bounced,
}  # fmt: skip
"""What each kind of report proves, written down once more, by hand."""


def final(state: MessageState, kinds: tuple[str, ...]) -> MessageState:
    """Where a message ends that these reports are applied to, one after the other."""
    for kind in kinds:
        change = outcome(state, kind)
        state = change[0] if change else state
    return state


@pytest.mark.parametrize("start", list(MessageState))
def test_every_state_converges_whatever_comes_in_whatever_order(start):
    """From each state, any four kinds of report, each once or twice, in every order: one end, the most that was
    proved; without any proof, where it began."""
    for several in combinations_with_replacement(REPORT_KINDS, 4):
        best = max((PROVES[kind] for kind in several if kind in PROVES), key=RANK.__getitem__, default=start)
        wanted = best if RANK.get(best, 0) > RANK.get(start, 0) else start
        for order in set(permutations(several)):
            assert final(start, order) == final(start, order + order[::-1]) == wanted, (start, order)


def test_the_table_knows_each_kind_and_no_other():
    """A kind that a channel may report and the table forgets would be believed to prove nothing."""
    assert {kind for kind in REPORT_KINDS if is_evidence(kind)} == set(PROVES)
    assert not is_evidence("never heard of")
