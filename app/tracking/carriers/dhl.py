"""DHL Shipment Tracking – Unified: how DHL is asked, and how its answers become scans in our vocabulary.

Manual: https://developer.dhl.com/api-reference/shipment-tracking (Reference docs, GET /shipments), and on the
status codes https://support-developer.dhl.com/support/solutions/articles/47001197243.
The words behind the codes are in `dhl_words`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from app.settings import CarrierSettings
from app.tracking.carriers.base import (
    MAX_ANSWER_BYTES,
    AnswerKind,
    Ask,
    Call,
    CarrierReply,
    HeardScan,
    RawAnswer,
    clean,
    scan_digest,
)
from app.tracking.carriers.dhl_words import milestone_of
from app.zones import localise, zone, zone_of_country

_LONGEST_WAIT = 86_400.0
"""DHL's daily allowance comes back at midnight GMT, so no wait that it can mean is longer than a day."""

_NOT_KNOWN = "DHL does not know the number"

_Json = Mapping[str, Any]


class Dhl:
    """The carrier DHL, through the one API that covers its divisions. Stateless."""

    name = "dhl"
    title = "DHL"
    manual = "https://developer.dhl.com/api-reference/shipment-tracking"
    batch_size = 1
    base_url = "https://api-eu.dhl.com"
    requests_per_second = 1.0
    """What a new key ("Starter") may ask: one call a second, 250 a day. Set
    `DOORSTEP_CARRIERS__DHL__REQUESTS_PER_SECOND` to what DHL granted the account."""

    def calls(self, asks: Sequence[Ask], config: CarrierSettings) -> list[Call]:
        """One GET for each parcel. English is asked for always: the text is part of a scan's identity."""
        base = (config.base_url or self.base_url).rstrip("/")
        headers = {"DHL-API-Key": config.api_key.get_secret_value(), "Accept": "application/json"}
        return [Call("GET", f"{base}/track/shipments?{_query(ask)}", headers, (ask,)) for ask in asks]

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        return [_reply(ask, answer) for ask in call.asks]


def _query(ask: Ask) -> str:
    query = {"trackingNumber": ask.tracking_number.strip(), "language": "en"}
    if home := _home(ask):
        query["requesterCountryCode"] = home
    return urlencode(query)


def _reply(ask: Ask, answer: RawAnswer) -> CarrierReply:
    status, number = answer.status, ask.tracking_number
    if status is None:
        return CarrierReply(AnswerKind.unavailable, number, detail=answer.fault or "DHL gave no answer")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = _retry_after(answer.headers)
        return CarrierReply(AnswerKind.throttled, number, detail="DHL asks for fewer questions", retry_after=wait)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return CarrierReply(AnswerKind.denied, number, detail=f"DHL refused the API key (HTTP {status})")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        wait = _retry_after(answer.headers)
        detail = f"DHL is not able to answer just now (HTTP {status})"
        return CarrierReply(AnswerKind.unavailable, number, detail=detail, retry_after=wait)
    document, fault = _document(answer.body)
    if status == HTTPStatus.NOT_FOUND and (document is not None or not answer.body):
        return CarrierReply(AnswerKind.not_found, number, detail=_problem(document) or _NOT_KNOWN)
    if document is None or status != HTTPStatus.OK:
        detail = fault or _problem(document) or "nothing that says why"
        return CarrierReply(AnswerKind.malformed, number, detail=_with_status(status, detail))
    return _tracked(ask, document)


def _with_status(status: int, detail: str) -> str:
    return detail if status == HTTPStatus.OK else f"HTTP {status}: {detail}"


def _document(body: bytes) -> tuple[_Json | None, str | None]:
    """The JSON object in a body, or a plain sentence on why there is none."""
    if len(body) > MAX_ANSWER_BYTES:
        return None, f"the answer is longer than {MAX_ANSWER_BYTES // 1_000_000} MB"
    start = body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        return None, "the answer is empty"
    if start.startswith(b"<"):
        return None, "the answer is a web page, not JSON" if b"<html" in start or b"<!doc" in start else "XML, not JSON"
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        whole = start.startswith(b"{") and not body.rstrip().endswith(b"}")
        return (
            None,
            "the answer breaks off in the middle" if whole else f"the answer is not JSON ({clean(str(error), 80)})",
        )
    if not isinstance(document, dict):
        return None, "the answer is JSON, but not an object"
    return document, None


def _problem(document: _Json | None) -> str | None:
    """What a problem document (RFC 9457) says, in its own words."""
    if document is None:
        return None
    return clean(_text(document.get("detail")) or _text(document.get("title")), 300) or None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by `Retry-After`; a date is measured against the answer's own `Date`. None when unreadable."""
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    written = lower.get("retry-after", "")
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", written):
        return min(float(written), _LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(written) - parsedate_to_datetime(lower.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait.total_seconds(), 0.0), _LONGEST_WAIT)


