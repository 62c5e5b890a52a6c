"""The FedEx adapter on payloads and codes from elsewhere that lie beside the repository, against what others read."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply, RawAnswer
from app.tracking.carriers.fedex import Fedex
from app.tracking.carriers.fedex_codes import CODES

FOLDER = Path(__file__).parents[4] / "shared" / "carriers" / "fedex"
SAMPLES = sorted(path for path in FOLDER.glob("sample_*.json") if not path.name.endswith(".meta.json"))

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES, reason="../shared/carriers/fedex does not lie beside this checkout"),
]

PEER = {
    "delivered": Milestone.delivered,
    "out_for_delivery": Milestone.out_for_delivery,
    "in_transit": Milestone.in_transit,
    "picked_up": Milestone.dispatched,
    "pending": Milestone.registered,
    None: None,
}
ERRORS = {
    "sample_karrio_error": AnswerKind.not_found,
    "sample_openapi_error_401": AnswerKind.denied,
    "sample_openapi_error_503": AnswerKind.unavailable,
}


def read(path: Path, *numbers: str) -> tuple[list[CarrierReply], dict[str, Any]]:
    meta = json.loads(path.with_name(path.stem + ".meta.json").read_text())
    trackers = meta["expected"]["trackers"]
    asked = numbers or ((trackers[0]["tracking_number"],) if trackers else ("1",))
    [call] = Fedex().calls([Ask(number) for number in asked], Access("https://fedex.example"))
    return list(Fedex().read(call, RawAnswer(meta.get("http_status") or 200, {}, path.read_bytes()))), meta


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_agrees_with_the_other_reader(path: Path) -> None:
    """As many events, the same wall clocks and codes, and the same milestones where the peer has one."""
    [reply], meta = read(path)
    if not meta["expected"]["trackers"]:
        assert reply.kind is ERRORS[path.stem]
        return
    expected = meta["expected"]["trackers"][0]
    events = expected["events"]
    assert [scan.written_time[:16] for scan in reply.scans] == [event["timestamp"][:16] for event in events]
    assert [scan.code for scan in reply.scans] == [event["code"] for event in events]
    told = [PEER[event["status"]] for event in events]
    assert [scan.milestone for scan, peer in zip(reply.scans, told, strict=True) if peer] == [p for p in told if p]
    assert not any(scan.unknown for scan in reply.scans)


def test_the_manuals_batch_gives_each_number_its_own_answer() -> None:
    """One tracked, one not found, in one answer under 200."""
    replies, _ = read(FOLDER / "sample_karrio_tracking.json", "123456789012", "39936862321")
    assert [reply.kind for reply in replies] == [AnswerKind.tracked, AnswerKind.not_found]
    [scan] = replies[0].scans
    assert scan.occurred_at and scan.occurred_at.isoformat() == "2018-02-02T19:01:00+00:00"
    assert replies[0].notes.pickup and "1043 North Easy Street" in replies[0].notes.pickup.address
    assert "John Taylor" not in f"{replies[0].scans}{replies[0].notes}"


def test_reads_the_real_parcels_whole_way() -> None:
    """The peer reads all seventeen scans too, the van among them, though FedEx derives "in transit" for it."""
    [reply], _ = read(FOLDER / "sample_karrio_inconsistent_datetime.json")
    told = [scan.milestone for scan in reply.scans]
    assert len(told) == 17 and told[:2] == [Milestone.delivered, Milestone.out_for_delivery]
    assert {Milestone.dispatched, Milestone.registered} <= set(told)
    assert [(s.code, s.zone_source) for s in reply.scans if s.zone_source != "offset"] == [("PU", "date_only")]
    assert reply.service == "FedEx Ground" and reply.notes.proof == "signature" and reply.eta_day is None


def test_every_code_that_fedex_lists_has_a_meaning() -> None:
    """The table is total over FedEx's appendix and the peer's statuses; its incident reasons are guesses."""
    rows = list(csv.DictReader((FOLDER / "codes.csv").read_text().splitlines()))
    codes = {row["code"].upper() for row in rows if "incident" not in row["note"]}
    assert len(codes) > 60
    assert codes <= set(CODES)
