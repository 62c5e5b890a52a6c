"""Twilio's side of the Messages resource: what it insists on, its error codes, and the resource it answers with.

Source: twilio.com/docs/messaging/api/message-resource and twilio.com/docs/api/errors.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from app.clock import wall_now
from app.demo.providers.account import Account
from app.demo.providers.journal import Accepted

_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}")
_WHATSAPP = "whatsapp:"
_CONTENT = re.compile(r"HX[0-9a-fA-F]{32}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_KNOWN = frozenset(
    [
        "To",
        "From",
        "MessagingServiceSid",
        "Body",
        "StatusCallback",
        "ValidityPeriod",
        "ProvideFeedback",
        "SmartEncoded",
        "ShortenUrls",
        "ScheduleType",
        "SendAt",
        "MediaUrl",
        "ApplicationSid",
        "MaxPrice",
        "Attempt",
        "ForceDelivery",
        "ContentRetention",
        "AddressRetention",
        "PersistentAction",
        "TrafficType",
        "SendAsMms",
        "ContentVariables",
        "ContentSid",
        "RiskCheck",
        "FallbackFrom",
    ]
)
_WORDS = {
    20001: "Unknown parameters",
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    20500: "An internal server error has occurred",
    21211: "Invalid 'To' Phone Number",
    21212: "Invalid From Number (caller ID)",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21609: "Invalid 'StatusCallback' URL.",
    21610: "Attempt to send to unsubscribed recipient",
    21612: "The 'To' phone number is not currently reachable using the 'From' phone number via SMS.",
    21614: "'To' number is not a valid mobile number",
    21655: "The 'ContentSid' is invalid",
    21656: "The 'ContentVariables' parameter is invalid",
    63003: "Channel could not find To address",
    63007: "Twilio could not find a Channel with the specified From address",
    63016: "Outside messaging window. For WhatsApp, use a Message Template instead",
    63018: "Rate limit exceeded for Channel",
    63024: "Invalid message recipient",
    21617: "The concatenated message body exceeds the 1600 character limit",
}


_STATUSES = {"accepted": "queued", "bounced": "undelivered"}
"""How Twilio names what the journal does not call by Twilio's name."""


class Refused(Exception):
    """A request is turned away; `status` and `body` are what the caller is told."""

    def __init__(self, status: int, code: int) -> None:
        super().__init__(f"{status}/{code}")
        self.status = status
        self.body = {
            "code": code,
            "message": _WORDS.get(code, "The request was not successful."),
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }


def admit(authorization: str, sid: str, account: Account) -> None:
    """Check who is calling. Raises Refused."""
    wanted = base64.b64encode(f"{account.account_sid}:{account.auth_token}".encode()).decode("ascii")
    if authorization != f"Basic {wanted}":
        raise Refused(401, 20003)
    if sid != account.account_sid:
        raise Refused(404, 20404)


def read(content_type: str, raw: bytes) -> dict[str, str]:
    """The form of one create, checked as strictly as Twilio does, and more so where it is lenient. Raises Refused."""
    if content_type.split(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Refused(400, 20001)
    try:
        fields = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, strict_parsing=True, max_num_fields=100)
    except ValueError as error:
        raise Refused(400, 21604) from error
    form = dict(fields)
    if len(form) != len(fields) or set(form) - _KNOWN:
        raise Refused(400, 20001)
    _check_people(form)
    _check_content(form)
    return form


def _check_people(form: Mapping[str, str]) -> None:
    if not form.get("To"):
        raise Refused(400, 21604)
    whatsapp = form["To"].startswith(_WHATSAPP)
    if not _PHONE.fullmatch(form["To"].removeprefix(_WHATSAPP)):
        raise Refused(400, 21211)
    sender, service = form.get("From", ""), form.get("MessagingServiceSid", "")
    if sender and whatsapp != sender.startswith(_WHATSAPP):
        raise Refused(400, 63007 if whatsapp else 21212)
    sender = sender.removeprefix(_WHATSAPP)
    if not sender and not service:
        raise Refused(400, 21603)
    if service and not _SERVICE.fullmatch(service):
        raise Refused(400, 20001)
    if sender and not (_PHONE.fullmatch(sender) or _ALPHANUMERIC.fullmatch(sender) or re.fullmatch(r"\d{3,8}", sender)):
        raise Refused(400, 21212)


