"""What AfterShip's answers and calls say of a parcel: its trackings as scans in our vocabulary.

Manual: https://www.aftership.com/docs/tracking/model/tracking and …/quickstart/request-errors. Fields are read by their
names of 2025-07 and by the older ones, because a webhook has a version of its own.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from babel.core import get_global

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
from app.tracking.adapter.times import destination_zone, expected_day, instant
from app.tracking.carriers.aftership_codes import CODES
from app.zones import zone_of_country

SLUGS: Mapping[str, str] = {
    "australiapost": "australia-post",
    "bring": "posten-norge",
    "canadapost": "canada-post",
    "fedex": "fedex",
    "inpost": "inpost-paczkomaty",
    "laposte": "la-poste-colissimo",
    "royalmail": "royal-mail",
    "ups": "ups",
    "usps": "usps",
}
"""AfterShip's name for a carrier, where it has one only. What has several by country or division (DHL, DPD, GLS,
PostNord) is left to AfterShip, which goes by the number."""


def replies(call: Call, answer: RawAnswer) -> list[CarrierReply]:
    """One reply for each parcel that the call asked about, whatever the bytes."""
    document, fault = json_object(answer.body) if answer.status is not None else (None, None)
    refused = refusal("", answer, document, fault)
    found = trackings(document.get("data")) if document is not None else None
    if refused is not None or found is None:
        return to_each(call, refused or malformed("", answer.status, "the answer lists no trackings"))
    by_number: dict[str, list[JsonObject]] = defaultdict(list)
    for tracking in found:
        by_number[plain(text(tracking.get("tracking_number")))].append(tracking)
    return [_of_number(ask, by_number.get(plain(ask.tracking_number), [])) for ask in call.asks]


def refusal(number: str, answer: RawAnswer, document: JsonObject | None, fault: str | None) -> CarrierReply | None:
    """The reply to an answer that is about no parcel, by its status or by the `meta.code` in it; None for any other."""
    early = without_news("AfterShip", number, answer)
    if early is not None or answer.status is None:
        return early
    if document is None:
        return malformed(number, answer.status, fault or "nothing that says why")
    code, message = meta(document)
    if code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return CarrierReply(AnswerKind.denied, number, detail=f"AfterShip refused the credentials: {message}")
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        return CarrierReply(AnswerKind.throttled, number, detail="AfterShip asks for fewer questions")
    if code in (HTTPStatus.NOT_FOUND, 4004):
        return not_found(number, message or "AfterShip does not know the number")
    if HTTPStatus.INTERNAL_SERVER_ERROR <= code < 600:
        return CarrierReply(
            AnswerKind.unavailable, number, detail=f"AfterShip is not able to answer just now: {message}"
        )
    if code not in (HTTPStatus.OK, HTTPStatus.CREATED):
        return malformed(number, answer.status, message or "nothing that says why")
    return None


def meta(document: JsonObject) -> tuple[int, str]:
    """The code and the message of an answer's `meta`; 0 where it has no code."""
    code = inner(document, "meta", "code")
    message = clean(text(inner(document, "meta", "message")), 200)
    return (code if isinstance(code, int) and not isinstance(code, bool) else 0), message


def trackings(content: Any) -> list[JsonObject] | None:
    """The trackings in an answer's `data`: a list of them, one by name, or itself one; None where there are none."""
    if not isinstance(content, dict):
        return None
    if isinstance(content.get("trackings"), list):
        return objects(content["trackings"])
    if isinstance(content.get("tracking"), dict):
        return [content["tracking"]]
    return [content] if content.get("tracking_number") else None


def _of_number(ask: Ask, listed: Sequence[JsonObject]) -> CarrierReply:
    """The tracking of the carrier that the parcel travels with; one number may be followed with several."""
    if not listed:
        return replace(not_found(ask.tracking_number, "AfterShip does not follow this number"), portion=b"")
    chosen = next((one for one in listed if _is_of(text(one.get("slug")), ask.carrier)), listed[0])
    lasting = {name: value for name, value in chosen.items() if name not in _PASSING}
    return tracked(ask, chosen, portion_of(lasting))


_PASSING = frozenset({"updated_at", "last_updated_at", "tracked_count"})
"""What changes whenever AfterShip looks, whatever it finds."""


def _is_of(slug: str, carrier: str | None) -> bool:
    return bool(carrier) and (slug == SLUGS.get(carrier or "") or slug.replace("-", "").startswith(carrier or ""))


