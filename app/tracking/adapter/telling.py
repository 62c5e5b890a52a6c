"""One event as a carrier tells it, made a scan: cleaned, put in time, and given its meaning."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import HeardScan, Meaning, NoMilestone, clean
from app.tracking.adapter.times import instant


@dataclass(frozen=True, slots=True)
class Told:
    """What a carrier wrote of one event, uncleaned. `identity` is made by `scan_digest`.

    `place_zone` is the zone of the place, where the carrier tells enough to know it.
    """

    identity: bytes
    code: str
    description: str
    written: str
    place: str = ""
    place_zone: str | None = None


_SIGNED = re.compile(
    r"(?i)\b(signed(?: for)?|signature|accepted and signed|unterschrieben|signé|firmado)\s*(?:by|von|par|por)\b.*",
    re.DOTALL,
)


def unsigned(said: str) -> str:
    """What a carrier says, without the name of whoever signed: that somebody did is left."""
    return _SIGNED.sub(r"\1", said[:2000])


def scan_of(
    told: Told, meaning: Meaning | None, zone: str | None, read: tuple[datetime | None, str] | None = None
) -> HeardScan:
    """The event as a scan. `meaning` is None where nobody knows the code; `zone` is the destination's, for a time
    without offset; `read` is the instant with its source where the carrier's own way of telling time needs reading."""
    occurred_at, zone_source = read or instant(told.written, told.place_zone, zone)
    return HeardScan(
        digest=told.identity,
        code=clean(told.code, 60),
        milestone=meaning if isinstance(meaning, Milestone) else None,
        description=clean(unsigned(told.description)),
        place=clean(told.place, 200) or None,
        written_time=clean(told.written, 60),
        occurred_at=occurred_at,
        zone_source=zone_source,
        unknown=meaning is None,
        moves=meaning is not None and meaning is not NoMilestone.nothing,
    )


def each_once(scans: Iterable[HeardScan]) -> Iterator[HeardScan]:
    """The scans in the order given, each one once."""
    seen: set[bytes] = set()
    for scan in scans:
        if scan.digest not in seen:
            seen.add(scan.digest)
            yield scan


def sent_back(scans: Iterable[HeardScan]) -> Iterator[HeardScan]:
    """The scans in the order given, where what had turned back is delivered to its sender: for carriers that say no
    more than "delivered" then."""
    heard = list(scans)
    turned = min((scan.occurred_at for scan in heard if scan.milestone in _BACK and scan.occurred_at), default=None)
    for scan in heard:
        there = scan.milestone is Milestone.delivered and scan.occurred_at is not None
        to_sender = there and turned is not None and when(scan) >= turned
        yield replace(scan, milestone=Milestone.returned) if to_sender else scan


_BACK = (Milestone.returning, Milestone.returned)


def latest(scans: Iterable[HeardScan], milestone: Milestone) -> HeardScan | None:
    """The last scan, by time, that reached a milestone."""
    reached = [scan for scan in scans if scan.milestone is milestone and scan.occurred_at is not None]
    return max(reached, key=when, default=None)


def when(scan: HeardScan) -> datetime:
    """When it happened, for comparing; a scan without time comes before all others."""
    return scan.occurred_at or datetime.min.replace(tzinfo=UTC)
