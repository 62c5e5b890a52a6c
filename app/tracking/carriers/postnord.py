"""PostNord Track & Trace: how PostNord is asked, and how its answers become scans in our vocabulary.

Manual: https://developer.postnord.com (Track & Trace API v7, "Find by identifier – Public"). What its codes mean is in
`postnord_codes`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

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
from app.tracking.adapter.numbers import NumberFormat, mod10, s10, s10_from_abroad, unspaced
from app.tracking.adapter.pieces import speaker
from app.tracking.adapter.reading import (
    JsonObject,
    country_code,
    grams,
    inner,
    json_object,
    malformed,
    not_found,
    objects,
    problem_of,
    same_label,
    text,
    without_news,
)
from app.tracking.adapter.telling import Told, each_once, scan_of
from app.tracking.adapter.times import destination_zone, expected_day, home, instant
from app.tracking.carriers.postnord_codes import CODES, meaning
from app.zones import zone, zone_of_country

_NOT_KNOWN = "PostNord knows no shipment under this number"
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class PostNord(Carrier):
    """The carrier PostNord, in Sweden, Denmark, Norway and Finland."""

    name = "postnord"
    title = "PostNord"
    manual = "https://developer.postnord.com"
    base_url = "https://api2.postnord.com"
    requests_per_second = 5.0
    """PostNord publishes no limit. This is ours; set what the contract grants."""
    codes = CODES
    formats = (
        NumberFormat(r"[A-Z]{2}(?P<serial>\d{8})(?P<check>\d)(?:SE|DK)", s10, 0.95),
        NumberFormat(r"\d{11}SE", None, 0.7),  # Swedish parcels: eleven digits and the country
        NumberFormat(r"(?:00)?(?P<serial>37350\d{12})(?P<check>\d)", mod10(), 0.7),  # GS1 numbers given in Sweden
        NumberFormat(r"(?:00)?(?P<serial>370724\d{11})(?P<check>\d)", mod10(), 0.85),  # PostNord's own in Norway
        NumberFormat(r"(?:00)?(?P<serial>357\d{14})(?P<check>\d)", mod10(), 0.5),  # GS1 numbers given in Denmark
        s10_from_abroad("SE", "DK"),
    )

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        """One GET for each parcel. The key stands in the query; English is always asked for, so that texts stay."""
        query = urlencode({"apikey": access.key, "locale": "en"})
        root = f"{access.base_url}/rest/shipment/v7/trackandtrace/id"
        headers = {"Accept": "application/json"}
        return [Call("GET", f"{root}/{_segment(ask)}/public?{query}", headers, (ask,)) for ask in asks]

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        return [_reply(ask, answer) for ask in call.asks]

    def numbers_in(self, body: bytes) -> list[str]:
        """The tracking numbers of an answer's items. Never raises."""
        shipments = objects(inner(json_object(body)[0], "TrackingInformationResponse", "shipments"))
        numbers = (text(item.get("itemId")) for shipment in shipments for item in objects(shipment.get("items")))
        return [number for number in numbers if number]

    def link(self, ask: Ask) -> str:
        """PostNord's public tracking page."""
        return f"https://tracking.postnord.com/en/?{urlencode({'id': unspaced(ask.tracking_number)})}"


def _segment(ask: Ask) -> str:
    """The number as one segment of a path; `.` and `..` would be steps in it."""
    written = quote(unspaced(ask.tracking_number), safe="")
    return written if written.strip(".") else written.replace(".", "%2E") or "-"


def _reply(ask: Ask, answer: RawAnswer) -> CarrierReply:
    status, number = answer.status, ask.tracking_number
    refusal = without_news("PostNord", number, answer)
    if refusal is not None or status is None:
        return refusal or malformed(number, status, "no answer")
    document, fault = json_object(answer.body)
    response = inner(document, "TrackingInformationResponse")
    told = _fault(response)
    if status == HTTPStatus.BAD_REQUEST and told:
        return not_found(number, told)  # nothing but the number is ours in the question
    if status == HTTPStatus.NOT_FOUND and (document is not None or not answer.body):
        return not_found(number, told or problem_of(document) or _NOT_KNOWN)
    if document is None or status != HTTPStatus.OK:
        return malformed(number, status, fault or problem_of(document) or "nothing that says why")
    if not isinstance(response, dict):
        return malformed(number, status, "the answer has no TrackingInformationResponse")
    return _tracked(ask, response, told)


