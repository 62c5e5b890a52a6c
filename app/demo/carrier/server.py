"""The carrier stand-in over HTTP: DHL's one question, and beside it how a test or a person steers the stand-in.

GET /track/shipments?trackingNumber=…   DHL's own; wants the header DHL-API-Key
PUT /parcels                            registers timetables: {"parcels": [timetable, …]}
GET|PUT /behaviour                      reads or changes the probabilities (only those named)
GET /log                                how often was asked, by parcel, and what was answered
GET /truth                              what really happens to each parcel
GET /healthz
"""

import asyncio
import contextlib
import json
from collections import Counter, deque
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from pydantic import ValidationError

from app.clock import Clock, stopwatch
from app.demo.carrier.answers import Parcel
from app.demo.carrier.behaviour import CALM, Behaviour, Fault
from app.demo.carrier.timetable import Timetable, Timetables

_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_Scope = MutableMapping[str, Any]

_CHUNK = 64 * 1024
_MAINTENANCE = b"""<!DOCTYPE html>
<html><head><title>Scheduled maintenance</title></head>
<body><h1>We will be back soon</h1><p>Tracking is not available at the moment.</p></body></html>
"""


class CarrierStandIn:
    """The ASGI application. It keeps everything in memory and forgets it at the end.

    `fresh` makes a timetable for a number that nobody has registered, as of the first question; without it such a
    number is unknown.
    """

    def __init__(
        self,
        clock: Clock,
        behaviour: Behaviour = CALM,
        api_key: str = "",
        fresh: Callable[[str, datetime], Timetable] | None = None,
    ) -> None:
        self.clock = clock
        self.behaviour = behaviour
        self.parcels: dict[str, Parcel] = {}
        self.asked: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.arrivals: deque[float] = deque(maxlen=10_000)
        self._api_key = api_key.encode()
        self._fresh = fresh
        self._allowance, self._refilled = 0.0, stopwatch()
        self._routes = {
            ("PUT", "/parcels"): self._put_parcels,
            ("GET", "/behaviour"): self._get_behaviour,
            ("PUT", "/behaviour"): self._put_behaviour,
            ("GET", "/log"): self._get_log,
            ("GET", "/truth"): self._get_truth,
            ("GET", "/healthz"): self._get_health,
        }

    def register(self, timetables: tuple[Timetable, ...] | list[Timetable]) -> None:
        """Put parcels on their way; one that is registered again starts over with the new timetable."""
        for timetable in timetables:
            self.parcels[timetable.tracking_number] = Parcel(timetable, self.behaviour)

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """One request, as ASGI wants it."""
        if scope["type"] != "http":
            return
        if scope["path"] == "/track/shipments" and scope["method"] == "GET":
            await self._track(scope, receive, send)
            return
        route = self._routes.get((scope["method"], scope["path"]))
        if route is None:
            await _problem(send, 404, "Not found", f"There is no {scope['method']} {scope['path']} here.")
            return
        try:
            status, answer = route(await _body(receive))
        except ValidationError as error:
            await _problem(send, 422, "Cannot be read", str(error))
            return
        await _respond(send, status, json.dumps(answer).encode())

    async def _track(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        self.arrivals.append(stopwatch())
        refusal = self._refusal(scope)
        if refusal:
            self.answered[refusal[1]] += 1
            await _problem(send, *refusal)
            return
        number = parse_qs(scope["query_string"].decode("latin-1")).get("trackingNumber", [""])[0]
        if not number:
            await _problem(send, 400, "Bad request", "The parameter trackingNumber is missing.")
            return
        self.asked[number] += 1
        parcel = self._parcel(number)
        body = parcel.body(self.clock.now().timestamp()) if parcel else None
        if body is None:
            self.answered["No result found"] += 1
            await _problem(send, 404, "No result found", "No shipment with given tracking number found.")
            return
        fault = self.behaviour.fault(number, self.asked[number])
        self.answered[fault.value if fault else "tracked"] += 1
        if fault is None:
            await _respond(send, 200, body)
            return
        self.broken[number] += 1
        await self._break(fault, body, receive, send)

    def _parcel(self, number: str) -> Parcel | None:
        if number not in self.parcels and self._fresh is not None:
            with contextlib.suppress(ValidationError):  # no number of any parcel
                self.register([self._fresh(number, self.clock.now())])
        return self.parcels.get(number)

    def _refusal(self, scope: _Scope) -> tuple[int, str, str, int] | None:
        """Why a question is not even looked at: status, title, detail, seconds to wait."""
        key = next((value for name, value in scope["headers"] if name == b"dhl-api-key"), b"")
        if not key or (self._api_key and key != self._api_key):
            return 401, "Unauthorized", "The header DHL-API-Key is missing or wrong.", 0
        rate = self.behaviour.requests_per_second
        if rate:
            now = stopwatch()
            self._allowance = min(max(rate, 1.0), self._allowance + (now - self._refilled) * rate)
            self._refilled = now
            if self._allowance < 1:
                return 429, "Too many requests", f"More than {rate:g} a second are not allowed.", 1
            self._allowance -= 1
        return None

    async def _break(self, fault: Fault, body: bytes, receive: _Receive, send: _Send) -> None:
        if fault is Fault.html:
            await _respond(send, 200, _MAINTENANCE, b"text/html; charset=utf-8")
        elif fault is Fault.truncated:
            await _respond(send, 200, body[: len(body) * 2 // 3])
        elif fault is Fault.error:
            await _problem(send, 500, "Internal server error", "An unexpected error occurred.")
        elif fault is Fault.stall:
            await _wait(receive, self.behaviour.stall_seconds)
            await _problem(send, 504, "Gateway timeout", "The backend did not answer.")
        else:
            await _flood(send, self.behaviour.huge_bytes)

    def _put_parcels(self, body: bytes) -> tuple[int, dict[str, Any]]:
        self.register(Timetables.model_validate_json(body).parcels)
        return 200, {"parcels": len(self.parcels)}

    def _get_behaviour(self, body: bytes) -> tuple[int, dict[str, Any]]:
        return 200, self.behaviour.model_dump()

    def _put_behaviour(self, body: bytes) -> tuple[int, dict[str, Any]]:
        changes = Behaviour.model_validate_json(body)
        named = {name: getattr(changes, name) for name in changes.model_fields_set}
        self.behaviour = self.behaviour.model_copy(update=named)
        self.register([parcel.timetable for parcel in self.parcels.values()])
        return 200, self.behaviour.model_dump()

    def _get_log(self, body: bytes) -> tuple[int, dict[str, Any]]:
        parcels = {number: {"requests": n, "broken": self.broken[number]} for number, n in self.asked.items()}
        return 200, {"requests": self.asked.total(), "answers": dict(self.answered), "parcels": parcels}

    def _get_truth(self, body: bytes) -> tuple[int, dict[str, Any]]:
        return 200, {"parcels": [parcel.truth() for parcel in self.parcels.values()]}

    def _get_health(self, body: bytes) -> tuple[int, dict[str, Any]]:
        return 200, {"now": self.clock.now().isoformat(), "parcels": len(self.parcels)}


async def _body(receive: _Receive) -> bytes:
    whole = bytearray()
    while True:
        message = await receive()
        whole += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(whole)


async def _respond(send: _Send, status: int, body: bytes, kind: bytes = b"application/json", wait: int = 0) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if wait:
        headers.append((b"retry-after", str(wait).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _problem(send: _Send, status: int, title: str, detail: str, wait: int = 0) -> None:
    document = {"status": status, "title": title, "detail": detail, "instance": "/track/shipments"}
    await _respond(send, status, json.dumps(document).encode(), b"application/problem+json", wait)


async def _wait(receive: _Receive, seconds: float) -> None:
    """Say nothing for so long, or until the other side hangs up."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


async def _flood(send: _Send, size: int) -> None:
    """An endless-looking answer, well-formed as far as one reads."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    start, end = b'{"shipments":[{"remark":"', b'"}]}'
    await send({"type": "http.response.body", "body": start, "more_body": True})
    left = size - len(start) - len(end)
    filler = b"x" * _CHUNK
    while left > 0:
        await send({"type": "http.response.body", "body": filler[:left], "more_body": True})
        left -= min(left, _CHUNK)
    await send({"type": "http.response.body", "body": end})
