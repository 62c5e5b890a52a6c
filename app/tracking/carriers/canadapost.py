"""Canada Post Tracking: how Canada Post is asked, and how its answers become scans in our vocabulary.

Manual: https://www.canadapost-postescanada.ca/info/mc/business/productsservices/developers/services/tracking/ (Get
Tracking Details), and on errors and events …/developers/messagescodetables.jsf.
What the event identifiers mean stands in `canadapost_codes`.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote

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
    ParcelNotes,
    PickupPoint,
    RawAnswer,
    clean,
    scan_digest,
)
from app.tracking.adapter.numbers import NumberFormat, mod10, plain, s10, s10_from_abroad
from app.tracking.adapter.reading import malformed, not_found, same_number, without_news, xml_all, xml_root
from app.tracking.adapter.regions import zone_at_destination, zone_of_region
from app.tracking.adapter.telling import Told, each_once, scan_of
from app.tracking.adapter.times import day, home, instant
from app.tracking.carriers.canadapost_codes import CODES, code_of

_MEDIA = "application/vnd.cpc.track-v2+xml"
_CARD = 15
"""Digits of a delivery notice card's number, by which an item can be asked about too."""

Fields = Mapping[str, str]
"""The texts of an element's children, by their local names."""


class CanadaPost(Carrier):
    """Canada Post (Postes Canada), through its web services."""

    name = "canadapost"
    title = "Canada Post"
    manual = (
        "https://www.canadapost-postescanada.ca/info/mc/business/productsservices/developers/services/tracking/"
        "trackingdetails.jsf"
    )
    base_url = "https://soa-gw.canadapost.ca"
    requests_per_second = 1.0
    """A new key may call 60 times a minute; Canada Post raises it on request."""
    needs = ("api_key", "api_secret")
    codes = CODES
    formats = (
        NumberFormat(r"(?P<serial>\d{15})(?P<check>\d)", mod10(), 0.5, frozenset({"CA"})),
        NumberFormat(r"[A-Z]{2}(?P<serial>\d{8})(?P<check>\d)CA", s10, 0.9),
        s10_from_abroad("CA"),
    )

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        """One GET for each parcel, in English: the text tells which way an item goes."""
        pair = f"{access.key}:{access.secret}".encode()
        headers = {
            "Authorization": f"Basic {b64encode(pair).decode()}",
            "Accept": _MEDIA,
            "Accept-language": "en-CA",
        }
        return [Call("GET", f"{access.base_url}/vis/track/{_path(ask)}/detail", headers, (ask,)) for ask in asks]

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        return [_reply(ask, answer) for ask in call.asks]

    def link(self, ask: Ask) -> str:
        """Canada Post's public tracking page."""
        number = quote(plain(ask.tracking_number), safe="")
        return f"https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={number}"


def _is_card(number: str) -> bool:
    number = plain(number)
    return len(number) == _CARD and number.isdigit()


def _path(ask: Ask) -> str:
    kind = "dnc" if _is_card(ask.tracking_number) else "pin"
    return f"{kind}/{quote(plain(ask.tracking_number), safe='')}"


def _reply(ask: Ask, answer: RawAnswer) -> CarrierReply:
    """What an answer says. Its own messages come first: Canada Post throttles with a 500 that has one."""
    status, number = answer.status, ask.tracking_number
    root, fault = xml_root(answer.body) if status is not None else (None, None)
    said = _complaint(number, root)
    refusal = without_news("Canada Post", number, answer)
    if said is not None and (refusal is None or said.kind is AnswerKind.throttled):
        return said
    if refusal is not None or status is None:
        return refusal or malformed(number, status, "no answer")
    if root is None or status != HTTPStatus.OK:
        return malformed(number, status, fault or "nothing that says why")
    detail = _found(root, "tracking-detail")
    if detail is None:
        return malformed(number, status, "the answer is about no item")
    return _tracked(ask, detail)


def _found(root: etree._Element, name: str) -> etree._Element | None:
    """The element of that local name: the root itself, or one of its children."""
    if _local(root) == name:
        return root
    return next(xml_all(root, name), None)


