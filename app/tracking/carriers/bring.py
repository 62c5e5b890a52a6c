"""Bring and Posten: how their one API is asked, how its answers become scans, and how it calls us.

Manual: https://developer.bring.com/api/tracking/ (Tracking API v2; the statuses are listed under "Events description")
and, for calls, https://developer.bring.com/api/event-cast/, which `bring_cast` follows.
"""

import re
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
    Meaning,
    NoMilestone,
    ParcelNotes,
    PickupPoint,
    RawAnswer,
    clean,
    scan_digest,
)
from app.tracking.adapter.numbers import NumberFormat, mod10, plain, s10, s10_from_abroad
from app.tracking.adapter.pieces import speaker
from app.tracking.adapter.reading import (
    JsonObject,
    country_code,
    grams,
    inner,
    json_object,
    kind_of_status,
    malformed,
    not_found,
    objects,
    refused,
    same_label,
    status_in,
    text,
    without_news,
)
from app.tracking.adapter.telling import Told, each_once, scan_of
from app.tracking.adapter.times import day, destination_zone, placed
from app.tracking.carriers.bring_cast import BringCalls, BringEnrolment, credentials
from app.zones import zone_of_country

CODES: dict[str, Meaning] = {
    "PRE_NOTIFIED": Milestone.registered,
    "HANDED_IN": Milestone.dispatched,
    "COLLECTED": Milestone.dispatched,  # at the sender's; the shopper's own collection is DELIVERED
    "IN_TRANSIT": Milestone.in_transit,
    "TERMINAL": Milestone.in_transit,
    "INTERNATIONAL": Milestone.in_transit,
    "CUSTOMS": NoMilestone.movement,  # in clearance, which is nothing wrong
    "TRANSPORT_TO_RECIPIENT": Milestone.out_for_delivery,
    "ATTEMPTED_DELIVERY": Milestone.attempt_failed,
    "READY_FOR_PICKUP": Milestone.ready_for_pickup,
    "DELIVERED": Milestone.delivered,
    "DEVIATION": Milestone.exception,  # something wrong has happened
    "RETURN": Milestone.returning,
    "DELIVERED_SENDER": Milestone.returned,
    # The shopper's own choices and notes to her; a cancelled home delivery is no cancelled parcel
    "DELIVERY_ORDERED": NoMilestone.nothing,
    "DELIVERY_CHANGED": NoMilestone.nothing,
    "DELIVERY_CANCELLED": NoMilestone.nothing,
    "NOTIFICATION_SENT": NoMilestone.nothing,
    "UNKNOWN": NoMilestone.nothing,  # undefined, in Bring's own words
}
"""Every status that the manual lists."""

_NOT_KNOWN = "Bring knows no shipment under this number"


class Bring(Carrier):
    """The carrier Bring, which is Posten to private people in Norway."""

    name = "bring"
    title = "Bring"
    manual = "https://developer.bring.com/api/tracking/"
    base_url = "https://api.bring.com"
    requests_per_second = 5.0
    """Bring throttles without publishing where. This is ours; set what the contract grants."""
    needs = ("api_key", "account")
    codes = CODES
    formats = (
        NumberFormat(r"[A-Z]{2}(?P<serial>\d{8})(?P<check>\d)NO", s10, 0.95),
        NumberFormat(r"(?:00)?(?P<serial>37072(?!4)\d{12})(?P<check>\d)", mod10(), 0.9),  # a package
        NumberFormat(r"7072(?!4)\d{13}", None, 0.7),  # a consignment
        s10_from_abroad("NO"),
    )
    enrolment = BringEnrolment()
    push = BringCalls(CODES)

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        """One GET for each parcel, in English always, so that texts stay."""
        headers = credentials(access)
        root = f"{access.base_url}/tracking/api/v2/tracking.json"
        return [Call("GET", f"{root}?{urlencode({'q': _asked(ask), 'lang': 'en'})}", headers, (ask,)) for ask in asks]

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        return [_reply(ask, answer) for ask in call.asks]

    def numbers_in(self, body: bytes) -> list[str]:
        """The numbers of an answer's packages. Never raises."""
        consignments = objects(inner(json_object(body)[0], "consignmentSet"))
        numbers = (text(one.get("packageNumber")) for each in consignments for one in objects(each.get("packageSet")))
        return [number for number in numbers if number]

    def link(self, ask: Ask) -> str:
        """Bring's public tracking page."""
        return f"https://tracking.bring.com/tracking/{quote(_asked(ask), safe='')}?lang=en"


