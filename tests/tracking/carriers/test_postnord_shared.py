"""The PostNord adapter on payloads from elsewhere, against what others read in them."""

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, RawAnswer
from app.tracking.carriers.postnord import PostNord
from tests.tracking.carriers.payloads import Sample, codes, samples

SAMPLES = samples("postnord")
MEANS = {
    "registered": Milestone.registered,
    "in_transit": Milestone.in_transit,
    "out_for_delivery": Milestone.out_for_delivery,
    "delivered": Milestone.delivered,
}

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES, reason="../shared/carriers/postnord does not lie beside this checkout"),
]


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.meta["expected"]], ids=lambda one: one.path.stem)
def test_agrees_with_the_other_reader(sample: Sample):
    """As many events, with the same times, codes, texts and meanings, and the same ETA, whatever their order."""
    [reply], [tracker] = sample.read(PostNord()), sample.trackers
    assert reply.kind is AnswerKind.tracked
    ours = [(s.written_time, s.code, s.description, s.milestone) for s in reply.scans]
    theirs = [(e["timestamp"], e["code"], e["description"], MEANS[e["status"]]) for e in tracker["events"]]
    assert sorted(ours) == sorted(theirs)
    assert not any(scan.unknown for scan in reply.scans)
    promised = tracker["estimated_delivery"]
    assert (reply.eta_from.isoformat() if reply.eta_from else None) == (promised and promised.replace("Z", "+00:00"))
    assert (reply.notes.pickup is not None) == ("pickup_point" in sample.meta["edge_cases"])


def test_codes_that_someone_made_up_are_not_believed():
    """A write-up whose events carry invented codes and no status: what is no word of PostNord's is unknown."""
    [sample] = [one for one in SAMPLES if not one.meta["expected"]]
    [call] = PostNord().calls([Ask("ITEM123")], Access("https://api2.postnord.com"))
    [reply] = PostNord().read(call, RawAnswer(200, {}, sample.path.read_bytes()))
    assert [(scan.code, scan.milestone, scan.unknown) for scan in reply.scans] == [
        ("COLLECTED", None, True),
        ("IN_TRANSIT", Milestone.in_transit, False),
    ]
    assert reply.eta_from is not None and reply.eta_from.isoformat() == "2025-11-09T14:00:00+00:00"


def test_knows_every_code_that_others_list():
    """Statuses and event codes, each with a meaning on purpose."""
    assert {code.removeprefix("event:") for code in codes("postnord")} <= set(PostNord.codes)
