"""`doorstep carriers parse` over every payload that lies beside the repository, against what others read in it.

Where we disagree, `docs/carriers/<name>.md` names the sample and says who is right.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import commands
from app.models.vocabulary import Milestone
from app.tracking.carriers.registry import CARRIERS

ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared" / "carriers"
FOLDERS = {"dhl": "dhl_universal"}

_M = Milestone
_ON_ITS_WAY = {_M.dispatched, _M.in_transit}
STRETCH: dict[str, set[Milestone]] = {
    "pending": {_M.registered},
    "registered": {_M.registered},
    "pre_transit": {_M.registered},
    "pre_notified": {_M.registered},
    "inforeceived": {_M.registered},
    "picked_up": _ON_ITS_WAY,
    "in_transit": _ON_ITS_WAY,
    "intransit": _ON_ITS_WAY,
    "out_for_delivery": {_M.out_for_delivery},
    "outfordelivery": {_M.out_for_delivery},
    "at_pickup_point": {_M.ready_for_pickup},
    "ready_for_pickup": {_M.ready_for_pickup},
    "availableforpickup": {_M.ready_for_pickup},
    "on_hold": {_M.exception, *_ON_ITS_WAY},
    "delivery_delayed": {_M.exception, *_ON_ITS_WAY},
    "delivery_failed": {_M.attempt_failed, _M.exception, _M.returning, _M.returned},
    "return_to_sender": {_M.returning, _M.returned},
    "delivered": {_M.delivered},
}
"""The stretch of the way that each of the other readers' statuses lies on."""

SAMPLES = [
    (name, path)
    for name in sorted(CARRIERS)
    for path in sorted((SHARED / FOLDERS.get(name, name)).glob("sample_*"))
    if not path.name.endswith(".meta.json") and path.suffix in (".json", ".xml", ".html")
]

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES, reason="../shared/carriers does not lie beside this checkout"),
]


def parsed(name: str, path: Path, meta: dict[str, Any]) -> dict[str, Any]:
    """What the command prints for a file, and that it ends well."""
    status = str(meta.get("http_status") or 200)
    outcome = CliRunner().invoke(commands.app, ["carriers", "parse", name, str(path), "--status", status])
    assert outcome.exit_code == 0, outcome.output
    printed: dict[str, Any] = json.loads(outcome.stdout)
    return printed


def minutes(events: list[dict[str, Any]]) -> Counter[str]:
    """The wall clocks of events, to the minute: what stands before an offset or a Z that somebody made up."""
    found: Counter[str] = Counter()
    for event in events:
        written = event.get("occurred_at") or event.get("written_time") or event.get("timestamp") or ""
        digits = re.findall(r"\d+", written)
        found["".join(digits)[:12]] += 1
    return found


def timed(tracker: dict[str, Any]) -> bool:
    return all(event.get("timestamp") for event in tracker["events"])


def explained(name: str, sample: str) -> bool:
    """Whether the carrier's page says why we read a sample otherwise; `sample_x_*` stands for all that begin so."""
    page = ROOT / "docs" / "carriers" / f"{name}.md"
    named = re.findall(r"`(sample_\w+\*?)[^`]*`", page.read_text()) if page.exists() else []
    return any(sample == one or (one.endswith("*") and sample.startswith(one[:-1])) for one in named)


def disagreements(printed: dict[str, Any], meta: dict[str, Any]) -> list[str]:
    """In what the others read differently."""
    trackers, ours = meta["expected"].get("trackers", []), printed["shipments"]
    found = []
    if len(ours) != len(trackers):
        found.append(f"{len(ours)} shipments, not {len(trackers)}")
    by_number = {one["tracking_number"]: one for one in ours}
    for index, tracker in enumerate(trackers):
        number = str(tracker["tracking_number"])
        shipment = by_number.get(number) or (ours[index] if index < len(ours) else None)
        if number not in by_number:
            found.append(f"no shipment {number}")
        if shipment is None:
            continue
        if len(shipment["scans"]) != len(tracker["events"]):
            found.append(f"{number}: {len(shipment['scans'])} scans, not {len(tracker['events'])}")
        elif timed(tracker) and minutes(shipment["scans"]) != minutes(tracker["events"]):
            found.append(f"{number}: other wall clocks")
        stretch = STRETCH.get(str(tracker.get("status")).lower().replace(" ", "_"))
        if stretch is not None and shipment["milestone"] not in stretch:
            found.append(f"{number}: {shipment['milestone']}, not {tracker['status']}")
    return found


@pytest.mark.parametrize(("name", "path"), SAMPLES, ids=[f"{name}-{path.stem}" for name, path in SAMPLES])
def test_agrees_with_others_or_says_why_not(name: str, path: Path) -> None:
    """As many parcels and scans, the same numbers and wall clocks, the same stretch of the way; else one line says who
    is right."""
    meta = json.loads(path.with_name(path.stem + ".meta.json").read_text())
    printed = parsed(name, path, meta)
    assert set(printed) == {"shipments", "errors"}
    for shipment in printed["shipments"]:
        assert shipment["tracking_number"] or name == "dpd", "DPD alone does not repeat the number"
        assert shipment["milestone"] in set(Milestone)
        for scan in shipment["scans"]:
            assert (scan["occurred_at"] is None) == ("no_time_because" in scan)
            assert scan["occurred_at"] is None or re.search(r"[+-]\d\d:\d\d$", scan["occurred_at"])
    if meta.get("expected") is None:
        return
    differing = disagreements(printed, meta)
    assert not differing or explained(name, path.stem), f"{path.name}: {'; '.join(differing)}"
    assert printed["shipments"] or printed["errors"], "it says nothing at all"
