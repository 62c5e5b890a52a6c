"""The DPD adapter on another reader's payloads."""

from datetime import datetime

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import AnswerKind
from app.tracking.carriers.dpd import Dpd
from tests.tracking.carriers.payloads import codes, samples

SAMPLES = {one.path.stem: one for one in samples("dpd")}

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES, reason="../shared/carriers/dpd does not lie beside this checkout"),
]

MEANS = {
    "out_for_delivery": {Milestone.out_for_delivery},
    "ready_for_pickup": {Milestone.ready_for_pickup},
    "delivery_failed": {Milestone.attempt_failed},
    None: {Milestone.in_transit, Milestone.dispatched},  # depots and the first hand-over, which the other leaves open
}


def test_agrees_with_the_other_reader():
    """As many events with the same codes, texts and places. Its clocks lose the afternoon: 5:11 PM is read as 05:11."""
    sample = SAMPLES["sample_karrio_tracking"]
    [reply], [tracker] = sample.read(Dpd()), sample.trackers
    theirs = tracker["events"][::-1]
    assert [(s.code, s.description, s.place) for s in reply.scans] == [
        (e["code"], e["description"], e["location"]) for e in theirs
    ]
    for scan, event in zip(reply.scans, theirs, strict=True):
        clock = datetime.strptime(scan.written_time, "%m/%d/%Y %I:%M:%S %p")
        assert clock.strftime("%Y-%m-%dT%I:%M:%S.000Z") == event["timestamp"]
        assert scan.zone_source == "place"
        if scan.code == "ReturningFromDelivery":
            assert scan.milestone is Milestone.attempt_failed  # the other says that it is out for delivery
        else:
            assert scan.milestone in MEANS[event["status"]]
    assert reply.scans[-1].occurred_at is not None
    assert reply.scans[-1].occurred_at.isoformat() == "2021-08-19T15:11:26+00:00"  # 17:11 in Belgium


def test_reads_the_fault():
    """A refused login under HTTP 200 is refused credentials."""
    sample = SAMPLES["sample_karrio_error"]
    [reply] = sample.read(Dpd(), "05308801410058")
    assert reply.kind is AnswerKind.denied
    assert reply.detail is not None and sample.messages[0]["message"] in reply.detail


def test_knows_every_code_that_others_list():
    """Those that were seen, and those that a client library guesses."""
    assert codes("dpd") <= set(Dpd.codes)