def _asked(ask: Ask) -> str:
    """The number without the spaces in which people group it; a sender's reference may have some of its own."""
    number = plain(ask.tracking_number)
    return number if any(one.fits(number) for one in Bring.formats) else ask.tracking_number.strip()


def _reply(ask: Ask, answer: RawAnswer) -> CarrierReply:
    status, number = answer.status, ask.tracking_number
    refusal = without_news("Bring", number, answer)
    if refusal is not None or status is None:
        return refusal or malformed(number, status, "no answer")
    document, fault = json_object(answer.body)
    if status == HTTPStatus.NOT_FOUND and (document is not None or not answer.body):
        return _error(number, document, answer) or not_found(number, _NOT_KNOWN)
    if document is None or status not in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST):
        return malformed(number, status, fault or "nothing that says why")
    found = _error(number, document, answer)
    if found is not None or status != HTTPStatus.OK:
        return found or malformed(number, status, "nothing that says why")
    listed = document.get("consignmentSet")
    if not isinstance(listed, list):
        return malformed(number, status, "the answer lists no consignments")
    return _tracked(ask, objects(listed)) if listed else not_found(number, _NOT_KNOWN)


def _error(number: str, document: JsonObject | None, answer: RawAnswer) -> CarrierReply | None:
    """The error that stands where a consignment should: Bring gives it under HTTP 200 too."""
    sets = objects(inner(document, "consignmentSet"))
    error = next((one["error"] for one in sets if isinstance(one.get("error"), dict)), None)
    if error is None or any("packageSet" in one for one in sets):
        return None
    code, said = status_in(error.get("code")), text(error.get("message"))
    unknown = code in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)  # nothing but the number is ours in the question
    kind = AnswerKind.not_found if unknown else kind_of_status(code)
    return refused("Bring", number, kind, f"{code or ''} {said}".strip(), answer)


def _tracked(ask: Ask, consignments: Sequence[JsonObject]) -> CarrierReply:
    consignment, packages = _choose(ask, consignments)
    if not packages:
        return malformed(ask.tracking_number, HTTPStatus.OK, "the answer is about another number")
    heard = [_scans(ask, consignment, package) for package in packages]
    at = speaker(heard)
    return CarrierReply(
        AnswerKind.tracked,
        ask.tracking_number,
        scans=heard[at],
        service=clean(text(packages[at].get("productName")), 60) or None,
        notes=_notes(ask, consignment, packages[at]),
        bound_for=_country(consignment, packages[at]),
        **_expected(ask, consignment, packages[at]),
    )


def _choose(ask: Ask, consignments: Sequence[JsonObject]) -> tuple[JsonObject, list[JsonObject]]:
    """The packages that were asked about: the one of that number, else all of the consignment of that number.

    Numbers are used again: of several consignments, the one with the latest event is meant.
    """
    number, newest_first = ask.tracking_number, sorted(consignments, key=_latest, reverse=True)
    for field in ("packageNumber", "previousPackageNumber"):
        for one in newest_first:
            named = [package for package in objects(one.get("packageSet")) if same_label(package.get(field), number)]
            if named:
                return one, named
    for field in ("consignmentId", "previousConsignmentId", "senderReference"):
        for one in newest_first:
            if same_label(one.get(field), number):
                return one, objects(one.get("packageSet"))
    return {}, []


def _latest(consignment: JsonObject) -> str:
    events = (event for one in objects(consignment.get("packageSet")) for event in objects(one.get("eventSet")))
    return max((text(event.get("dateIso")) for event in events), default="")


