"""A carrier of our own making, with all that real ones have: batches, tokens, a fuller answer; and its stand-in."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import (
    Access,
    AnswerKind,
    Ask,
    Call,
    Carrier,
    CarrierReply,
    HeardScan,
    RawAnswer,
    scan_digest,
)
from app.tracking.adapter.oauth import OAuth
from app.tracking.adapter.reading import json_object, malformed, not_found, objects, text, without_news
from app.tracking.adapter.times import instant
from tests.pipeline.conftest import START

BATCH = 8


class Courier(Carrier):
    """Eight numbers a call, by token; its batches tell the newest event only."""

    name = "courier"
    title = "Courier"
    manual = "https://courier.example/manual"
    base_url = "https://courier.example"
    codes = MappingProxyType({"V": Milestone.out_for_delivery, "P": Milestone.dispatched})
    batch_size = BATCH
    needs = ("api_key", "api_secret")
    login = OAuth("Courier", "/token")

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        chunks = [asks[start : start + BATCH] for start in range(0, len(asks), BATCH)]
        return [self._call("/track", chunk, access) for chunk in chunks]

    def fuller(self, ask: Ask, access: Access) -> Call | None:
        return self._call("/detail", [ask], access)

    def _call(self, path: str, asks: Sequence[Ask], access: Access) -> Call:
        body = json.dumps([one.tracking_number for one in asks]).encode()
        return Call("POST", access.base_url + path, {"Authorization": f"Bearer {access.token}"}, asks, body)

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        return [self._reply(one, answer) for one in call.asks]

    def _reply(self, one: Ask, answer: RawAnswer) -> CarrierReply:
        number = one.tracking_number
        refusal = without_news("Courier", number, answer)
        if refusal is not None:
            return refusal
        document, fault = json_object(answer.body)
        if document is None or answer.status != 200:
            return malformed(number, answer.status, fault or "no parcels")
        found = next((p for p in objects(document.get("parcels")) if text(p.get("id")) == number), None)
        if found is None:
            return not_found(number, "not among the parcels")
        if "error" in found:
            return malformed(number, 200, text(found["error"]))
        scans = tuple(self._scan(event) for event in objects(found.get("events")))
        return CarrierReply(AnswerKind.tracked, number, scans, portion=json.dumps(found).encode())

    def _scan(self, event: Any) -> HeardScan:
        code, at = text(event.get("code")), text(event.get("at"))
        return HeardScan(
            scan_digest("courier", code, at),
            code,
            self.codes.get(code),
            code,
            None,
            at,
            instant(at, None, None)[0],
            "offset",
        )


@dataclass
class CourierStandIn:
    """The ASGI application: what it was asked, and how it may be made to misbehave."""

    tokens: int = 0
    token_asked: int = 0
    token_seconds: float = 3600.0
    token_status: int = 200
    calls: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    answered: Counter[int] = field(default_factory=Counter)
    status: int = 200
    poisonous: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()

    def revoke(self) -> None:
        """No token lent so far is good any more."""
        self.tokens += 1

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status, answer = self._answer(scope, body)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, scope: Any, body: bytes) -> tuple[int, bytes]:
        if scope["path"] == "/token":
            self.token_asked += 1
            assert parse_qs(body.decode())["grant_type"] == ["client_credentials"]
            if self.token_status != 200:
                return self.token_status, b'{"error_description":"no client with the secret s3cret-of-the-courier"}'
            return 200, json.dumps({"access_token": f"t{self.tokens}", "expires_in": self.token_seconds}).encode()
        status, answer = self._track(scope, json.loads(body))
        self.answered[status] += 1
        return status, answer

    def _track(self, scope: Any, numbers: list[str]) -> tuple[int, bytes]:
        self.calls.append((scope["path"], tuple(numbers)))
        if (b"authorization", f"Bearer t{self.tokens}".encode()) not in scope["headers"]:
            return 401, b"{}"
        if self.status != 200:
            return self.status, b"{}"
        if self.poisonous.intersection(numbers):
            return 400, b"a number of yours is none"
        whole = scope["path"] == "/detail"
        return 200, json.dumps({"parcels": [self._parcel(number, whole) for number in numbers]}).encode()

    def _parcel(self, number: str, whole: bool) -> dict[str, Any]:
        if number in self.failing:
            return {"id": number, "error": "this one is stuck"}
        events = [{"code": "V", "at": (START - timedelta(hours=2)).isoformat()}]
        if whole:
            events.append({"code": "P", "at": (START - timedelta(hours=9)).isoformat()})
        return {"id": number, "events": events}
