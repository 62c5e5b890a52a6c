"""The Bring adapter on the carrier's own examples."""

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import AnswerKind
from app.tracking.carriers.bring import CODES, Bring
from tests.tracking.carriers.payloads import Sample, codes, samples

SAMPLES = samples("bring")
ANSWERS = [one for one in SAMPLES if one.meta["kind"] == "response"]

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES, reason="../shared/carriers/bring does not lie beside this checkout"),
]


@pytest.mark.parametrize("sample", [one for one in ANSWERS if one.trackers], ids=lambda one: one.path.stem)
def test_agrees_with_bring(sample: Sample):
    """As many events, in their order, with the same times, statuses, texts and towns."""
    [reply], [tracker] = sample.read(Bring()), sample.trackers
    assert reply.kind is AnswerKind.tracked
    assert [(s.written_time, s.code, s.description, s.place or "") for s in reply.scans] == [
        (e["timestamp"], e["status"], e["description"], e["location"]) for e in tracker["events"]
    ]
    assert [scan.milestone for scan in reply.scans] == [CODES[e["status"]] for e in tracker["events"]]
    assert {scan.zone_source for scan in reply.scans} == {"offset"}
    assert reply.scans[0].milestone is CODES[tracker["status"]]
    assert reply.eta_day is None and reply.eta_from is None


def test_errors_under_200_are_read_for_what_they_are():
    """An invalid query is about the number; a failure of Bring's is not."""
    kinds = {one.path.stem: one.read(Bring(), "1")[0].kind for one in ANSWERS if not one.trackers}
    assert kinds == {
        "sample_docs_bad_request": AnswerKind.not_found,
        "sample_docs_unspecified": AnswerKind.unavailable,
    }


def test_reads_bring_s_call():
    """The example of a call: its package, status and time."""
    [body] = [one.path.read_bytes() for one in SAMPLES if one.path.stem == "sample_eventcast_callback_example"]
    assert Bring.push is not None
    [reply] = Bring.push.read(body)
    assert reply.tracking_number == "TESTPACKAGEDELIVERED"
    [scan] = reply.scans
    assert (scan.code, scan.milestone, scan.zone_source) == ("IN_TRANSIT", Milestone.in_transit, "offset")
    assert scan.occurred_at is not None and scan.occurred_at.isoformat() == "2019-03-16T14:58:48+00:00"


def test_knows_every_code_that_bring_lists():
    """No more and no fewer than the manual's statuses."""
    assert codes("bring") == set(CODES)
