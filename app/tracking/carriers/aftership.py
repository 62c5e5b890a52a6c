"""AfterShip: one way of asking about parcels of more than a thousand carriers, and of being called about them.

Manual: https://www.aftership.com/docs/tracking (Get trackings, Create a tracking, Request errors, Webhook signature).
A number must be registered with AfterShip before it can be asked about. What its words mean stands in
`aftership_codes`, how its answers are read in `aftership_reading`.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from app.errors import Unreadable
from app.tracking.adapter.base import (
    NOBODY,
    Access,
    AnswerKind,
    Ask,
    Call,
    Carrier,
    CarrierReply,
    Enrolled,
    RawAnswer,
    clean,
)
from app.tracking.adapter.batches import in_batches
from app.tracking.adapter.numbers import unspaced
from app.tracking.adapter.reading import inner, json_object, not_found, text
from app.tracking.adapter.signing import hmac_sha256, must_equal
from app.tracking.carriers.aftership_codes import CODES
from app.tracking.carriers.aftership_reading import SLUGS, meta, refusal, replies, tracked

VERSION = "/tracking/2025-07"
BATCH = 50
"""The manual on `tracking_numbers`: "supports up to 50 tracking numbers". A page holds up to 200 trackings, so that one
number may be followed with several carriers."""


class _Enrolment:
    """Registering numbers, one POST each. No shopper's address goes along: AfterShip shall not write to anybody."""

    batch_size = 1
    needed = True

    def calls(self, asks: Sequence[Ask], access: Access, hook_url: str) -> list[Call]:
        """One request for each parcel. Where AfterShip calls is set in its own settings, not here."""
        return [Call("POST", _trackings(access), _headers(access), (ask,), _registration(ask)) for ask in asks]

    def read(self, call: Call, answer: RawAnswer) -> list[Enrolled]:
        """Registered, or registered before. Never raises."""
        document, fault = json_object(answer.body) if answer.status is not None else (None, None)
        enrolled: list[Enrolled] = []
        for ask in call.asks:
            number = ask.tracking_number
            code, message = meta(document) if document else (0, "")
            refused = None if code == _ALREADY else refusal(number, answer, document, fault)
            if code in _NOT_FOR_THIS_NUMBER:
                refused = not_found(number, message or "AfterShip does not take this number")
            enrolled.append(Enrolled(number, refusal=refused))
        return enrolled


_ALREADY = 4003
_NOT_FOR_THIS_NUMBER = frozenset({4005, 4010, 4011, 4012, 4017})
"""The number is none, or of no carrier that AfterShip knows, or the carrier wants more than a number."""


def _registration(ask: Ask) -> bytes:
    fields = {"tracking_number": clean(unspaced(ask.tracking_number), 100), "slug": SLUGS.get(ask.carrier or "")}
    return json.dumps({name: value for name, value in fields.items() if value}).encode()


class _Push:
    """AfterShip's webhook. It tells a tracking's whole way each time."""

    signature = "aftership-hmac-sha256: base64 of the HMAC-SHA256 of the body under the webhook secret"

    def verify(self, url: str, headers: Mapping[str, str], body: bytes, access: Access) -> None:
        """Returns if the call is AfterShip's. Raises Forged."""
        must_equal(headers, "aftership-hmac-sha256", b64encode(hmac_sha256(access.push_secret, body)).decode())

    def read(self, body: bytes, known: Mapping[str, Ask] = NOBODY) -> list[CarrierReply]:
        """What it says of its one tracking. Raises Unreadable."""
        document, fault = json_object(body)
        if document is None:
            raise Unreadable(fault or "nothing can be read")
        tracking = document.get("msg")
        number = text(inner(tracking, "tracking_number"))
        if not isinstance(tracking, dict) or not number:
            return []
        reply = tracked(known.get(number, Ask(number)), tracking, said_at=_instant_of(document.get("ts")))
        if reply.kind is AnswerKind.malformed:
            raise Unreadable(reply.detail or "the tracking cannot be read")
        return [reply]


def _instant_of(seconds: object) -> str:
    """`ts`, seconds since 1970, as an instant in ISO 8601; empty where it is none."""
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 < seconds < 7_000_000_000:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


class AfterShip(Carrier):
    """The aggregator AfterShip."""

    name = "aftership"
    title = "AfterShip"
    manual = "https://www.aftership.com/docs/tracking"
    base_url = "https://api.aftership.com"
    batch_size = BATCH
    requests_per_second = 5.0
    codes = CODES
    enrolment = _Enrolment()
    push = _Push()

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        """One GET for every 50 parcels."""
        return [Call("GET", _question(batch, access), _headers(access), batch) for batch in in_batches(asks, BATCH)]

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        return replies(call, answer)


def _headers(access: Access) -> dict[str, str]:
    return {"as-api-key": access.key, "Accept": "application/json", "Content-Type": "application/json"}


def _trackings(access: Access) -> str:
    return f"{access.base_url}{VERSION}/trackings"


def _question(asks: Sequence[Ask], access: Access) -> str:
    """The numbers are joined by commas, so none may hold one: no carrier's does."""
    numbers = "%2C".join(quote(unspaced(ask.tracking_number).replace(",", ""), safe="") for ask in asks)
    return f"{_trackings(access)}?tracking_numbers={numbers}&limit=200"
