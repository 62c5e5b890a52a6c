"""Payloads from elsewhere that lie beside the repository, each with what others read in it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.tracking.carriers.base import Ask, Carrier, CarrierReply, RawAnswer
from tests.tracking.carriers.recordings import ACCESS

SHARED = Path(__file__).parents[4] / "shared" / "carriers"


@dataclass(frozen=True)
class Sample:
    """One payload with its meta file."""

    path: Path
    meta: dict[str, Any]

    @property
    def tracker(self) -> dict[str, Any]:
        """What others read in it about its first parcel; empty where they read none."""
        trackers = (self.meta["expected"] or {}).get("trackers") or [{}]
        return trackers[0]

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.tracker.get("events", [])

    def read(self, carrier: Carrier, number: str) -> CarrierReply:
        """What we read in it, asked about its own number, or about `number` where it names none."""
        [call] = carrier.calls([Ask(str(self.tracker.get("tracking_number", number)))], ACCESS)
        [reply] = carrier.read(call, RawAnswer(self.meta["http_status"] or 200, {}, self.path.read_bytes()))
        return reply


def samples(folder: str) -> list[Sample]:
    """Every payload of a folder; none where it does not lie beside this checkout."""
    paths = sorted(path for path in (SHARED / folder).glob("sample_*") if not path.name.endswith(".meta.json"))
    return [Sample(path, json.loads(path.with_name(path.stem + ".meta.json").read_text())) for path in paths]
