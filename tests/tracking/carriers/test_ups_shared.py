"""The UPS adapter on payloads and codes from elsewhere that lie beside the repository, against what others read."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply, RawAnswer
from app.tracking.carriers.ups import Ups
from app.tracking.carriers.ups_codes import DELIVERIES, EXCEPTIONS, SCANS
from app.tracking.carriers.ups_statuses import STATUSES

FOLDER = Path(__file__).parents[4] / "shared" / "carriers" / "ups"
SAMPLES = sorted(path for path in FOLDER.glob("sample_*.json") if not path.name.endswith(".meta.json"))

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES, reason="../shared/carriers/ups does not lie beside this checkout"),
]

MILESTONES: dict[str, list[Milestone | None]] = {
    "sample_karrio_schema_sample": [Milestone.delivered, Milestone.registered],
    "sample_karrio_tracking": [Milestone.in_transit],
    "sample_karriohist_ups_tracking_pickup_5a989c": [Milestone.dispatched],
    "sample_postman_tracking_success": [Milestone.delivered, Milestone.registered],
    "sample_thirdparty_demo_ascending_stale_current_status": [Milestone.registered, None, Milestone.in_transit],
}
"""What is to be read, by thinking. Where it is not what the first peer reads, docs/carriers/ups.md says why."""


def read(path: Path) -> tuple[CarrierReply, dict[str, Any]]:
    meta = json.loads(path.with_name(path.stem + ".meta.json").read_text())
    trackers = meta["expected"]["trackers"]
    [call] = Ups().calls([Ask(trackers[0]["tracking_number"] if trackers else "1Z")], Access("https://ups.example"))
    [reply] = Ups().read(call, RawAnswer(meta.get("http_status") or 200, {}, path.read_bytes()))
    return reply, meta


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_agrees_with_the_other_reader(path: Path) -> None:
    """As many events, the same wall clocks and texts; errors told apart that the peer only lists."""
    document, (reply, meta) = json.loads(path.read_bytes()), read(path)
    if not meta["expected"]["trackers"]:
        code = document["response"]["errors"][0]["code"]
        assert reply.kind is {"TV1002": AnswerKind.not_found, "250003": AnswerKind.denied}[code]
        return
    if "response" in document:  # an error and a result in one file: UPS sends no such thing
        document.pop("response")
        [call] = Ups().calls([Ask(reply.tracking_number)], Access("https://ups.example"))
        [reply] = Ups().read(call, RawAnswer(200, {}, json.dumps(document).encode()))
    if reply.kind is not AnswerKind.tracked:  # the manual's schema, with "string" for the number
        assert path.stem == "sample_karrio_tracking"
        [reply] = Ups().read(
            Ups().calls([Ask("1Z023E2X0214323462")], Access("https://ups.example"))[0],
            RawAnswer(200, {}, path.read_bytes()),
        )
    events = meta["expected"]["trackers"][0]["events"]
    assert [scan.written_time.replace(" ", "T")[:13] for scan in reply.scans] == [
        event["timestamp"].replace("-", "").replace(":", "")[:13] for event in events
    ]
    assert [scan.description for scan in reply.scans] == [event["description"].strip() for event in events]
    assert [scan.milestone for scan in reply.scans] == MILESTONES[path.stem]


def test_reads_the_clock_of_two_places() -> None:
    """The capture with GMT beside local times: two offsets, both right."""
    reply, _ = read(FOLDER / "sample_thirdparty_demo_ascending_stale_current_status.json")
    told = [scan.occurred_at.isoformat() if scan.occurred_at else None for scan in reply.scans]
    assert told == ["2025-08-19T13:15:59+00:00", "2025-08-20T19:30:00+00:00", "2025-08-21T12:00:00+00:00"]
    assert reply.notes.weight_grams == 5000


def test_every_parcel_code_that_ups_lists_has_a_meaning() -> None:
    """The tables are total over UPS's own lists; freight and forwarding are others, and guesses are not copied."""
    rows = list(csv.DictReader((FOLDER / "codes.csv").read_text().splitlines()))
    lists = ("UPS exception", "UPS DIALS", "UPS Mail", "UPS ULD")
    codes = {row["code"].zfill(2) for row in rows if row["note"].startswith(lists)}
    statuses = {row["code"] for row in rows if row["note"].startswith("UPS status description")}
    assert len(codes) > 900 and len(statuses) == 160
    assert codes <= {*DELIVERIES, *EXCEPTIONS, *SCANS}
    assert statuses <= set(STATUSES)
