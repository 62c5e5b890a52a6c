"""AfterShip and EasyPost on payloads from elsewhere that lie beside the repository, against what these say of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply, RawAnswer
from app.tracking.carriers.registry import CARRIERS

FOLDER = Path(__file__).parents[4] / "shared" / "carriers"
SAMPLES = [
    (name, path)
    for name in ("aftership", "easypost")
    for path in sorted((FOLDER / name).glob("sample_*.json"))
    if not path.name.endswith(".meta.json")
]

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES, reason="../shared/carriers does not lie beside this checkout"),
]

NO_TRACKING = {"sample_sdk_batchpredictestimateddeliverydateresult"}
"""What lists no parcel at all, but delivery times for addresses."""


def read(name: str, path: Path) -> tuple[CarrierReply, dict[str, Any]]:
    meta = json.loads(path.with_name(path.stem + ".meta.json").read_text())
    document = json.loads(path.read_text())
    inside = document.get("data") or {}
    number = (inside.get("tracking") or inside).get("tracking_number") or document.get("tracking_code") or "EZ1"
    carrier = CARRIERS[name]
    [call] = carrier.calls([Ask(number)], Access("https://carrier.example"))
    return carrier.read(call, RawAnswer(200, {}, path.read_bytes()))[0], meta


@pytest.mark.parametrize(("name", "path"), SAMPLES, ids=lambda value: getattr(value, "stem", value))
def test_agrees_with_the_vendors_own_words(name: str, path: Path) -> None:
    """As many events, the same wall clocks, codes and texts as are expected; errors are told as what they are."""
    reply, meta = read(name, path)
    if path.stem in NO_TRACKING:
        assert reply.kind is AnswerKind.malformed
        return
    trackers = (meta["expected"] or {}).get("trackers")
    if trackers == []:
        assert reply.kind is AnswerKind.not_found and reply.detail == meta["expected"]["messages"][0]["message"]
        return
    assert reply.kind is AnswerKind.tracked and not any(scan.unknown for scan in reply.scans)
    if trackers is None:  # nobody else reads these
        assert len(reply.scans) == (1 if "lastcheckpoint" in path.stem else 0)
        return
    events = trackers[0]["events"]
    assert len(reply.scans) == len(events)
    for scan, event in zip(reply.scans, events, strict=True):
        assert scan.written_time[:19] == event["timestamp"][:19]
        assert scan.description == event["description"]
        assert event.get("subtag", scan.code.split("/")[0]) in (scan.code, scan.code.split("/")[0])
    assert bool(trackers[0]["delivered"]) == ("delivered" in {scan.milestone for scan in reply.scans})
