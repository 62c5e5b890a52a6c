"""The stand-in over HTTP: the vendors' own paths, and beside them how a test or a person steers and reads it.

POST /v3/mail/send                                     SendGrid's; GET /v3/messages: its Email Activity
POST|GET /2010-04-01/Accounts/{sid}/Messages.json      Twilio's; GET /2010-04-01/Accounts/{sid}/Messages/{id}.json
GET|DELETE /journal      what was taken, ?after=N&limit=N&bodies=0; DELETE forgets it and what is still to be reported
GET|PUT /behaviour                                     reads or changes the behaviour (only the parts named)
GET /account                                           the settings with which Doorstep sends through this
GET /inbox                                             what shoppers would have received, for people
GET /healthz
"""

import asyncio
import json
import socket
import struct
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from app.demo.providers import sendgrid_face, twilio_face
from app.demo.providers.account import Account
from app.demo.providers.behaviour import Act, Behaviour, Conduct, Rule
from app.demo.providers.callbacks import Callbacks
from app.demo.providers.inbox import Inbox
from app.demo.providers.journal import Accepted, Entry, Journal
from app.demo.providers.records import Records

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LONGEST_STALL = 600.0
_LOOK = 0.1  # seconds between two looks at whether a stalled caller has gone


class ProviderStandIn:
    """All state of one stand-in; it belongs to one event loop."""

    def __init__(self, account: Account, journal: Journal, behaviour: Behaviour) -> None:
        self.account = account
        self.journal = journal
        self.conduct = Conduct(behaviour)
        self.acts: Counter[Act] = Counter()
        self.callbacks = Callbacks(account, lambda: self.behaviour.callbacks, lambda: self.behaviour.seed)
        self._inbox = Inbox(journal)
        self._records = Records(account, journal, lambda: self.behaviour.records)

    @property
    def behaviour(self) -> Behaviour:
        """How calls are treated at present."""
        return self.conduct.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self.conduct = Conduct(behaviour)

    def application(self) -> web.Application:
        """The routes, and the task that reports back for as long as they are served."""
        app = web.Application(client_max_size=sendgrid_face.MOST_BYTES)
        messages = "/2010-04-01/Accounts/{sid}/Messages"
        app.add_routes(
            [
                web.post("/v3/mail/send", self._sendgrid),
                web.post(f"{messages}.json", self._twilio),
                web.get(f"{messages}/{{ref}}.json", self._twilio_fetch),
                web.get("/journal", self._read_journal),
                web.delete("/journal", self._clear_journal),
                web.get("/behaviour", self._read_behaviour),
                web.put("/behaviour", self._change_behaviour),
                web.get("/account", self._read_account),
                web.get("/healthz", self._health),
                *self._inbox.routes(),
                *self._records.routes(),
            ]
        )
        app.cleanup_ctx.append(self._reporting)
        return app

    async def _reporting(self, app: web.Application) -> Any:
        task = asyncio.create_task(self.callbacks.run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _sendgrid(self, request: web.Request) -> web.StreamResponse:
        headers = request.headers
        try:
            raw = await request.read()
            order = sendgrid_face.read(
                headers.get("authorization", ""), headers.get("content-type", ""), raw, self.account.api_key
            )
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413, body=sendgrid_face.TOO_LARGE, content_type="text/html")
        except sendgrid_face.Refused as refused:
            return _json(refused.status, refused.body)
        if order.sandbox:
            return web.Response(status=200)
        address = order.recipients[0][0]

        def take(rule: Rule | None, chance: float) -> web.Response:
            ref = uuid.uuid4().hex[:22]
            for accepted in order.accepted(ref):
                self._take(accepted, rule, chance)
            return web.Response(status=202, headers={"X-Message-Id": ref})

        return await self._perform(request, "sendgrid", address, take)

    async def _twilio(self, request: web.Request) -> web.StreamResponse:
        headers = request.headers
        try:
            twilio_face.admit(headers.get("authorization", ""), request.match_info["sid"], self.account)
            form = twilio_face.read(headers.get("content-type", ""), await request.read())
        except twilio_face.Refused as refused:
            return _json(refused.status, refused.body)

        def take(rule: Rule | None, chance: float) -> web.Response:
            accepted = twilio_face.accepted(form, f"SM{uuid.uuid4().hex}")
            entry = self._take(accepted, rule, chance)
            kept = {"ref": entry.ref, "sender": entry.sender, "text": accepted.text, "recipient": entry.recipient}
            return _json(201, twilio_face.resource(self.account, kept))

        return await self._perform(request, "twilio", form["To"], take)

    async def _perform(
        self, request: web.Request, provider: str, recipient: str, take: Callable[[Rule | None, float], web.Response]
    ) -> web.StreamResponse:
        """Do to this call what the behaviour says: this is where a provider goes wrong."""
        act, rule, chance = self.conduct.next_act(provider, recipient)
        self.acts[act] += 1
        pause = self.behaviour.manners(provider).slow_ms / 2000
        if pause:
            await asyncio.sleep(pause)
        taken = take(rule, chance) if act.takes else None
        if pause:
            await asyncio.sleep(pause)
        if act is Act.accept and taken is not None:
            return taken
        if act in (Act.drop, Act.accept_then_drop):
            return _hang_up(request, rudely=chance * 1e6 % 2 < 1)
        if act in (Act.stall, Act.accept_then_stall):
            return await _stall(request)
        if act in (Act.garble, Act.accept_then_garble):
            return _garbled(request, rudely=chance * 1e6 % 2 < 1)
        return self._turned_away(provider, act, rule)

    def _turned_away(self, provider: str, act: Act, rule: Rule | None) -> web.Response:
        headers = {}
        if act is Act.throttle:
            headers["Retry-After"] = f"{self.behaviour.manners(provider).retry_after:g}"
        status = {Act.refuse: 400, Act.throttle: 429}.get(act, 500)
        if provider == "twilio":
            code = rule.code if rule and rule.code else {400: 21610, 429: 20429}.get(status, 20500)
            return _json(status, twilio_face.Refused(status, code).body, headers)
        words = {400: "Does not contain a valid address.", 429: "too many requests", 500: "internal server error"}
        field = "personalizations.0.to.0.email" if status == 400 else None
        return _json(status, sendgrid_face.Refused(status, words[status], field).body, headers)

    def _take(self, accepted: Accepted, rule: Rule | None, chance: float) -> Entry:
        entry = self.journal.add(accepted)
        bounces = self.conduct.bounces(accepted.provider, accepted.recipient, rule, chance)
        self.callbacks.taken(entry, accepted, chance, bounces=bounces)
        return entry

    async def _twilio_fetch(self, request: web.Request) -> web.StreamResponse:
        try:
            twilio_face.admit(request.headers.get("authorization", ""), request.match_info["sid"], self.account)
        except twilio_face.Refused as refused:
            return _json(refused.status, refused.body)
        entry = self.journal.by_ref(request.match_info["ref"])
        if entry is None:
            return _json(404, twilio_face.Refused(404, 20404).body)
        return _json(200, twilio_face.resource(self.account, self.journal.full(entry)))

    async def _read_journal(self, request: web.Request) -> web.StreamResponse:
        after, limit = _number(request, "after", 0), _number(request, "limit", 1000)
        chosen = self.journal.entries[after : after + limit]
        if request.query.get("bodies", "1") == "0":
            entries = [_light(entry) for entry in chosen]
        else:
            entries = [self.journal.full(entry) for entry in chosen]
        last = chosen[-1].n if chosen else after
        more = last < len(self.journal.entries)
        return _json(200, {"entries": entries, "last": last, "more": more, "counts": self.journal.counts()})

    async def _clear_journal(self, request: web.Request) -> web.StreamResponse:
        self.journal.clear()
        self.callbacks.forget()
        return web.Response(status=204)

    async def _read_behaviour(self, request: web.Request) -> web.StreamResponse:
        return _json(200, self.behaviour.model_dump(mode="json"))

    async def _change_behaviour(self, request: web.Request) -> web.StreamResponse:
        try:
            told = Behaviour.model_validate_json(await request.read())
        except ValidationError as error:
            return _json(422, {"title": "Cannot be read", "detail": str(error)})
        named = {name: getattr(told, name) for name in told.model_fields_set}
        self.behaviour = self.behaviour.model_copy(update=named)
        return _json(200, self.behaviour.model_dump(mode="json"))

    async def _read_account(self, request: web.Request) -> web.StreamResponse:
        return _json(200, self.account.environment(f"{request.scheme}://{request.host}"))

    async def _health(self, request: web.Request) -> web.StreamResponse:
        return _json(200, {"messages": len(self.journal.entries)})