def _fault(response: Any) -> str | None:
    """What the answer's `compositeFault` says, in PostNord's words."""
    faults = objects(inner(response, "compositeFault", "faults"))
    return next((clean(said, 300) for fault in faults if (said := text(fault.get("explanationText")))), None)


def _tracked(ask: Ask, response: JsonObject, told: str | None) -> CarrierReply:
    number, listed = ask.tracking_number, response.get("shipments")
    if listed == [] or (not listed and objects(inner(response, "compositeFault", "faults"))):
        return not_found(number, told or _NOT_KNOWN)
    if not isinstance(listed, list):
        return malformed(number, HTTPStatus.OK, "the answer lists no shipments")
    shipment = _choose(ask, objects(listed))
    if shipment is None:
        return malformed(number, HTTPStatus.OK, "the answer is about another number")
    items = objects(shipment.get("items"))
    named = [item for item in items if _names(item, number)]
    heard = [_scans(ask, shipment, item) for item in named or items]
    at = speaker(heard) if heard else None
    item = (named or items)[at] if at is not None else {}
    return CarrierReply(
        AnswerKind.tracked,
        number,
        scans=heard[at] if at is not None else (),
        service=clean(text(inner(shipment, "service", "name")), 60) or None,
        notes=_notes(ask, shipment, item),
        bound_for=_country(shipment),
        **_expected(ask, shipment, item),
    )


def _choose(ask: Ask, shipments: Sequence[JsonObject]) -> JsonObject | None:
    """The shipment that was asked about: by one of its items, else by its own number.

    Numbers are used again: of several, one bound for the order's country is meant, and of these the one with the
    latest event.
    """
    number = ask.tracking_number
    matching = [s for s in shipments if any(_names(item, number) for item in objects(s.get("items")))]
    matching = matching or [s for s in shipments if same_label(s.get("shipmentId"), number)]
    bound = [s for s in matching if home(ask) and _country(s) == home(ask)]
    return max(bound or matching, key=_latest, default=None)


def _latest(shipment: JsonObject) -> str:
    events = (event for item in objects(shipment.get("items")) for event in objects(item.get("events")))
    return max((text(event.get("eventTime")) for event in events), default="")


def _names(item: JsonObject, number: str) -> bool:
    """Whether a number is an item's, or one that it also goes by."""
    others = (one.get("referenceId") for one in objects(item.get("itemRefIds")))
    return any(same_label(one, number) for one in (item.get("itemId"), *others))


def _scans(ask: Ask, shipment: JsonObject, item: JsonObject) -> tuple[HeardScan, ...]:
    """An item's events as scans, in the order given."""
    events = objects(item.get("events"))
    destination = destination_zone(ask, _country(shipment))
    back_since = _back_since(shipment, item, events)
    return tuple(each_once(_scan(event, destination, back_since) for event in events))


def _back_since(shipment: JsonObject, item: JsonObject, events: Sequence[JsonObject]) -> datetime | None:
    """When what is now RETURNED turned back: with its first RETURNED event, else with its last DELIVERED one, which is
    then the sender's. None for what is not returned: from then on nothing is news of a delivery to the shopper."""
    if "RETURNED" not in (text(shipment.get("status")), text(item.get("status"))):
        return None
    returned, delivered = (_times(events, status) for status in ("RETURNED", "DELIVERED"))
    return min(returned) if returned else max(delivered, default=None)


def _times(events: Sequence[JsonObject], status: str) -> list[datetime]:
    read = (instant(text(event.get("eventTime")), None, None) for event in events if event.get("status") == status)
    return [at for at, _ in read if at]


