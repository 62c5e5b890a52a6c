"""Payloads from elsewhere that lie beside the repository, each with what others read in it, and our reading of them."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from app.tracking.adapter.base import Access, Ask, Carrier, CarrierReply, RawAnswer

FOLDER = Path(__file__).parents[4] / "shared" / "carriers"


@dataclass(frozen=True)
class Sample:
    """One payload and its `.meta.json`."""

    path: Path

    @property
    def meta(self) -> dict[str, Any]:
        return json.loads(self.path.with_name(self.path.stem + ".meta.json").read_text())

    @property
    def trackers(self) -> list[dict[str, Any]]:
        return self.meta["expected"]["trackers"]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return self.meta["expected"]["messages"]

    def read(self, carrier: Carrier, *others: str) -> list[CarrierReply]:
        """What `carrier` reads in it for the numbers that its meta names, else for `others`."""
        numbers = [str(tracker["tracking_number"]) for tracker in self.trackers] or list(others)
        [call] = carrier.calls([Ask(number) for number in numbers], Access(carrier.base_url))
        status = self.meta.get("http_status") or 200
        return carrier.read(call, RawAnswer(status, {}, self.path.read_bytes()))


def samples(folder: str) -> list[Sample]:
    """Every payload of a carrier; empty where none lies there."""
    found = sorted((FOLDER / folder).glob("sample_*.*"))
    return [Sample(path) for path in found if not path.name.endswith(".meta.json")]


def codes(folder: str) -> set[str]:
    """The codes that others list for a carrier, errors left out."""
    with (FOLDER / folder / "codes.csv").open(newline="") as rows:
        return {row["code"] for row in csv.DictReader(rows) if row["code"] and not row["code"].startswith("error:")}


def wall_clock(written: str) -> str:
    """A time as its place's clock showed it, to the second, without what follows (an offset, a peer's `.000Z`)."""
    return datetime.fromisoformat(written).replace(tzinfo=None, microsecond=0).isoformat()


def events_of(reply: CarrierReply) -> list[tuple[str, str, str | None]]:
    """Wall clock, description and place of each scan."""
    return [(wall_clock(scan.written_time), scan.description, scan.place) for scan in reply.scans]


def expected_events(tracker: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """The same of each event in a tracker of a meta."""
    return [(wall_clock(one["timestamp"]), one["description"], one["location"]) for one in tracker["events"]]


def milestones(scans: Iterable[Any]) -> list[str | None]:
    """The milestones of scans as words."""
    return [scan.milestone.value if scan.milestone else None for scan in scans]
