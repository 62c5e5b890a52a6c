"""A stand-in for AfterShip: it follows the numbers that it is told of, shows their steps as they happen, and calls."""

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from app.clock import Clock
from app.demo.carrier.timetable import Step, Timetable

SECRET = "the-webhook-secret"
PATH = "/tracking/2025-07/trackings"
_SUBTAGS = {
    Step.label: "InfoReceived_001", Step.pickup: "InTransit_002", Step.sorted: "InTransit_003",
    Step.arrived: "InTransit_004", Step.van: "OutForDelivery_001", Step.delivered: "Delivered_001",
}  # fmt: skip


@dataclass
class AfterShipStandIn:
    """The ASGI application. `answers` lets the next registrations be answered otherwise, by number: status and code."""

    clock: Clock
    ways: dict[str, Timetable] = field(default_factory=dict)
    followed: set[str] = field(default_factory=set)
    told: list[dict[str, Any]] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    questions: int = 0
    answers: dict[str, tuple[int, int]] = field(default_factory=dict)

    def call(self, number: str, at: datetime, only_new: bool = False) -> tuple[bytes, dict[str, str]]:
        """A call about a number as it stands at that instant: the body and its headers."""
        tracking = self._tracking(number, at)
        if only_new:
            tracking["checkpoints"] = tracking["checkpoints"][-1:]
        body = json.dumps({"event": "tracking_update", "ts": int(at.timestamp()), "msg": tracking}).encode()
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
        return body, {"aftership-hmac-sha256": base64.b64encode(digest).decode()}

    def _tracking(self, number: str, at: datetime) -> dict[str, Any]:
        shown = [step for step in self.ways[number].steps if step.at <= at] if number in self.ways else []
        checkpoints = [
            {"slug": "dhl", "tag": _SUBTAGS[step.step].split("_")[0], "subtag": _SUBTAGS[step.step], "raw_tag": "x",
             "checkpoint_time": step.at.isoformat(), "message": f"It was {step.step}", "location": step.place}
            for step in shown
        ]  # fmt: skip
        tag = checkpoints[-1]["tag"] if checkpoints else "Pending"
        return {"tracking_number": number, "slug": "dhl", "tag": tag, "checkpoints": checkpoints,
                "updated_at": at.isoformat()}  # fmt: skip

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        assert scope["path"] == PATH and dict(scope["headers"])[b"as-api-key"] == b"k"
        if scope["method"] == "POST":
            status, answer = self._register(json.loads((await receive())["body"]))
        else:
            [numbers] = parse_qs(scope["query_string"].decode())["tracking_numbers"]
            status, answer = self._show(numbers.split(","))
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    def _register(self, fields: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.told.append(fields)
        number = fields["tracking_number"]
        if number in self.answers:
            status, code = self.answers[number]
            return status, {"meta": {"code": code, "message": "It will not do."}, "data": {}}
        if number in self.followed:
            return 400, {"meta": {"code": 4003, "message": "Tracking already exists."}, "data": {}}
        self.followed.add(number)
        return 201, {"meta": {"code": 201}, "data": {"tracking_number": number, "tag": "Pending", "checkpoints": []}}

    def _show(self, numbers: list[str]) -> tuple[int, dict[str, Any]]:
        self.questions += 1
        self.asked.update(numbers)
        shown = [self._tracking(number, self.clock.now()) for number in numbers if number in self.followed]
        return 200, {"meta": {"code": 200}, "data": {"pagination": {}, "trackings": shown}}
