"""The Royal Mail adapter on payloads from elsewhere that lie beside the repository, against what stands in them."""

import pytest

from app.tracking.adapter.base import AnswerKind
from app.tracking.carriers.royalmail import RoyalMail
from tests.tracking.carriers.payloads import Sample, codes, events_of, expected_events, milestones, samples

SAMPLES = samples("royalmail")

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES, reason="../shared/carriers/royalmail does not lie beside this checkout"),
]

KINDS = {
    "E1142": AnswerKind.not_found,
    "E1144": AnswerKind.malformed,
    "E1284": AnswerKind.not_found,
    "E1308": AnswerKind.not_found,
    "E0004": AnswerKind.malformed,
    "E0013": AnswerKind.malformed,
    "E0010": AnswerKind.throttled,
    "E0009": AnswerKind.unavailable,
    "400": AnswerKind.malformed,
    "401": AnswerKind.denied,
    "405": AnswerKind.malformed,
    "503": AnswerKind.unavailable,
}
"""What each sample's error comes to, by the code that its meta names, or the status where there is none."""


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.path.stem)
def test_agrees_with_the_payloads_own_fields(sample: Sample) -> None:
    """As many events with the same clocks, texts and places, Royal Mail's own category, and the day expected."""
    [reply] = sample.read(RoyalMail(), "090367574000000FE1E1B")
    if not sample.trackers:
        assert reply.kind is KINDS[sample.messages[0]["code"]]
        assert reply.scans == ()
        return
    [tracker] = sample.trackers
    assert reply.kind is AnswerKind.tracked
    assert events_of(reply) == expected_events(tracker)
    assert [scan.code for scan in reply.scans] == [event["code"] for event in tracker["events"]]
    assert milestones(reply.scans) == ["in_transit"]
    assert "IN TRANSIT" in sample.meta["vendor_status_category"]
    assert (reply.eta_from.date().isoformat() if reply.eta_from else None) == tracker["estimated_delivery"]


def test_knows_every_code_that_others_list() -> None:
    """The table has them all."""
    assert codes("royalmail") <= set(RoyalMail.codes)
