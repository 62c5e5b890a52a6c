"""The GLS adapter on the carrier's own examples and another reader's."""

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, RawAnswer
from app.tracking.carriers.gls import Gls
from tests.tracking.carriers.payloads import Sample, codes, samples

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


TRACKED = [one for one in SAMPLES if one.meta["expected"] and one.trackers]


@pytest.mark.parametrize("sample", TRACKED, ids=lambda one: one.path.stem)
def test_agrees_with_the_other_reader(sample: Sample):
    """As many events, with the same wall clocks, codes, texts and towns. That a parcel in a ParcelShop is delivered,
    as the other reader says, is what we do not say."""
    [reply], [tracker] = sample.read(Gls()), sample.trackers
    assert reply.kind is AnswerKind.tracked
    assert [(s.written_time[:16], s.code, s.description, s.milestone) for s in reply.scans] == [
        (f"{e['date']}T{e['time']}", e["code"], e["description"], MEANS[e["code"]]) for e in tracker["events"]
    ]
    towns = [event["location"] or "" for event in tracker["events"]]
    assert all((scan.place or "") in town for scan, town in zip(reply.scans, towns, strict=True))
    assert {scan.zone_source for scan in reply.scans} == {"offset"}


def kind_of(sample: Sample) -> AnswerKind:
    """What a payload without a parcel is read as, asked about the one number that stands in it."""
    number = "604831862623" if "karriohist" in sample.path.stem else "36301917596"
    [call] = Gls().calls([Ask(number)], Access("https://api.gls-group.net"))
    [reply] = Gls().read(call, RawAnswer(sample.meta["http_status"] or 200, {}, sample.path.read_bytes()))
    return reply.kind


def test_errors_are_told_apart():
    """Unknown numbers, an ended token, a wrong address, and answers to other questions."""
    kinds = {one.path.stem.removeprefix("sample_"): kind_of(one) for one in SAMPLES if one not in TRACKED}
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


def test_knows_every_code_that_others_list():
    """All statuses of the manual."""
    assert codes("gls") <= set(Gls.codes)
