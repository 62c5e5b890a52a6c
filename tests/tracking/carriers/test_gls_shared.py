"""The GLS adapter on the carrier's own examples and another reader's."""

import pytest

from app.models.vocabulary import Milestone
from app.tracking.carriers.base import AnswerKind
from app.tracking.carriers.gls import Gls
from tests.tracking.carriers.samples import Sample, samples

SAMPLES = samples("gls")
MEANS = {
    "DELIVD.PARCELSHOP": Milestone.ready_for_pickup,
    "INTIAL.NORMAL": Milestone.dispatched,
    "INTIAL.E48_DATA": Milestone.registered,
    "INTIAL.PREADVICE": Milestone.registered,
}

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES, reason="../shared/carriers/gls does not lie beside this checkout"),
]


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.events], ids=lambda one: one.path.stem)
def test_agrees_with_the_other_reader(sample: Sample):
    """As many events, with the same wall clocks, codes, texts and towns. That a parcel in a ParcelShop is delivered,
    as the other reader says, is what we do not say."""
    reply = sample.read(Gls(), "")
    assert reply.kind is AnswerKind.tracked
    assert [(s.written_time[:16], s.code, s.description, s.milestone) for s in reply.scans] == [
        (f"{e['date']}T{e['time']}", e["code"], e["description"], MEANS[e["code"]]) for e in sample.events
    ]
    assert all(
        (scan.place or "") in (event["location"] or "") for scan, event in zip(reply.scans, sample.events, strict=True)
    )
    assert {scan.zone_source for scan in reply.scans} == {"offset"}


NUMBERS = {"sample_karriohist_gls_error_3c8269": "604831862623"}


def test_errors_are_told_apart():
    """Unknown numbers, an ended token, a wrong address, and answers to other questions."""
    kinds = {
        one.path.stem.removeprefix("sample_"): one.read(Gls(), NUMBERS.get(one.path.stem, "36301917596")).kind
        for one in SAMPLES
        if not one.events
    }
    assert kinds == {
        "karrio_error": AnswerKind.not_found,
        "karriohist_gls_error_3c8269": AnswerKind.not_found,
        "openapi_response400_400badrequestpath": AnswerKind.not_found,
        "openapi_response400_deliveryinfo_400badrequestrequiredparameter": AnswerKind.not_found,
        "openapi_response401_401apigeetokenexpired": AnswerKind.denied,
        "openapi_response404_404notfound": AnswerKind.malformed,
        "openapi_response200_deliveryinfo_200success": AnswerKind.malformed,
        "openapi_response200_eventscodes_200success": AnswerKind.malformed,
    }
