"""Bring's Event Cast: which packages it shall follow for us, and what its calls say.

Manual: https://developer.bring.com/api/event-cast/. Bring signs nothing: it sends along a header that was chosen when
the package was enrolled. Ours is `X-Doorstep-Secret`, and its value the installation's push secret.
"""

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType

from app.errors import Forged, Unreadable
from app.tracking.adapter.base import (
    Access,
    AnswerKind,
    Ask,
    Call,
    CarrierReply,
    Enrolled,
    HeardScan,
    Meaning,
    RawAnswer,
    clean,
    scan_digest,
)
from app.tracking.adapter.batches import in_batches
from app.tracking.adapter.numbers import plain
from app.tracking.adapter.reading import json_document, json_object, malformed, objects, text, without_news
from app.tracking.adapter.telling import Told, scan_of

HEADER = "X-Doorstep-Secret"
_DAYS = 30.0
_LONGEST_URL = 250

_GROUPS = (
    "ATTEMPTED_DELIVERY", "COLLECTED", "CUSTOMS", "DELIVERED", "DELIVERED_SENDER", "DEVIATION", "HANDED_IN",
    "INTERNATIONAL", "IN_TRANSIT", "PRE_NOTIFIED", "READY_FOR_PICKUP", "RETURN", "TERMINAL", "TRANSPORT_TO_RECIPIENT",
)  # fmt: skip
"""What Bring is asked to tell: everything but notes to the shopper, for it wants the list short."""

_NOTICES = frozenset({"NOT_REGISTERED", "EXPIRED"})
"""Statuses about the enrolment itself, not about a package."""

_NOBODY: Mapping[str, Ask] = MappingProxyType({})
_CALLED_OTHERWISE = re.compile(r"70\d{15}|00\d{18}", re.ASCII)
"""A consignment's number, and a package's as its label has it: Bring's calls name neither."""


def credentials(access: Access) -> dict[str, str]:
    """The headers of a Mybring user and key."""
    return {"X-Mybring-API-Uid": access.account, "X-Mybring-API-Key": access.key, "Accept": "application/json"}


class BringEnrolment:
    """Telling Bring to call for packages, a hundred at a time.

    Only a number by which Bring's calls name a package is enrolled. A call about a consignment would say that one of
    its packages is delivered, and not of how many. Nothing is enrolled without an address and a secret that proves
    the calls.
    """

    batch_size = 100
    needed = False

    def calls(self, asks: Sequence[Ask], access: Access, hook_url: str) -> list[Call]:
        """The requests that enrol these packages."""
        if not access.push_secret or not hook_url or len(hook_url) > _LONGEST_URL:
            return []
        packages = [ask for ask in asks if _is_called(ask.tracking_number)]
        return [_enrol(batch, access, hook_url) for batch in in_batches(packages, self.batch_size)]

    def read(self, call: Call, answer: RawAnswer) -> list[Enrolled]:
        """One entry for each package of the call. A conflict says that it was enrolled before. Never raises."""
        if answer.status is not None and (
            HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES or answer.status == HTTPStatus.CONFLICT
        ):
            return [_enrolled(ask, answer) for ask in call.asks]
        return [Enrolled(ask.tracking_number, refusal=_refusal(ask, answer)) for ask in call.asks]


def _is_called(number: str) -> bool:
    return number == plain(number) and _CALLED_OTHERWISE.fullmatch(number) is None


def _enrol(batch: Sequence[Ask], access: Access, hook_url: str) -> Call:
    body = {
        "trackingIds": [ask.tracking_number for ask in batch],
        "configuration": {
            "url": hook_url,
            "content_type": "application/json",
            "headers": [{"key": HEADER, "value": access.push_secret}],
        },
        "event_groups": list(_GROUPS),
    }
    headers = {**credentials(access), "Content-Type": "application/json"}
    url = f"{access.base_url}/event-cast/batch/api/v1/webhooks"
    return Call("POST", url, headers, tuple(batch), json.dumps(body).encode())


def _enrolled(ask: Ask, answer: RawAnswer) -> Enrolled:
    """Enrolled, unless the answer lists packages and leaves this one out."""
    document, _ = json_document(answer.body)
    listed = {plain(text(one.get("trackingId"))) for one in objects(document)} - {""}
    if listed and plain(ask.tracking_number) not in listed:
        refusal = malformed(ask.tracking_number, answer.status, "Bring did not take this package into its list")
        return Enrolled(ask.tracking_number, refusal=refusal)
    return Enrolled(ask.tracking_number, days=_DAYS)


def _refusal(ask: Ask, answer: RawAnswer) -> CarrierReply:
    document, fault = json_object(answer.body)
    reason = text(document.get("reason")) if document else fault
    return without_news("Bring", ask.tracking_number, answer) or malformed(
        ask.tracking_number, answer.status, reason or "nothing that says why"
    )


class BringCalls:
    """What Bring's calls prove and say."""

    signature = f"the header {HEADER}, whose value is the push secret (Bring signs nothing)"

    def __init__(self, codes: Mapping[str, Meaning]) -> None:
        self._codes = codes

    def verify(self, url: str, headers: Mapping[str, str], body: bytes, access: Access) -> None:
        """Returns if the call carries our secret. Raises Forged, as for every call where no secret is set."""
        given = headers.get(HEADER.lower(), "").encode("utf-8", "replace")
        if not access.push_secret or not hmac.compare_digest(given, access.push_secret.encode("utf-8", "replace")):
            raise Forged(f"the header {HEADER} does not hold the push secret")

    def read(self, body: bytes, known: Mapping[str, Ask] = _NOBODY) -> list[CarrierReply]:
        """The one event that a call tells of, under its package's number; its time is UTC, so that nothing need be
        known of the parcel. Raises Unreadable."""
        document, fault = json_object(body)
        if document is None:
            raise Unreadable(fault or "no JSON")
        status, package, event = (text(document.get(field)).strip() for field in ("status", "package", "id"))
        if status in _NOTICES:
            return []
        if not status or not package or not event:
            raise Unreadable("a call of Bring's names its status, package and id")
        return [CarrierReply(AnswerKind.tracked, clean(package, 100), scans=(self._scan(document, status, event),))]

    def _scan(self, document: Mapping[str, object], status: str, event: str) -> HeardScan:
        told = Told(scan_digest("bring", "call", event), status, "", text(document.get("created")))
        return scan_of(told, self._codes.get(status), None)
