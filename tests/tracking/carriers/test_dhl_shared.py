"""The DHL adapter on payloads from elsewhere that lie beside the repository, against what others read in them."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply, RawAnswer
from app.tracking.carriers.dhl import Dhl

FOLDER = Path(__file__).parents[4] / "shared" / "carriers" / "dhl_universal"
SAMPLES = sorted(path for path in FOLDER.glob("sample_*.json") if not path.name.endswith(".meta.json"))

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES, reason="../shared/carriers/dhl_universal does not lie beside this checkout"),
]

# The second peer knows only the codes. What our wording table adds lies on the same stretch of the way.
REFINES = {
    "in_transit": {Milestone.in_transit, Milestone.dispatched, Milestone.out_for_delivery, Milestone.ready_for_pickup},
    "registered": {Milestone.registered},
    "delivered": {Milestone.delivered},
    "problem": {Milestone.exception, Milestone.attempt_failed, Milestone.returning},
    "unknown": {None},
}


def read(path: Path) -> tuple[CarrierReply, dict[str, Any]]:
    meta = json.loads(path.with_name(path.stem + ".meta.json").read_text())
    trackers = meta["expected"]["trackers"]
    number = str(trackers[0]["tracking_number"]) if trackers else "8264715546"
    [call] = Dhl().calls([Ask(number)], Access("https://api-eu.dhl.com"))
    status = meta.get("http_status") or 200
    return Dhl().read(call, RawAnswer(status, {}, path.read_bytes()))[0], meta


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_agrees_with_the_other_readers(path: Path) -> None:
    """As many events, the same wall clocks and texts, and milestones on the same stretch as the second peer's.

    The first peer's statuses are not compared: its caveats say that it guesses. Its `.000Z` is a local time.
    """
    reply, meta = read(path)
    if not meta["expected"]["trackers"]:
        assert reply.kind is AnswerKind.not_found
        assert reply.detail == meta["expected"]["messages"][0]["message"]
        return
    expected, second = meta["expected"]["trackers"][0]["events"], meta["second_peer"]["trackers"][0]["events"]
    assert reply.kind is AnswerKind.tracked
    assert [scan.written_time for scan in reply.scans] == [event["timestamp"] for event in second]
    assert [f"{scan.written_time}.000Z" for scan in reply.scans] == [event["timestamp"] for event in expected]
    assert [(scan.code, scan.description, scan.place) for scan in reply.scans] == [
        (event["code"], event["description"], event["location"]) for event in expected
    ]
    for scan, event in zip(reply.scans, second, strict=True):
        assert scan.milestone in REFINES[event["status"]]
        assert not scan.unknown
    promised = meta["expected"]["trackers"][0]["estimated_delivery"]
    assert (reply.eta_from.date().isoformat() if reply.eta_from else None) == promised


def test_reads_the_german_parcels_whole_way() -> None:
    """A real parcel: dropped off, announced afterwards, put back for a day, loaded and delivered."""
    reply, _ = read(FOLDER / "sample_real_parcel_de_delivered_german.json")
    told = [scan.milestone for scan in reply.scans]
    assert told[:2] == [Milestone.delivered, Milestone.out_for_delivery]
    assert told[-2:] == [Milestone.registered, Milestone.dispatched]
    assert set(told[2:-2]) == {Milestone.in_transit}
    assert {scan.zone_source for scan in reply.scans} == {"destination"}