def _tracked(ask: Ask, document: _Json) -> CarrierReply:
    number, listed = ask.tracking_number, document.get("shipments")
    if not isinstance(listed, list):
        if document.get("status") == HTTPStatus.NOT_FOUND:
            return CarrierReply(AnswerKind.not_found, number, detail=_problem(document) or _NOT_KNOWN)
        return CarrierReply(AnswerKind.malformed, number, detail="the answer lists no shipments")
    if not listed:
        return CarrierReply(AnswerKind.not_found, number, detail="DHL lists no shipment under this number")
    shipment = _choose(ask, [entry for entry in listed if isinstance(entry, dict)])
    if shipment is None:
        return CarrierReply(AnswerKind.malformed, number, detail="the answer is about another number")
    events = shipment.get("events")
    if events is not None and not isinstance(events, list):
        return CarrierReply(AnswerKind.malformed, number, detail="the shipment's events are not a list")
    eta_from, eta_through = _eta(ask, shipment)
    return CarrierReply(
        AnswerKind.tracked,
        number,
        scans=tuple(_scans(ask, shipment, events or [])),
        eta_from=eta_from,
        eta_through=eta_through,
        service=clean(_text(shipment.get("service")), 60) or None,
    )


def _choose(ask: Ask, shipments: Sequence[_Json]) -> _Json | None:
    """The shipment that was asked about: by its id, else by one of its pieces.

    One number can belong to shipments of several divisions; then the one bound for the order's country is meant.
    """
    asked = ask.tracking_number
    matching = [s for s in shipments if _same_number(s.get("id"), asked)]
    matching = matching or [s for s in shipments if any(_same_number(piece, asked) for piece in _pieces(s))]
    bound = [
        s for s in matching if ask.destination_country and _country(s.get("destination")) == ask.destination_country
    ]
    return next(iter(bound or matching), None)


def _home(ask: Ask) -> str | None:
    return ask.destination_country.strip().upper() if ask.destination_country else None


def _pieces(shipment: _Json) -> list[Any]:
    details = shipment.get("details")
    pieces = details.get("pieceIds") if isinstance(details, dict) else None
    return pieces if isinstance(pieces, list) else []


def _same_number(given: Any, asked: str) -> bool:
    """Whether DHL's id is the number asked for; an id sent as a number has lost its leading zeros."""
    asked = re.sub(r"\s", "", asked).upper()
    if isinstance(given, bool) or not isinstance(given, str | int):
        return False
    if isinstance(given, int):
        return str(given) == asked.lstrip("0")
    return re.sub(r"\s", "", given).upper() == asked


def _scans(ask: Ask, shipment: _Json, events: Sequence[Any]) -> Iterator[HeardScan]:
    """The events as scans, in the order given, each once. The shipment's `status` block is no event of its own."""
    destination = _destination_zone(ask, shipment)
    seen: set[bytes] = set()
    for event in events:
        if not isinstance(event, dict):
            continue
        scan = _scan(event, destination)
        if scan.digest not in seen:
            seen.add(scan.digest)
            yield scan


def _scan(event: _Json, destination: str | None) -> HeardScan:
    code, written = _text(event.get("statusCode")), _text(event.get("timestamp"))
    status, description = _text(event.get("status")), _text(event.get("description"))
    place, country = _place(event.get("location")), _country(event.get("location"))
    milestone, unknown = milestone_of(code, status, description)
    occurred_at, zone_source = _instant(written, zone_of_country(country), destination)
    return HeardScan(
        digest=scan_digest("dhl", code, written, place or "", status or description),
        code=clean(code, 60),
        milestone=milestone,
        description=clean(description or status),
        place=clean(place, 200) if place else None,
        written_time=clean(written, 60),
        occurred_at=occurred_at,
        zone_source=zone_source,
        unknown=unknown,
    )


def _instant(written: str, place_zone: str | None, destination: str | None) -> tuple[datetime | None, str]:
    """When it happened, in UTC, and how the zone was found. A time without offset is local to the scan's place."""
    try:
        moment = datetime.fromisoformat(written.strip())
        if not 1970 < moment.year < 2200:  # no parcel's time; and the ends of the calendar cannot be converted
            return None, "unreadable"
        if moment.tzinfo is not None:
            return moment.astimezone(UTC), "offset"
        found = place_zone or destination or "UTC"
        return localise(moment, found), "place" if place_zone else "destination" if destination else "assumed_utc"
    except (ValueError, OverflowError):
        return None, "unreadable"


def _destination_zone(ask: Ask, shipment: _Json) -> str | None:
    """The zone at the parcel's destination: the order's own where it is the same country, else the country's."""
    country = _country(shipment.get("destination")) or _home(ask)
    if ask.zone and (country is None or country == _home(ask)) and _is_zone(ask.zone):
        return ask.zone
    return zone_of_country(country)


def _is_zone(name: str) -> bool:
    try:
        zone(name)
    except ValueError:
        return False
    return True


def _eta(ask: Ask, shipment: _Json) -> tuple[datetime | None, datetime | None]:
    """When DHL expects to deliver: a window where it gives one, else one instant as both ends."""
    destination = _destination_zone(ask, shipment)
    frame = shipment.get("estimatedDeliveryTimeFrame")
    window = frame if isinstance(frame, dict) else {}
    start, _ = _instant(_text(window.get("estimatedFrom")), destination, None)
    end, _ = _instant(_text(window.get("estimatedThrough")), destination, None)
    single, _ = _instant(_text(shipment.get("estimatedTimeOfDelivery")), destination, None)
    return start or single or end, end or single or start


def _text(value: Any) -> str:
    """A field as text. DHL sends numbers where it means text; anything structured is no text."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _address(place: Any) -> _Json:
    address = place.get("address") if isinstance(place, dict) else None
    return address if isinstance(address, dict) else {}


def _place(place: Any) -> str | None:
    return _text(_address(place).get("addressLocality")) or None


def _country(place: Any) -> str | None:
    written = _text(_address(place).get("countryCode")).strip().upper()
    return written if re.fullmatch(r"[A-Z]{2}", written) else None
