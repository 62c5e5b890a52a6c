"""A delay follows from the sets of scans and estimates, the promise and the instant, whatever came when."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.expectations import Delay, EtaChange, Expectations, SilenceLimit
from app.models.vocabulary import Cause
from app.tracking.milestones import KnownCrossing, fold, new_crossings, silence, written_off
from app.tracking.watching.delays import SOURCES, delays
from app.tracking.watching.look import look
from tests.tracking.watching.parcels import START, M, hours, parcel, says, scan

TUESDAY = date(2026, 3, 3)
"""Promised: the day ends 39 hours after the start, at midnight in Stockholm."""
PROMISE_ENDS = 39.0
THREE_DAYS = Delay(silence=(SilenceLimit(3),))


def opened(outlook, delay=THREE_DAYS):
    return [(one.opening.cause, one.opening.since, one.until) for one in delays(outlook, delay)[0]]


def test_the_promise_breaks_as_its_day_ends_where_the_shopper_lives():
    """Not a second sooner; it is over when the parcel moves, and was never so for one that had arrived."""
    before = parcel(PROMISE_ENDS - 0.001, scan(0), promised_on=TUESDAY)
    assert opened(before) == [] and look(before, Expectations(), []).next_at == hours(PROMISE_ENDS)
    assert opened(parcel(40, scan(0), promised_on=TUESDAY)) == [(Cause.promise_passed, hours(PROMISE_ENDS), None)]
    moved = parcel(60, scan(0), scan(45), promised_on=TUESDAY)
    assert opened(moved) == [(Cause.promise_passed, hours(PROMISE_ENDS), hours(45))]
    for milestone in (M.delivered, M.ready_for_pickup, M.returning, M.cancelled, M.returned):
        gone = parcel(60, scan(0), scan(30, milestone), promised_on=TUESDAY)
        assert opened(gone) == [] and look(gone, Expectations(), []).next_at is None
    assert opened(parcel(60, promised_on=TUESDAY, outbound=False), replace(THREE_DAYS, silence=())) == []


@pytest.mark.parametrize("grace", [timedelta(0), timedelta(hours=6)])
def test_a_grace_puts_the_promise_off(grace):
    """And is waited for."""
    at = parcel(PROMISE_ENDS + 1, scan(0), promised_on=TUESDAY)
    expected = [(Cause.promise_passed, hours(PROMISE_ENDS) + grace, None)] if not grace else []
    assert opened(at, Delay(promise=grace)) == expected
    assert look(at, Expectations(Delay(promise=grace)), []).next_at == (hours(PROMISE_ENDS) + grace if grace else None)


@pytest.mark.parametrize(
    ("milestone", "moves", "closes"),
    [
        (M.in_transit, True, True), (M.out_for_delivery, True, True), (M.attempt_failed, True, True),
        (M.delivered, True, True), (M.ready_for_pickup, True, True), (None, True, True),
        (None, False, False), (M.exception, True, False), (M.registered, True, False), (M.delayed, True, False),
    ],
)  # fmt: skip
def test_a_delay_is_over_when_the_parcel_moves_or_arrives(milestone, moves, closes):
    """A note, a label, a mishap and the carrier's own "later" move nothing."""
    late = parcel(60, scan(0), scan(50, milestone, moves=moves), promised_on=TUESDAY)
    assert (look(late, Expectations(), []).late_since is None) is closes


def test_the_carrier_says_so_and_the_fold_takes_no_notice():
    """Its word opens a delay with its own description, and moves the parcel nowhere."""
    told = replace(scan(10, M.delayed), description="Delayed by snow", place="Umeå")
    at = parcel(12, scan(0), told)
    [episode] = look(at, Expectations(), []).episodes
    assert (episode.cause, episode.description, episode.place) == (Cause.carrier_says, "Delayed by snow", "Umeå")
    assert at.state == fold([scan(0)])
    assert look(at, Expectations(Delay(carrier=False)), []).episodes == ()


