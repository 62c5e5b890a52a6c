"""What every carrier adapter is: it asks for parcels and turns the carrier's words into one vocabulary."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

from app.models.vocabulary import Milestone
from app.tracking.adapter.numbers import NumberFormat

MAX_ANSWER_BYTES = 2_000_000
"""No parcel's history is this large; a longer answer is a fault, and reading it stops here."""


class AnswerKind(StrEnum):
    """How a carrier answered about one parcel.

    `not_found`: it does not know the number, now. `throttled`: it wants fewer questions. `denied`: it refuses the
    credentials, so that every other question would be refused too. `malformed`: nobody can read it. `unavailable`:
    no answer, or one that says that there is none today.
    """

    tracked = "tracked"
    not_found = "not_found"
    throttled = "throttled"
    denied = "denied"
    malformed = "malformed"
    unavailable = "unavailable"


class NoMilestone(StrEnum):
    """What a known code means that is no milestone, on purpose.

    `movement`: the carrier handled the parcel, so it is alive. `nothing`: a note (a text was sent, a form was filled
    in) that says nothing about where the parcel is.
    """

    movement = "movement"
    nothing = "nothing"


Meaning = Milestone | NoMilestone


@dataclass(frozen=True, slots=True)
class Access:
    """How one installation may ask a carrier: its address, its credentials, and a token where the carrier lends one.

    `account` is whatever names the customer beside the key: a user name, an account or customer number.
    """

    base_url: str
    key: str = ""
    secret: str = ""
    account: str = ""
    token: str = ""
    push_secret: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """One parcel to ask about, with what helps to read its answer.

    `carrier` is the carrier that it travels with, where another one (an aggregator) is asked about it. `zone` is the
    IANA zone at the shopper's address. `placed_on` is the day of the order, by which a recycled number is known.
    """

    tracking_number: str
    origin_country: str | None = None
    destination_country: str | None = None
    zone: str | None = None
    carrier: str | None = None
    placed_on: date | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, covering one or more parcels."""

    method: str
    url: str
    headers: Mapping[str, str]
    asks: Sequence[Ask]
    body: bytes = b""


class Silence(StrEnum):
    """Why nothing came back over the wire: in time, at all, over a connection that can be trusted, or in readable
    form."""

    timeout = "timeout"
    unreachable = "unreachable"
    certificate = "certificate"
    garbled = "garbled"


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came back over the wire, or why nothing did (`status` is then None, `fault` says it in words)."""

    status: int | None
    headers: Mapping[str, str]
    body: bytes
    fault: str | None = None
    silence: Silence | None = None


