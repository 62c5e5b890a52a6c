"""What the stand-in tells of past messages: Twilio's list in pages, and SendGrid's Email Activity.

Sources: twilio.com/docs/messaging/api/message-resource and
twilio.com/docs/sendgrid/for-developers/sending-email/getting-started-email-activity-api.
"""

import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from aiohttp import web

from app.clock import stopwatch
from app.demo.providers import sendgrid_face, twilio_face
from app.demo.providers.account import Account
from app.demo.providers.behaviour import RecordManners
from app.demo.providers.journal import Entry, Journal

_ASKED = re.compile(r"\(unique_args\['doorstep_attempt_id'\]=\"([\w-]{1,64})\"\)")
_STATUSES = {"accepted": "processed", "delivered": "delivered", "bounced": "not_delivered"}
_MOST = 1000


class Records:
    """Both vendors' lists over one journal."""

    def __init__(self, account: Account, journal: Journal, manners: Callable[[], RecordManners]) -> None:
        self._account = account
        self._journal = journal
        self._manners = manners
        self._asked_at: deque[float] = deque()

    def routes(self) -> list[web.RouteDef]:
        """Where they are asked."""
        return [
            web.get("/2010-04-01/Accounts/{sid}/Messages.json", self._twilio),
            web.get("/v3/messages", self._sendgrid),
        ]

    async def _twilio(self, request: web.Request) -> web.Response:
        try:
            twilio_face.admit(request.headers.get("authorization", ""), request.match_info["sid"], self._account)
            size, page = min(_number(request, "PageSize", 50), _MOST), _number(request, "Page", 0)
        except twilio_face.Refused as refused:
            return _json(refused.status, refused.body)
        if not self._manners().available:
            return _json(503, twilio_face.Refused(503, 20503).body)
        to, since = request.query.get("To"), request.query.get("DateSent>", "")
        chosen = (entry for entry in reversed(self._journal.entries) if _listed(entry, to, since))
        found = list(islice(chosen, page * size, (page + 1) * size + 1))
        resources = [twilio_face.resource(self._account, self._journal.full(entry)) for entry in found[:size]]
        query = {**request.query, "PageSize": str(size)}
        return _json(200, twilio_face.page(self._account, resources, query, page, more=len(found) > size))

    async def _sendgrid(self, request: web.Request) -> web.Response:
        manners = self._manners()
        if request.headers.get("authorization") != f"Bearer {self._account.api_key}" or not manners.activity:
            return _json(401, sendgrid_face.Refused(401, "authorization required").body)
        if not manners.available:
            return _json(500, sendgrid_face.Refused(500, "internal server error").body)
        if self._too_many(manners.per_minute):
            refusal = sendgrid_face.Refused(429, "too many requests").body
            return _json(429, refusal, {"Retry-After": "10"})
        query = request.query.get("query", "")
        wanted = set(_ASKED.findall(query))
        if not wanted or _ASKED.sub("", query).replace(" OR ", "").strip():
            return _json(400, sendgrid_face.Refused(400, "invalid syntax in query").body)
        limit = min(max(_number(request, "limit", 10), 1), _MOST)
        chosen = (e for e in reversed(self._journal.entries) if e.provider == "sendgrid" and e.attempt_id in wanted)
        return _json(200, {"messages": [_activity(entry) for entry in islice(chosen, limit)]})

    def _too_many(self, per_minute: int | None) -> bool:
        """Count a question; whether it is one too many for the last sixty seconds."""
        now = stopwatch()
        while self._asked_at and self._asked_at[0] < now - 60:
            self._asked_at.popleft()
        if per_minute is not None and len(self._asked_at) >= per_minute:
            return True
        self._asked_at.append(now)
        return False


def _listed(entry: Entry, to: str | None, since: str) -> bool:
    """Whether Twilio would list a message: one that still waits in a queue has no day on which it was sent."""
    sent = entry.status != "accepted" and entry.received_at[:10] >= since[:10]
    return entry.provider == "twilio" and to in (None, entry.recipient) and (not since or sent)


def _activity(entry: Entry) -> Mapping[str, Any]:
    return {
        "from_email": entry.sender,
        "msg_id": f"{entry.ref}.recvd-1-0.0",
        "subject": entry.subject,
        "to_email": entry.recipient,
        "status": _STATUSES.get(entry.status, "processed"),
        "opens_count": 0,
        "clicks_count": 0,
        "last_event_time": f"{entry.received_at[:19]}Z",
    }


def _json(status: int, answer: object, headers: Mapping[str, str] | None = None) -> web.Response:
    body = json.dumps(answer).encode()
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def _number(request: web.Request, name: str, default: int) -> int:
    written = request.query.get(name, str(default))
    if not written.isascii() or not written.isdigit():
        raise web.HTTPBadRequest(text=f"{name} is no whole number")
    return int(written)