def _local(element: etree._Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _fields(element: etree._Element) -> Fields:
    return {_local(child): (child.text or "").strip() for child in element}


_COMPLAINTS = {
    "004": AnswerKind.not_found,  # No Pin History
    "E002": AnswerKind.denied,  # AAA Authentication Failure
    "E004": AnswerKind.denied,  # Unauthorized for this endpoint
    "Server": AnswerKind.throttled,  # Rejected by SLM Monitor: the key's allowance for this minute is used up
}

_ALLOWANCE = 60.0
"""Seconds after which the allowance of a minute is there again."""


def _complaint(number: str, root: etree._Element | None) -> CarrierReply | None:
    """What a `messages` document says, by the code of its first message; None where the answer is none."""
    messages = _found(root, "messages") if root is not None else None
    if messages is None:
        return None
    told = next((_fields(message) for message in xml_all(messages, "message")), {})
    code, description = told.get("code", ""), told.get("description", "")
    kind = AnswerKind.denied if code.startswith("AA") else _COMPLAINTS.get(code)
    if kind is None:
        return malformed(number, HTTPStatus.OK, f"Canada Post reports {code} {description}".strip())
    if kind is AnswerKind.not_found:
        return not_found(number, description or "Canada Post does not know the number")
    wait = _ALLOWANCE if kind is AnswerKind.throttled else None
    return CarrierReply(kind, number, detail=clean(f"Canada Post: {description or code}", 300), retry_after=wait)


def _tracked(ask: Ask, detail: etree._Element) -> CarrierReply:
    number, fields = ask.tracking_number, _fields(detail)
    if not _is_card(number) and not same_number(fields.get("pin"), plain(number)):
        return malformed(number, HTTPStatus.OK, "the answer is about another number")
    destination = zone_at_destination(ask, home(ask) or "CA")
    events = [_fields(one) for one in xml_all(detail, "significant-events", "occurrence")]
    return CarrierReply(
        AnswerKind.tracked,
        number,
        scans=tuple(each_once(_scan(event, destination) for event in events)),
        eta_day=day(fields.get("changed-expected-date", "")) or day(fields.get("expected-delivery-date", "")),
        service=clean(fields.get("service-name", ""), 60) or None,
        notes=ParcelNotes(proof=_proof(fields, events), pickup=_pickup(events)),
    )


def _scan(event: Fields, destination: str | None) -> HeardScan:
    """One occurrence. Who signed is not read."""
    identifier, said = event.get("event-identifier", ""), event.get("event-description", "")
    site, province = event.get("event-site", ""), event.get("event-province", "")
    written = " ".join(filter(None, (event.get("event-date"), event.get("event-time"), event.get("event-time-zone"))))
    code = code_of(identifier, said)
    told = Told(
        scan_digest("canadapost", identifier, written, site, province),
        code,
        said,
        written,
        ", ".join(filter(None, (site, province))),
    )
    return scan_of(told, CODES.get(code), destination, _when(event, province, destination))


_OFFSETS = {
    "NST": "-03:30", "NDT": "-02:30", "AST": "-04:00", "ADT": "-03:00", "EST": "-05:00", "EDT": "-04:00",
    "CST": "-06:00", "CDT": "-05:00", "MST": "-07:00", "MDT": "-06:00", "PST": "-08:00", "PDT": "-07:00",
    "YST": "-09:00", "AKST": "-09:00", "AKDT": "-08:00", "HST": "-10:00", "UTC": "+00:00", "GMT": "+00:00",
}  # fmt: skip


def _when(event: Fields, province: str, destination: str | None) -> tuple[datetime | None, str]:
    """The time with the offset that its abbreviation stands for; one that stands for none is local to the province."""
    date, time = event.get("event-date", ""), event.get("event-time", "")
    if not time:
        return instant(date, None, None)
    offset = _OFFSETS.get(event.get("event-time-zone", "").upper(), "")
    place = zone_of_region("CA", province) if province else None
    return instant(f"{date}T{time}{offset}", place, destination)


def _proof(fields: Fields, events: Sequence[Fields]) -> str | None:
    if fields.get("signature-image-exists", "").lower() == "true":
        return "signature"
    return "photo" if any(event.get("event-identifier") == "2001" for event in events) else None


def _pickup(events: Sequence[Fields]) -> PickupPoint | None:
    """The post office at which an item waits, of the newest event that names one and says so."""
    named = [event for event in events if event.get("event-retail-name")]
    waits = [event for event in named if CODES.get(code_of(event.get("event-identifier", ""), "")) in _AT_COUNTER]
    newest = max(waits, key=lambda event: (event.get("event-date", ""), event.get("event-time", "")), default=None)
    if newest is None:
        return None
    address = ", ".join(filter(None, (newest.get("event-site"), newest.get("event-province"))))
    return PickupPoint(clean(newest["event-retail-name"], 120), clean(address, 200))


_AT_COUNTER = (Milestone.ready_for_pickup, Milestone.attempt_failed)
