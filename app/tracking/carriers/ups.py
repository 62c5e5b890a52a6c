"""UPS Track v1: how UPS is asked, and how its answers become scans in our vocabulary.

Manual: https://developer.ups.com/tag/Tracking (GET /track/v1/details/{inquiryNumber}), on tokens
https://developer.ups.com/tag/OAuth-Client-Credentials.
What an activity means stands in `ups_statuses`, what else a package tells in `ups_notes`.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from http import HTTPStatus
from urllib.parse import quote

from app.tracking.adapter.base import (
    Access,
    AnswerKind,
    Ask,
    Call,
    Carrier,
    CarrierReply,
    HeardScan,
    RawAnswer,
    clean,
    scan_digest,
)
from app.tracking.adapter.numbers import NumberFormat, mod10, plain
from app.tracking.adapter.oauth import OAuth
from app.tracking.adapter.pieces import speaker
from app.tracking.adapter.reading import (
    JsonObject,
    country_code,
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
from app.tracking.adapter.regions import zone_at_destination, zone_of_region
from app.tracking.adapter.telling import Told, each_once, scan_of
from app.tracking.adapter.times import instant
from app.tracking.carriers.ups_notes import address_of, clock, expected, notes
from app.tracking.carriers.ups_statuses import CODES, code_of

_NOT_KNOWN = "UPS does not know the number"


class Ups(Carrier):
    """UPS (parcels; Mail Innovations and SurePost through the same API)."""

    name = "ups"
    title = "UPS"
    manual = "https://developer.ups.com/tag/Tracking"
    base_url = "https://onlinetools.ups.com"
    requests_per_second = 5.0
    """UPS does not tell what an account may ask; it answers 429 to more."""
    needs = ("api_key", "api_secret")
    codes = CODES
    login = OAuth("UPS", "/security/v1/oauth/token", "basic")
    formats = (
        NumberFormat(r"1Z(?P<serial>[A-Z0-9]{15})(?P<check>\d)", mod10(1, 2, from_right=False), 0.98),
        NumberFormat(r"[AHJKTV](?P<serial>\d{9})(?P<check>\d)", mod10(1, 2, from_right=False), 0.6),
    )

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        """One GET for each parcel, in English, without the signature's picture."""
        query = "locale=en_US&returnSignature=false&returnMilestones=false"
        return [
            Call(
                "GET",
                f"{access.base_url}/api/track/v1/details/{quote(plain(ask.tracking_number), safe='')}?{query}",
                _headers(ask, access),
                (ask,),
            )
            for ask in asks
        ]

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        return [_reply(ask, answer) for ask in call.asks]

    def link(self, ask: Ask) -> str:
        """UPS's public tracking page."""
        return f"https://www.ups.com/track?loc=en_US&tracknum={quote(plain(ask.tracking_number), safe='')}"


def _headers(ask: Ask, access: Access) -> dict[str, str]:
    """`transId` must differ from call to call, and be found again: it is made of the number and the token."""
    named = f"{ask.tracking_number}\x1f{access.token}".encode("utf-8", "surrogatepass")
    return {
        "Authorization": f"Bearer {access.token}",
        "Accept": "application/json",
        "transId": blake2b(named, digest_size=16).hexdigest(),
        "transactionSrc": "doorstep",
    }


def _reply(ask: Ask, answer: RawAnswer) -> CarrierReply:
    status, number = answer.status, ask.tracking_number
    refusal = without_news("UPS", number, answer)
    if refusal is not None or status is None:
        return refusal or malformed(number, status, "no answer")
    document, fault = json_object(answer.body)
    if document is None:
        return malformed(number, status, fault or "nothing that can be read")
    errors = objects(inner(document, "response", "errors")) or objects(document.get("errors"))
    if errors:
        return _complaint(number, answer, errors[0])
    if status != HTTPStatus.OK:
        return malformed(number, status, problem_of(document) or "nothing that says why")
    return _tracked(ask, document)


_UNKNOWN_NUMBERS = frozenset({"TV1002", "TV0009", "TW0001", "151018", "151044"})
"""Invalid inquiry number; no tracking information, in errors and in warnings of all versions."""

_GATEWAY = re.compile(r"250\d{3}|10401")


