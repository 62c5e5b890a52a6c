"""The Australia Post adapter on payloads from elsewhere that lie beside the repository, against what others read."""

import pytest

from app.tracking.adapter.base import AnswerKind
from app.tracking.carriers.australiapost import AustraliaPost
from app.tracking.carriers.australiapost_words import meaning_of
from tests.tracking.carriers.payloads import Sample, codes, events_of, expected_events, milestones, samples

SAMPLES = samples("australiapost")
KINDS = {"51101": AnswerKind.malformed, "API_002": AnswerKind.throttled}

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES, reason="../shared/carriers/australiapost does not lie beside this checkout"),
]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.path.stem)
def test_agrees_with_the_other_reader(sample: Sample) -> None:
    """The same events, clocks, texts and places; a parcel that it calls delivered ends as delivered.

    It reads none of the eight events of the first parcel, because they stand in an item of a consignment.
    """
    replies = sample.read(AustraliaPost(), "ET123456789AU")
    if not sample.trackers:
        assert {reply.kind for reply in replies} == {KINDS[sample.messages[0]["code"]]}
        return
    assert {reply.kind for reply in replies} == {AnswerKind.tracked}
    first, *others = replies
    assert len(first.scans) == 8
    assert milestones(first.scans)[-3:] == ["dispatched", "registered", "registered"]
    for reply, tracker in zip(others, sample.trackers[1:], strict=True):
        assert events_of(reply) == expected_events(tracker)
        assert (milestones(reply.scans)[0] == "delivered") is tracker["delivered"]
    assert not [scan for reply in replies for scan in reply.scans if scan.unknown]


def test_knows_every_word_that_others_list() -> None:
    """In whatever spelling."""
    assert [code for code in codes("australiapost") if meaning_of(code) is None] == []
