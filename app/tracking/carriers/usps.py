"""USPS Tracking v3: how USPS is asked, and how its answers become scans in our vocabulary.

Manual: https://developers.usps.com/trackingv3 (GET /tracking/{trackingNumber}), on tokens
https://developers.usps.com/Oauth, and on the events Publication 199, https://postalpro.usps.com/pub199.
What the event codes mean stands in `usps_codes`.
"""

import re
from collections.abc import Sequence
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
    RawAnswer,
    clean,
    scan_digest,
)
from app.tracking.adapter.numbers import NumberFormat, mod10, plain, s10, s10_from_abroad
from app.tracking.adapter.oauth import OAuth
from app.tracking.adapter.reading import (
    JsonObject,
    inner,
    json_object,
    kind_of_status,
    malformed,
    not_found,
    objects,
    problem_of,
    refused,
    same_number,
    status_in,
    text,
    without_news,
)
from app.tracking.adapter.regions import zone_at_destination, zone_of_region
from app.tracking.adapter.telling import Told, each_once, scan_of
from app.tracking.adapter.times import day, home, instant, is_day
from app.tracking.carriers.usps_codes import CODES, code_of

_ROUTED = r"(420\d{5}(\d{4})?)?"


class Usps(Carrier):
    """The United States Postal Service, through its API for developers."""

    name = "usps"
    title = "USPS"
    manual = "https://developers.usps.com/trackingv3"
    base_url = "https://apis.usps.com"
    requests_per_second = 1.0
    """What a new app may ask is 60 calls an hour until USPS grants more; bursts of one a second are borne. Set
    `DOORSTEP_CARRIERS__USPS__REQUESTS_PER_SECOND` and `…_PER_DAY` to what the app was granted."""
    requests_per_day = 1440
    needs = ("api_key", "api_secret")
    codes = CODES
    login = OAuth("USPS", "/oauth2/v3/token", "json")
    formats = (
        NumberFormat(_ROUTED + r"(?P<serial>9[1-5](\d{19}|\d{23}))(?P<check>\d)", mod10(), 0.9),
        NumberFormat(r"[A-Z]{2}(?P<serial>\d{8})(?P<check>\d)US", s10, 0.9),
        NumberFormat(r"(?P<serial>(03|23|7\d)\d{17})(?P<check>\d)", mod10(), 0.6, frozenset({"US"})),
        s10_from_abroad("US"),
    )

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        """One GET for each parcel, with all its events."""
        headers = {"Authorization": f"Bearer {access.token}", "Accept": "application/json"}
        return [Call("GET", f"{access.base_url}/tracking/v3/tracking/{_path(ask)}", headers, (ask,)) for ask in asks]

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        return [_reply(ask, answer) for ask in call.asks]

    def link(self, ask: Ask) -> str:
        """USPS's public tracking page."""
        return f"https://tools.usps.com/go/TrackConfirmAction?tLabels={quote(_piece(ask.tracking_number), safe='')}"


def _path(ask: Ask) -> str:
    return f"{quote(_piece(ask.tracking_number), safe='')}?expand=DETAIL"


_WITH_ROUTE = re.compile(r"420(?:\d{5}|\d{9})(9[1-5](?:\d{20}|\d{24}))", re.ASCII)


def _piece(number: str) -> str:
    """The parcel's own number, without the route (`420` and a ZIP code) that a label's barcode has before it."""
    number = plain(number)
    routed = _WITH_ROUTE.fullmatch(number)
    return routed[1] if routed else number


def _reply(ask: Ask, answer: RawAnswer) -> CarrierReply:
    status, number = answer.status, ask.tracking_number
    refusal = without_news("USPS", number, answer)
    if refusal is not None or status is None:
        return refusal or malformed(number, status, "no answer")
    document, fault = json_object(answer.body)
    if document is None:
        return malformed(number, status, fault or "nothing that can be read")
    said = _problem(document)
    inside = status_in(inner(document, "error", "code"))
    if HTTPStatus.NOT_FOUND in (status, inside) or (said and _UNKNOWN_NUMBER.search(said)):
        return not_found(number, said or "USPS does not know the number")
    if said or status != HTTPStatus.OK:
        return _faulty(number, answer, document, said)
    return _tracked(ask, document)


_UNKNOWN_NUMBER = re.compile(
    r"not (available|found) for|could not locate|not been found|status update is not (yet )?available|not trackable"
    r"|label has been created|no record of",
    re.IGNORECASE,
)
"""What USPS says of a number that it has not seen, under 400 and inside 200."""


