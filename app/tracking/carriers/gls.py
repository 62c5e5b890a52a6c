"""GLS Track And Trace V1: how GLS is asked, ten parcels at a time, and how its answers become scans.

Manual: https://dev-portal.gls-group.net (Track And Trace V1, "GET /tracking/simple/trackids/{ids}"), with tokens from
Authentication V2. The manual lists the statuses of a parcel; the codes of events it gives only to who has a key
("GET /tracking/events/codes"). Those below are from its examples and from real answers.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http import HTTPStatus
from operator import itemgetter
from urllib.parse import quote, urlencode

from app.models.vocabulary import Milestone
from app.tracking.carriers.base import (
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
    each_once,
    meaning_of,
    scan_digest,
)
from app.tracking.carriers.numbers import NumberFormat
from app.tracking.carriers.oauth import OAuth
from app.tracking.carriers.pieces import speaker
from app.tracking.carriers.reading import (
    JsonObject,
    country_code,
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
from app.tracking.carriers.times import destination_zone, instant
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
        batches = [plain_ones[at : at + self.batch_size] for at in range(0, len(plain_ones), self.batch_size)]
        batches += [[ask] for ask in asks if not _PLAIN_NUMBER.fullmatch(_written(ask))]
        return [_call(batch, access) for batch in batches]

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        document, fault = json_object(answer.body)
        lone = len(call.asks) == 1
        return [
            without_news("GLS", ask.tracking_number, answer)
            or _unlisted(ask, answer.status, document, fault, lone)
            or _reply(ask, objects((document or {}).get("parcels")))
            for ask in call.asks
        ]

    def numbers_in(self, body: bytes) -> list[str]:
        """The numbers that an answer says were asked for, each once. Never raises."""
        parcels = objects(inner(json_object(body)[0], "parcels"))
        return [number for number in dict.fromkeys(text(one.get("requested")) for one in parcels) if number]

    def link(self, ask: Ask) -> str:
        """GLS's public tracking page."""
        return f"https://gls-group.eu/EU/en/parcel-tracking?{urlencode({'match': ask.tracking_number.strip()})}"


def _written(ask: Ask) -> str:
    return ask.tracking_number.strip().upper()


def _call(batch: Sequence[Ask], access: Access) -> Call:
    ids = ",".join(quote(_written(ask), safe="") for ask in batch)
    ids = ids if ids.strip(".") else ids.replace(".", "%2E") or "-"
    headers = {"Authorization": f"Bearer {access.token}", "Accept": "application/json", "Accept-Language": "en"}
    url = f"{access.base_url}/track-and-trace-v1/tracking/simple/trackids/{ids}"
    return Call("GET", url, headers, tuple(batch))


def _unlisted(
    ask: Ask, status: int | None, document: JsonObject | None, fault: str | None, lone: bool
) -> CarrierReply | None:
    """The reply to an answer that lists no parcels; None for one that does.

    A 404 says that none of the numbers is known, unless the gateway says that it does not know the address. A 400 is
    the number's fault where it was asked about alone.
    """
    number, said = ask.tracking_number, problem_of(document) or fault or "the answer lists no parcels"
    if document is not None and status == HTTPStatus.OK and isinstance(document.get("parcels"), list):
        return None
    if document is not None and status == HTTPStatus.NOT_FOUND and "static resource" not in said:
        return not_found(number, said)
    if document is not None and status == HTTPStatus.BAD_REQUEST and lone:
        return not_found(number, said)
    return malformed(number, status, said)


def _reply(ask: Ask, parcels: Sequence[JsonObject]) -> CarrierReply:
    """What the answer says of one number: of the parcel that has it, else of all that were found by it."""
    number = ask.tracking_number
    about = [p for p in parcels if same_number(p.get("requested"), number) or same_number(p.get("unitno"), number)]
    portion = json.dumps(about, separators=(",", ":")).encode()
    known = [parcel for parcel in about if not _failed(parcel)]
    named = [parcel for parcel in known if same_number(parcel.get("unitno"), number)] or known
    if not named:
        return replace(_refused(number, about), portion=portion)
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


def _refused(number: str, about: Sequence[JsonObject]) -> CarrierReply:
    """Why there is no parcel: GLS gives each number its own error under HTTP 200, and its code holds the status."""
    error = next((parcel for parcel in about if _failed(parcel)), None)
    if error is None:
        return not_found(number, "GLS does not mention the number")
    code, said = text(error.get("errorCode")), text(error.get("errorMessage")) or "no reason given"
    found = re.fullmatch(r"E_(\d{3})_.*", code, re.ASCII)
    status = int(found[1]) if found else 0
    refusal = without_news("GLS", number, RawAnswer(status, {}, b""))
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST):
        return not_found(number, said)
    return refusal or malformed(number, HTTPStatus.OK, f"error {code}: {said}")


def _scans(ask: Ask, parcel: JsonObject) -> tuple[HeardScan, ...]:
    """A parcel's events as scans, in the order given; then its status, where no event tells it."""
    destination = destination_zone(ask)
    told = each_once(_scan(event, destination) for event in objects(parcel.get("events")))
    timed = [(scan.occurred_at, scan.unknown) for scan in told if scan.occurred_at]
    if timed and not max(timed, key=itemgetter(0))[1]:
        return told
    return each_once((*told, *_status(parcel, destination)))


def _scan(event: JsonObject, destination: str | None) -> HeardScan:
    code, written = text(event.get("code")), text(event.get("eventDateTime"))
    place, postcode = text(event.get("city")), text(event.get("postalCode"))
    country = country_code(event.get("country"))
    milestone, moves, unknown = meaning_of(EVENTS, code)
    occurred_at, zone_source = instant(written, zone_of_country(country), destination)
    return HeardScan(
        digest=scan_digest("gls", code, written, postcode, place),
        code=clean(code, 60),
        milestone=milestone,
        description=clean(text(event.get("description"))),
        place=clean(place, 200) or None,
        written_time=clean(written, 60),
        occurred_at=occurred_at,
        zone_source=zone_source,
        unknown=unknown,
        moves=moves,
    )


def _status(parcel: JsonObject, destination: str | None) -> Iterator[HeardScan]:
    """The parcel's status as a scan of its own: the manual lists all statuses, but not the codes of events."""
    status, written = text(parcel.get("status")), text(parcel.get("statusDateTime"))
    if not status:
        return
    milestone, moves, unknown = meaning_of(STATUSES, status)
    occurred_at, zone_source = instant(written, None, destination)
    yield HeardScan(
        digest=scan_digest("gls", "status", status, written),
        code=clean(status, 60),
        milestone=milestone,
        description="",
        place=None,
        written_time=clean(written, 60),
        occurred_at=occurred_at,
        zone_source=zone_source,
        unknown=unknown,
        moves=moves,
    )
