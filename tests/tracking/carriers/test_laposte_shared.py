"""The La Poste adapter on a payload from elsewhere that lies beside the repository, against what others read in it."""

import pytest

from app.tracking.adapter.base import AnswerKind
from app.tracking.carriers.laposte import LaPoste
from tests.tracking.carriers.payloads import Sample, codes, events_of, expected_events, milestones, samples

SAMPLES = samples("laposte")

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES, reason="../shared/carriers/laposte does not lie beside this checkout"),
]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.path.stem)
def test_agrees_with_the_other_reader(sample: Sample) -> None:
    """The same nine events; it takes ET1 ("en cours d'acheminement") for a van that is out, three times, we do not."""
    [reply] = sample.read(LaPoste())
    [tracker] = sample.trackers
    assert reply.kind is AnswerKind.tracked
    assert events_of(reply) == expected_events(tracker)
    assert [scan.code for scan in reply.scans] == [event["code"] for event in tracker["events"]]
    transit = ["in_transit"] * 5
    assert milestones(reply.scans) == ["delivered", "out_for_delivery", *transit, "dispatched", "registered"]
    assert reply.eta_from and reply.eta_from.date().isoformat() == tracker["estimated_delivery"]


def test_knows_every_code_that_others_list() -> None:
    """The table has them all."""
    assert codes("laposte") <= set(LaPoste.codes)