def _problem(document: JsonObject) -> str | None:
    """What an error says: USPS's own shape (`error` with a message and `errors`), or OAuth's."""
    error = document.get("error")
    if isinstance(error, dict):
        first = next(iter(objects(error.get("errors"))), {})
        said = (first.get("detail"), error.get("message"), first.get("title"), error.get("code"))
        return next((clean(found, 300) for one in said if (found := text(one))), "USPS reports an error")
    return problem_of(document) if error else None


def _faulty(number: str, answer: RawAnswer, document: JsonObject, said: str | None) -> CarrierReply:
    """An error under a status that does not tell, by its own code, which is a status or a word of OAuth's."""
    code = text(inner(document, "error", "code")) or text(document.get("error"))
    kind = AnswerKind.denied if code in _OAUTH_REFUSALS else kind_of_status(status_in(code))
    return refused("USPS", number, kind, said or problem_of(document) or "nothing that says why", answer)


_OAUTH_REFUSALS = frozenset({"invalid_client", "invalid_token", "unauthorized_client"})


def _tracked(ask: Ask, document: JsonObject) -> CarrierReply:
    number, events = ask.tracking_number, document.get("trackingEvents")
    given = document.get("trackingNumber")
    if given is None and events is None:
        return malformed(number, HTTPStatus.OK, "the answer is about no parcel")
    if given is not None and not same_number(given, _piece(number)):
        return malformed(number, HTTPStatus.OK, "the answer is about another number")
    if events is not None and not isinstance(events, list):
        return malformed(number, HTTPStatus.OK, "the parcel's events are not a list")
    destination = zone_at_destination(ask, home(ask) or "US", text(document.get("destinationState")))
    proven = document.get("proofOfDeliveryEnabled") in (True, "true")
    return CarrierReply(
        AnswerKind.tracked,
        number,
        scans=tuple(each_once(_scan(event, destination) for event in objects(events))),
        service=_service(text(document.get("mailClass"))),
        notes=ParcelNotes(proof="signature" if proven else None),
        **_expected(document, destination),
    )


def _scan(event: JsonObject, destination: str | None) -> HeardScan:
    said, written = text(event.get("eventType")), text(event.get("eventTimestamp"))
    kind, city, state = text(event.get("eventCode")), text(event.get("eventCity")), text(event.get("eventState"))
    code = code_of(kind, said)
    told = Told(
        scan_digest("usps", kind, written, city, state, text(event.get("eventZIP"))),
        code,
        said,
        written,
        ", ".join(part for part in (city, state, text(event.get("eventCountry"))) if part),
    )
    return scan_of(told, CODES.get(code), destination, _when(event, written, destination))


def _when(event: JsonObject, written: str, destination: str | None) -> tuple[datetime | None, str]:
    """The instant that USPS gives beside its local time, else that time with its offset, else local to the state."""
    exact = text(event.get("GMTTimestamp"))
    if exact and not is_day(exact):
        found, source = instant(exact if exact.endswith("Z") else f"{exact}Z", None, None)
        if source == "offset":
            return found, source
    found, source = instant(written + text(event.get("GMTOffset")), None, None)
    if source == "offset":
        return found, source
    country, state = text(event.get("eventCountry")), text(event.get("eventState"))
    place = zone_of_region("US", state) if state and country.upper() in ("", "US", "USA") else None
    return instant(written, place, destination)


_MARKUP = re.compile(r"<SUP>.*?</SUP>|<[^>]{0,40}>|&[#\w]{1,8};", re.IGNORECASE)


def _service(mail_class: str) -> str | None:
    """The mail class without the markup of its trade marks."""
    return clean(_MARKUP.sub("", mail_class[:300]).strip(), 60) or None


def _expected(document: JsonObject, destination: str | None) -> dict[str, Any]:
    """When USPS expects to deliver: its window where it gives one, else "by" a time of a day, else a day."""
    start, end = (_moment(document, name, destination) for name in _WINDOW)
    at = next((found for name in _TIMES if (found := _moment(document, name, destination))), None)
    if start or end or at:
        return {"eta_from": start or at or end, "eta_through": end or at or start}
    days = (day(text(document.get(name))[:10]) for name in _DAYS)
    return {"eta_day": next(filter(None, days), None)}


_WINDOW = ("predictedDeliveryWindowStartTime", "predictedDeliveryWindowEndTime")
_TIMES = ("expectedDeliveryTimeStamp", "predictedDeliveryTimeStamp", "guaranteedDeliveryTimeStamp")
_DAYS = (*_TIMES, "expectedDeliveryDate", "predictedDeliveryDate", "guaranteedDeliveryDate")


def _moment(document: JsonObject, name: str, destination: str | None) -> datetime | None:
    return instant(text(document.get(name)), destination, None)[0]
