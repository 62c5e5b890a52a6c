"""What a carrier expects is compared by the day that people wait for, and told once."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.expectations import EtaChange, Expectations
from app.models.vocabulary import Cause
from app.tracking.milestones import KnownCrossing, fold
from app.tracking.watching.estimates import Estimate, behind, has_moved, is_beyond, is_early
from app.tracking.watching.look import look
from app.tracking.watching.outlook import Outlook
from tests.tracking.watching.parcels import START, M, hours, parcel, says, scan

DAY = timedelta(days=1)
FRIDAY = date(2026, 3, 6)
OFFSETS = [f"Etc/GMT{-hour:+d}" for hour in range(-12, 15)]
"""Every whole offset that people live by, from twelve hours behind UTC to fourteen ahead."""


@pytest.mark.parametrize("zone", OFFSETS)
def test_a_day_stays_a_day_wherever_the_shopper_lives(zone):
    """The promised day itself is neither early nor late, the next is a day late and the one before a day early, in a
    week in which the clocks change too."""
    for on in (FRIDAY, date(2026, 3, 29), date(2026, 10, 25)):
        word = Estimate(START, day=on)
        assert (word.last_day(zone), behind(word, on, zone, timedelta(0))) == (on, timedelta(0))
        assert not is_beyond(word, on, zone, timedelta(0)) and not is_early(word, on, zone, timedelta(0))
        assert is_beyond(word, on - DAY, zone, DAY) and is_early(word, on + DAY, zone, DAY)
        assert not has_moved(word, replace(word, as_of=START + DAY), zone, timedelta(0))
        assert has_moved(word, replace(word, day=on + DAY), zone, DAY)


@pytest.mark.parametrize("zone", ["Europe/Stockholm", "America/New_York", "Australia/Sydney", "Pacific/Apia"])
def test_a_day_of_23_or_25_hours_is_a_day(zone):
    """Where the clocks change between the expected day and the promised one, a day early is a day early."""
    for on in (date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 10, 4), date(2026, 10, 25)):
        assert is_early(Estimate(START, day=on - DAY), on, zone, DAY)
        assert not is_early(Estimate(START, day=on - DAY), on, zone, DAY + timedelta(hours=1))


def test_a_window_belongs_to_the_day_of_the_shopper_on_which_it_ends():
    """Midnight is the end of a day. Under a day's threshold windows are compared by the hour."""
    evening = datetime(2026, 3, 6, 22, 30, tzinfo=UTC)  # 23:30 in Stockholm
    assert Estimate(START, ends_at=evening).last_day("Europe/Stockholm") == FRIDAY
    assert Estimate(START, ends_at=evening).last_day("Asia/Tokyo") == FRIDAY + DAY
    assert Estimate(START, ends_at=evening + timedelta(minutes=30)).last_day("Europe/Stockholm") == FRIDAY
    early = Estimate(START, ends_at=evening - timedelta(hours=13))
    assert has_moved(early, Estimate(START, ends_at=evening), "Europe/Stockholm", timedelta(hours=12))
    assert not has_moved(early, Estimate(START, ends_at=evening), "Europe/Stockholm", DAY)
    assert has_moved(early, Estimate(START, ends_at=evening + timedelta(hours=10)), "Europe/Stockholm", DAY)


@given(st.dates(date(2026, 1, 1), date(2026, 12, 1)), st.integers(-9, 9), st.sampled_from(OFFSETS))
def test_early_and_beyond_never_meet(on, days, zone):
    """No estimate is both, and one that is a day from the promise is one of them."""
    word = Estimate(START, day=on + days * DAY)
    assert (is_beyond(word, on, zone, DAY), is_early(word, on, zone, DAY)) == (days >= 1, days <= -1)


CHANGED = Expectations(delayed=None, eta_changed=EtaChange())


def opened(at: Outlook, expectations: Expectations = CHANGED, known=()):
    return [(one.milestone, one.occurred_at) for one in look(at, expectations, known).episodes]


def test_an_estimate_is_news_where_it_lies_far_from_the_one_last_told():
    """The first is none; small steps add up until they are one; and only so often."""
    words = [says(at, FRIDAY + days * DAY) for at, days in ((1, 0), (2, 1), (3, 1), (4, 3), (5, 2), (6, 9))]
    at = parcel(10, scan(0), estimates=words)
    assert opened(at) == [(M.eta_changed, hours(2)), (M.eta_changed, hours(4)), (M.eta_changed, hours(5))]
    two_days = replace(CHANGED, eta_changed=EtaChange(2 * DAY, 5))
    assert opened(at, two_days) == [(M.eta_changed, hours(4)), (M.eta_changed, hours(6))]
    looked = look(at, two_days, [])
    assert looked.was == words[3], "what was told before the present word"
    assert opened(parcel(10, scan(0), estimates=words[:1])) == []