def _json(status: int, answer: object, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, body=json.dumps(answer).encode(), content_type="application/json", headers=headers
    )


def _light(entry: Entry) -> dict[str, Any]:
    hidden = ("offset", "length")
    return {name: getattr(entry, name) for name in Entry.__dataclass_fields__ if name not in hidden}


def _number(request: web.Request, name: str, default: int) -> int:
    try:
        return max(int(request.query.get(name, default)), 0)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"{name} is no whole number") from error


def _hang_up(request: web.Request, *, rudely: bool) -> web.Response:
    """Close the caller's connection without a word: with a FIN, or rudely with a reset."""
    transport = request.transport
    if transport is not None:
        if rudely:
            # Lingering for zero seconds makes the kernel throw the connection away with a RST.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.close()
    return web.Response(status=500)  # written to a closed connection, so nobody reads it


def _garbled(request: web.Request, *, rudely: bool) -> web.Response:
    """An answer that nobody can read: a page of something in between, or rudely bytes that are no HTTP at all."""
    if not rudely or request.transport is None:
        return web.Response(status=502, text="<html><h1>502 Bad Gateway", content_type="text/html")
    request.transport.write(b"\x16\x03\x01HTTP/9.9 0 \xff\xfe\r\n\r\n")
    return _hang_up(request, rudely=False)


async def _stall(request: web.Request) -> web.Response:
    """Say nothing for as long as the caller waits."""
    for _ in range(int(LONGEST_STALL / _LOOK)):
        if request.transport is None or request.transport.is_closing():
            break
        await asyncio.sleep(_LOOK)
    return _hang_up(request, rudely=False)
