"""DPD in the Netherlands and Belgium: how DPD is asked over SOAP, and how its answers become scans.

Manual: https://integrations.dpd.nl/dpd-shipper/dpd-shipper-webservices/ (ParcelLifeCycle service 2.0, getTrackingData).
It does not list what `status` may say: the codes below are from answers and from client code. `dpd_soap` writes the
questions and lends the token.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlencode

from lxml import etree

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
    RawAnswer,
    clean,
    scan_digest,
)
from app.tracking.adapter.numbers import NumberFormat, mod37_36, plain, unspaced
from app.tracking.adapter.reading import malformed, not_found, without_news, xml_all, xml_root, xml_text
from app.tracking.adapter.telling import Told, each_once, scan_of
from app.tracking.adapter.times import destination_zone
from app.tracking.carriers.dpd_soap import DpdLogin, faulted, question
from app.zones import zone_of_country

CODES: dict[str, Meaning] = {
    # Seen in answers
    "SHIPMENT": Milestone.registered,
    "PickedUp": Milestone.dispatched,  # "DPD has received your parcel"
    "BetweenDepots": Milestone.in_transit,
    "Depot": Milestone.in_transit,
    "Courier": Milestone.out_for_delivery,
    "ParcelShop": Milestone.ready_for_pickup,  # delivered to a Pickup parcelshop, where it waits
    "DeliveryFailure": Milestone.attempt_failed,
    "ReturningFromDelivery": Milestone.attempt_failed,  # back at the depot after an attempt
    "Delivered": Milestone.delivered,
    # The same service's words in Germany, by a client of it
    "ACCEPTED": Milestone.dispatched,
    "AT_SENDING_DEPOT": Milestone.in_transit,
    "ON_THE_ROAD": Milestone.in_transit,
    "AT_DELIVERY_DEPOT": Milestone.in_transit,
    "DELIVERED": Milestone.delivered,
    # A client library lists these without ever having seen them; their plain words are taken for what they say
    "in_transit": Milestone.in_transit,
    "DMG": Milestone.exception,
    "DAMAGED": Milestone.exception,
    "LOST": Milestone.exception,
    "ADDRESS_NOT_FOUND": Milestone.exception,
    "INCORRECT_ADDRESS": Milestone.exception,
    "WRONG_ADDRESS": Milestone.exception,
    "REFUSED": Milestone.exception,
    "REJECTED": Milestone.exception,
    "CUSTOMS_DOCS": Milestone.exception,  # papers or duties are wanted
    "DUTIES_UNPAID": Milestone.exception,
    "BUSINESS_CLOSED": Milestone.attempt_failed,
    "NOT_AVAILABLE": Milestone.attempt_failed,
    "NOT_HOME": Milestone.attempt_failed,
    "RECIPIENT_ABSENT": Milestone.attempt_failed,
    "ACCESS_RESTRICTED": Milestone.attempt_failed,
    "MISROUTED": NoMilestone.movement,  # these cost time, and the ETA or silence tells that
    "VEHICLE_ISSUE": NoMilestone.movement,
    "CUSTOMS_DELAY": Milestone.delayed,
    "CUSTOMS_HOLD": NoMilestone.movement,
    "WEATHER": NoMilestone.movement,
    "NATURAL_DISASTER": NoMilestone.movement,
}

_US = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d\d):(\d\d) ([AP])M", re.ASCII)
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}),? (\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)


class Dpd(Carrier):
    """The carrier DPD, for shippers of the Netherlands (and, by another address, of Belgium)."""

    name = "dpd"
    title = "DPD"
    manual = "https://integrations.dpd.nl/dpd-shipper/dpd-shipper-webservices/"
    base_url = "https://wsshipper.dpd.nl"
    requests_per_second = 2.0
    """DPD's limits stand in contracts. This is ours; set what yours grants."""
    needs = ("account", "api_secret")
    codes = CODES
    formats = (
        NumberFormat(r"(?P<serial>[0-9A-Z]\d{26})(?P<check>[0-9A-Z])", mod37_36, 0.95),  # a whole barcode
        NumberFormat(r"(?P<serial>\d{14})(?P<check>[0-9A-Z])", mod37_36, 0.85),
        NumberFormat(r"0[1-9]\d{12}", None, 0.4),  # a depot's number first
        NumberFormat(r"\d{14}", None, 0.25),
    )
    login = DpdLogin()

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        """One POST for each parcel. The language is always the same: dates are written as it has them."""
        return [question(ask, _label_number(ask), access) for ask in asks]

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        return [_reply(ask, answer) for ask in call.asks]

    def link(self, ask: Ask) -> str:
        """DPD's public tracking page."""
        query = urlencode({"lang": "en", "parcelNumber": _label_number(ask)})
        return f"https://www.dpdgroup.com/nl/mydpd/my-parcels/track?{query}"


