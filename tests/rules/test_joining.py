"""Which messages become one, who is waited for, and when it leaves: the pure half of merging."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.models.vocabulary import ENDS, Channel, Milestone, Reason
from app.rules.decide import Decided
from app.rules.document import parse_rules
from app.rules.merging import Timing, Waiting, awaited, join, joined, let_go, opened
from app.rules.quiet import parse_quiet
from app.rules.ruleset import Per

NOW = datetime(2026, 3, 2, 18, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULE = parse_rules(
    "version: 1\nrules: [{name: out, when: out_for_delivery, send: [email], expires: 12h, hold: 5m, merge: 1h}]"
).rules[0]
QUIET = parse_quiet("20:00-08:00")
DECIDED = Decided(
    "out", Channel.email, "out_for_delivery", "shopper", True, Reason.planned, "", NOW + RULE.hold, NOW + 12 * HOUR, 1
)
WAITING = Waiting(7, "out", Milestone.out_for_delivery, "email", "shopper", NOW + HOUR)


@pytest.mark.parametrize(
    "other",
    [
        {"rule": "another"}, {"milestone": Milestone.delivered}, {"channel": "sms"}, {"recipient_id": "team"},
        {"merge_until": NOW},
    ],
)  # fmt: skip
def test_only_the_same_by_the_same_rule_to_the_same_one_is_joined(other):
    """Rule, milestone, channel and recipient, while the window lasts."""
    assert join([replace(WAITING, **other)], DECIDED, RULE, NOW) is None
    assert join([replace(WAITING, message_id=6, **other), WAITING], DECIDED, RULE, NOW) is WAITING


def test_what_does_not_merge_joins_nothing():
    """A rule without a window, one that speaks once for the order, and an answer that did not fire."""
    assert join([WAITING], DECIDED, replace(RULE, merge=timedelta(0)), NOW) is None
    assert join([WAITING], DECIDED, replace(RULE, per=Per.order), NOW) is None
    assert join([WAITING], replace(DECIDED, fired=False), RULE, NOW) is None


@pytest.mark.parametrize("milestone", Milestone)
def test_who_has_come_as_far_or_to_an_end_is_not_waited_for(milestone):
    """The answer for every milestone that the other parcel may stand at."""
    behind = milestone in {
        Milestone.registered, Milestone.dispatched, Milestone.in_transit, Milestone.exception, Milestone.delayed,
        Milestone.arriving_early, Milestone.eta_changed, Milestone.all_delivered, Milestone.attempt_failed,
    }  # fmt: skip
    assert awaited(Milestone.out_for_delivery, [("b", milestone)], {"a"}) is behind
    assert not awaited(Milestone.out_for_delivery, [("b", milestone)], {"a", "b"})
    for befalls in (Milestone.delayed, Milestone.exception, Milestone.pickup_expiring):
        assert awaited(befalls, [("b", milestone)], {"a"}) is (milestone not in ENDS)


def test_it_waits_for_its_window_and_never_longer_than_it_is_worth():
    """Somebody to wait for: the window. Nobody, or a window past which the news is stale, or a night that would make it
    so: it leaves as it would alone."""
    alone = Timing(DECIDED.send_at, DECIDED.expires_at)
    assert opened(DECIDED, RULE, ("UTC",), True, NOW) == Timing(NOW + HOUR, DECIDED.expires_at, NOW + HOUR)
    assert opened(DECIDED, RULE, ("UTC",), False, NOW) == alone
    short = replace(DECIDED, expires_at=NOW + HOUR)
    assert opened(short, RULE, ("UTC",), True, NOW) == replace(alone, expires_at=short.expires_at)
    late = replace(RULE, merge=2 * HOUR)
    night = replace(DECIDED, quiet=QUIET)
    assert opened(night, late, ("UTC",), True, NOW) == alone
    morning = NOW.replace(day=3, hour=8, minute=0)
    lasting = replace(night, expires_at=NOW + 20 * HOUR)
    assert opened(lasting, late, ("UTC",), True, NOW) == Timing(morning, lasting.expires_at, morning)


def test_one_that_joins_brings_its_hold_and_its_time_to_live():
    """While others are waited for the window stands; with the last it leaves after the last one's hold."""
    waiting = Timing(NOW + HOUR, NOW + 2 * HOUR, NOW + HOUR)
    assert joined(waiting, DECIDED, True, NOW) == Timing(NOW + HOUR, NOW + 12 * HOUR, NOW + HOUR)
    held = replace(DECIDED, send_at=NOW + 2 * HOUR)
    assert joined(waiting, held, True, NOW).send_at == NOW + 2 * HOUR
    assert joined(waiting, DECIDED, False, NOW) == Timing(NOW + RULE.hold, NOW + 12 * HOUR, NOW)
    assert let_go(NOW - HOUR, RULE, ("UTC",), None, NOW) == NOW
    assert let_go(NOW, RULE, ("UTC",), None, NOW) == NOW + RULE.hold
    assert let_go(NOW, RULE, ("UTC",), parse_quiet("18:00-08:00"), NOW) == NOW.replace(day=3, hour=8, minute=0)
