"""InPost: ShipX's public tracking for Poland, the Group's tracking for the other countries.

Manuals: https://dokumentacja-inpost.atlassian.net/wiki/spaces/PL/pages/18153478 (ShipX, GET /v1/tracking/{number}),
https://developers.inpost-group.com/tracking (GET /tracking/v1/parcels). Neither wants credentials. An account called
`group` chooses the second. The tables are in `inpost_codes`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import (
    Access,
    AnswerKind,
    Ask,
    Call,
    Carrier,
    CarrierReply,
    HeardScan,
    ParcelNotes,
    PickupPoint,
    RawAnswer,
    clean,
    scan_digest,
)
from app.tracking.adapter.batches import listed
from app.tracking.adapter.numbers import NumberFormat
from app.tracking.adapter.reading import (
    JsonObject,
    inner,
    json_object,
    malformed,
    not_found,
    objects,
    problem_of,
    refused,
    same_number,
    text,
    without_news,
)
from app.tracking.adapter.telling import Told, each_once, latest, scan_of, sent_back
from app.tracking.adapter.times import day, destination_zone, home
from app.tracking.carriers.inpost_codes import CODES, PROOFS, meaning_of

_ERRORS = {
    "resource_not_found": AnswerKind.not_found,
    "unauthorized": AnswerKind.denied,
    "token_invalid": AnswerKind.denied,
    "access_forbidden": AnswerKind.denied,
    "too_many_requests": AnswerKind.throttled,
    "internal_server_error": AnswerKind.unavailable,
    "service_unavailable": AnswerKind.unavailable,
}
"""ShipX's `error`, which says the same as the HTTP status where that is right."""


class InPost(Carrier):
    """InPost. An API key is sent if there is one; tracking needs none."""

    name = "inpost"
    title = "InPost"
    manual = "https://dokumentacja-inpost.atlassian.net/wiki/spaces/PL/pages/18153478"
    base_url = "https://api-shipx-pl.easypack24.net"
    codes = CODES
    needs = ()
    formats = (NumberFormat(r"[0-9]{24}", None, 0.6, frozenset({"PL"})),)

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        """One GET for each parcel."""
        headers = {"Accept": "application/json"}
        if access.key:
            headers["Authorization"] = f"Bearer {access.key}"
        path = "/tracking/v1/parcels?trackingNumbers=" if access.account.lower() == "group" else "/v1/tracking/"
        return [Call("GET", f"{access.base_url}{path}{listed([ask])}", headers, (ask,)) for ask in asks]

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        return [_reply(ask, answer) for ask in call.asks]

    def link(self, ask: Ask) -> str | None:
        """InPost's public tracking page, for parcels to Poland; each other country has its own."""
        if home(ask) not in (None, "PL"):
            return None
        return f"https://inpost.pl/sledzenie-przesylek?number={listed([ask])}"


def _reply(ask: Ask, answer: RawAnswer) -> CarrierReply:
    number, status = ask.tracking_number, answer.status
    refusal = without_news("InPost", number, answer)
    if refusal is not None:
        return refusal
    document, fault = json_object(answer.body)
    if document is None:
        return malformed(number, status, fault or "nothing that says why")
    error = text(document.get("error")) or text(document.get("key"))
    if error or status != HTTPStatus.OK:
        return _error(number, error, document, answer)
    return _tracked(ask, document)


def _error(number: str, error: str, document: JsonObject, answer: RawAnswer) -> CarrierReply:
    kind = _ERRORS.get(error, AnswerKind.malformed)
    said = text(document.get("message")) or problem_of(document) or "nothing that says why"
    return refused("InPost", number, kind, f"{error} {said}".strip(), answer)


@dataclass(frozen=True, slots=True)
class _Shape:
    """How one of InPost's services names what it tells of a parcel."""

    number: str
    events: str
    code: str
    time: str
    title: str


_SHIPX = _Shape("tracking_number", "tracking_details", "status", "datetime", "")
_GROUP = _Shape("trackingNumber", "events", "eventCode", "timestamp", "eventTitle")
_APP = _Shape("shipmentNumber", "eventLog", "name", "date", "")
"""What InPost's own app is told, in ShipX's statuses. It is read, not asked for: that needs a person's login."""