def _check_content(form: Mapping[str, str]) -> None:
    if form["To"].startswith(_WHATSAPP):
        _check_filling(form)
    elif not form.get("Body"):
        raise Refused(400, 21602)
    if len(form.get("Body", "")) > 1600:
        raise Refused(400, 21617)
    validity = form.get("ValidityPeriod", "1")
    if not validity.isascii() or not validity.isdigit() or not 1 <= int(validity) <= 36000:
        raise Refused(400, 20001)
    if "StatusCallback" in form:
        target = urlsplit(form["StatusCallback"])
        if target.scheme not in ("http", "https") or not target.hostname or "_" in target.hostname:
            raise Refused(400, 21609)
        if len(form["StatusCallback"]) > 4000:
            raise Refused(400, 21609)


def _check_filling(form: Mapping[str, str]) -> None:
    """On WhatsApp nobody has written to us within the day, so a text of one's own is refused."""
    if "Body" in form or "ContentSid" not in form:
        raise Refused(400, 63016)
    if not _CONTENT.fullmatch(form["ContentSid"]):
        raise Refused(400, 21655)
    try:
        variables = json.loads(form.get("ContentVariables", "{}"))
    except ValueError as error:
        raise Refused(400, 21656) from error
    texts = list(variables.values()) if isinstance(variables, dict) else [None]
    if not all(isinstance(text, str) and text.strip() and "\n" not in text for text in texts):
        raise Refused(400, 21656)


def _text(form: Mapping[str, str]) -> str:
    """What the shopper reads. An approved template stands at the real Twilio; here its variables are read out."""
    if "Body" in form:
        return form["Body"]
    variables = json.loads(form.get("ContentVariables", "{}"))
    return f"[{form['ContentSid'][:8]}…] {' · '.join(variables.values())}"


def accepted(form: Mapping[str, str], ref: str) -> Accepted:
    """The journal's line for a create."""
    callback = form.get("StatusCallback", "")
    return Accepted(
        provider="twilio",
        channel="whatsapp" if form["To"].startswith(_WHATSAPP) else "sms",
        recipient=form["To"],
        recipient_name="",
        sender=form.get("From") or form.get("MessagingServiceSid", ""),
        sender_name="",
        reply_to="",
        attempt_id=parse_qs(urlsplit(callback).query).get("attempt", [""])[0],
        ref=ref,
        category="",
        subject="",
        text=_text(form),
        html="",
        extra={
            "status_callback": callback,
            "validity_period": form.get("ValidityPeriod", ""),
            "content_sid": form.get("ContentSid", ""),
            "content_variables": form.get("ContentVariables", ""),
        },
    )


def resource(account: Account, kept: Mapping[str, Any]) -> dict[str, Any]:
    """The Message resource for a journal entry, as create, fetch and list answer with it."""
    uri = f"/2010-04-01/Accounts/{account.account_sid}/Messages/{kept['ref']}.json"
    service = kept["sender"] if kept["sender"].startswith("MG") else None
    moment = format_datetime(wall_now())
    return {
        "account_sid": account.account_sid,
        "api_version": "2010-04-01",
        "body": kept["text"],
        "date_created": moment if "received_at" not in kept else _rfc2822(kept["received_at"]),
        "date_sent": _rfc2822(kept["received_at"]) if kept.get("status", "accepted") != "accepted" else None,
        "date_updated": moment,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": None if service else kept["sender"],
        "messaging_service_sid": service,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": None,
        "sid": kept["ref"],
        "status": _STATUSES.get(kept.get("status", "accepted"), kept.get("status")),
        "subresource_uris": {"media": f"{uri.removesuffix('.json')}/Media.json"},
        "to": kept["recipient"],
        "uri": uri,
    }


def _rfc2822(iso: str) -> str:
    return format_datetime(datetime.fromisoformat(iso))


def page(
    account: Account, resources: Sequence[dict[str, Any]], query: Mapping[str, str], number: int, *, more: bool
) -> dict[str, Any]:
    """One page of a list, newest first. `query` is what was asked; `more` says whether another page follows."""
    size = int(query["PageSize"])
    before, after = number - 1 if number else None, number + 1 if more else None
    return {
        "end": number * size + max(len(resources) - 1, 0),
        "first_page_uri": _page_uri(account, query, 0),
        "messages": list(resources),
        "next_page_uri": _page_uri(account, query, after),
        "page": number,
        "page_size": size,
        "previous_page_uri": _page_uri(account, query, before),
        "start": number * size,
        "uri": _page_uri(account, query, number),
    }


def _page_uri(account: Account, query: Mapping[str, str], number: int | None) -> str | None:
    if number is None:
        return None
    asked = urlencode({**query, "Page": str(number)})
    return f"/2010-04-01/Accounts/{account.account_sid}/Messages.json?{asked}"
