"""DHL Shipment Tracking – Unified: how DHL is asked, and how its answers become scans in our vocabulary.

Manual: https://developer.dhl.com/api-reference/shipment-tracking (Reference docs, GET /shipments), and on the
status codes https://support-developer.dhl.com/support/solutions/articles/47001197243.
The words behind the codes are in `dhl_words`.
"""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from app.tracking.adapter.base import (
    Access,
    AnswerKind,
    Ask,
    Call,
    Carrier,
    CarrierReply,
    HeardScan,
    ParcelNotes,
    RawAnswer,
    clean,
    scan_digest,
)
from app.tracking.adapter.numbers import NumberFormat, mod7, mod10, s10, s10_from_abroad, unspaced
from app.tracking.adapter.reading import (
    JsonObject,
    country_code,
    grams,
    https_link,
    inner,
    json_object,
    malformed,
    not_found,
    objects,
    problem_of,
    same_number,
    text,
    without_news,
)
from app.tracking.adapter.telling import each_once, sent_back, unsigned
from app.tracking.adapter.times import destination_zone, expected_day, home, instant
from app.tracking.carriers.dhl_words import CODES, milestone_of
from app.zones import zone_of_country

_NOT_KNOWN = "DHL does not know the number"


class Dhl(Carrier):
    """The carrier DHL, through the one API that covers its divisions."""

    name = "dhl"
    title = "DHL"
    manual = "https://developer.dhl.com/api-reference/shipment-tracking"
    base_url = "https://api-eu.dhl.com"
    requests_per_second = 1.0
    requests_per_day = 250
    """What a new key ("Starter") may ask: one call a second, 250 a day. Set
    `DOORSTEP_CARRIERS__DHL__REQUESTS_PER_SECOND` and `…_PER_DAY` to what DHL granted the account."""
    codes = CODES
    formats = (
        NumberFormat(r"(?P<serial>\d{9,10})(?P<check>\d)", mod7, 0.4),  # Express waybill
        NumberFormat(r"J[A-Z]{2,3}\d{9,18}", None, 0.8),  # Express piece, and Parcel's JJD licence plates
        NumberFormat(r"00340434\d{12}|003404\d{14}", None, 0.95),  # DHL Paket: Deutsche Post's own GS1 prefix
        # DHL Paket's Identcode: digits times 4 and 9 in turn, filled up to a multiple of ten.
        NumberFormat(r"(?P<serial>\d{11})(?P<check>\d)", mod10(4, 9, from_right=False), 0.5, frozenset({"DE"})),
        NumberFormat(r"[A-Z]{2}(?P<serial>\d{8})(?P<check>\d)DE", s10, 0.9),  # Deutsche Post, DHL Paket abroad
        s10_from_abroad("DE"),
    )

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        """One GET for each parcel. English is asked for always: the text is part of a scan's identity."""
        headers = {"DHL-API-Key": access.key, "Accept": "application/json"}
        return [Call("GET", f"{access.base_url}/track/shipments?{_query(ask)}", headers, (ask,)) for ask in asks]

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        return [_reply(ask, answer) for ask in call.asks]

    def link(self, ask: Ask) -> str:
        """DHL's public tracking page."""
        number = quote(unspaced(ask.tracking_number), safe="")
        return f"https://www.dhl.com/global-en/home/tracking.html?tracking-id={number}"


def _query(ask: Ask) -> str:
    query = {"trackingNumber": unspaced(ask.tracking_number), "language": "en"}
    if country := home(ask):
        query["requesterCountryCode"] = country
    return urlencode(query)


def _reply(ask: Ask, answer: RawAnswer) -> CarrierReply:
    status, number = answer.status, ask.tracking_number
    refusal = without_news("DHL", number, answer)
    if refusal is not None or status is None:
        return refusal or malformed(number, status, "no answer")
    document, fault = json_object(answer.body)
    if status == HTTPStatus.NOT_FOUND and (document is not None or not answer.body):
        return not_found(number, problem_of(document) or _NOT_KNOWN)
    if document is None or status != HTTPStatus.OK:
        return malformed(number, status, fault or problem_of(document) or "nothing that says why")
    return _tracked(ask, document)