def _tracked(ask: Ask, document: JsonObject) -> CarrierReply:
    listed = document.get("parcels")
    parcels = [document] if listed is None else objects(listed)
    if listed == []:
        return not_found(ask.tracking_number, "InPost lists no parcel under this number")
    for parcel in parcels:
        for shape in (_SHIPX, _GROUP, _APP):
            if same_number(parcel.get(shape.number), ask.tracking_number):
                return _parcel(ask, parcel, shape)
    named = any(parcel.get(shape.number) for parcel in parcels for shape in (_SHIPX, _GROUP, _APP))
    fault = "the answer is about another number" if named else "the answer is about no parcel"
    return malformed(ask.tracking_number, HTTPStatus.OK, fault)


def _parcel(ask: Ask, parcel: JsonObject, shape: _Shape) -> CarrierReply:
    events = parcel.get(shape.events)
    if events is not None and not isinstance(events, list):
        return malformed(ask.tracking_number, HTTPStatus.OK, "the parcel's events are not a list")
    zone = destination_zone(ask)
    scans = tuple(sent_back(each_once(_scan(event, shape, zone) for event in objects(events))))
    service = text(parcel.get("service")) or text(parcel.get("shipmentType"))
    return CarrierReply(
        AnswerKind.tracked,
        ask.tracking_number,
        scans=scans,
        service=clean(service, 60) or None,
        notes=_notes(parcel, scans, objects(events), shape),
    )


def _scan(event: JsonObject, shape: _Shape, zone: str | None) -> HeardScan:
    """One event. The Group gives each an id; elsewhere its status and time, as written, name it."""
    code, written = text(event.get(shape.code)), text(event.get(shape.time))
    identity = text(event.get("eventId")) or f"{code}\x1f{written}"
    place = text(inner(event, "location", "city")) or text(event.get("location")) or text(event.get("agency"))
    title = text(event.get(shape.title)) or code.replace("_", " ").capitalize()
    return scan_of(Told(scan_digest("inpost", identity), code, title, written, place), meaning_of(code), zone)


def _notes(parcel: JsonObject, scans: Sequence[HeardScan], events: Sequence[JsonObject], shape: _Shape) -> ParcelNotes:
    """The locker or shop where the parcel waits, and until when. Whoever fetched it is not read."""
    delivered = latest(scans, Milestone.delivered)
    points = [_machine(parcel), _app_point(parcel), *_group_points(events, shape)]
    return ParcelNotes(
        pickup=next((point for point in points if point is not None), None),
        proof=PROOFS.get(delivered.code) if delivered else None,
    )


def _machine(parcel: JsonObject) -> PickupPoint | None:
    """ShipX's target locker."""
    attributes = parcel.get("custom_attributes")
    machine = inner(attributes, "target_machine_detail")
    name = text(inner(machine, "name")) or text(inner(attributes, "target_machine_id"))
    lines = (inner(machine, "address", "line1"), inner(machine, "address", "line2"))
    hours = clean(text(inner(machine, "opening_hours")), 100)
    return _point(name, lines, inner(machine, "location_description"), (hours,) if hours else ())


def _app_point(parcel: JsonObject) -> PickupPoint | None:
    point, expires = parcel.get("pickUpPoint"), text(parcel.get("expiryDate"))
    details = inner(point, "addressDetails")
    street = f"{text(inner(details, 'street'))} {text(inner(details, 'buildingNumber'))}".strip()
    town = f"{text(inner(details, 'postCode'))} {text(inner(details, 'city'))}".strip()
    found = _point(text(inner(point, "name")), (street, town), inner(point, "locationDescription"), ())
    return found and PickupPoint(found.name, found.address, until=day(expires[:10]))


def _group_points(events: Sequence[JsonObject], shape: _Shape) -> Iterator[PickupPoint]:
    """Where the Group's newest "ready" event put it."""
    ready = [event for event in events if meaning_of(text(event.get(shape.code))) is Milestone.ready_for_pickup]
    for event in sorted(ready, key=lambda event: text(event.get(shape.time)), reverse=True):
        spot = event.get("location")
        town = f"{text(inner(spot, 'postalCode'))} {text(inner(spot, 'city'))}".strip()
        name = text(inner(spot, "name")) or text(inner(spot, "id"))
        if point := _point(name, (inner(spot, "address"), town), inner(spot, "description"), ()):
            yield point


def _point(name: str, lines: Sequence[Any], hint: Any, hours: tuple[str, ...]) -> PickupPoint | None:
    if not name:
        return None
    address = ", ".join(part for part in (text(line) for line in lines) if part)
    where = f"{address} ({text(hint)})" if address and text(hint) else address or text(hint)
    return PickupPoint(clean(name, 100), clean(where, 300), hours)
