"""The Canada Post adapter on payloads from elsewhere that lie beside the repository, against what others read there."""

from pathlib import Path
from typing import Any

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import AnswerKind, CarrierReply
from app.tracking.carriers.canadapost import CanadaPost
from tests.tracking.carriers.recordings import read_sample

FOLDER = Path(__file__).parents[4] / "shared" / "carriers" / "canadapost"
SAMPLES = sorted(FOLDER.glob("sample_*.xml"))

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES, reason="../shared/carriers/canadapost does not lie beside this checkout"),
]

ERRORS = {
    "sample_activeshipping_tracking_details_en_error": AnswerKind.not_found,
    "sample_karrio_tracking_auth_error": AnswerKind.denied,
}
MILESTONES: dict[str, list[Milestone | None]] = {
    "sample_activeshipping_dnc_tracking_details_en": [
        Milestone.delivered,
        Milestone.ready_for_pickup,
        Milestone.attempt_failed,
        Milestone.ready_for_pickup,
        Milestone.in_transit,
        Milestone.dispatched,
        Milestone.registered,
    ],
    "sample_activeshipping_tracking_details_no_expected_delivery_date": [Milestone.registered],
    "sample_karrio_tracking": [
        None,
        Milestone.out_for_delivery,
        Milestone.in_transit,
        None,
        Milestone.delivered,
        None,
    ],
}
"""What is to be read, by thinking. Where it is not what the first peer reads, docs/carriers/canadapost.md says why."""


def read(path: Path) -> tuple[CarrierReply, dict[str, Any]]:
    return read_sample(CanadaPost(), path, "7000000000000005", "CA")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_agrees_with_the_other_reader(path: Path) -> None:
    """As many events, the same wall clocks, codes (but for zeros), texts and expected day."""
    reply, meta = read(path)
    if not meta["expected"]["trackers"]:
        assert reply.kind is ERRORS[path.stem]
        return
    expected = meta["expected"]["trackers"][0]
    events = expected["events"]
    assert [scan.written_time[:16] for scan in reply.scans] == [f"{e['date']} {e['time'][:5]}" for e in events]
    assert [scan.code for scan in reply.scans] == [event["code"].zfill(4) for event in events]
    assert [scan.description for scan in reply.scans] == [event["description"] for event in events]
    assert [scan.milestone for scan in reply.scans] == MILESTONES[path.stem]
    assert {scan.zone_source for scan in reply.scans} == {"offset"}
    assert (reply.eta_day.isoformat() if reply.eta_day else None) == expected["estimated_delivery"]


def test_no_signatory_is_read() -> None:
    """Who signed stands in the answer, and nowhere in what is made of it."""
    path = FOLDER / "sample_karrio_tracking.xml"
    assert b"GREGOIRE" in path.read_bytes()
    assert "GREGOIRE" not in str(read(path)[0])
