"""What EasyPost's answers and calls say of a parcel: its trackers as scans in our vocabulary.

Manual: https://docs.easypost.com/docs/trackers and https://docs.easypost.com/docs/errors.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from app.tracking.adapter.base import (
    AnswerKind,
    Ask,
    Call,
    CarrierReply,
    HeardScan,
    ParcelNotes,
    RawAnswer,
    clean,
    scan_digest,
)
from app.tracking.adapter.batches import portion_of, to_each
from app.tracking.adapter.numbers import plain
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
    text,
    without_news,
)
from app.tracking.adapter.telling import Told, each_once, scan_of, sent_back
from app.tracking.adapter.times import day, destination_zone, expected_day, instant
from app.tracking.carriers.easypost_codes import CODES, code_of
from app.zones import zone_of_country

CARRIERS: Mapping[str, str] = {
    "australiapost": "AustraliaPost",
    "canadapost": "CanadaPost",
    "fedex": "FedEx",
    "royalmail": "RoyalMail",
    "ups": "UPS",
    "usps": "USPS",
}
"""EasyPost's name for a carrier, where it has one only; what it has several of is left to EasyPost's own detection."""

_UNKNOWN_NUMBER = ("NOT_FOUND", "TRACKER.NOT_FOUND", "TRACKER.CREATE.ERROR")


def replies(call: Call, answer: RawAnswer) -> list[CarrierReply]:
    """One reply for each parcel that the call asked about, whatever the bytes."""
    document, fault = json_object(answer.body) if answer.status is not None else (None, None)
    refused, found = refusal("", answer, document, fault), trackers(document)
    if refused is not None or found is None:
        return to_each(call, refused or malformed("", answer.status, "the answer lists no trackers"))
    by_number: dict[str, list[JsonObject]] = defaultdict(list)
    for tracker in found:
        by_number[plain(text(tracker.get("tracking_code")))].append(tracker)
    return [_of_number(ask, by_number.get(plain(ask.tracking_number), [])) for ask in call.asks]


def refusal(number: str, answer: RawAnswer, document: JsonObject | None, fault: str | None) -> CarrierReply | None:
    """The reply to an answer that is about no parcel, by its status or by the `error` in it; None for any other."""
    early = without_news("EasyPost", number, answer)
    if early is not None or answer.status is None:
        return early
    error = document.get("error") if document else None
    code, message = text(inner(error, "code")).upper(), clean(text(inner(error, "message")), 200)
    if code == "RATE_LIMITED":
        return CarrierReply(AnswerKind.throttled, number, detail="EasyPost asks for fewer questions")
    if code in ("UNAUTHORIZED", "FORBIDDEN", "APIKEY.INACTIVE"):
        return CarrierReply(AnswerKind.denied, number, detail=f"EasyPost refused the credentials: {message}")
    if code in _UNKNOWN_NUMBER or (answer.status == HTTPStatus.NOT_FOUND and document is not None):
        return not_found(number, message or "EasyPost does not know the number")
    if document is None or error is not None or answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        return malformed(number, answer.status, message or fault or "nothing that says why")
    return None


def trackers(document: JsonObject | None) -> list[JsonObject] | None:
    """The trackers in an answer: a list of them, or itself one; None where there are none."""
    if document is None:
        return None
    if isinstance(document.get("trackers"), list):
        return objects(document["trackers"])
    return [document] if document.get("tracking_code") else None


def _of_number(ask: Ask, listed: Sequence[JsonObject]) -> CarrierReply:
    """The newest tracker of the carrier that the parcel travels with: numbers are used again, and EasyPost, which
    lists the newest first, keeps those of both."""
    if not listed:
        return replace(not_found(ask.tracking_number, "EasyPost does not follow this number"), portion=b"")
    chosen = next((one for one in listed if _is_of(text(one.get("carrier")), ask.carrier)), listed[0])
    lasting = {name: value for name, value in chosen.items() if name != "updated_at"}  # changes at every look
    return tracked(ask, chosen, portion_of(lasting))


def _is_of(named: str, carrier: str | None) -> bool:
    return bool(carrier) and named.lower().startswith(carrier or "")


def tracked(ask: Ask, tracker: JsonObject, portion: bytes | None = None) -> CarrierReply:
    """What one tracker says."""
    number, listed = ask.tracking_number, tracker.get("tracking_details")
    if listed is not None and not isinstance(listed, list):
        return malformed(number, HTTPStatus.OK, "the tracker's details are not a list")
    bound_for = country_code(inner(tracker, "carrier_detail", "destination_tracking_location", "country"))
    zone = destination_zone(ask, bound_for)
    as_of, _ = instant(text(tracker.get("updated_at")), "UTC", None)
    return CarrierReply(
        AnswerKind.tracked,
        number,
        scans=tuple(sent_back(each_once(_scan(detail, zone) for detail in objects(listed)))),
        service=clean(text(inner(tracker, "carrier_detail", "service")), 60) or None,
        notes=ParcelNotes(
            link=https_link(tracker.get("public_url")),
            weight_grams=grams(tracker.get("weight"), "oz"),
            proof="signature" if text(tracker.get("signed_by")) else None,
        ),
        portion=portion,
        as_of=as_of,
        bound_for=bound_for,
        **_expected(tracker, zone),
    )


def _scan(detail: JsonObject, zone: str | None) -> HeardScan:
    code = code_of(text(detail.get("status")), text(detail.get("status_detail")))
    written, message = text(detail.get("datetime")), text(detail.get("message"))
    where = detail.get("tracking_location")
    place = ", ".join(filter(None, (text(inner(where, name)).strip() for name in ("city", "state"))))
    source, raw = text(detail.get("source")), text(detail.get("carrier_code"))
    # Not the status: EasyPost corrects those, and a corrected detail is no second one.
    identity = scan_digest("easypost", source, raw, written, place, message)
    description = message or text(detail.get("description"))
    at_place = zone_of_country(country_code(inner(where, "country")))
    return scan_of(Told(identity, code, description, written, place, at_place), CODES.get(code), zone)


def _expected(tracker: JsonObject, zone: str | None) -> dict[str, Any]:
    """When the carrier expects to deliver: in local time where it says so, else EasyPost's instant."""
    carrier = tracker.get("carrier_detail")
    local_day, local_time = (text(inner(carrier, f"est_delivery_{part}_local")) for part in ("date", "time"))
    if local_day and local_time:
        at, _ = instant(f"{local_day}T{local_time}", zone, None)
        if at:
            return {"eta_from": at, "eta_through": at}
    if found := day(local_day):
        return {"eta_day": found}
    if found := expected_day(text(tracker.get("est_delivery_date"))):
        return {"eta_day": found}
    at, _ = instant(text(tracker.get("est_delivery_date")), zone, None)
    return {"eta_from": at, "eta_through": at} if at else {}