def test_an_estimate_that_is_taken_back_is_no_news_and_what_was_known_stays_known():
    """Nothing is told of nothing; the next word is compared with the last that there was."""
    words = [says(1, FRIDAY), says(2), says(3, FRIDAY), says(4), says(5, FRIDAY + DAY)]
    assert opened(parcel(10, scan(0), estimates=words[:4])) == []
    assert opened(parcel(10, scan(0), estimates=words)) == [(M.eta_changed, hours(5))]


def test_one_piece_of_news_is_told_once():
    """An estimate that opens a delay or is early is not told as a change too; the next is compared with it."""
    monday = date(2026, 3, 9)
    everything = Expectations(arriving_early=DAY, eta_changed=EtaChange())
    words = [says(1, FRIDAY), says(2, monday), says(3, date(2026, 3, 11))]
    assert opened(parcel(10, scan(0), estimates=words, promised_on=FRIDAY), everything) == [
        (M.delayed, hours(2)), (M.eta_changed, hours(3)),
    ]  # fmt: skip
    words = [says(1, monday), says(2, FRIDAY), says(3, FRIDAY + DAY)]
    assert opened(parcel(10, scan(0), estimates=words, promised_on=monday), everything) == [
        (M.arriving_early, hours(2)), (M.eta_changed, hours(3)),
    ]  # fmt: skip


def test_it_arrives_early_once_and_only_while_it_is_on_its_way():
    """A label's estimate counts from the dispatch on; near the door, or there, it is no news; told once, ever."""
    early = Expectations(delayed=None, arriving_early=DAY)
    monday = date(2026, 3, 9)
    words = [says(0, FRIDAY)]
    assert opened(parcel(3, scan(0, M.registered), estimates=words, promised_on=monday), early) == []
    moving = parcel(9, scan(0, M.registered), scan(5, M.dispatched), estimates=words, promised_on=monday)
    assert opened(moving, early) == [(M.arriving_early, hours(5))]
    [episode] = look(moving, early, []).episodes
    assert episode.cause is Cause.eta
    told = [KnownCrossing(M.arriving_early, 1, b"another", hours(1))]
    assert opened(moving, early, told) == []
    for near in (M.out_for_delivery, M.ready_for_pickup, M.delivered):
        late_word = parcel(9, scan(0), scan(1, near), estimates=[says(2, FRIDAY)], promised_on=monday)
        assert opened(late_word, early) == []
    assert opened(parcel(9, scan(0), estimates=[says(2, FRIDAY)], promised_on=FRIDAY), early) == []
    stale = parcel(200, scan(150), estimates=[says(2, FRIDAY)], promised_on=date(2026, 3, 20))
    assert opened(stale, early) == [], "its day had passed before it was on its way"


def test_nothing_is_told_of_the_estimates_of_a_return_or_of_what_has_arrived():
    """Nobody waits for the one, and the other is there."""
    words = [says(1, FRIDAY), says(2, FRIDAY + 3 * DAY)]
    assert opened(parcel(10, scan(0), estimates=words, outbound=False)) == []
    assert opened(parcel(10, scan(0), scan(1.5, M.ready_for_pickup), estimates=words)) == []


@pytest.mark.parametrize("day", [date.max, date.min])
def test_a_date_that_cannot_be_meant_is_none(day):
    """Some write the end of all time where they do not know: nobody is told of it, and nothing breaks."""
    instant = datetime(day.year, day.month, day.day, tzinfo=UTC)
    for word in (says(2, day), says(2, ends_at=instant), says(2, starts_at=instant)):
        everything = Expectations(arriving_early=DAY, eta_changed=EtaChange())
        at = parcel(10, scan(0), estimates=[says(1, FRIDAY), word], promised_on=FRIDAY)
        assert opened(at, everything) == []


def test_what_was_expected_before_is_the_last_word_that_was_another():
    """However often the present one was repeated; none where nothing is expected."""
    words = [says(1, FRIDAY), says(2), says(3, FRIDAY), says(4, FRIDAY + DAY), says(5, FRIDAY + DAY)]
    at = Outlook(hours(9), fold([]), [], "Europe/Stockholm", hours(9), estimates=words)
    assert look(at, Expectations(), []).was == words[2]
    assert look(replace(at, estimates=words[:2]), Expectations(), []).was is None
    assert look(replace(at, estimates=words[:1]), Expectations(), []).was is None
