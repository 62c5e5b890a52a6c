"""A parcel that waits to be collected is reminded of once, by day, before it goes back."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.expectations import Expectations, PickupReminder
from app.models.vocabulary import Cause
from app.tracking.milestones import KnownCrossing
from app.tracking.watching.look import look
from app.zones import end_of_day
from tests.tracking.watching.parcels import START, M, hours, parcel, scan

DAY = timedelta(days=1)
REMIND = Expectations(delayed=None, pickup_expiring=PickupReminder())
READY = scan(2, M.ready_for_pickup)


def due(until, ready=READY, by=None):
    """When the reminder of a parcel falls due, in hours from the start; None where there is none."""
    expectations = Expectations(delayed=None, pickup_expiring=by or PickupReminder())
    at = look(parcel(2, scan(0), ready, pickup_until=until), expectations, []).next_at
    return None if at is None else (at - START) / timedelta(hours=1)


@pytest.mark.parametrize(
    ("until", "by", "at"),
    [
        (date(2026, 3, 9), PickupReminder(), 6 * 24),  # two days before the 9th ends is midnight: the morning after
        (date(2026, 3, 9), PickupReminder(before=timedelta(hours=8)), 7 * 24 + 7),  # by day: as it falls
        (date(2026, 3, 9), PickupReminder(before=timedelta(hours=2)), 7 * 24 + 13),  # too late for a morning
        (date(2026, 3, 4), PickupReminder(), 26),  # so soon that a day passes first
        (date(2026, 3, 3), PickupReminder(), 26),
        (date(2026, 3, 2), PickupReminder(), None),  # it goes back tonight
        (None, PickupReminder(), 5 * 24 + 2),
        (date.max, PickupReminder(), 5 * 24 + 2),
        (None, PickupReminder(waited=timedelta(days=5, hours=12)), 6 * 24),
        (None, PickupReminder(waited=None), None),
    ],
)
def test_the_reminder_falls_before_its_last_day_ends_and_by_day(until, by, at):
    """Else once it has waited for long; never on the heels of the news that it is ready."""
    assert due(until, by=by) == at


def test_one_reminder_a_pickup_and_none_once_it_is_collected():
    """However its last day is moved; a second pickup is another."""
    at = parcel(150, scan(0), READY, pickup_until=date(2026, 3, 9))
    [episode] = look(at, REMIND, []).episodes
    assert (episode.milestone, episode.cause, episode.occurred_at) == (
        M.pickup_expiring, Cause.pickup_ends, hours(144),
    )  # fmt: skip
    told = [KnownCrossing(M.pickup_expiring, 1, episode.anchor, episode.occurred_at)]
    for until in (date(2026, 3, 9), date(2026, 3, 8), None):
        assert look(parcel(150, scan(0), READY, pickup_until=until), REMIND, told).episodes == ()
    earlier = scan(1.5, M.ready_for_pickup, "late")
    assert look(parcel(150, scan(0), earlier, READY, pickup_until=date(2026, 3, 9)), REMIND, told).episodes == ()
    for after in (M.delivered, M.returning, M.out_for_delivery):
        looked = look(parcel(150, scan(0), READY, scan(100, after), pickup_until=date(2026, 3, 9)), REMIND, [])
        assert (looked.episodes, looked.next_at) == ((), None)
    again = (scan(0), READY, scan(100, M.out_for_delivery), scan(110, M.ready_for_pickup))
    assert len(look(parcel(400, *again), REMIND, told).episodes) == 1
    assert look(parcel(150, scan(0), READY, outbound=False), REMIND, []).next_at is None


@given(st.integers(0, 24 * 20), st.integers(0, 12), st.integers(1, 100))
def test_a_reminder_comes_in_time_or_not_at_all(ready, days, before):
    """Whenever it became ready and however long it waits: at least a day later, before its last day ends."""
    came = scan(ready, M.ready_for_pickup)
    until = (came.occurred_at + days * DAY).date()
    by = Expectations(delayed=None, pickup_expiring=PickupReminder(before=timedelta(hours=before)))
    at = look(parcel(ready, came, pickup_until=until), by, []).next_at
    goes_back_at = end_of_day(until, "Europe/Stockholm")
    if at is None:
        assert goes_back_at - came.occurred_at <= DAY
    else:
        assert max(came.occurred_at + DAY, goes_back_at - timedelta(hours=before)) <= at < goes_back_at
