"""Replies as plain JSON: on whose clock a scan's time is shown."""

from datetime import datetime

import pytest

from app.tracking.adapter.base import AnswerKind, CarrierReply, HeardScan
from app.tracking.normalised import normalised


def shown(written: str, at: str) -> str:
    scan = HeardScan(b"1", "", None, "", None, written, datetime.fromisoformat(at), "offset")
    [shipment] = normalised([CarrierReply(AnswerKind.tracked, "1", (scan,))], [])["shipments"]
    return str(shipment["scans"][0]["occurred_at"])


@pytest.mark.parametrize(
    ("written", "at", "expected"),
    [
        ("2026-11-22T13:58:00", "2026-11-22T18:58:40+00:00", "2026-11-22T13:58:40-05:00"),
        ("2026-11-22T13:58:40", "2026-11-22T08:28:40+00:00", "2026-11-22T13:58:40+05:30"),
        ("20261122 135800", "2026-11-22T12:58:00+00:00", "2026-11-22T13:58:00+01:00"),
        ("2026-11-22T13:58:00", "2026-11-22T13:58:00+00:00", "2026-11-22T13:58:00+00:00"),
        ("2026-11-22T13:51:00", "2026-11-22T18:58:40+00:00", "2026-11-22T18:58:40+00:00"),
        ("2026-11-20T13:58:00", "2026-11-22T18:58:00+00:00", "2026-11-22T18:58:00+00:00"),
        ("yesterday", "2026-11-22T18:58:00+00:00", "2026-11-22T18:58:00+00:00"),
    ],
)
def test_a_time_is_shown_on_the_clock_it_was_written_by(written, at, expected):
    """The instant is always the carrier's own; where its text and the instant differ by no zone, it is shown in UTC."""
    assert shown(written, at) == expected
