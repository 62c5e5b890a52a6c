"""FedEx Track v1: how FedEx is asked, and how its answers become scans in our vocabulary.

Manual: https://developer.fedex.com/api/en-us/catalog/track/v1/docs.html (Track by Tracking Number), on tokens
https://developer.fedex.com/api/en-us/catalog/authorization/v1/docs.html.
What the event codes mean stands in `fedex_codes`, which of several shipments of one number is meant in `fedex_results`.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

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
from app.tracking.adapter.batches import in_batches, portion_of, to_each
from app.tracking.adapter.numbers import NumberFormat, mod10, plain, weighted
from app.tracking.adapter.oauth import OAuth
from app.tracking.adapter.reading import (
    JsonObject,
    country_code,
    grams,
    inner,
    json_object,
    malformed,
    objects,
    problem_of,
    text,
    without_news,
)
from app.tracking.adapter.regions import zone_at_destination, zone_of_region
from app.tracking.adapter.telling import Told, each_once, scan_of
from app.tracking.adapter.times import day, instant
from app.tracking.carriers.fedex_codes import CODES, code_of
from app.tracking.carriers.fedex_results import chosen, complaint, complaint_over, results_by_number

_SUM_11 = (3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1)
_SUM_13 = (1, 7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1)


class Fedex(Carrier):
    """FedEx Express, Ground and Home Delivery, through its one API."""

    name = "fedex"
    title = "FedEx"
    manual = "https://developer.fedex.com/api/en-us/catalog/track/v1/docs.html"
    base_url = "https://apis.fedex.com"
    batch_size = 30
    requests_per_second = 10.0
    """The project's own limit is 1,400 calls in ten seconds; the daily quota is the organisation's, and is not told."""
    needs = ("api_key", "api_secret")
    codes = CODES
    login = OAuth("FedEx", "/oauth/token", "form")
    formats = (
        NumberFormat(r"(?P<serial>\d{11})(?P<check>\d)", weighted(_SUM_11, 11), 0.6),
        NumberFormat(r"(?P<serial>\d{14})(?P<check>\d)", mod10(1, 3, from_right=False), 0.4),
        NumberFormat(r"96\d{5}(?P<serial>\d{14})(?P<check>\d)", mod10(1, 3, from_right=False), 0.9),
        NumberFormat(r"[0-8]\d{14}\d{5}(?P<serial>\d{13})(?P<check>\d)", weighted(_SUM_13, 11), 0.7),
        NumberFormat(r"96\d{18}(?P<serial>\d{13})(?P<check>\d)", weighted(_SUM_13, 11), 0.9),
    )

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        """One POST for every thirty parcels, with all their scans."""
        headers = {
            "Authorization": f"Bearer {access.token}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "X-locale": "en_US",
        }
        url = f"{access.base_url}/track/v1/trackingnumbers"
        batches = in_batches(asks, self.batch_size)
        return [Call("POST", url, headers, tuple(batch), _question(batch)) for batch in batches]

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        refusal = without_news("FedEx", "", answer)
        if refusal is not None:
            return to_each(call, refusal)
        document, fault = json_object(answer.body)
        if document is None:
            return to_each(call, malformed("", answer.status, fault or "no answer"))
        errors = objects(document.get("errors"))
        if errors:
            return to_each(call, complaint_over(len(call.asks), answer, errors[0]))
        if answer.status != HTTPStatus.OK:
            return to_each(call, malformed("", answer.status, problem_of(document) or "nothing that says why"))
        parts = results_by_number(document)
        return [_reply(ask, answer, parts.get(plain(ask.tracking_number))) for ask in call.asks]

    def link(self, ask: Ask) -> str:
        """FedEx's public tracking page."""
        return f"https://www.fedex.com/fedextrack/?trknbr={quote(plain(ask.tracking_number), safe='')}"


def _question(asks: Sequence[Ask]) -> bytes:
    numbers = [{"trackingNumberInfo": {"trackingNumber": plain(ask.tracking_number)}} for ask in asks]
    return json.dumps({"includeDetailedScans": True, "trackingInfo": numbers}).encode()


def _reply(ask: Ask, answer: RawAnswer, part: JsonObject | None) -> CarrierReply:
    """What the parcel's own part says; no other parcel's part is kept beside it."""
    number = ask.tracking_number
    if part is None:
        return replace(malformed(number, HTTPStatus.OK, "the answer leaves this number out"), portion=b"")
    portion, result = portion_of(part), chosen(ask, objects(part.get("trackResults")))
    if result is None:
        return replace(malformed(number, HTTPStatus.OK, "there is no result for this number"), portion=portion)
    error, events = result.get("error"), result.get("scanEvents")
    if isinstance(error, dict) and error and not events:
        return replace(complaint(number, answer, error), portion=portion)
    if events is not None and not isinstance(events, list):
        return replace(malformed(number, HTTPStatus.OK, "the scans are not a list"), portion=portion)
    return _tracked(ask, result, objects(events), portion)


