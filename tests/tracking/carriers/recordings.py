"""The recordings of each carrier: raw answers of our own making in the carrier's shape, and what is to be read in them.

`tests/recordings/<carrier>/expected.json` lists one entry for each recording::

    {"file": "delivered.json", "status": 200, "headers": {},
     "asks": [{"tracking_number": "…", "destination_country": "SE", "zone": "Europe/Stockholm"}],
     "replies": [{"kind": "tracked", "milestones": ["delivered", null],
                  "occurred_at": ["2026-03-02T08:00:00+00:00", null], "codes": ["…", "…"], "…": "…"}]}

`fuller` marks an answer to the carrier's fuller question.
"""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from app.tracking.adapter.base import Access, Ask, Call, Carrier, CarrierReply, RawAnswer

FOLDER = Path(__file__).parents[2] / "recordings"
ACCESS = Access("https://carrier.example", "k3y", "s3cret", "acc0unt", "t0ken", "pu5h")


@dataclass(frozen=True)
class Recording:
    """One recorded answer, the question it answers, and what must be read in it."""

    carrier: str
    file: str
    status: int
    headers: dict[str, str]
    asks: tuple[Ask, ...]
    replies: tuple[dict[str, Any], ...]
    fuller: bool = False

    @property
    def body(self) -> bytes:
        return (FOLDER / self.carrier / self.file).read_bytes()

    def call(self, carrier: Carrier) -> Call:
        """The one question that this answers."""
        if self.fuller:
            call = carrier.fuller(self.asks[0], ACCESS)
            assert call is not None
            return call
        [call] = carrier.calls(self.asks, ACCESS)
        return call

    def read(self, carrier: Carrier, body: bytes | None = None) -> list[CarrierReply]:
        return carrier.read(
            self.call(carrier), RawAnswer(self.status, self.headers, self.body if body is None else body)
        )


def recordings(carrier: str) -> list[Recording]:
    """Every recording of a carrier, as its `expected.json` lists them."""
    listed = FOLDER / carrier / "expected.json"
    if not listed.exists():
        return []
    return [
        Recording(
            carrier,
            entry["file"],
            entry.get("status", 200),
            entry.get("headers", {}),
            tuple(_ask(**ask) for ask in entry["asks"]),
            tuple(entry["replies"]),
            entry.get("fuller", False),
        )
        for entry in json.loads(listed.read_text())
    ]


def _ask(placed_on: str | None = None, **written: Any) -> Ask:
    return Ask(placed_on=date.fromisoformat(placed_on) if placed_on else None, **written)


def told(reply: CarrierReply) -> dict[str, Any]:
    """A reply in the words that `expected.json` uses; an entry there may leave out any of them."""
    return {
        "kind": reply.kind.value,
        "tracking_number": reply.tracking_number,
        "detail": reply.detail,
        "retry_after": reply.retry_after,
        "codes": [scan.code for scan in reply.scans],
        "milestones": [scan.milestone.value if scan.milestone else None for scan in reply.scans],
        "occurred_at": [scan.occurred_at.isoformat() if scan.occurred_at else None for scan in reply.scans],
        "zone_sources": [scan.zone_source for scan in reply.scans],
        "descriptions": [scan.description for scan in reply.scans],
        "places": [scan.place for scan in reply.scans],
        "still": [scan.code for scan in reply.scans if not scan.moves],
        "unknown": [scan.code for scan in reply.scans if scan.unknown],
        "eta_from": reply.eta_from.isoformat() if reply.eta_from else None,
        "eta_through": reply.eta_through.isoformat() if reply.eta_through else None,
        "eta_day": reply.eta_day.isoformat() if reply.eta_day else None,
        "service": reply.service,
        "notes": json.loads(json.dumps(reply.notes.told())),
    }


def read_sample(carrier: Carrier, path: Path, number: str, country: str) -> tuple[CarrierReply, dict[str, Any]]:
    """A payload from elsewhere, read by the adapter, and what its `.meta.json` says that others read in it.

    `number` is asked about where the others read no parcel at all.
    """
    meta = json.loads(path.with_name(path.stem + ".meta.json").read_text())
    trackers = meta["expected"]["trackers"]
    asked = Ask(trackers[0]["tracking_number"] if trackers else number, destination_country=country)
    [call] = carrier.calls([asked], Access("https://carrier.example"))
    [reply] = carrier.read(call, RawAnswer(meta.get("http_status") or 200, {}, path.read_bytes()))
    return reply, meta