def tracked(ask: Ask, tracking: JsonObject, portion: bytes | None = None, said_at: str = "") -> CarrierReply:
    """What one tracking says. `said_at` is when it was so, where it is not in the tracking itself."""
    number, listed = ask.tracking_number, tracking.get("checkpoints")
    if listed is None and isinstance(tracking.get("checkpoint"), dict):
        listed = [tracking["checkpoint"]]
    if listed is not None and not isinstance(listed, list):
        return malformed(number, HTTPStatus.OK, "the tracking's checkpoints are not a list")
    bound_for = _country(tracking, "courier_destination")  # the other is what we told AfterShip ourselves
    zone = destination_zone(ask, _country(tracking, "destination") or bound_for)
    as_of, _ = instant(said_at or text(tracking.get("updated_at")), "UTC", None)
    scans = tuple(sent_back(each_once(_scan(checkpoint, zone) for checkpoint in objects(listed))))
    return CarrierReply(
        AnswerKind.tracked,
        number,
        scans=scans,
        service=clean(text(tracking.get("shipment_type")), 60) or None,
        notes=_notes(tracking),
        portion=portion,
        as_of=as_of,
        bound_for=bound_for,
        **_expected(tracking, zone),
    )


def _scan(checkpoint: JsonObject, zone: str | None) -> HeardScan:
    code = text(checkpoint.get("subtag")) or text(checkpoint.get("tag"))
    written, message = text(checkpoint.get("checkpoint_time")), text(checkpoint.get("message"))
    place = _place(checkpoint)
    country = country_of_three(checkpoint.get("country_region") or checkpoint.get("country_iso3"))
    courier, raw = text(checkpoint.get("slug")), text(checkpoint.get("raw_tag"))
    # Not the subtag: AfterShip corrects those, and a corrected checkpoint is no second one.
    identity = scan_digest("aftership", courier, raw, written, place, message)
    description = message or text(checkpoint.get("subtag_message"))
    return scan_of(Told(identity, code, description, written, place, zone_of_country(country)), CODES.get(code), zone)


def _place(checkpoint: JsonObject) -> str:
    place = text(checkpoint.get("location")).strip()
    return place or ", ".join(filter(None, (text(checkpoint.get(name)).strip() for name in ("city", "state"))))


def country_of_three(value: Any) -> str | None:
    """An ISO 3166 country by its three letters (or two), as two; None for anything else."""
    written = text(value).strip().upper()
    if len(written) == 2:
        return country_code(written)
    found = get_global("territory_aliases").get(written) if len(written) == 3 and written.isalpha() else None
    return str(found[0]) if found and len(found) == 1 else None


def _country(tracking: JsonObject, which: str) -> str | None:
    return country_of_three(tracking.get(f"{which}_country_region") or tracking.get(f"{which}_country_iso3"))


def _expected(tracking: JsonObject, zone: str | None) -> dict[str, Any]:
    """When the carrier, else AfterShip, expects to deliver: a window, one instant as both ends, or a day."""
    courier, latest = tracking.get("courier_estimated_delivery_date"), tracking.get("latest_estimated_delivery")
    for at, start, end in (
        (inner(courier, "estimated_delivery_date"), inner(courier, "estimated_delivery_date_min"),
         inner(courier, "estimated_delivery_date_max")),
        (inner(latest, "datetime"), inner(latest, "datetime_min"), inner(latest, "datetime_max")),
        (tracking.get("expected_delivery"), None, None),
    ):  # fmt: skip
        # Of a span of days the last is kept: what comes sooner disappoints nobody.
        if found := expected_day(text(end)) or (expected_day(text(at)) if not (start or end) else None):
            return {"eta_day": found}
        first, _ = instant(text(start), zone, None)
        last, _ = instant(text(end), zone, None)
        single, _ = instant(text(at), zone, None)
        if first or last or single:
            return {"eta_from": first or single or last, "eta_through": last or single or first}
    return {}


def _notes(tracking: JsonObject) -> ParcelNotes:
    """The carrier's own page, weight, and that somebody signed. Who signed is not read."""
    weight, signed = tracking.get("shipment_weight"), text(tracking.get("signed_by"))
    value, unit = (inner(weight, "value"), inner(weight, "unit")) if isinstance(weight, dict) else (weight, None)
    return ParcelNotes(
        link=https_link(tracking.get("courier_tracking_link")),
        weight_grams=grams(value, unit or tracking.get("shipment_weight_unit")),
        proof="signature" if signed and "not required" not in signed.lower() else None,
    )
