"""What every carrier adapter is: it asks for parcels and turns the carrier's words into one vocabulary."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.models.vocabulary import Milestone
from app.settings import CarrierSettings

MAX_ANSWER_BYTES = 2_000_000
"""No parcel's history is this large; a longer answer is a fault, and reading it stops here."""


class AnswerKind(StrEnum):
    """How a carrier answered about one parcel."""

    tracked = "tracked"
    not_found = "not_found"
    throttled = "throttled"
    denied = "denied"
    malformed = "malformed"
    unavailable = "unavailable"


@dataclass(frozen=True, slots=True)
class Ask:
    """One parcel to ask about, with what helps to read its answer."""

    tracking_number: str
    origin_country: str | None = None
    destination_country: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, covering one or more parcels."""

    method: str
    url: str
    headers: Mapping[str, str]
    asks: Sequence[Ask]


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came back over the wire, or why nothing did (`status` is then None)."""

    status: int | None
    headers: Mapping[str, str]
    body: bytes
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class HeardScan:
    """One event as the carrier gave it, in our vocabulary.

    `written_time` is the carrier's text; `occurred_at` the UTC instant, or None when it cannot be read.
    `zone_source` says how the zone was found: `offset`, `place`, `destination`, `assumed_utc`, `unreadable`.
    `milestone` is None for movement without news and for codes nobody knows; the latter set `unknown`.
    `digest` is made of the carrier's own fields as written, never of anything derived.
    """

    digest: bytes
    code: str
    milestone: Milestone | None
    description: str
    place: str | None
    written_time: str
    occurred_at: datetime | None
    zone_source: str
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class CarrierReply:
    """Everything one answer says about one parcel."""

    kind: AnswerKind
    tracking_number: str
    scans: tuple[HeardScan, ...] = ()
    eta_from: datetime | None = None
    eta_through: datetime | None = None
    service: str | None = None
    detail: str | None = None
    retry_after: float | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


class Carrier(Protocol):
    """One carrier, one file: how to ask, how to read, and its table of codes."""

    name: str
    title: str
    manual: str
    batch_size: int
    base_url: str
    requests_per_second: float

    def calls(self, asks: Sequence[Ask], config: CarrierSettings) -> list[Call]:
        """The requests that ask about these parcels."""
        ...

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        ...


def scan_digest(*fields: str) -> bytes:
    """A scan's identity: 16 bytes over the carrier's own fields, in order, as written."""
    joined = "\x1f".join(fields)
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def clean(text: str, limit: int = 500) -> str:
    """Outside text made safe to store: no NUL, no lone surrogates, bounded."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")[:limit]
