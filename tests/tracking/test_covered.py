"""How seldom a parcel is asked about whose carrier calls."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.models.vocabulary import Milestone
from app.tracking.covered import is_covered, seldom

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def test_a_net_is_wide_and_narrower_today():
    """Half a day, and hours when it is out for delivery; a parcel at rest stays so."""
    usual = NOW + timedelta(minutes=30)
    assert timedelta(hours=12) <= seldom(usual, NOW, Milestone.in_transit) - NOW < timedelta(hours=14)
    assert timedelta(hours=3) <= seldom(usual, NOW, Milestone.out_for_delivery) - NOW < timedelta(hours=4)
    assert seldom(None, NOW, Milestone.delivered) is None


@given(st.integers(0, 100_000), st.sampled_from(Milestone))
def test_never_sooner_than_usual(minutes, milestone):
    """The net only widens, and keeps apart what was spread."""
    usual = NOW + timedelta(minutes=minutes)
    assert seldom(usual, NOW, milestone) >= usual


def test_who_is_covered():
    """Followed still, or called about lately; neither else."""
    day = timedelta(days=1)
    assert is_covered(NOW + day, None, NOW) and is_covered(None, NOW - day, NOW)
    assert is_covered(NOW - day, NOW - day, NOW)
    assert (
        not is_covered(NOW, None, NOW) and not is_covered(None, NOW - 4 * day, NOW) and not is_covered(None, None, NOW)
    )