def _scans(ask: Ask, consignment: JsonObject, package: JsonObject) -> tuple[HeardScan, ...]:
    """A package's events as scans, in the order given."""
    destination = destination_zone(ask, _country(consignment, package))
    return tuple(each_once(_scan(event, destination) for event in objects(package.get("eventSet"))))


def _scan(event: JsonObject, destination: str | None) -> HeardScan:
    status, written, unit = (text(event.get(field)) for field in ("status", "dateIso", "unitId"))
    place, postcode = text(event.get("city")), text(event.get("postalCode"))
    identity = scan_digest("bring", status, written, unit, postcode or place)
    place_zone = zone_of_country(country_code(event.get("countryCode")))
    told = Told(identity, status, text(event.get("description")), written, place, place_zone)
    scan = scan_of(told, CODES.get(status), destination)
    hidden = event.get("insignificant") is True  # Bring itself does not show it to the recipient
    return replace(scan, milestone=None) if hidden else scan


def _country(consignment: JsonObject, package: JsonObject) -> str | None:
    addresses = (
        one.get(field) for one in (package, consignment) for field in ("recipientAddress", "recipientHandlingAddress")
    )
    return next((found for address in addresses if (found := country_code(inner(address, "countryCode")))), None)


def _expected(ask: Ask, consignment: JsonObject, package: JsonObject) -> dict[str, Any]:
    """The day on which Bring expects to deliver, with its hours where it gives them; these are local to the home."""
    expected = _day(package.get("dateOfEstimatedDelivery"))
    if expected is None:
        return {}
    destination = destination_zone(ask, _country(consignment, package))
    span = package.get("estimatedTimeSpanOfDelivery")
    start, end = (_at(expected, inner(span, field), destination) for field in ("startTime", "endTime"))
    return {"eta_from": start, "eta_through": end} if start and end else {"eta_day": expected}


def _day(value: Any) -> date | None:
    """A day as Bring writes it: 30.11.2026, or ISO."""
    written = text(value).strip()[:10]
    norwegian = re.fullmatch(r"(\d\d)\.(\d\d)\.(\d{4})", written, re.ASCII)
    return day("-".join(reversed(norwegian.groups())) if norwegian else written)


def _at(on: date, clock: Any, destination: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(f"{on.isoformat()}T{text(clock).strip()}")
    except ValueError:
        return None
    return placed(moment, None, destination)[0]


def _notes(ask: Ask, consignment: JsonObject, package: JsonObject) -> ParcelNotes:
    """Weight, kind of proof, pick-up point and the other packages. Who signed, and the pick-up code, are not read."""
    events, others = objects(package.get("eventSet")), objects(consignment.get("packageSet"))
    numbers = (text(one.get("packageNumber")) for one in others if one is not package)
    signatures = [inner(event, "recipientSignature") for event in events if event.get("status") == "DELIVERED"]
    signed = any(inner(one, "name") or inner(one, "linkToImage") for one in signatures)
    return ParcelNotes(
        weight_grams=grams(package.get("weightInKgs"), "kg"),
        proof="signature" if signed else None,
        pickup=_pickup(package, events),
        pieces=tuple(clean(one, 60) for one in numbers if one and not same_label(one, ask.tracking_number))[:50],
    )


def _pickup(package: JsonObject, events: Sequence[JsonObject]) -> PickupPoint | None:
    """The pick-up point that Bring names, with the town where it was scanned as ready and the day on which it goes
    back. Bring gives opening hours only behind another link."""
    name = text(package.get("expectedPickupUnitName")).strip()
    ready = next((event for event in events if event.get("status") == "READY_FOR_PICKUP"), {})
    town = f"{text(ready.get('postalCode'))} {text(ready.get('city'))}".strip()
    if not name and not town:
        return None
    return PickupPoint(
        clean(name or town, 200), clean(town, 300) if name else "", (), _day(package.get("dateOfReturn"))
    )
