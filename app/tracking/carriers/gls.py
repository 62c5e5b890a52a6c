"""GLS Track And Trace V1: how GLS is asked, ten parcels at a time, and how its answers become scans.

Manual: https://dev-portal.gls-group.net (Track And Trace V1, "GET /tracking/simple/trackids/{ids}"), with tokens from
Authentication V2. The manual lists the statuses of a parcel; the codes of events it gives only to who has a key
("GET /tracking/events/codes"). Those below are from its examples and from real answers.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from operator import itemgetter
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
    RawAnswer,
    clean,
    scan_digest,
)
from app.tracking.adapter.batches import in_batches, portion_of, to_each, unmentioned
from app.tracking.adapter.numbers import NumberFormat, unspaced
from app.tracking.adapter.oauth import OAuth
from app.tracking.adapter.pieces import speaker
from app.tracking.adapter.reading import (
    JsonObject,
    country_code,
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
from app.tracking.adapter.telling import Told, each_once, scan_of
from app.tracking.adapter.times import destination_zone
from app.zones import zone_of_country

EVENTS: dict[str, Meaning] = {
    "INTIAL.PREADVICE": Milestone.registered,  # the data is there, the parcel is not
    "INTIAL.E48_DATA": Milestone.registered,  # provided by the sender for collection
    "INTIAL.NORMAL": Milestone.dispatched,  # handed over to GLS
    "OUTBOD.NORMAL": Milestone.in_transit,
    "INBOUD.NORMAL": Milestone.in_transit,
    "OUTDEL.NORMAL": Milestone.out_for_delivery,
    "DELIVD.NORMAL": Milestone.delivered,
    "DELIVD.PARCELSHOP": Milestone.ready_for_pickup,  # in the ParcelShop, where it waits
    "DELIVD.DEL_BY_PSAPP": Milestone.delivered,  # handed out by the ParcelShop
    "NOTDEL.ABSENT": Milestone.attempt_failed,
    "CANCEL.NORMAL": Milestone.cancelled,  # the data was deleted
    "CHANGD.MONEWADDR": NoMilestone.nothing,  # the shopper's own wishes
    "CHANGD.PARCELBOX": NoMilestone.nothing,
}
STATUSES: dict[str, Meaning] = {
    "PLANNEDPICKUP": Milestone.registered,
    "INPICKUP": Milestone.registered,
    "NOTPICKEDUP": NoMilestone.nothing,  # at the sender's: the parcel is where it was
    "PREADVICE": Milestone.registered,
    "INTRANSIT": Milestone.in_transit,
    "INWAREHOUSE": Milestone.in_transit,
    "INDELIVERY": Milestone.out_for_delivery,
    "DELIVERED": Milestone.delivered,
    "DELIVEREDPS": Milestone.ready_for_pickup,
    "NOTDELIVERED": Milestone.attempt_failed,
    "CANCELED": Milestone.cancelled,
    "FINAL": NoMilestone.nothing,  # it came to its end, but to which is not said
}
"""Every `ParcelDTO.status` of the manual."""

CODES: dict[str, Meaning] = {**EVENTS, **STATUSES}

_PLAIN_NUMBER = re.compile(r"[A-Z0-9]{6,35}", re.ASCII)


def _gls_check(found: re.Match[str]) -> bool:
    """Groups `serial` and `check`: digits times 3 and 1 in turn, plus one, filled up to a multiple of ten."""
    total = sum(int(digit) * (3, 1)[at % 2] for at, digit in enumerate(found["serial"]))
    return -(total + 1) % 10 == int(found["check"])


class Gls(Carrier):
    """The carrier GLS, through the gateway of its group."""

    name = "gls"
    title = "GLS"
    manual = "https://dev-portal.gls-group.net"
    base_url = "https://api.gls-group.net"
    batch_size = 10
    requests_per_second = 5.0
    requests_per_day = 500
    """What a new application may ask in a day; how fast is not told."""
    needs = ("api_key", "api_secret")
    codes = CODES
    formats = (
        NumberFormat(r"(?P<serial>\d{11})(?P<check>\d)", _gls_check, 0.5),
        NumberFormat(r"\d{11}", None, 0.25),
        NumberFormat(r"(?=.*[A-Z])[A-Z0-9]{8}", None, 0.3),  # a Track ID
    )
    login = OAuth("GLS", "/oauth2/v2/token")

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        """One GET for ten parcels. A number of any odd shape goes alone, that it may not spoil the others' answer."""
        plain_ones = [ask for ask in asks if _PLAIN_NUMBER.fullmatch(_written(ask))]
        odd_ones = [[ask] for ask in asks if not _PLAIN_NUMBER.fullmatch(_written(ask))]
        return [_call(batch, access) for batch in (*in_batches(plain_ones, self.batch_size), *odd_ones)]

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        refusal = without_news("GLS", "", answer)
        if refusal is not None:
            return to_each(call, refusal)
        document, fault = json_object(answer.body)
        parcels = document.get("parcels") if document and answer.status == HTTPStatus.OK else None
        if isinstance(parcels, list):
            return [_reply(ask, objects(parcels), answer) for ask in call.asks]
        return to_each(call, _unlisted(answer.status, document, fault, lone=len(call.asks) == 1))

    def numbers_in(self, body: bytes) -> list[str]:
        """The numbers that an answer says were asked for, each once. Never raises."""
        parcels = objects(inner(json_object(body)[0], "parcels"))
        return [number for number in dict.fromkeys(text(one.get("requested")) for one in parcels) if number]

    def link(self, ask: Ask) -> str:
        """GLS's public tracking page."""
        return f"https://gls-group.eu/EU/en/parcel-tracking?{urlencode({'match': unspaced(ask.tracking_number)})}"


