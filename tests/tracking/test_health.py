"""The circuit breaker's table: every state meets every outcome, and each fault is met with its own patience."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

import pytest

from app.models.vocabulary import CarrierFault, CarrierState
from app.tracking.adapter.base import AnswerKind, RawAnswer, Silence
from app.tracking.health import (
    BACK_OFF,
    DENIED_AFTER_GOOD,
    SLOWEST,
    WELL_SECONDS,
    Leave,
    Moment,
    Outcome,
    Standing,
    after,
    fault_of,
    leave,
    probing,
)

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
GOOD = Outcome(seconds=0.1)
K = AnswerKind


def at(seconds: float, rate: float = 4.0) -> Moment:
    return Moment(NOW + timedelta(seconds=seconds), rate=rate)


def bad(fault: CarrierFault, wait: float | None = None) -> Outcome:
    return Outcome(fault, "it said so", wait)


def opened(fault: CarrierFault, strikes: int = 1) -> Standing:
    """A carrier that was found ill now, for the nth time in a row."""
    standing = Standing()
    for strike in range(strikes):
        if strike:
            standing = probing(standing, Moment(NOW), 10)
        for _ in range(BACK_OFF[fault].after):
            standing = after(standing, bad(fault), Moment(NOW))
    assert standing.state is CarrierState.open
    return standing


@pytest.mark.parametrize(
    ("state", "fault", "certain", "past"),
    list(product(CarrierState, [None, *CarrierFault], [False, True], [0, 1, 1000])),
)
def test_every_state_meets_every_outcome(state, fault, certain, past):
    """Whatever was and whatever comes, the standing makes sense: what is open has an end, and what is closed none."""
    until = None if state is CarrierState.closed else at(5).now
    before = Standing(state, NOW, until, past, fault, past, fault, "", NOW, NOW)
    now = after(before, Outcome(fault, "so", 7.0, None, certain), at(1))
    assert (now.until is None) == (now.state is CarrierState.closed)
    if fault is None:
        assert now.state is (CarrierState.open if state is CarrierState.open else CarrierState.closed)
        assert now.answered_at == at(1).now
    elif state is not CarrierState.closed or certain:
        assert now.state is CarrierState.open and now.until >= at(8).now, "its own wish is kept"
        assert now.until <= at(1 + BACK_OFF[fault].longest).now
    assert leave(now, at(1).now) is (Leave.freely if now.state is CarrierState.closed else Leave.none)


@pytest.mark.parametrize("fault", CarrierFault)
def test_each_fault_opens_after_its_number_and_rests_ever_longer(fault):
    """One bad answer fewer leaves it closed; each probe that fails doubles the rest, up to the longest."""
    rule = BACK_OFF[fault]
    standing = Standing()
    for _ in range(rule.after - 1):
        standing = after(standing, bad(fault), at(0))
    assert standing.state is CarrierState.closed
    waits, now = [], NOW
    for _ in range(15):
        standing = after(standing, bad(fault), Moment(now))
        waits.append((standing.until - now).total_seconds())
        now = standing.until
        assert leave(standing, now - timedelta(seconds=1)) is Leave.none
        assert leave(standing, now) is Leave.probe
        standing = probing(standing, Moment(now), 30)
        assert leave(standing, now) is Leave.none, "one probe at a time"
        assert leave(standing, now + timedelta(seconds=30)) is Leave.probe, "whose worker died is not waited for"
    assert waits[0] == rule.first and waits[-1] == rule.longest
    assert all(later == min(2 * sooner, rule.longest) for sooner, later in pairwise(waits))


def test_bad_answers_of_two_kinds_are_met_with_the_more_patience():
    """Unreadable answers do not make the next broken connection the last; a refusal needs no company."""
    standing = Standing()
    for _ in range(5):
        standing = after(standing, bad(CarrierFault.malformed), at(0))
    assert after(standing, bad(CarrierFault.unreachable), at(0)).state is CarrierState.closed
    assert after(standing, bad(CarrierFault.throttled), at(0)).state is CarrierState.open
    for fault in (CarrierFault.timeout, CarrierFault.server_error) * 3:
        standing = after(replace(standing, fault=fault, failures=4), bad(fault), at(0))
    assert standing.state is CarrierState.open


def test_a_good_answer_ends_a_probe_and_stragglers_end_nothing():
    """What was under way when it fell ill changes neither the state nor the rest; a longer wish for rest is kept."""
    ill = opened(CarrierFault.server_error)
    assert after(ill, GOOD, at(1)) == replace(ill, answered_at=at(1).now)
    assert after(ill, bad(CarrierFault.timeout), at(1)) == ill
    assert after(ill, bad(CarrierFault.throttled, 300), at(1)).until == at(301).now
    well = after(probing(ill, at(15), 10), GOOD, at(16))
    assert (well.state, well.failures, well.since, well.until) == (CarrierState.closed, 0, at(16).now, None)
    assert well.fault is CarrierFault.server_error, "what was wrong last is still told"


def test_what_flickers_rests_longer_and_what_was_well_begins_anew():
    """Ill of the same within five minutes counts on; after five good minutes, or of something else, it is the first."""
    well = after(probing(opened(CarrierFault.certificate, 3), at(0), 10), GOOD, at(0))

    def again(fault: CarrierFault, seconds: float) -> int:
        standing = well
        for _ in range(BACK_OFF[fault].after):
            standing = after(standing, bad(fault), at(seconds))
        return standing.strikes

    assert again(CarrierFault.certificate, 60) == 4
    assert again(CarrierFault.certificate, WELL_SECONDS) == 1
    assert again(CarrierFault.server_error, 60) == 1


def test_one_refusal_stops_a_key_that_never_worked_and_not_one_that_just_did():
    """A single refusal may be about a single parcel where the key was good an hour ago; three in a row are not."""
    refused = bad(CarrierFault.denied)
    assert after(Standing(), refused, at(0)).state is CarrierState.open
    standing = after(Standing(), GOOD, at(0))
    for _ in range(DENIED_AFTER_GOOD - 1):
        standing = after(standing, refused, at(60))
    assert standing.state is CarrierState.closed
    assert after(standing, GOOD, at(61)).failures == 0
    assert after(standing, refused, at(61)).state is CarrierState.open
    assert after(after(Standing(), GOOD, at(0)), refused, at(7200)).state is CarrierState.open


def test_changed_settings_are_tried_at_once_where_the_old_were_refused():
    """A new key waits for nothing, with an allowance of its own; it does not help a carrier that is down."""
    assert leave(opened(CarrierFault.throttled), NOW, settings_changed=True) is Leave.probe
    assert leave(opened(CarrierFault.denied), NOW, settings_changed=True) is Leave.probe
    assert leave(opened(CarrierFault.timeout), NOW, settings_changed=True) is Leave.none


def test_too_many_questions_halve_the_pace_and_good_minutes_bring_it_back():
    """Whenever it is found too fast the pace is halved, down to the slowest; a probe turned away lowers nothing."""
    throttled = bad(CarrierFault.throttled)
    standing = after(Standing(), throttled, at(0))
    assert standing.pace == 2.0
    assert after(probing(standing, at(2), 10), throttled, at(3)).pace == 2.0
    standing = after(probing(standing, at(2), 10), GOOD, at(3))
    assert after(standing, throttled, at(4)).pace == 1.0
    assert after(standing, throttled, at(4)).strikes == 1, "a lower pace is the answer, not a longer rest"
    assert after(standing, GOOD, at(100)).pace == 2.0, "not yet"
    for _ in range(50):
        standing = after(standing, GOOD, at(400))
    assert standing.pace is None, "as it is set to again"
    assert after(Standing(pace=SLOWEST), throttled, at(0)).pace == SLOWEST


PAGE = b"\n<!DOCTYPE html><html><body>back soon</body></html>"


@pytest.mark.parametrize(
    ("kinds", "raw", "fault"),
    [
        ([K.unavailable, K.tracked], RawAnswer(200, {}, b"{}"), None),
        ([K.not_found], RawAnswer(404, {}, b"{}"), None),
        ([], RawAnswer(200, {}, b"{}"), None),
        ([K.denied], RawAnswer(401, {}, PAGE), CarrierFault.denied),
        ([K.throttled], RawAnswer(429, {}, b""), CarrierFault.throttled),
        ([K.unavailable], RawAnswer(503, {}, b"{}"), CarrierFault.server_error),
        ([K.unavailable], RawAnswer(503, {}, PAGE), CarrierFault.maintenance),
        ([K.malformed], RawAnswer(200, {}, PAGE), CarrierFault.maintenance),
        ([K.malformed], RawAnswer(200, {}, b"<xml/>"), CarrierFault.malformed),
        ([K.unavailable], RawAnswer(None, {}, b"", silence=Silence.timeout), CarrierFault.timeout),
        ([K.unavailable], RawAnswer(None, {}, b"", silence=Silence.certificate), CarrierFault.certificate),
        ([K.unavailable], RawAnswer(None, {}, b"", silence=Silence.garbled), CarrierFault.malformed),
        ([K.unavailable], RawAnswer(None, {}, b""), CarrierFault.unreachable),
    ],
)
def test_an_answer_shows_what_is_wrong_with_the_carrier(kinds, raw, fault):
    """One usable word about one parcel, and the carrier is well; otherwise the fault is called by its name."""
    assert fault_of(kinds, raw) is fault


def test_every_fault_has_its_patience_and_its_sentence():
    """No fault is forgotten in either table."""
    assert set(BACK_OFF) == set(CarrierFault)
    assert all(fault.sentence for fault in CarrierFault)
