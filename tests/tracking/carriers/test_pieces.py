"""Which piece of a consignment speaks for it."""

from datetime import UTC, datetime

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import HeardScan
from app.tracking.adapter.pieces import speaker


def scans(*told: tuple[str | None, int | None]) -> list[HeardScan]:
    """Scans by milestone and day of March; no day is an unreadable time."""
    return [
        HeardScan(
            bytes(16),
            "",
            Milestone(name) if name else None,
            "",
            None,
            "",
            datetime(2026, 3, day, tzinfo=UTC) if day else None,
            "offset" if day else "unreadable",
        )
        for name, day in told
    ]


def test_the_one_furthest_behind_speaks():
    """Nothing is said to be delivered while one piece is not, whatever order the pieces come in."""
    done, late = scans(("in_transit", 1), ("delivered", 3)), scans(("in_transit", 2))
    assert speaker([done, late]) == 1
    assert speaker([late, done]) == 0


def test_the_last_to_be_delivered_speaks():
    """A consignment is delivered when its last piece is."""
    assert speaker([scans(("delivered", 3)), scans(("delivered", 5)), scans(("delivered", 4))]) == 1


def test_a_piece_without_news_is_behind_all():
    """No scan, one that means nothing, and one without a time are no news."""
    assert speaker([scans(("registered", 1)), scans((None, 2), ("delivered", None))]) == 1
    assert speaker([scans()]) == 0


def test_the_latest_news_of_a_piece_counts():
    """A piece that came back to the depot is not out for delivery any more."""
    back, out = scans(("out_for_delivery", 2), ("in_transit", 3)), scans(("out_for_delivery", 3))
    assert speaker([out, back]) == 1