def _complaint(number: str, answer: RawAnswer, error: JsonObject) -> CarrierReply:
    """The reply to an error of UPS's, by its code, whatever the status under which it came.

    All codes from 250000 on are of the gateway that checks who asks, 10429 is the same gateway's "too many".
    """
    code, message = text(error.get("code")), text(error.get("message"))
    if code in _UNKNOWN_NUMBERS:
        return not_found(number, message or code)
    kind = AnswerKind.throttled if code == "10429" else AnswerKind.malformed
    kind = AnswerKind.denied if _GATEWAY.fullmatch(code) else kind
    return refused("UPS", number, kind, f"{message or 'an error'} ({code or 'no code'})", answer)


def _tracked(ask: Ask, document: JsonObject) -> CarrierReply:
    number = ask.tracking_number
    shipments = objects(inner(document, "trackResponse", "shipment"))
    if not shipments:
        return malformed(number, HTTPStatus.OK, "the answer lists no shipment")
    packages = [package for shipment in shipments for package in objects(shipment.get("package"))]
    if not packages:
        said = [text(one.get("message")) for shipment in shipments for one in objects(shipment.get("warnings"))]
        return not_found(number, next(filter(None, said), _NOT_KNOWN))
    meant = _meant(ask, shipments)
    if not meant:
        return malformed(number, HTTPStatus.OK, "the answer is about another number")
    if any(not isinstance(one.get("activity"), list | None) for one in meant):
        return malformed(number, HTTPStatus.OK, "the package's activities are not a list")
    heard = [_scans(one, _destination(ask, one)) for one in meant]
    at = speaker(heard)
    return CarrierReply(
        AnswerKind.tracked,
        number,
        scans=heard[at],
        service=clean(text(inner(meant[at], "service", "description")), 60) or None,
        notes=notes(meant[at], [text(one.get("trackingNumber")) for one in packages]),
        bound_for=country_code(address_of(meant[at], "DESTINATION").get("countryCode")),
        **expected(meant[at], _destination(ask, meant[at])),
    )


def _meant(ask: Ask, shipments: Sequence[JsonObject]) -> list[JsonObject]:
    """The packages that were asked about: the one of that number, else all of the shipment that has it."""
    asked = plain(ask.tracking_number)
    for shipment in shipments:
        for package in objects(shipment.get("package")):
            if same_number(package.get("trackingNumber"), asked):
                return [package]
    meant = [one for one in shipments if same_number(one.get("inquiryNumber"), asked)]
    return [package for one in meant[:1] for package in objects(one.get("package"))]


def _destination(ask: Ask, package: JsonObject) -> str | None:
    """The zone where a package is going."""
    address = address_of(package, "DESTINATION")
    return zone_at_destination(ask, country_code(address.get("countryCode")), text(address.get("stateProvince")))


def _scans(package: JsonObject, destination: str | None) -> tuple[HeardScan, ...]:
    return tuple(each_once(_scan(one, destination) for one in objects(package.get("activity"))))


def _scan(activity: JsonObject, destination: str | None) -> HeardScan:
    """One activity. `currentStatus` and the milestones are none."""
    status, place = activity.get("status"), inner(activity, "location", "address")
    kind, code, number = (text(inner(status, name)) for name in ("type", "code", "statusCode"))
    written = f"{text(activity.get('date'))} {text(activity.get('time'))}".strip()
    city, region = text(inner(place, "city")), text(inner(place, "stateProvince"))
    country = country_code(inner(place, "countryCode")) or country_code(inner(place, "country"))
    known = code_of(kind, number, code)
    told = Told(
        scan_digest("ups", kind, number, code, written, city, region, country or ""),
        known,
        text(inner(status, "description")).strip(),
        written,
        ", ".join(filter(None, (city, region, country))),
    )
    at = _when(activity, zone_of_region(country, region), destination)
    return scan_of(told, CODES.get(known), destination, at)


def _when(activity: JsonObject, place: str | None, destination: str | None) -> tuple[datetime | None, str]:
    """The time in GMT that UPS gives beside its local one, else the local one, at the place."""
    exact = clock(text(activity.get("gmtDate")), text(activity.get("gmtTime")))
    if exact:
        found, source = instant(f"{exact}+00:00", None, None)
        if source == "offset":
            return found, source
    return instant(clock(text(activity.get("date")), text(activity.get("time"))), place, destination)