def _label_number(ask: Ask) -> str:
    """The fourteen digits that DPD is asked for; a scanned barcode has more around them."""
    number = plain(ask.tracking_number)
    if Dpd.formats[0].fits(number):
        return number[7:21]
    return number[:14] if Dpd.formats[1].fits(number) else unspaced(ask.tracking_number)


def _reply(ask: Ask, answer: RawAnswer) -> CarrierReply:
    number, status = ask.tracking_number, answer.status
    root, fault = xml_root(answer.body) if status in (HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR) else (None, None)
    refusal = faulted(number, root, answer) or without_news("DPD", number, answer)
    if refusal is not None:
        return refusal
    if root is None or status != HTTPStatus.OK:
        return malformed(number, status, fault or "nothing that says why")
    response = next(xml_all(root, "Body", "getTrackingDataResponse"), None)
    if response is None:
        return malformed(number, status, "the answer has no getTrackingDataResponse")
    result = next(xml_all(response, "trackingresult"), None)
    if result is None or len(result) == 0:
        return not_found(number, "DPD knows no parcel under this number")
    service = xml_text(result, "shipmentInfo", "serviceDescription", "content", "content")
    return CarrierReply(AnswerKind.tracked, number, scans=_scans(ask, result), service=clean(service, 60) or None)


def _scans(ask: Ask, result: etree._Element) -> tuple[HeardScan, ...]:
    """The reached statuses as scans, in the order given. Those not reached are a plan."""
    destination = destination_zone(ask)
    reached = (told for told in xml_all(result, "statusInfo") if xml_text(told, "statusHasBeenReached") != "false")
    return tuple(each_once(_scan(told, destination) for told in reached))


def _scan(told: etree._Element, destination: str | None) -> HeardScan:
    code, written = xml_text(told, "status"), xml_text(told, "date", "content")
    place = xml_text(told, "location", "content")
    lines = ((line.text or "").strip() for line in xml_all(told, "description", "content", "content"))
    country = re.search(r"\(([A-Z]{2})\)$", place)
    description = " ".join(line for line in lines if line) or xml_text(told, "label", "content")
    identity, place_zone = scan_digest("dpd", code, written, place), zone_of_country(country[1]) if country else None
    scan = scan_of(Told(identity, code, description, _iso(written), place, place_zone), CODES.get(code), destination)
    return replace(scan, written_time=clean(written, 60))


def _iso(written: str) -> str:
    """A time as DPD writes it, in ISO's shape: "8/17/2021 7:11:26 PM" (month first) or "17.08.2021, 19:11".

    Any other is left as it is. So is a date with slashes and no AM or PM, which could be read in two ways.
    """
    if us := _US.fullmatch(written):
        month, day, year, hour, minute, second = (int(part) for part in us.groups()[:6])
        hour = hour % 12 + (12 if us[7] == "P" else 0) if 1 <= hour <= 12 else 99
    elif dotted := _DOTTED.fullmatch(written):
        day, month, year, hour, minute, second = (int(part or 0) for part in dotted.groups())
    else:
        return written
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
