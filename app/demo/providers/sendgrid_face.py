"""SendGrid's side of `POST /v3/mail/send`: what it insists on, and its words when something is wrong.

Source: twilio.com/docs/sendgrid/api-reference/mail-send and .../mail-send/errors.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.demo.providers.journal import Accepted

MOST_BYTES = 30_000_000
TOO_LARGE = b"<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})\.[A-Za-z0-9-]{2,63}")
_KNOWN = frozenset(
    [
        "personalizations",
        "from",
        "reply_to",
        "reply_to_list",
        "subject",
        "content",
        "attachments",
        "template_id",
        "headers",
        "categories",
        "custom_args",
        "send_at",
        "batch_id",
        "asm",
        "ip_pool_name",
        "mail_settings",
        "tracking_settings",
        "sections",
    ]
)
_RESERVED = frozenset(
    [
        "x-sg-id",
        "x-sg-eid",
        "received",
        "dkim-signature",
        "content-type",
        "content-transfer-encoding",
        "to",
        "from",
        "subject",
        "reply-to",
        "cc",
        "bcc",
    ]
)


class Refused(Exception):
    """A request is turned away; `status` and `errors` are what the caller is told."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"errors": [{"message": message, "field": field, "help": None}]}


@dataclass(frozen=True, slots=True)
class Order:
    """One request that SendGrid would take: a message for each recipient."""

    sandbox: bool
    recipients: tuple[tuple[str, str], ...]
    body: Mapping[str, Any]

    def accepted(self, ref: str) -> Iterator[Accepted]:
        """The journal's lines for it."""
        body = self.body
        contents = {part["type"]: part["value"] for part in body["content"]}
        for address, name in self.recipients:
            yield Accepted(
                provider="sendgrid",
                channel="email",
                recipient=address,
                recipient_name=name,
                sender=body["from"]["email"],
                sender_name=body["from"].get("name", ""),
                reply_to=(body.get("reply_to") or {}).get("email", ""),
                attempt_id=body.get("custom_args", {}).get("doorstep_attempt_id", ""),
                ref=ref,
                category=",".join(body.get("categories", ())),
                subject=body["subject"],
                text=contents.get("text/plain", ""),
                html=contents.get("text/html", ""),
                extra=dict(body.get("custom_args", {})),
            )


def read(authorization: str, content_type: str, raw: bytes, api_key: str) -> Order:
    """Check one request as strictly as SendGrid does, and more so where it is lenient. Raises Refused."""
    if not authorization.startswith("Bearer "):
        raise Refused(401, "Permission denied, wrong credentials")
    if authorization != f"Bearer {api_key}":
        raise Refused(401, "The provided authorization grant is invalid, expired, or revoked")
    if content_type.split(";")[0].strip() != "application/json":
        raise Refused(415, "Content-Type should be application/json.")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise Refused(400, "Bad Request") from error
    if not isinstance(body, dict):
        raise Refused(400, "Bad Request")
    for key in body:
        if key not in _KNOWN:
            raise Refused(400, f"Additional property {key} is not allowed", key)
    recipients = _recipients(body)
    _mailbox(body.get("from"), "from")
    if "reply_to" in body:
        _mailbox(body["reply_to"], "reply_to")
    _subject(body)
    _content(body)
    _labels(body)
    sandbox = body.get("mail_settings", {}).get("sandbox_mode", {}).get("enable", False) is True
    return Order(sandbox, recipients, body)


def _recipients(body: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    people = body.get("personalizations")
    if not isinstance(people, list) or not 1 <= len(people) <= 1000:
        message = "The personalizations field is required and must have at least one personalization."
        raise Refused(400, message, "personalizations")
    found: list[tuple[str, str]] = []
    for index, person in enumerate(people):
        where = f"personalizations.{index}"
        if not isinstance(person, dict) or not isinstance(person.get("to"), list) or not person["to"]:
            raise Refused(400, "The to array is required for all personalization objects.", f"{where}.to")
        for kind in ("to", "cc", "bcc"):
            entries = enumerate(person.get(kind, ()))
            found += [_mailbox(mailbox, f"{where}.{kind}.{place}") for place, mailbox in entries]
    addresses = [address.lower() for address, _ in found]
    if len(addresses) > 1000:
        raise Refused(400, "The total number of recipients may not exceed 1000.", "personalizations")
    if len(set(addresses)) != len(addresses):
        message = "Each email address in the personalization block should be unique between to, cc, and bcc."
        raise Refused(400, message, "personalizations")
    return tuple(found)


def _mailbox(mailbox: object, field: str) -> tuple[str, str]:
    if not isinstance(mailbox, dict) or not isinstance(mailbox.get("email"), str):
        raise Refused(400, f"The {field} object must be provided with an email address.", f"{field}.email")
    address, name = mailbox["email"], mailbox.get("name", "")
    if not _ADDRESS.fullmatch(address) or ".." in address:
        raise Refused(400, "Does not contain a valid address.", f"{field}.email")
    if not isinstance(name, str) or set(mailbox) - {"email", "name"}:
        raise Refused(400, "Bad Request", field)
    return address, name


def _subject(body: Mapping[str, Any]) -> None:
    subject = body.get("subject")
    if not isinstance(subject, str) or not subject:
        raise Refused(400, "The subject is required.", "subject")
    if "\n" in subject or "\r" in subject:
        raise Refused(400, "The subject may not contain line breaks.", "subject")


def _content(body: Mapping[str, Any]) -> None:
    parts = body.get("content")
    if not isinstance(parts, list) or not parts:
        message = "Unless a valid template_id is provided, the content parameter is required."
        raise Refused(400, message, "content")
    for index, part in enumerate(parts):
        if not isinstance(part, dict) or not part.get("type") or not isinstance(part.get("value"), str):
            raise Refused(400, "The content value must be a string.", f"content.{index}")
        if not part["value"]:
            message = "The content value must be a string at least one character in length."
            raise Refused(400, message, f"content.{index}.value")
    types = [part["type"] for part in parts]
    if types != sorted(types, key=lambda kind: (kind != "text/plain", kind != "text/html")):
        raise Refused(400, "If present, text/plain must be the first and text/html the next content type.", "content")


def _labels(body: Mapping[str, Any]) -> None:
    custom = body.get("custom_args", {})
    if not isinstance(custom, dict) or not all(isinstance(value, str) for value in custom.values()):
        raise Refused(400, "The custom_args must be an object of strings.", "custom_args")
    if len(json.dumps(custom)) > 10_000:
        raise Refused(400, "The custom_args may not exceed 10,000 bytes.", "custom_args")
    categories = body.get("categories", [])
    if not isinstance(categories, list) or len(categories) > 10 or len(set(map(str, categories))) != len(categories):
        raise Refused(400, "There may be up to 10 unique categories.", "categories")
    if any(not isinstance(category, str) or len(category) > 255 for category in categories):
        raise Refused(400, "A category name cannot exceed 255 characters.", "categories")
    headers = body.get("headers", {})
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise Refused(400, "The headers must be an object of strings.", "headers")
    for name in headers:
        if name.lower() in _RESERVED:
            raise Refused(400, f"The header {name} is reserved.", f"headers.{name}")
