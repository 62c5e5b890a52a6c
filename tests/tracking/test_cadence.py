"""When a parcel is asked about next."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.models.vocabulary import ENDS, Milestone
from app.tracking.cadence import GIVE_UP_AFTER, after_failure, after_not_found, next_poll

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def test_a_parcel_that_has_ended_rests():
    """Delivered, returned, cancelled and expired parcels are not asked about."""
    assert all(next_poll(milestone, NOW, 1, NOW) is None for milestone in ENDS)


def test_a_parcel_out_for_delivery_is_asked_more_often_than_one_on_its_way():
    """The nearer the news, the sooner the next question."""
    near = next_poll(Milestone.out_for_delivery, NOW, 7, NOW)
    far = next_poll(Milestone.in_transit, NOW, 7, NOW)
    assert near is not None and far is not None and near < far


def test_a_parcel_silent_for_months_is_given_up():
    """Nobody asks for ever, nor about a number that its carrier never knew."""
    assert after_not_found(NOW, NOW - GIVE_UP_AFTER - timedelta(days=1), 1) is None
    assert next_poll(Milestone.in_transit, NOW, 1, NOW - GIVE_UP_AFTER - timedelta(days=1)) is None


@given(st.sampled_from(list(Milestone)), st.integers(1, 2**40), st.integers(0, 59))
def test_the_next_question_always_lies_ahead(milestone, shipment_id, days):
    """No milestone, parcel or silence makes a question due at once."""
    due = next_poll(milestone, NOW, shipment_id, NOW - timedelta(days=days))
    assert due is None or due > NOW + timedelta(minutes=20)
    again = after_not_found(NOW, NOW - timedelta(days=days), shipment_id)
    assert again is not None and again > NOW + timedelta(hours=2)


@given(st.integers(1, 1000), st.integers(1, 2**40))
def test_back_off_grows_and_is_bounded(failures, shipment_id):
    """A failing carrier is asked ever more seldom, but at least every hour and a quarter."""
    assert 10 < after_failure(failures, shipment_id) <= 4500
