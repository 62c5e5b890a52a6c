"""What a template is once compiled, and what rendering one gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import DoorstepError


class TemplateMissing(DoorstepError):
    """No template stands under that brand, locale, name and channel."""


class NotRenderable(DoorstepError):
    """A template could not be filled in for this parcel; the text names the field and the template."""


@dataclass(frozen=True, slots=True)
class Template:
    """One message template with its layout and brand, compiled and immutable.

    `parts` is plain JSON and holds everything rendering needs (Jinja sources, sender, colours), so that a
    stored version renders the same for ever. `digest` is 32 bytes over the canonical JSON of `parts`.
    """

    key: str
    channel: str
    locale: str
    digest: bytes
    parts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Links:
    """Absolute addresses for this parcel: `parcel` is its page, `short` the same for an SMS, `choices` where its
    shopper says what they want to be told of, and how."""

    parcel: str
    short: str
    choices: str = ""


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """`headers` are those by which a mail program offers to unsubscribe (RFC 2369, RFC 8058)."""

    subject: str
    html: str
    text: str
    from_email: str
    from_name: str
    reply_to: str | None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RenderedSms:
    """`segments` is what it will cost; `sender` is the brand's own, or None for the account's."""

    text: str
    sender: str | None
    segments: int


@dataclass(frozen=True, slots=True)
class RenderedWhatsApp:
    """An approved template by its ContentSid, and what fills each of its variables."""

    content_sid: str
    variables: Mapping[str, str]