@pytest.mark.parametrize(
    ("estimate", "beyond", "late"),
    [
        (says(5, date(2026, 3, 3)), 0, False),
        (says(5, date(2026, 3, 4)), 0, True),
        (says(5, date(2026, 3, 4)), 24, True),
        (says(5, date(2026, 3, 4)), 48, False),
        (says(5, starts_at=hours(35), ends_at=hours(PROMISE_ENDS)), 0, False),
        (says(5, starts_at=hours(35), ends_at=hours(PROMISE_ENDS + 1)), 0, True),
        (says(5, starts_at=hours(35), ends_at=hours(PROMISE_ENDS + 1)), 2, False),
        (says(PROMISE_ENDS + 1, date(2026, 3, 9)), 0, False),  # by then nothing new
    ],
)
def test_the_carrier_expects_it_later_than_promised(estimate, beyond, late):
    """By so much as operations say, and while the promise has not been missed yet."""
    at = parcel(PROMISE_ENDS + 2, scan(0), estimates=[estimate], promised_on=TUESDAY)
    found = opened(at, Delay(promise=timedelta(days=30), eta=timedelta(hours=beyond)))
    assert found == ([(Cause.eta_beyond_promise, hours(5), None)] if late else [])


def test_an_estimate_that_is_taken_back_ends_its_delay():
    """Only a new word beyond the promise opens another; one that stays beyond is the same."""
    day = date(2026, 3, 5)
    words = [says(5, day), says(6, day + timedelta(days=1)), says(8, TUESDAY), says(10, day), says(20)]
    at = parcel(30, scan(0), estimates=words, promised_on=TUESDAY)
    assert [one[1:] for one in opened(at)] == [(hours(5), hours(8)), (hours(10), hours(20))]


def test_silence_is_counted_in_business_days_from_the_last_scan():
    """From Thursday it lasts until Tuesday; any scan ends it; of several limits the narrowest counts."""
    thursday, tuesday = 72, 192
    assert opened(parcel(tuesday - 1, scan(thursday))) == []
    assert opened(parcel(tuesday, scan(thursday))) == [(Cause.silence, hours(tuesday), None)]
    note = scan(tuesday + 5, None, moves=False)
    assert opened(parcel(tuesday + 9, scan(thursday), note)) == [(Cause.silence, hours(tuesday), hours(tuesday + 5))]
    limits = Delay(silence=(SilenceLimit(3), SilenceLimit(1, "dhl", "express*", M.in_transit), SilenceLimit(2, "dhl")))
    for by, days in (({}, 3), ({"carrier": "dhl"}, 2), ({"carrier": "dhl", "service": "Express 12"}, 1)):
        at = parcel(1, scan(-1, M.dispatched), scan(0), **by)
        assert look(at, Expectations(limits), []).next_at == hours(24 * days)
    assert look(parcel(1, scan(0), outbound=False), Expectations(limits), []).next_at == hours(72)


def test_a_return_is_late_by_silence_alone_while_it_comes_back():
    """Nobody was promised it; returning is its way, and over when the shop has it."""
    words = [says(1, date(2026, 3, 20))]
    on_its_way = (scan(-1, M.dispatched), scan(0, M.returning), scan(0, M.delayed))
    back = parcel(90, *on_its_way, estimates=words, promised_on=TUESDAY, outbound=False)
    assert opened(back) == [(Cause.silence, hours(72), None)]
    there = parcel(90, *on_its_way, scan(80, M.delivered), outbound=False)
    assert opened(there) == [(Cause.silence, hours(72), hours(80))]
    assert look(there, Expectations(THREE_DAYS), []).late_since is None
    assert opened(parcel(90, *on_its_way)) == [], "one that goes to a shopper and turned back is waited for by nobody"


def test_a_label_that_is_never_scanned_is_silent_too():
    """Since it was handed to us; one that nobody could hear of is not."""
    assert opened(parcel(72)) == [(Cause.silence, hours(72), None)]
    assert opened(parcel(720, known_at=None)) == []


