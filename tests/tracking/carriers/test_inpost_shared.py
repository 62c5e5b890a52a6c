"""The InPost adapter on payloads from elsewhere that lie beside the repository, against what others read in them."""

import pytest

from app.tracking.adapter.base import AnswerKind
from app.tracking.carriers.inpost import InPost
from app.tracking.carriers.inpost_codes import meaning_of
from tests.tracking.carriers.payloads import Sample, codes, milestones, samples, wall_clock

SAMPLES = samples("inpost")
OURS = {"in_transit": "in_transit", "out_for_delivery": "out_for_delivery", "at_pickup_point": "ready_for_pickup"}

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES, reason="../shared/carriers/inpost does not lie beside this checkout"),
]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.path.stem)
def test_agrees_with_the_other_reader(sample: Sample) -> None:
    """The same events at the same times, with what they mean there in our words."""
    [reply] = sample.read(InPost())
    [tracker] = sample.trackers
    assert reply.kind is AnswerKind.tracked
    assert [(wall_clock(scan.written_time), scan.code) for scan in reply.scans] == [
        (wall_clock(event["timestamp"]), event["code"]) for event in tracker["events"]
    ]
    assert milestones(reply.scans) == [OURS[event["status"]] for event in tracker["events"]]
    assert {scan.zone_source for scan in reply.scans} == {"offset"}
    assert "Kowalski" not in repr(reply)


def test_knows_every_code_that_others_list() -> None:
    """All but the coarse groups, which are no events."""
    assert [code for code in codes("inpost") if not code.startswith("group:") and meaning_of(code) is None] == []
