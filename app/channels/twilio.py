"""SMS through Twilio's Messages API: the request, what its answer means, and its signed status callbacks.

Sources: twilio.com/docs/messaging/api/message-resource, .../docs/api/errors, .../docs/usage/webhooks/webhooks-security
and .../docs/usage/webhooks/webhooks-connection-overrides.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import httpx
from twilio.request_validator import RequestValidator

from app.channels.allowances import Lane, request_lane, text_lanes
from app.channels.answers import HTTP_FAULTS, fault_verdict, problem, retry_after
from app.channels.base import (
    Answer,
    Asking,
    Finding,
    IncomingSms,
    Outgoing,
    OutgoingSms,
    Question,
    Report,
    Verdict,
    one_line,
    whole_text,
)
from app.channels.pool import Pool
from app.channels.twilio_records import KINDS, Records, conclude, look_up
from app.clock import wall_now
from app.errors import Forged, Unreadable
from app.models.vocabulary import AttemptOutcome
from app.settings import TwilioSettings, is_loopback

CALLBACK_PATH = "/hooks/twilio/status"
FORM = "application/x-www-form-urlencoded"
RETRY_WISH = "#rc=5&rp=all&ct=2000&rt=5000"
"""Asks Twilio to repeat a callback five times, whatever failed; read by Twilio, never sent to us, not signed."""
LONGEST_VALIDITY = 36000
LONGEST_TEXT = 1600
"""Characters in one SMS, however many parts it came in."""
SIGNATURE = "x-twilio-signature"

_SENDER_DOWN = frozenset({20003, 20005, 20008, 20404, 21212, 21603, 21606, 21659, 21660, 21704, 63007, 63020, 63112})
"""Credentials, a closed account, or a sender that is not this account's (63…: on WhatsApp): no message would fare
better."""
_LATER = frozenset({20429, 21611, 63018})
"""Too fast, or the sender's own queue is full: certainly not taken, and welcome later."""

_CAUSES = {
    21610: "opted_out",
    21211: "invalid",
    21614: "invalid",
    30004: "soft",
    30005: "hard",
    30006: "hard",
    63003: "invalid",
    63024: "invalid",
}
"""What an error code says of the number: it wrote STOP; it is none, or takes no texts; it was blocked; it is unknown,
or a landline; WhatsApp has nobody there. Every other code speaks of the moment, the text or the account: 63016 (a text
of ours outside the day after the shopper wrote), 63013, 63032 and 63049 (WhatsApp would not) are such."""