@dataclass(frozen=True, slots=True)
class HeardScan:
    """One event as the carrier gave it, in our vocabulary.

    `written_time` is the carrier's text; `occurred_at` the UTC instant, or None when it cannot be read.
    `zone_source` says how the zone was found: `offset`, `place`, `destination`, `assumed_utc`, `unreadable`, or
    `date_only` for a day without a time, of which no instant is made.
    `milestone` is None for what is no milestone and for codes nobody knows; the latter set `unknown`. `moves` is
    whether the carrier handled the parcel.
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
    moves: bool = True


@dataclass(frozen=True, slots=True)
class PickupPoint:
    """Where a parcel waits for its shopper, as the carrier words it; `hours` are lines of text."""

    name: str
    address: str = ""
    hours: tuple[str, ...] = ()
    until: date | None = None


@dataclass(frozen=True, slots=True)
class ParcelNotes:
    """What a carrier tells beside the events, each only where it is given; nothing here names a person.

    `link` is the carrier's own page of the parcel (https). `proof` is the kind of proof of delivery (`signature`,
    `photo`, `pin`, `left_safe`). `pieces` are the other tracking numbers of the same consignment.
    """

    link: str | None = None
    weight_grams: int | None = None
    proof: str | None = None
    pickup: PickupPoint | None = None
    pieces: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """What is given, as plain JSON values."""
        given = {name: value for name, value in asdict(self).items() if value}
        if self.pickup is not None and self.pickup.until is not None:
            given["pickup"]["until"] = self.pickup.until.isoformat()
        return given


NO_NOTES = ParcelNotes()


@dataclass(frozen=True, slots=True)
class CarrierReply:
    """Everything one answer says about one parcel.

    An expected delivery is a window (`eta_from`, `eta_through`, both UTC; one instant stands in both) or only a day
    (`eta_day`), which stays one. `portion` is the part of the answer that is about this parcel, where the answer is
    about several: by it the same answer is known again. `as_of` is when the carrier says that it stood so (UTC), where
    it tells: a call that was long under way must not take back what was heard since. `bound_for` is the country that it
    goes to (ISO 3166), where the carrier tells.
    """

    kind: AnswerKind
    tracking_number: str
    scans: tuple[HeardScan, ...] = ()
    eta_from: datetime | None = None
    eta_through: datetime | None = None
    eta_day: date | None = None
    service: str | None = None
    detail: str | None = None
    retry_after: float | None = None
    notes: ParcelNotes = NO_NOTES
    portion: bytes | None = None
    as_of: datetime | None = None
    bound_for: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """What a carrier lends for the credentials; `seconds` from now it is worth nothing."""

    value: str
    seconds: float


class Login(Protocol):
    """How credentials are exchanged for a token that every later call carries."""

    def call(self, access: Access) -> Call:
        """The request for a token; it asks about no parcel."""
        ...

    def read(self, answer: RawAnswer) -> Token | CarrierReply:
        """The token, or a reply (for no parcel) that says why there is none. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What became of telling a carrier to follow one parcel. `days` is how long it will, None for ever; `refusal` is
    a reply that says why it will not."""

    tracking_number: str
    days: float | None = None
    refusal: CarrierReply | None = None


class Enrolment(Protocol):
    """Telling a carrier (or aggregator) to follow parcels, so that it calls us, or so that it can be asked at all.

    `needed`: without it, asking is in vain; otherwise it is done only where the carrier shall call.
    """

    batch_size: int
    needed: bool

    def calls(self, asks: Sequence[Ask], access: Access, hook_url: str) -> list[Call]:
        """The requests that enrol these parcels; `hook_url` is where the carrier shall call, or empty."""
        ...

    def read(self, call: Call, answer: RawAnswer) -> list[Enrolled]:
        """One entry for each parcel of the call. Never raises. Enrolling twice is enrolling once."""
        ...


NOBODY: Mapping[str, Ask] = MappingProxyType({})


class Push(Protocol):
    """How a carrier calls us: what proves that it is the carrier, and what it says.

    A call may come twice, late and out of order, and may tell the whole way or only what is new: both are heard alike.
    """

    signature: str
    """The scheme, in one line, for people who set it up."""

    def verify(self, url: str, headers: Mapping[str, str], body: bytes, access: Access) -> None:
        """Returns if the call is the carrier's. `headers` have lower-case names. Raises Forged."""
        ...

    def read(self, body: bytes, known: Mapping[str, Ask] = NOBODY) -> list[CarrierReply]:
        """What it says, by parcel; empty for a call that is about none. `known` holds, by the number in a reply, what
        helps to read it, as when asking. Raises Unreadable, with the reason."""
        ...


class Carrier(ABC):
    """One carrier, one file: how to ask, how to read, and its table of codes. Stateless.

    `requests_per_second` and `requests_per_day` are what a new account may ask, by the manual (None: not limited, or
    not told); an installation sets what it was granted. The day begins at midnight in `day_zone`.
    `needs` names the settings without which nothing can be asked, of `api_key`, `api_secret`, `account`. `formats` are
    what its tracking numbers look like.
    """

    name: str
    title: str
    manual: str
    base_url: str
    codes: Mapping[str, Meaning]
    batch_size: int = 1
    requests_per_second: float = 5.0
    requests_per_day: int | None = None
    day_zone: str = "UTC"
    needs: tuple[str, ...] = ("api_key",)
    formats: tuple[NumberFormat, ...] = ()
    login: Login | None = None
    enrolment: Enrolment | None = None
    push: Push | None = None

    @abstractmethod
    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        """The requests that ask about these parcels, each about at most `batch_size`."""

    @abstractmethod
    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""

    def fuller(self, ask: Ask, access: Access) -> Call | None:
        """A question about one parcel that tells more than a batch's answer, asked when that brought news; None where
        `calls` already asks for everything. `read` reads its answer too."""
        return None

    def link(self, ask: Ask) -> str | None:
        """The carrier's public page of a parcel, if it has one that needs no secret."""
        return None

    def numbers_in(self, body: bytes) -> list[str]:
        """The tracking numbers that a raw answer is about, for reading one of which nobody knows what was asked.

        Empty where the adapter does not say; then `rawfile` looks for them. Never raises.
        """
        return []


def scan_digest(*fields: str) -> bytes:
    """A scan's identity: 16 bytes over the carrier's own fields, in order, as written."""
    joined = "\x1f".join(fields)
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def clean(text: str, limit: int = 500) -> str:
    """Outside text made safe to store: no NUL, no lone surrogates, bounded."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")[:limit]


def meaning_of(codes: Mapping[str, Meaning], code: str) -> tuple[Milestone | None, bool, bool]:
    """What a code means by a carrier's table: its milestone, whether the parcel moved, whether nobody knows the code.

    An unknown code is no milestone and no movement.
    """
    meaning = codes.get(code)
    if isinstance(meaning, Milestone):
        return meaning, True, False
    return None, meaning is NoMilestone.movement, meaning is None
