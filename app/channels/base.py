"""What every channel is: it sends one message in one call and says how surely it went."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from app.models.vocabulary import AttemptOutcome


class Asking(StrEnum):
    """How a provider can be asked what became of a call that was never answered."""

    lookup = "lookup"
    callbacks = "callbacks"
    nothing = "nothing"


@dataclass(frozen=True, slots=True)
class OutgoingEmail:
    """One email, ready to leave. `attempt_id` is our public id of this call; providers hand it back.

    `letter_id` names the letter itself and `dated` is when it was written (UTC): both are the same at every try.
    """

    attempt_id: str
    to_email: str
    to_name: str | None
    from_email: str
    from_name: str
    reply_to: str | None
    subject: str
    html: str
    text: str
    category: str
    headers: Mapping[str, str] = field(default_factory=dict)
    letter_id: str = ""
    dated: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutgoingSms:
    """One SMS, ready to leave. `valid_for` is in wall seconds; `sender` overrides the account's own; `segments` is
    what it takes up of the sender's allowance."""

    attempt_id: str
    to_phone: str
    text: str
    sender: str | None
    valid_for: int
    segments: int = 1


@dataclass(frozen=True, slots=True)
class OutgoingWhatsApp:
    """One WhatsApp message, ready to leave: an approved template and what fills its variables.

    `valid_for` is in wall seconds; `link` is the parcel's page, which tells whose message it is where a variable
    holds it.
    """

    attempt_id: str
    to_phone: str
    content_sid: str
    variables: Mapping[str, str]
    link: str
    valid_for: int


Outgoing = OutgoingEmail | OutgoingSms | OutgoingWhatsApp


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a call came to.

    `accepted`: the provider took it. `not_sent`: certainly not taken, and worth another try unless
    `permanent`. `refused`: certainly not taken and never will be. `unanswered`: nobody knows.
    `cause`, one of CAUSES or None, is what a refusal says of the address.
    `retry_after` is the provider's own wish, in wall seconds. `sender_down` says that the fault lies with
    the account (credentials, quota), `unreachable` with the way to the provider: not with this message.
    `untried`: no call was made at all, for want of time or of a free connection.
    `throttled` asks for a pause of everything that this sender would send, whatever became of this message.
    """

    outcome: AttemptOutcome
    provider_ref: str | None = None
    http_status: int | None = None
    error: str | None = None
    cause: str | None = None
    retry_after: float | None = None
    sender_down: bool = False
    unreachable: bool = False
    untried: bool = False
    throttled: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """One call that was never answered, as its provider is asked about it. Instants are real time.

    `outgoing` is what was handed over, rendered again from its snapshot (its attempt id left empty), or None where
    that cannot be done; `mark` a text that nothing but messages about the same parcel holds. `known` are the
    provider's ids of this shopper's other messages; `rivals` are the attempt ids of all unanswered calls that carried
    this very text at about this time, this one's among them, in order.
    `witnesses` are later calls that the provider has certainly taken: attempt id and the provider's id.
    """

    attempt_id: str
    outgoing: Outgoing | None
    mark: str
    begun_at: datetime
    deadline_at: datetime
    known: frozenset[str] = frozenset()
    rivals: tuple[str, ...] = ()
    witnesses: tuple[tuple[str, str], ...] = ()


class Answer(StrEnum):
    """What a provider's own records say about a call."""

    found = "found"
    absent = "absent"
    unclear = "unclear"


@dataclass(frozen=True, slots=True)
class Finding:
    """What asking came to, and from what that was concluded.

    `absent` is said only where the records can be trusted to be complete. `kind` is one of REPORT_KINDS, for what
    was found; `retry_after` the provider's wish, in wall seconds, before it is asked anything again.
    """

    answer: Answer
    grounds: str
    provider_ref: str | None = None
    kind: str = "accepted"
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One thing a provider told us later. `kind` is one of REPORT_KINDS; `event_key` is unique per provider.

    `cause`, one of CAUSES or None, is what it says of the address.
    """

    event_key: str
    kind: str
    attempt_id: str | None
    provider_ref: str | None
    occurred_at: datetime | None
    detail: str | None
    body: bytes
    cause: str | None = None


REPORT_KINDS = (
    "accepted", "deferred", "delivered", "bounced", "dropped", "complained", "opened", "machine_opened", "clicked",
    "other",
)  # fmt: skip

CAUSES = ("hard", "soft", "invalid", "complained", "opted_out", "unsubscribed", "resubscribed")
"""What can be said of an address: mail to it comes back for good, was turned away for now, can never exist; its owner
complained, opted out of everything, unsubscribed from advertisements, or took that back."""


@dataclass(frozen=True, slots=True)
class IncomingSms:
    """One SMS or WhatsApp message (its numbers begin with `whatsapp:`) that somebody wrote to us. `opt_out` is what
    the provider made of it, where it says."""

    event_key: str
    sender: str
    recipient: str
    text: str
    opt_out: str | None = None


_CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


def one_line(text: str, limit: int = 300) -> str:
    """Outside text fit for a header or a log: no line breaks, control characters or lone surrogates, bounded."""
    return _sound(_CONTROLS.sub(" ", text)).strip()[:limit]


def whole_text(text: str) -> str:
    """A message's text fit for any wire: no NUL and no lone surrogates, line breaks as they are."""
    return _sound(text.replace("\x00", "") if "\x00" in text else text)


def _sound(text: str) -> str:
    """A text without lone surrogates; one that has none, as nearly all, is not copied."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text


def cannot_be_asked(name: str) -> Finding:
    """The answer of a provider that keeps no records it could be asked about."""
    return Finding(Answer.unclear, f"{name} cannot be asked about single messages")


class Transport(Protocol):
    """One provider: one file, the same name going out and coming back."""

    name: str
    kind: str
    asking: Asking
    silence_tells: bool
    """Whether a call that goes unreported while later ones are reported was not taken: it is, where every message
    is reported at once and no records can be asked instead."""
    asking_pause: float
    """Wall seconds between two questions, for all workers together; 0 where the provider sets no limit."""

    @property
    def sender(self) -> str:
        """The account or number that sends: evidence about one sender says nothing about another."""
        ...

    async def send(self, outgoing: Outgoing) -> Verdict:
        """Make one call. Never raises for what a provider or a network can do; the caller holds the deadline."""
        ...

    async def lookup(self, question: Question) -> Finding:
        """Ask what became of a call; only where `asking` is `lookup`. Never raises for what a provider or a network
        can do; the caller holds the deadline."""
        ...

    def reports(self, url: str, headers: Mapping[str, str], body: bytes) -> list[Report]:
        """Verify and parse one webhook request (`headers` with lower-case names). Raises Forged or Unreadable."""
        ...

    def verify(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """The first half of `reports`: believe a request, whatever is in it. Raises Forged."""
        ...

    def read(self, url: str, body: bytes) -> list[Report]:
        """The second half, on a request that was believed before. Raises Unreadable."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Hears(Protocol):
    """A provider through which shoppers can answer."""

    def inbound(self, url: str, headers: Mapping[str, str], body: bytes) -> IncomingSms:
        """Verify and parse one webhook request that carries a shopper's SMS. Raises Forged or Unreadable."""
        ...