def test_our_own_deafness_is_not_the_carriers_silence():
    """While its carrier could not be asked, silence says nothing: it is looked at again, and opens when it was."""
    deaf = parcel(100, scan(0), listened_until=hours(70))
    looked = look(deaf, Expectations(THREE_DAYS), [])
    assert (looked.episodes, looked.late_since) == ((), None)
    assert hours(103) <= looked.next_at <= hours(108)
    forgotten = parcel(24 * 60, scan(0), listened_until=hours(70))
    assert look(forgotten, Expectations(THREE_DAYS), []).next_at is None
    [episode] = look(replace(deaf, listened_until=hours(100)), Expectations(THREE_DAYS), []).episodes
    assert episode.occurred_at == hours(72)


def test_scans_without_a_time_are_signs_of_life_too():
    """A carrier that gives days without hours is not silent."""
    timeless = replace(scan(0, None), occurred_at=None, heard_at=hours(60))
    at = replace(parcel(100, scan(0)), scans=[scan(0), timeless])
    assert opened(at) == []


def test_overlapping_evidence_is_one_delay_opened_by_the_earliest():
    """Four sources speak of one parcel that stands still: it is late once."""
    words = [says(12, date(2026, 3, 6))]
    at = parcel(100, scan(0), scan(10, M.delayed), estimates=words, promised_on=TUESDAY)
    assert opened(at) == [(Cause.carrier_says, hours(10), None)]
    assert len({one.cause for source in SOURCES for one in source(at, THREE_DAYS)}) == len(SOURCES)


def crossings(looked, known):
    """What is known once these episodes are written."""
    new = new_crossings(looked.episodes, known)
    rows = [(n.episode.milestone, n.occurrence, n.episode.anchor, n.episode.occurred_at, n.episode.cause) for n in new]
    return [*known, *(KnownCrossing(*row) for row in rows)]


def test_a_delay_opens_again_at_most_so_often():
    """It may open once more after the parcel moved, and what happened before the baseline is not counted."""
    way = [scan(0), scan(10, M.delayed), scan(11), scan(20, M.delayed), scan(21), scan(30, M.delayed)]
    at = parcel(35, *way)
    assert [one.occurred_at for one in look(at, Expectations(), []).episodes] == [hours(10), hours(20)]
    assert len(look(at, Expectations(Delay(again=0)), []).episodes) == 1
    assert look(at, Expectations(), []).late_since == hours(30), "whether it is told or not"
    with_history = look(at, Expectations(), [], hours(15)).episodes
    assert [one.occurred_at for one in with_history] == [hours(10), hours(20), hours(30)]


def test_a_scan_that_comes_late_neither_repeats_nor_loses_a_delay():
    """It moves the silence that was told of to another anchor and another hour; the shopper was told all the same."""
    told = crossings(look(parcel(73, scan(0)), Expectations(THREE_DAYS), []), [])
    assert len(told) == 1
    late = parcel(120, scan(0), scan(24, M.in_transit, "late"))
    assert opened(late) == [(Cause.silence, hours(96), None)]
    assert look(late, Expectations(THREE_DAYS), told).episodes == ()
    moved = parcel(300, scan(0), scan(24, M.in_transit, "late"), scan(130))
    assert len(look(moved, Expectations(THREE_DAYS), told).episodes) == 1, "it moved, and fell silent again"


def test_another_promise_is_another_delay_and_another_threshold_is_not():
    """A later day that is missed too is told; the same day with another grace, or an earlier one, is not."""
    told = crossings(look(parcel(40, scan(0), promised_on=TUESDAY), Expectations(), []), [])
    later = parcel(24 * 9, scan(0), promised_on=date(2026, 3, 9))
    assert len(look(later, Expectations(), told).episodes) == 1
    assert look(later, Expectations(Delay(again=0)), told).episodes == ()
    grace = Expectations(Delay(promise=timedelta(hours=12)))
    assert look(parcel(60, scan(0), promised_on=TUESDAY), grace, told).episodes == ()
    assert look(parcel(60, scan(0), promised_on=date(2026, 3, 2)), Expectations(), told).episodes == ()
    unnamed = [KnownCrossing(M.delayed, 1, None, hours(PROMISE_ENDS), Cause.promise_passed)]
    assert look(parcel(60, scan(0), promised_on=TUESDAY), Expectations(), unnamed).episodes == ()