class Twilio:
    """One Twilio sender. `http` is the process's pooled client and is not closed here; `now` is real time."""

    name = "twilio"
    kind = "sms"
    # The list of messages can be read with the credentials that send them. It is asked rather than silence judged,
    # because a text may wait in its sender's queue for hours without a word while another sender's goes ahead.
    asking = Asking.lookup
    silence_tells = False
    asking_pause = 0.0

    def __init__(
        self,
        http: Pool,
        *,
        account_sid: str,
        auth_token: str,
        sender: str,
        base_url: str,
        public_url: str,
        limits: TwilioSettings | None = None,
        now: Callable[[], datetime] = wall_now,
    ) -> None:
        self._http = http
        self._url = f"{base_url.rstrip('/')}/2010-04-01/Accounts/{quote(account_sid)}/Messages.json"
        self._auth = httpx.BasicAuth(account_sid, auth_token)
        login = b64encode(f"{account_sid}:{auth_token}".encode()).decode()
        self._headers = {"authorization": f"Basic {login}", "content-type": FORM}
        self._from = sender
        self._validator = RequestValidator(auth_token)
        self._now = now
        self.sender = f"{account_sid}/{sender}"
        self._account = account_sid
        self._limits = limits or TwilioSettings()
        self._calls = request_lane(self.name, account_sid, self._limits.requests_per_second)
        # Twilio refuses a callback address that it cannot reach, so a shop on its own machine goes without.
        reachable = is_loopback(base_url) or not is_loopback(public_url)
        self._callback = f"{public_url.rstrip('/')}{CALLBACK_PATH}" if reachable else None

    async def send(self, outgoing: Outgoing) -> Verdict:
        """One `POST Messages.json`. Raises TypeError for anything but an SMS."""
        if not isinstance(outgoing, OutgoingSms):
            raise TypeError(f"Twilio carries SMS, not {type(outgoing).__name__}")
        return await self._create(self.form(outgoing))

    async def _create(self, form: Mapping[str, str]) -> Verdict:
        try:
            content = urlencode(form).encode()
            answer = await self._http.exchange(self._url, self._headers, content)
        except HTTP_FAULTS as error:
            return fault_verdict(error)
        return judge(answer.status_code, answer.headers, answer.content, self._now())

    def form(self, sms: OutgoingSms) -> dict[str, str]:
        """The form of one send. Our attempt id travels in the callback's query: Twilio has no other place for it."""
        form = {"To": sms.to_phone, "Body": whole_text(sms.text), **self.terms(sms.attempt_id, sms.valid_for)}
        own_name = _own_name(sms)
        if self._from.startswith("MG"):
            form["MessagingServiceSid"] = self._from
            if own_name:
                form["From"] = own_name
        else:
            form["From"] = own_name or self._from
        return form

    def terms(self, attempt_id: str, valid_for: int) -> dict[str, str]:
        """The fields that every create has: how long it may wait in Twilio's queue, and where it is reported."""
        terms = {"ValidityPeriod": str(min(max(valid_for, 1), LONGEST_VALIDITY))}
        if self._callback:
            terms["StatusCallback"] = f"{self._callback}?attempt={quote(attempt_id)}{RETRY_WISH}"
        return terms

    def lanes(self, outgoing: Outgoing) -> tuple[Lane, ...]:
        """What an SMS takes up: the account's calls, its sender's segments, and its country's."""
        if not isinstance(outgoing, OutgoingSms):
            return self._calls
        sender, pace = _own_name(outgoing) or self._from, self._limits
        texts = text_lanes(
            self._account, sender, outgoing.to_phone, outgoing.segments, pace.segments_per_second, pace.pace
        )
        return (*self._calls, *texts)

    async def lookup(self, question: Question) -> Finding:
        """Read the account's list of messages to that number, and look for this very text."""
        sms = question.outgoing
        if not isinstance(sms, OutgoingSms):
            return Finding(Answer.unclear, "the text is not kept any more, and Twilio can be asked for nothing else")
        text = whole_text(sms.text)
        return await look_up(
            self._records(), question, sms.to_phone, lambda listed, whole: conclude(question, text, listed, whole=whole)
        )

    def _records(self) -> Records:
        return Records(self._http, self._url, self._auth, self._now)

    def reports(self, url: str, headers: Mapping[str, str], body: bytes) -> list[Report]:
        """The one status callback of a request; `url` is the public address it was sent to, query included."""
        self.verify(url, headers, body)
        return self.read(url, body)

    def read(self, url: str, body: bytes) -> list[Report]:
        """The status callback of a request that was verified before."""
        return [_report(url, dict(_fields(body)), body)]

    def inbound(self, url: str, headers: Mapping[str, str], body: bytes) -> IncomingSms:
        """The one SMS that a shopper wrote; `url` is the public address that it was sent to, query included."""
        self.verify(url, headers, body)
        form = dict(_fields(body))
        sid, sender = one_line(form.get("MessageSid") or form.get("SmsSid") or "", 64), form.get("From", "").strip()
        if not sid or not sender:
            raise Unreadable("The message names no MessageSid or no From.")
        return IncomingSms(
            event_key=sid,
            sender=one_line(sender, 64),
            recipient=one_line(form.get("To", ""), 64),
            text=whole_text(form.get("Body", ""))[:LONGEST_TEXT],
            opt_out=one_line(form.get("OptOutType", ""), 16) or None,
        )

    def verify(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Raises Forged unless the form is signed, with our token, for the address that it was sent to."""
        signature = headers.get(SIGNATURE)
        if not signature:
            raise Forged("The callback carries no signature.")
        if not self._validator.validate(url, _Form(_fields(body)), signature):
            raise Forged("The callback's signature does not fit its address and text. Is DOORSTEP_PUBLIC_URL right?")

    async def aclose(self) -> None:
        """Nothing to let go of: the client belongs to whoever built it."""


def _fields(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise Forged(f"The callback is no form: {type(error).__name__}.") from error


def _own_name(sms: OutgoingSms) -> str | None:
    """The brand's own number or name, where it may be used."""
    return sms.sender if sms.sender and (sms.sender.startswith("+") or not _north_american(sms)) else None


def _north_american(sms: OutgoingSms) -> bool:
    """The US and Canada take no alphanumeric sender; the account's own number serves there."""
    return sms.to_phone.startswith("+1")


class _Form(dict[str, str]):
    """A form whose repeated fields the vendor's validator can see, as it asks of Django's."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        super().__init__(fields)
        self._fields = fields

    def getlist(self, name: str) -> list[str]:
        return [value for key, value in self._fields if key == name]


def judge(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Verdict:
    """What an answer means: total over status codes, refined by Twilio's own error codes."""
    answer = _object(body)
    if status in (200, 201):
        sid = answer.get("sid")
        return Verdict(AttemptOutcome.accepted, sid if isinstance(sid, str) else None, status)
    code = answer.get("code") if isinstance(answer.get("code"), int) else None
    error = problem(f"HTTP {status}, {code or 'no code'}: {answer.get('message') or f'{len(body)} bytes'}")
    if status == 429 or code in _LATER or (status == 503 and code == 20503):
        wait = retry_after(headers, now)
        return Verdict(AttemptOutcome.not_sent, http_status=status, error=error, retry_after=wait, throttled=True)
    if 400 <= status < 500:
        if status in (401, 403) or code in _SENDER_DOWN:
            return Verdict(AttemptOutcome.not_sent, http_status=status, error=error, sender_down=True)
        cause = _CAUSES.get(code) if isinstance(code, int) else None
        return Verdict(AttemptOutcome.refused, http_status=status, error=error, cause=cause)
    # A create is not idempotent, and Twilio says itself that a 500 may yet be delivered (error 20500).
    return Verdict(AttemptOutcome.unanswered, http_status=status, error=error)


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _report(url: str, form: Mapping[str, str], body: bytes) -> Report:
    sid = one_line(form.get("MessageSid") or form.get("SmsSid") or "", 64)
    status = one_line(form.get("MessageStatus") or form.get("SmsStatus") or "", 32)
    if not sid or not status:
        raise Unreadable("The callback names no MessageSid or no MessageStatus.")
    attempt = parse_qs(urlsplit(url).query).get("attempt", [""])[0]
    code, kind = one_line(form.get("ErrorCode", ""), 16), KINDS.get(status, "other")
    return Report(
        event_key=f"{sid}:{status}",
        kind=kind,
        attempt_id=one_line(attempt, 64) or None,
        provider_ref=sid,
        occurred_at=None,  # a callback carries no instant, only sometimes a local time without a zone
        detail=f"{status} ({code})" if code else status,
        body=body,
        cause=_CAUSES.get(int(code)) if code.isascii() and code.isdigit() and kind == "bounced" else None,
    )
