"""The USPS adapter on payloads from elsewhere that lie beside the repository, against what others read in them."""

from pathlib import Path
from typing import Any

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import AnswerKind, CarrierReply
from app.tracking.carriers.usps import Usps
from tests.tracking.carriers.recordings import read_sample

FOLDER = Path(__file__).parents[4] / "shared" / "carriers" / "usps"
SAMPLES = sorted(path for path in FOLDER.glob("sample_*.json") if not path.name.endswith(".meta.json"))

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES, reason="../shared/carriers/usps does not lie beside this checkout"),
]

ERRORS = {"sample_karrio_auth_error": AnswerKind.denied, "sample_karrio_error": AnswerKind.malformed}


def read(path: Path) -> tuple[CarrierReply, dict[str, Any]]:
    return read_sample(Usps(), path, "9400100000000000000006", "US")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_agrees_with_the_other_reader(path: Path) -> None:
    """As many events, the same wall clocks, codes and texts; the peer has milestones for six of twelve."""
    reply, meta = read(path)
    if not meta["expected"]["trackers"]:
        assert reply.kind is ERRORS[path.stem]
        return
    events = meta["expected"]["trackers"][0]["events"]
    assert [scan.written_time[:16] for scan in reply.scans] == [event["timestamp"][:16] for event in events]
    assert [scan.code for scan in reply.scans] == [event["code"] for event in events]
    assert [scan.description for scan in reply.scans] == [event["description"] for event in events]
    for scan, event in zip(reply.scans, events, strict=True):
        assert event["status"] is None or scan.milestone == event["status"]


def test_reads_the_real_parcels_whole_way() -> None:
    """Label, acceptance, ten scans, a van, a locker: all known, all with an instant to the second."""
    reply, _ = read(FOLDER / "sample_karrio_tracking.json")
    told = [scan.milestone for scan in reply.scans]
    assert told[:2] == [Milestone.delivered, Milestone.out_for_delivery]
    assert told[-2:] == [Milestone.dispatched, Milestone.registered]
    assert set(told[2:-2]) == {Milestone.in_transit}
    assert {scan.zone_source for scan in reply.scans} == {"offset"}
    assert reply.scans[0].occurred_at and reply.scans[0].occurred_at.isoformat() == "2024-11-22T18:58:40+00:00"
    assert reply.service == "USPS Ground Advantage"
