"""Which piece of a consignment speaks, when a carrier answers about several under one number."""

from collections.abc import Sequence
from datetime import UTC, datetime

from app.models.vocabulary import PROGRESS, Milestone
from app.tracking.adapter.base import HeardScan

_START = datetime.min.replace(tzinfo=UTC)


def speaker(pieces: Sequence[Sequence[HeardScan]]) -> int:
    """Where the piece stands that is furthest behind: a consignment is never said to be further than its last piece.

    `pieces` are the scans of each, at least one. Of several that are equally far the one with the latest news speaks:
    a consignment is delivered when the last of them is.
    """
    return min(range(len(pieces)), key=lambda at: _standing(pieces[at]))


def _standing(scans: Sequence[HeardScan]) -> tuple[int, float]:
    """How far a piece is by its latest news, and when that was (a later one sorts first)."""
    news = [(scan.occurred_at, _rank(scan.milestone)) for scan in scans if scan.milestone and scan.occurred_at]
    at, rank = max(news, default=(_START, -1))
    return rank, -(at - _START).total_seconds()


def _rank(milestone: Milestone) -> int:
    return PROGRESS.get(milestone, PROGRESS[Milestone.in_transit])
