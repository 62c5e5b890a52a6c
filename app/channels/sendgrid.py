"""Email through SendGrid's v3 API: the request, what its answer means, and its signed event webhook.

Sources: twilio.com/docs/sendgrid/api-reference/mail-send, .../mail-send/errors,
.../for-developers/tracking-events/event and .../getting-started-event-webhook-security-features.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import PydanticSerializationError, to_json
from sendgrid.helpers.eventwebhook import EventWebhook
from sendgrid.helpers.mail import (
    Category,
    ClickTracking,
    Email,
    From,
    Mail,
    OpenTracking,
    ReplyTo,
    SubscriptionTracking,
    To,
    TrackingSettings,
)
from sendgrid.helpers.mail.exceptions import ApiKeyIncludedException
from sendgrid.helpers.mail.validators import ValidateApiKey

from app.channels.allowances import Lane, request_lane
from app.channels.answers import HTTP_FAULTS, allowance_spent, fault_verdict, problem, retry_after
from app.channels.base import (
    Asking,
    Finding,
    Outgoing,
    OutgoingEmail,
    Question,
    Report,
    Verdict,
    cannot_be_asked,
    one_line,
    whole_text,
)
from app.channels.pool import Pool
from app.channels.sendgrid_activity import ATTEMPT_ARG, PAUSE, Activity, look_up
from app.clock import wall_now
from app.errors import ConfigurationError, Forged, Unreadable
from app.models.vocabulary import AttemptOutcome

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"

OLDEST_REPORT = timedelta(hours=25)
"""SendGrid repeats a report that was not taken for 24 hours, under its first timestamp."""
NEWEST_REPORT = timedelta(minutes=5)

_KINDS = {
    "processed": "accepted",
    "deferred": "deferred",
    "delivered": "delivered",
    "bounce": "bounced",
    "dropped": "dropped",
    "spamreport": "complained",
    "open": "opened",
    "click": "clicked",
}

_CAUSES = {
    ("bounce", "bounce"): "hard",
    ("bounce", "blocked"): "soft",
    ("dropped", "bounced address"): "hard",
    ("dropped", "invalid"): "invalid",
    ("dropped", "spam reporting address"): "complained",
    ("dropped", "unsubscribed address"): "unsubscribed",
    ("spamreport", ""): "complained",
    ("unsubscribe", ""): "unsubscribed",
    ("group_unsubscribe", ""): "unsubscribed",
    ("group_resubscribe", ""): "resubscribed",
}
"""What an event says of its address, by the event and a bounce's type or a drop's reason. What is not listed says
nothing: a drop for a spent allowance, a bounce whose type is not told."""


class SendGrid:
    """One SendGrid account. `http` is the process's pooled client and is not closed here; `now` is real time."""

    name = "sendgrid"
    kind = "email"

    def __init__(
        self,
        http: Pool,
        *,
        api_key: str,
        base_url: str,
        webhook_public_key: str = "",
        activity: bool = False,
        per_second: float | None = None,
        now: Callable[[], datetime] = wall_now,
    ) -> None:
        self._http = http
        self._url = f"{base_url.rstrip('/')}/v3/mail/send"
        self._headers = {"authorization": f"Bearer {api_key}", "content-type": "application/json"}
        self._webhook = _webhook(webhook_public_key)
        self._now = now
        # The key stands for the account; its digest tells two accounts apart without giving anything away.
        self.sender = f"{urlsplit(base_url).hostname}#{hashlib.blake2b(api_key.encode(), digest_size=6).hexdigest()}"
        self._lanes = request_lane(self.name, self.sender, per_second)
        # Without the key no report can be believed; without the add-on there are no records to read.
        reported = Asking.callbacks if self._webhook else Asking.nothing
        self.asking = Asking.lookup if activity else reported
        self.silence_tells = self._webhook is not None
        self.asking_pause = PAUSE if activity else 0.0
        self._activity = Activity(http, f"{base_url.rstrip('/')}/v3/messages", f"Bearer {api_key}", now)

    async def send(self, outgoing: Outgoing) -> Verdict:
        """One `POST /v3/mail/send`. Raises TypeError for anything but an email."""
        if not isinstance(outgoing, OutgoingEmail):
            raise TypeError(f"SendGrid carries email, not {type(outgoing).__name__}")
        try:
            content = request_body(outgoing)
        except ApiKeyIncludedException:
            return Verdict(AttemptOutcome.refused, error="The text begins with something that reads like an API key.")
        try:
            answer = await self._http.exchange(self._url, self._headers, content)
        except HTTP_FAULTS as error:
            return fault_verdict(error)
        return judge(answer.status_code, answer.headers, answer.content, self._now())

    def lanes(self, outgoing: Outgoing) -> tuple[Lane, ...]:
        """The account's own limit, where it is told of one: SendGrid takes ten thousand calls a second."""
        return self._lanes

    async def lookup(self, question: Question) -> Finding:
        """Ask the Email Activity add-on for the message that carries this attempt's id."""
        if self.asking is not Asking.lookup:
            return cannot_be_asked("SendGrid without its Email Activity add-on")
        return await look_up(self._activity, question)

    def reports(self, url: str, headers: Mapping[str, str], body: bytes) -> list[Report]:
        """The events of one webhook request: verified over the raw bytes, then parsed."""
        self.verify(url, headers, body)
        return self.read(url, body)

    def read(self, url: str, body: bytes) -> list[Report]:
        """The events of a request that was verified before."""
        try:
            events = json.loads(body)
        except ValueError as error:
            raise Unreadable(f"The events are no JSON: {error}") from error
        if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
            raise Unreadable("The events are no JSON array of objects.")
        return [_report(event) for event in events]

    def verify(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Raises Forged unless the signature over the raw bytes is SendGrid's, and recent."""
        if self._webhook is None:
            raise Forged(
                "Reports from SendGrid cannot be verified: set DOORSTEP_SENDGRID__WEBHOOK_PUBLIC_KEY to the "
                "verification key under SendGrid's Settings, Mail Settings, Event Webhook."
            )
        signature, timestamp = headers.get(SIGNATURE), headers.get(TIMESTAMP)
        if not signature or not timestamp:
            raise Forged("The report carries no signature.")
        try:
            signed_at = datetime.fromtimestamp(int(timestamp), UTC)
            genuine = self._webhook.verify_signature(body.decode("utf-8"), signature, timestamp)
        except (ValueError, OverflowError, OSError) as error:
            raise Forged(f"The report's signature cannot be read: {type(error).__name__}.") from error
        if not genuine:
            raise Forged("The report's signature does not fit its text.")
        if not -NEWEST_REPORT <= self._now() - signed_at <= OLDEST_REPORT:
            raise Forged(f"The report was signed at {signed_at.isoformat()}, which is not recent.")

    async def aclose(self) -> None:
        """Nothing to let go of: the client belongs to whoever built it."""


def _webhook(public_key: str) -> EventWebhook | None:
    if not public_key:
        return None
    try:
        return EventWebhook(public_key)
    except ValueError as error:
        raise ConfigurationError(
            "DOORSTEP_SENDGRID__WEBHOOK_PUBLIC_KEY cannot be read. Copy the verification key as SendGrid shows it: "
            "one line of base64, without BEGIN and END."
        ) from error


def request_body(email: OutgoingEmail) -> bytes:
    """One send as it goes over the wire. Raises ApiKeyIncludedException, the vendor's guard against leaking a key."""
    body = mail_body(email)
    try:
        return to_json(body)  # half of what json.dumps takes for thirty kilobytes of HTML
    except PydanticSerializationError:  # a lone surrogate, which no text of a sound template holds
        body["content"] = [{**part, "value": whole_text(part["value"])} for part in body["content"]]
        return to_json(body)


def mail_body(email: OutgoingEmail) -> dict[str, Any]:
    """The JSON of one send, as the vendor's own builder shapes it.

    Clicks and opens are not tracked: the links in a message about a parcel are the shop's own. No personal data
    stands in `custom_args` or `categories`, which SendGrid keeps and cannot redact.
    """
    frame = _frame(email.from_email, email.from_name, email.reply_to, email.category)
    headers = {name: one_line(value, 900) for name, value in email.headers.items()}
    return {
        **frame,
        **({"headers": headers} if headers else {}),
        "subject": one_line(email.subject, 900),
        "personalizations": [{"to": [_mailbox(To, email.to_email, email.to_name).get()]}],
        "content": [
            _part(kind, text) for kind, text in (("text/plain", email.text), ("text/html", email.html)) if text
        ],
        "custom_args": {ATTEMPT_ARG: email.attempt_id},
    }


def _part(kind: str, text: str) -> dict[str, str]:
    """One way in which a mail is written, by the vendor's guard but without its classes: they take as long as the
    whole of a mail's JSON."""
    _guard().validate_message_text(text)
    return {"type": kind, "value": text.replace("\x00", "") if "\x00" in text else text}


@lru_cache(maxsize=1)
def _guard() -> ValidateApiKey:
    return ValidateApiKey()


@lru_cache(maxsize=256)
def _frame(from_email: str, from_name: str, reply_to: str | None, category: str) -> dict[str, Any]:
    """What a brand's mails of a kind have in common. Building it anew costs as much as all the rest of a mail."""
    mail = Mail()
    mail.from_email = _mailbox(From, from_email, from_name)
    if reply_to:
        mail.reply_to = _mailbox(ReplyTo, reply_to)
    mail.category = Category(category)
    mail.tracking_settings = TrackingSettings(
        click_tracking=ClickTracking(enable=False, enable_text=False),
        open_tracking=OpenTracking(enable=False),
        subscription_tracking=SubscriptionTracking(enable=False),
    )
    frame: dict[str, Any] = mail.get()
    return frame


def _mailbox(kind: type[Email], address: str, name: str | None = None) -> Email:
    """An address set field by field: given alone to the builder, it would be parsed for a name and rewritten."""
    mailbox = kind()
    mailbox.email = one_line(address)
    if name:
        mailbox.name = one_line(name)
    return mailbox


def judge(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Verdict:
    """What an answer means: total over status codes. 200 is the sandbox's way of saying 202."""
    if status in (200, 202):
        spent = allowance_spent(headers, now)
        return Verdict(
            AttemptOutcome.accepted,
            provider_ref=headers.get("x-message-id"),
            http_status=status,
            retry_after=spent,
            throttled=spent is not None,
        )
    error = _error(status, body)
    if status == 429:
        wait = retry_after(headers, now)
        return Verdict(AttemptOutcome.not_sent, http_status=status, error=error, retry_after=wait, throttled=True)
    if status in (401, 403):
        return Verdict(AttemptOutcome.not_sent, http_status=status, error=error, sender_down=True)
    if 400 <= status < 500:
        return Verdict(AttemptOutcome.refused, http_status=status, error=error)
    # 5xx, and what SendGrid never answers: something between us may have passed the message on.
    return Verdict(AttemptOutcome.unanswered, http_status=status, error=error)


def _error(status: int, body: bytes) -> str:
    """The provider's own words, or what kind of page came instead (413 is nginx's HTML)."""
    try:
        faults = json.loads(body)["errors"]
        said = "; ".join(f"{fault.get('field') or 'request'}: {fault.get('message')}" for fault in faults)
    except (ValueError, KeyError, TypeError, AttributeError):
        said = f"{len(body)} bytes that are no error of SendGrid's"
    return problem(f"HTTP {status}: {said}")


def _report(event: Mapping[str, Any]) -> Report:
    raw = json.dumps(event, separators=(",", ":"), sort_keys=True).encode()
    named = str(event.get("event") or "")
    detail = ": ".join(
        str(event[field]) for field in ("type", "bounce_classification", "status", "reason") if event.get(field)
    )
    return Report(
        event_key=_text(event.get("sg_event_id")) or hashlib.blake2b(raw, digest_size=16).hexdigest(),
        kind=_kind(event),
        attempt_id=_text(event.get(ATTEMPT_ARG)),
        provider_ref=_text(event.get("sg_message_id")),
        occurred_at=_instant(event.get("timestamp")),
        detail=problem(detail or named) or None,
        body=raw,
        cause=_cause(event),
    )


def _kind(event: Mapping[str, Any]) -> str:
    """A mail program that fetches the pictures by itself is told apart: whether anyone looked, nobody knows."""
    kind = _KINDS.get(str(event.get("event")), "other")
    return "machine_opened" if kind == "opened" and event.get("sg_machine_open") is True else kind


def _cause(event: Mapping[str, Any]) -> str | None:
    named = str(event.get("event"))
    told_by = {"bounce": "type", "dropped": "reason"}.get(named, "")
    return _CAUSES.get((named, str(event.get(told_by) or "").strip().lower()))


def _text(value: object) -> str | None:
    return one_line(value, 200) or None if isinstance(value, str) else None


def _instant(seconds: object) -> datetime | None:
    if not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
