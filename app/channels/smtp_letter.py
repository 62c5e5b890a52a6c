"""The bytes of one email and its envelope: nothing a shopper or a marketer wrote can become a header or a command."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from hashlib import sha256

from app.channels.base import OutgoingEmail, one_line, whole_text

_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x20\x7f]{1,64}@[^\s@<>,;:\"()\[\]\\\x00-\x20\x7f]{1,255}")
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,75}")
_OWN_HEADERS = frozenset({"from", "to", "cc", "bcc", "subject", "date", "message-id", "reply-to", "received"})


class BadLetter(Exception):
    """An email cannot be put on the wire as it is; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message as SMTP carries it. `international`: the envelope needs SMTPUTF8 (RFC 6531)."""

    attempt_id: str
    message_id: str
    sender: str
    recipient: str
    international: bool
    content: bytes


def compose(email: OutgoingEmail, now: datetime) -> Letter:
    """The letter for an email: the same bytes at every try, so that nothing in them is of the call.

    Its Message-ID and Date are the letter's own; one that has none goes by the call's id and `now`. Raises BadLetter.
    """
    sender, recipient = _address(email.from_email), _address(email.to_email)
    international = not (sender.isascii() and recipient.isascii())
    message_id = f"<{email.letter_id or email.attempt_id}@{sender.rpartition('@')[2]}>"
    # Seven bits always pass, whatever the servers on the way can do.
    message = EmailMessage(policy=(SMTPUTF8 if international else SMTP).clone(cte_type="7bit"))
    try:
        message["From"] = _mailbox(email.from_name, sender)
        message["To"] = _mailbox(email.to_name or "", recipient)
        if email.reply_to:
            message["Reply-To"] = _mailbox("", _address(email.reply_to))
        message["Subject"] = one_line(email.subject, 900)
        message["Date"] = format_datetime((email.dated or now).astimezone(UTC))
        message["Message-ID"] = message_id
        message["Auto-Submitted"] = "auto-generated"
        for name, value in email.headers.items():
            message[_header_name(name)] = one_line(value, 900)
        message.set_content(whole_text(email.text))
        if email.html:
            message.add_alternative(whole_text(email.html), subtype="html")
            message.set_boundary(_boundary(message_id, email))
        content = message.as_bytes()
    except (ValueError, IndexError, MessageError) as error:
        raise BadLetter(f"The email cannot be written down: {error}") from error
    return Letter(email.attempt_id, message_id, sender, recipient, international, content)


def _boundary(message_id: str, email: OutgoingEmail) -> str:
    """What stands between the two texts: drawn from them, where a drawn lot would be another at every try. Neither can
    hold it, for nobody can write a text that holds its own digest."""
    return "=_" + sha256("\0".join((message_id, email.text, email.html)).encode("utf-8", "replace")).hexdigest()[:40]


def _address(text: str) -> str:
    """An address whose domain is in ASCII. Raises BadLetter for anything that is not one plain address."""
    if not _ADDRESS.fullmatch(text):
        raise BadLetter(f"{text!r} is no email address.")
    local, _, domain = text.partition("@")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii') if not domain.isascii() else domain}"
    except UnicodeError as error:
        raise BadLetter(f"The domain of {text!r} cannot be written in ASCII.") from error


def _mailbox(name: str, address: str) -> Address:
    # Not `addr_spec`: that is parsed again, and its parser takes no letters beyond ASCII.
    local, _, domain = address.rpartition("@")
    return Address(one_line(name, 100), local, domain)


def _header_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS:
        raise BadLetter(f"{name!r} cannot be set as a header.")
    return name