def _written(ask: Ask) -> str:
    return unspaced(ask.tracking_number).upper()


def _call(batch: Sequence[Ask], access: Access) -> Call:
    ids = ",".join(quote(_written(ask), safe="") for ask in batch)
    ids = ids if ids.strip(".") else ids.replace(".", "%2E") or "-"
    headers = {"Authorization": f"Bearer {access.token}", "Accept": "application/json", "Accept-Language": "en"}
    url = f"{access.base_url}/track-and-trace-v1/tracking/simple/trackids/{ids}"
    return Call("GET", url, headers, tuple(batch))


def _unlisted(status: int | None, document: JsonObject | None, fault: str | None, *, lone: bool) -> CarrierReply:
    """The reply to an answer that lists no parcels.

    A 404 says that none of the numbers is known, unless the gateway says that it does not know the address. A 400 is
    the number's fault where it was asked about alone.
    """
    said = problem_of(document) or fault or "the answer lists no parcels"
    unknown = status == HTTPStatus.NOT_FOUND and "static resource" not in said
    if document is not None and (unknown or (status == HTTPStatus.BAD_REQUEST and lone)):
        return not_found("", said)
    return malformed("", status, said)


def _reply(ask: Ask, parcels: Sequence[JsonObject], answer: RawAnswer) -> CarrierReply:
    """What the answer says of one number: of the parcel that has it, else of all that were found by it."""
    number = ask.tracking_number
    # What another asked for by its reference may be this parcel too: its own part comes first, and alone.
    about = [p for p in parcels if same_number(p.get("requested"), number)]
    about = about or [p for p in parcels if same_number(p.get("unitno"), number)]
    if not about:
        return unmentioned(ask)
    portion = portion_of({"parcels": about})
    known = [parcel for parcel in about if not _failed(parcel)]
    named = [parcel for parcel in known if same_number(parcel.get("unitno"), number)] or known
    if not named:
        return replace(_refused(number, about[0], answer), portion=portion)
    heard = [_scans(ask, parcel) for parcel in named]
    at = speaker(heard)
    others = (text(parcel.get("unitno")) for parcel in known if parcel is not named[at])
    return CarrierReply(
        AnswerKind.tracked,
        number,
        scans=heard[at],
        notes=ParcelNotes(pieces=tuple(clean(one, 60) for one in others if one)[:50]),
        portion=portion,
    )


def _failed(parcel: JsonObject) -> bool:
    return bool(text(parcel.get("errorCode")) or text(parcel.get("errorMessage")))


def _refused(number: str, error: JsonObject, answer: RawAnswer) -> CarrierReply:
    """Why there is no parcel: GLS gives each number its own error under HTTP 200, and its code holds the status."""
    code = text(error.get("errorCode"))
    found = re.fullmatch(r"E_(\d{3})_.*", code, re.ASCII)
    status = status_in(found[1]) if found else None
    unknown = status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
    kind = AnswerKind.not_found if unknown else kind_of_status(status)
    return refused("GLS", number, kind, f"{code} {text(error.get('errorMessage'))}".strip(), answer)


def _scans(ask: Ask, parcel: JsonObject) -> tuple[HeardScan, ...]:
    """A parcel's events as scans, in the order given; then its status, where no event tells it."""
    destination = destination_zone(ask)
    told = tuple(each_once(_scan(event, destination) for event in objects(parcel.get("events"))))
    timed = [(scan.occurred_at, scan.unknown) for scan in told if scan.occurred_at]
    if timed and not max(timed, key=itemgetter(0))[1]:
        return told
    return (*told, *_status(parcel, destination))


def _scan(event: JsonObject, destination: str | None) -> HeardScan:
    code, written = text(event.get("code")), text(event.get("eventDateTime"))
    place, postcode = text(event.get("city")), text(event.get("postalCode"))
    identity = scan_digest("gls", code, written, postcode, place)
    place_zone = zone_of_country(country_code(event.get("country")))
    told = Told(identity, code, text(event.get("description")), written, place, place_zone)
    return scan_of(told, EVENTS.get(code), destination)


def _status(parcel: JsonObject, destination: str | None) -> list[HeardScan]:
    """The parcel's status as a scan of its own: the manual lists all statuses, but not the codes of events."""
    status, written = text(parcel.get("status")), text(parcel.get("statusDateTime"))
    told = Told(scan_digest("gls", "status", status, written), status, "", written)
    return [scan_of(told, STATUSES.get(status), destination)] if status else []