def _scan(event: JsonObject, destination: str | None, back_since: datetime | None) -> HeardScan:
    code, status, written = (text(event.get(field)) for field in ("eventCode", "status", "eventTime"))
    location = event.get("location")
    place = text(inner(location, "city")) or text(inner(location, "displayName")) or text(inner(location, "name"))
    identity = scan_digest("postnord", code, status, written, text(inner(location, "locationId")) or place)
    told = Told(identity, code or status, text(event.get("eventDescription")), written, place, _zone(location))
    scan = scan_of(told, meaning(code, status), destination)
    if back_since and scan.milestone and scan.occurred_at and scan.occurred_at >= back_since:
        home_again = scan.milestone is Milestone.delivered
        return replace(scan, milestone=Milestone.returned if home_again else Milestone.returning)
    return scan


def _zone(location: Any) -> str | None:
    return zone_of_country(country_code(inner(location, "countryCode")))


def _country(shipment: JsonObject) -> str | None:
    return country_code(inner(shipment, "consignee", "address", "countryCode"))


def _expected(ask: Ask, shipment: JsonObject, item: JsonObject) -> dict[str, Any]:
    """When PostNord expects to deliver: the window that the shopper booked, else its estimate, the item's first."""
    destination = destination_zone(ask, _country(shipment))
    start, _ = instant(text(item.get("bookedDeliveryDateFrom")), destination, None)
    end, _ = instant(text(item.get("bookedDeliveryDateTo")), destination, None)
    if start and end:
        return {"eta_from": start, "eta_through": end}
    for field in ("estimatedTimeOfArrival", "publicTimeOfArrival"):
        for told in (item, shipment):
            if found := expected_day(text(told.get(field))):
                return {"eta_day": found}
            at, _ = instant(text(told.get(field)), destination, None)
            if at:
                return {"eta_from": at, "eta_through": at}
    return {}


def _notes(ask: Ask, shipment: JsonObject, item: JsonObject) -> ParcelNotes:
    """Weight, kind of proof, service point and the other items. Who accepted or signed is not read."""
    measured = item.get("assessedMeasurement"), item.get("statedMeasurement")
    weights = [inner(measure, "weight") for measure in measured]
    items = objects(shipment.get("items"))
    if len(items) == 1:
        weights += [shipment.get("assessedWeight"), shipment.get("totalWeight")]
    found = (grams(inner(weight, "value"), inner(weight, "unit")) for weight in weights)
    others = (text(one.get("itemId")) for one in items if one is not item)
    photographed, signed = item.get("deliveryImageAvailable") is True, item.get("signature") or item.get("acceptor")
    return ParcelNotes(
        weight_grams=next((weight for weight in found if weight), None),
        proof="photo" if photographed else "signature" if signed else None,
        pickup=_pickup(ask, shipment, item),
        pieces=tuple(clean(one, 60) for one in others if one and not same_label(one, ask.tracking_number))[:50],
    )


def _pickup(ask: Ask, shipment: JsonObject, item: JsonObject) -> PickupPoint | None:
    """The service point or locker; a delivery point that is the customer's own address is none of our business."""
    point = shipment.get("deliveryPoint")
    name = text(inner(point, "displayName")) or text(inner(point, "name"))
    if not name or inner(point, "locationType") == "CUSTOMER_LOCATION":
        return None
    town = f"{text(inner(point, 'address', 'postCode'))} {text(inner(point, 'address', 'city'))}"
    lines = (text(inner(point, "address", "street1")).strip(), town.strip())
    hours = (_hours(one) for one in objects(inner(point, "openingHours")))
    return PickupPoint(
        clean(name, 200),
        clean(", ".join(line for line in lines if line), 300),
        tuple(clean(line, 100) for line in hours if line)[:14],
        _until(ask, shipment, item),
    )


def _hours(opening: JsonObject) -> str:
    days = ", ".join(day.capitalize() for day in _DAYS if opening.get(day) is True)
    spans = (("openFrom", "openTo"), ("openFrom2", "openTo2"))
    times = (f"{text(opening.get(start))}–{text(opening.get(end))}" for start, end in spans if opening.get(start))
    return f"{days} {', '.join(times)}".strip()


def _until(ask: Ask, shipment: JsonObject, item: JsonObject) -> date | None:
    """The day on which PostNord sends it back, at the place where it waits."""
    destination = destination_zone(ask, _country(shipment))
    at, _ = instant(text(item.get("returnDate")) or text(shipment.get("returnDate")), destination, None)
    return at.astimezone(zone(destination or "UTC")).date() if at else None