def _tracked(ask: Ask, document: JsonObject) -> CarrierReply:
    number, listed = ask.tracking_number, document.get("shipments")
    if not isinstance(listed, list):
        if document.get("status") == HTTPStatus.NOT_FOUND:
            return not_found(number, problem_of(document) or _NOT_KNOWN)
        return malformed(number, HTTPStatus.OK, "the answer lists no shipments")
    if not listed:
        return not_found(number, "DHL lists no shipment under this number")
    shipment = _choose(ask, objects(listed))
    if shipment is None:
        return malformed(number, HTTPStatus.OK, "the answer is about another number")
    events = shipment.get("events")
    if events is not None and not isinstance(events, list):
        return malformed(number, HTTPStatus.OK, "the shipment's events are not a list")
    return CarrierReply(
        AnswerKind.tracked,
        number,
        scans=tuple(_scans(ask, shipment, objects(events))),
        service=clean(text(shipment.get("service")), 60) or None,
        notes=_notes(ask, shipment),
        bound_for=_country(shipment.get("destination")),
        **_expected(ask, shipment),
    )


def _choose(ask: Ask, shipments: Sequence[JsonObject]) -> JsonObject | None:
    """The shipment that was asked about: by its id, else by one of its pieces.

    One number can belong to shipments of several divisions, and is used again; then one bound for the order's country
    is meant, and of these the one with the latest event, wherever it stands in the list.
    """
    asked, country = ask.tracking_number, home(ask)
    matching = [s for s in shipments if same_number(s.get("id"), asked)]
    matching = matching or [s for s in shipments if any(same_number(piece, asked) for piece in _pieces(s))]
    bound = [s for s in matching if country and _country(s.get("destination")) == country]
    return max(bound or matching, key=_latest, default=None)


def _latest(shipment: JsonObject) -> str:
    return max((text(event.get("timestamp")) for event in objects(shipment.get("events"))), default="")


def _pieces(shipment: JsonObject) -> list[Any]:
    pieces = inner(shipment, "details", "pieceIds")
    return pieces if isinstance(pieces, list) else []


def _scans(ask: Ask, shipment: JsonObject, events: Sequence[JsonObject]) -> Iterator[HeardScan]:
    """The events as scans, in the order given, each once. The shipment's `status` block is no event of its own."""
    destination = destination_zone(ask, _country(shipment.get("destination")))
    return sent_back(each_once(_scan(event, destination) for event in events))


def _scan(event: JsonObject, destination: str | None) -> HeardScan:
    code, written = text(event.get("statusCode")), text(event.get("timestamp"))
    status, description = text(event.get("status")), text(event.get("description"))
    place, country = _place(event.get("location")), _country(event.get("location"))
    milestone, unknown = milestone_of(code, status, description)
    occurred_at, zone_source = instant(written, zone_of_country(country), destination)
    return HeardScan(
        digest=scan_digest("dhl", code, written, place or "", status or description),
        code=clean(code, 60),
        milestone=milestone,
        description=clean(unsigned(description or status)),
        place=clean(place, 200) if place else None,
        written_time=clean(written, 60),
        occurred_at=occurred_at,
        zone_source=zone_source,
        unknown=unknown,
        moves=not unknown,
    )


def _expected(ask: Ask, shipment: JsonObject) -> dict[str, Any]:
    """When DHL expects to deliver: a window where it gives one, else one instant as both ends, else a day."""
    destination = destination_zone(ask, _country(shipment.get("destination")))
    single = text(shipment.get("estimatedTimeOfDelivery"))
    start, _ = instant(text(inner(shipment, "estimatedDeliveryTimeFrame", "estimatedFrom")), destination, None)
    end, _ = instant(text(inner(shipment, "estimatedDeliveryTimeFrame", "estimatedThrough")), destination, None)
    at, _ = instant(single, destination, None)
    if not (start or end) and (found := expected_day(single)):
        return {"eta_day": found}
    return {"eta_from": start or at or end, "eta_through": end or at or start}


def _notes(ask: Ask, shipment: JsonObject) -> ParcelNotes:
    """DHL's own page, weight, kind of proof, and the other pieces. A signature's name is not read."""
    proof, weight = inner(shipment, "details", "proofOfDelivery"), inner(shipment, "details", "weight")
    others = tuple(clean(text(piece), 60) for piece in _pieces(shipment) if not same_number(piece, ask.tracking_number))
    return ParcelNotes(
        link=https_link(shipment.get("serviceUrl")),
        weight_grams=grams(inner(weight, "value"), inner(weight, "unitText")),
        proof="signature" if isinstance(proof, dict) and (proof.get("signatureUrl") or proof.get("signed")) else None,
        pieces=tuple(piece for piece in others if piece)[:50],
    )


def _place(place: Any) -> str | None:
    return text(inner(place, "address", "addressLocality")) or None


def _country(place: Any) -> str | None:
    return country_code(inner(place, "address", "countryCode"))