WAYS = st.lists(
    st.builds(
        scan,
        st.integers(0, 400),
        st.sampled_from([*(M.in_transit, M.exception, M.delayed, M.registered) * 2, M.out_for_delivery,
                         M.attempt_failed, M.ready_for_pickup, M.delivered, M.returning, M.cancelled, None]),
        moves=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda one: one.digest,
)  # fmt: skip
WORDS = st.lists(
    st.builds(says, st.integers(0, 400), st.none() | st.dates(date(2026, 3, 1), date(2026, 3, 20))),
    max_size=4,
    unique_by=lambda one: one.as_of,
)
PROMISES = st.none() | st.dates(date(2026, 3, 2), date(2026, 3, 18))
DELAYS = st.builds(
    Delay,
    st.none() | st.sampled_from([timedelta(0), timedelta(hours=5)]),
    st.booleans(),
    st.none() | st.just(timedelta(0)),
    st.sampled_from([(), (SilenceLimit(2),), (SilenceLimit(3), SilenceLimit(1, stage=M.exception))]),
    st.integers(0, 3),
)


@given(WAYS, WORDS, PROMISES, DELAYS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(way, words, promised, delay, random):
    """Any shuffle of the scans and estimates gives the same delays, and the same instant to look next."""
    at = parcel(420, *way, estimates=words, promised_on=promised)
    scans, estimates = (random.sample(some, len(some)) for some in (at.scans, at.estimates))
    shuffled = replace(at, scans=scans, estimates=estimates)
    assert delays(shuffled, delay) == delays(at, delay)


@settings(max_examples=150)
@given(WAYS, WORDS, PROMISES, DELAYS, st.none() | st.builds(EtaChange, again=st.integers(0, 2)))
def test_looking_at_every_turn_is_looking_once_at_the_end(way, words, promised, delay, eta_changed):
    """A parcel that is watched all along, at each scan, estimate and `next_at`, opens what one look at the end finds;
    a look that is repeated opens nothing, and the next one always lies ahead."""
    expectations = Expectations(delay, timedelta(days=1), eta_changed)
    turns = {one.occurred_at for one in way} | {one.as_of for one in words} | {hours(420)}
    known: list[KnownCrossing] = []
    while turns:
        now = min(turns)
        turns.remove(now)
        at = parcel((now - START) / timedelta(hours=1), *way, estimates=words, promised_on=promised)
        looked = look(at, expectations, known)
        known = crossings(looked, known)
        assert look(at, expectations, known).episodes == ()
        if looked.next_at is not None:
            assert looked.next_at > now
            turns |= {looked.next_at} if looked.next_at < hours(420) else set()
    once = look(parcel(420, *way, estimates=words, promised_on=promised), expectations, [])
    assert [(one.anchor, one.occurred_at) for one in known] == [(one.anchor, one.occurred_at) for one in once.episodes]


@settings(max_examples=100)
@given(WAYS, WORDS, PROMISES, DELAYS, st.data())
def test_however_the_news_comes_a_delay_is_opened_only_so_often(way, words, promised, delay, data):
    """Heard in any order, in any batches and with a promise that changes, a parcel is late at most `1 + again` times,
    and is late now exactly when all that is known says so."""
    heard: list = []
    known: list[KnownCrossing] = []
    for one in data.draw(st.permutations(way)):
        heard.append(one)
        at = parcel(420, *heard, estimates=words, promised_on=data.draw(PROMISES))
        known = crossings(look(at, Expectations(delay), known), known)
    at = parcel(420, *way, estimates=words, promised_on=promised)
    looked = look(at, Expectations(delay), known)
    assert len(crossings(looked, known)) <= 1 + delay.again
    assert looked.late_since == look(at, Expectations(delay), []).late_since


def test_a_parcel_that_has_been_given_up_is_not_late():
    """What expired in silence is waited for by nobody, until it is heard of again."""
    scans = [scan(0)]
    quiet = silence(fold(scans), scans, START, START, timedelta(days=30))
    at = replace(parcel(900, *scans, promised_on=date(2026, 4, 6)), state=written_off(fold(scans), quiet))
    assert [one.opening.cause for one in delays(at, THREE_DAYS)[0]] == [Cause.silence]
    assert look(at, Expectations(THREE_DAYS), []).late_since is None
