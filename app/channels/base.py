"""What every channel is: it sends one message in one call and says how surely it went."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.models.vocabulary import AttemptOutcome


class Asking(StrEnum):
    """How a provider can be asked what became of a call that was never answered."""

    lookup = "lookup"
    callbacks = "callbacks"
    nothing = "nothing"


@dataclass(frozen=True, slots=True)
class OutgoingEmail:
    """One email, ready to leave. `attempt_id` is our public id of this call; providers hand it back."""

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


@dataclass(frozen=True, slots=True)
class OutgoingSms:
    """One SMS, ready to leave. `valid_for` is in wall seconds; `sender` overrides the account's own."""

    attempt_id: str
    to_phone: str
    text: str
    sender: str | None
    valid_for: int


Outgoing = OutgoingEmail | OutgoingSms


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a call came to.

    `accepted`: the provider took it. `not_sent`: certainly not taken, and worth another try unless
    `permanent`. `refused`: certainly not taken and never will be. `unanswered`: nobody knows.
    `retry_after` is the provider's own wish, in wall seconds. `sender_down` says that the fault lies with
    the account (credentials, quota), not with this message.
    """

    outcome: AttemptOutcome
    provider_ref: str | None = None
    http_status: int | None = None
    error: str | None = None
    retry_after: float | None = None
    sender_down: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """One thing a provider told us later. `kind` is one of REPORT_KINDS; `event_key` is unique per provider."""

    event_key: str
    kind: str
    attempt_id: str | None
    provider_ref: str | None
    occurred_at: datetime | None
    detail: str | None
    body: bytes


REPORT_KINDS = ("accepted", "deferred", "delivered", "bounced", "dropped", "complained", "opened", "clicked", "other")


_CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


def one_line(text: str, limit: int = 300) -> str:
    """Outside text fit for a header or a log: no line breaks, control characters or lone surrogates, bounded."""
    return _CONTROLS.sub(" ", text).encode("utf-8", "replace").decode("utf-8").strip()[:limit]


def whole_text(text: str) -> str:
    """A message's text fit for any wire: no NUL and no lone surrogates, line breaks as they are."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


class Forged(Exception):
    """A report's signature is missing or wrong."""


class Unreadable(Exception):
    """A report is signed but cannot be parsed; the text says why."""


class Transport(Protocol):
    """One provider: one file, the same name going out and coming back."""

    name: str
    kind: str
    asking: Asking

    @property
    def sender(self) -> str:
        """The account or number that sends: evidence about one sender says nothing about another."""
        ...

    async def send(self, outgoing: Outgoing) -> Verdict:
        """Make one call. Never raises for what a provider or a network can do; the caller holds the deadline."""
        ...

    def reports(self, url: str, headers: Mapping[str, str], body: bytes) -> list[Report]:
        """Verify and parse one webhook request (`headers` with lower-case names). Raises Forged or Unreadable."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...
