"""EasyPost: one way of asking about parcels of many carriers, and of being called about them.

Manual: https://docs.easypost.com/docs/trackers and https://docs.easypost.com/docs/webhooks; the question for several
numbers is in the vendor's client only (easypost-python, `TrackerService.all`, `tracking_codes[]`).
A tracker must be made before it can be asked about. What its words mean stands in `easypost_codes`, how its answers are
read in `easypost_reading`.
"""

import json
import unicodedata
from base64 import b64encode
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

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
from app.tracking.adapter.reading import inner, json_object, malformed, text
from app.tracking.adapter.signing import hmac_sha256, must_equal
from app.tracking.carriers.easypost_codes import CODES
from app.tracking.carriers.easypost_reading import CARRIERS, refusal, replies, tracked, trackers

BATCH = 50
"""A page holds 100 trackers at most, and a number that was used before has more than one."""

_RENEWED_DAYS = 85.0
"""For three months the same request gives the same tracker; a later one makes a new one."""


class _Enrolment:
    """Making trackers, one POST each, which is billed once a tracker."""

    batch_size = 1
    needed = True

    def calls(self, asks: Sequence[Ask], access: Access, hook_url: str) -> list[Call]:
        """One request for each parcel. Where EasyPost calls is set in its own settings, not here."""
        return [Call("POST", f"{access.base_url}/v2/trackers", _headers(access), (ask,), _order(ask)) for ask in asks]

    def read(self, call: Call, answer: RawAnswer) -> list[Enrolled]:
        """Made, or made before: EasyPost then answers with the one that there is. Never raises."""
        document, fault = json_object(answer.body) if answer.status is not None else (None, None)
        enrolled: list[Enrolled] = []
        for ask in call.asks:
            refused = refusal(ask.tracking_number, answer, document, fault)
            if refused is None and not trackers(document):
                refused = malformed(ask.tracking_number, answer.status, "the answer holds no tracker")
            enrolled.append(Enrolled(ask.tracking_number, None if refused else _RENEWED_DAYS, refused))
        return enrolled


def _order(ask: Ask) -> bytes:
    fields = {"tracking_code": clean(unspaced(ask.tracking_number), 100), "carrier": CARRIERS.get(ask.carrier or "")}
    return json.dumps({"tracker": {name: value for name, value in fields.items() if value}}).encode()


class _Push:
    """EasyPost's webhook. It tells a tracker's whole way each time, and of many things that are no tracker."""

    signature = "X-Hmac-Signature: hmac-sha256-hex= and the HMAC-SHA256 of the body under the webhook secret"

    def verify(self, url: str, headers: Mapping[str, str], body: bytes, access: Access) -> None:
        """Returns if the call is EasyPost's; the secret is used in its Unicode form NFKD, as EasyPost's clients do.
        Raises Forged."""
        secret = unicodedata.normalize("NFKD", access.push_secret)
        must_equal(headers, "x-hmac-signature", f"hmac-sha256-hex={hmac_sha256(secret, body).hex()}")

    def read(self, body: bytes, known: Mapping[str, Ask] = NOBODY) -> list[CarrierReply]:
        """What it says of its one tracker. Raises Unreadable."""
        document, fault = json_object(body)
        if document is None:
            raise Unreadable(fault or "nothing can be read")
        tracker = document.get("result")
        number = text(inner(tracker, "tracking_code"))
        if not isinstance(tracker, dict) or not number or "tracking_details" not in tracker:
            return []
        reply = tracked(known.get(number, Ask(number)), tracker)
        if reply.kind is AnswerKind.malformed:
            raise Unreadable(reply.detail or "the tracker cannot be read")
        return [reply]


class EasyPost(Carrier):
    """The aggregator EasyPost."""

    name = "easypost"
    title = "EasyPost"
    manual = "https://docs.easypost.com/docs/trackers"
    base_url = "https://api.easypost.com"
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
    pair = b64encode(f"{access.key}:".encode()).decode()
    return {"Authorization": f"Basic {pair}", "Accept": "application/json", "Content-Type": "application/json"}


def _question(asks: Sequence[Ask], access: Access) -> str:
    fields = [("tracking_codes[]", unspaced(ask.tracking_number)) for ask in asks]
    return f"{access.base_url}/v2/trackers?{urlencode([*fields, ('page_size', '100')])}"