def _tracked(ask: Ask, result: JsonObject, events: Sequence[JsonObject], portion: bytes) -> CarrierReply:
    address = _address(result.get("recipientInformation")) or _address(
        inner(result, "destinationLocation", "locationContactAndAddress")
    )
    region = text(address.get("stateOrProvinceCode"))
    bound_for = country_code(address.get("countryCode"))
    destination = zone_at_destination(ask, bound_for, region)
    return CarrierReply(
        AnswerKind.tracked,
        ask.tracking_number,
        scans=tuple(each_once(_scan(event, destination) for event in events)),
        service=clean(text(inner(result, "serviceDetail", "description")), 60) or None,
        notes=_notes(result),
        portion=portion,
        bound_for=bound_for,
        **_expected(result, destination),
    )


def _address(holder: Any) -> JsonObject:
    address = inner(holder, "address")
    return address if isinstance(address, dict) else {}


def _scan(event: JsonObject, destination: str | None) -> HeardScan:
    """One scan. `derivedStatusCode` is coarser than the event (a van is "in transit" there), so the event decides."""
    kind, written, place = text(event.get("eventType")), text(event.get("date")), event.get("scanLocation")
    said, why = text(event.get("eventDescription")), text(event.get("exceptionDescription"))
    city, region = text(inner(place, "city")), text(inner(place, "stateOrProvinceCode"))
    country = country_code(inner(place, "countryCode"))
    code = code_of(kind, f"{said} {why}")
    told = Told(
        scan_digest("fedex", kind, text(event.get("exceptionCode")), written, city, region, country or ""),
        code,
        f"{said}: {why}" if said and why else said or why,
        written,
        ", ".join(filter(None, (city, region, country))),
    )
    day_or_time = written[:10] if written[10:] == _MIDNIGHT else written
    at = instant(day_or_time, zone_of_region(country, region), destination)
    return scan_of(told, CODES.get(code), destination, at)


def _expected(result: JsonObject, destination: str | None) -> dict[str, Any]:
    """When FedEx expects to deliver: its estimate, else the standard transit time, else the single estimate.

    FedEx writes a day as its midnight, in an offset of its own; such a time is the day, and no instant.
    """
    windows = [inner(result, name, "window") for name in ("estimatedDeliveryTimeWindow", "standardTransitTimeWindow")]
    pairs = [(text(inner(window, "begins")), text(inner(window, "ends"))) for window in windows]
    single = {text(one.get("type")): text(one.get("dateTime")) for one in objects(result.get("dateAndTimes"))}
    if "ACTUAL_DELIVERY" in single:
        return {}
    estimate = single.get("ESTIMATED_DELIVERY", "")
    for begins, ends in (*pairs, (estimate, estimate)):
        start, end = _moment(begins, destination), _moment(ends, destination)
        if start or end:
            return {"eta_from": start or end, "eta_through": end or start}
        if found := day(ends[:10]) or day(begins[:10]):
            return {"eta_day": found}
    return {}


_MIDNIGHT = "T00:00:00"
"""How FedEx writes the hour of what has none: with an offset of its own where something is expected, and without one
at a scan that was made on paper."""


def _moment(written: str, destination: str | None) -> datetime | None:
    if written[10:].startswith(_MIDNIGHT):
        return None
    return instant(written, destination, None)[0]


def _notes(result: JsonObject) -> ParcelNotes:
    """Weight, kind of proof, and where it is held for its recipient. Names of people are not read."""
    weights = objects(inner(result, "packageDetails", "weightAndDimensions", "weight"))
    images = {text(image.get("type")) for image in objects(result.get("availableImages"))}
    proofs = {"SIGNATURE_PROOF_OF_DELIVERY": "signature", "PICTURE_PROOF_OF_DELIVERY": "photo"}
    return ParcelNotes(
        weight_grams=next(filter(None, (grams(one.get("value"), one.get("unit")) for one in weights)), None),
        proof=next((proof for image, proof in proofs.items() if image in images), None),
        pickup=_pickup(inner(result, "holdAtLocation", "locationContactAndAddress")),
    )


def _pickup(place: Any) -> PickupPoint | None:
    """A FedEx location at which a parcel is held, by its company's name and address."""
    name, address = text(inner(place, "contact", "companyName")), _address(place)
    lines = address.get("streetLines")
    parts = [text(line) for line in lines] if isinstance(lines, list) else []
    parts += [text(address.get(field)) for field in ("city", "stateOrProvinceCode", "postalCode")]
    where = ", ".join(filter(None, parts))
    return PickupPoint(clean(name or "FedEx location", 120), clean(where, 200)) if name or where else None
