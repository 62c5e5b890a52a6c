"""Royal Mail Tracking API v2: one summary for thirty parcels, and the whole history of the one that has news.

Manual: https://developer.royalmail.net/product (Royal Mail Tracking for server-side apps, v2), whose OpenAPI document
1.0.36 stands in https://github.com/bricre/royalmail-tracking-v2-sdk/blob/main/swagger.yaml.
The tables are in `royalmail_codes`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

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
from app.tracking.adapter.batches import by_number, in_batches, listed, part_of, portion_of, to_each, unmentioned
from app.tracking.adapter.numbers import NumberFormat, s10, s10_from_abroad
from app.tracking.adapter.reading import (
    JsonObject,
    inner,
    json_object,
    kind_of_status,
    malformed,
    not_found,
    objects,
    refused,
    status_in,
    text,
    without_news,
)
from app.tracking.adapter.telling import Told, each_once, latest, scan_of
from app.tracking.adapter.times import day, destination_zone, instant
from app.tracking.carriers.royalmail_codes import CODES, ERRORS, PROOFS


class RoyalMail(Carrier):
    """Royal Mail. A summary tells a parcel's last event only; `fuller` asks for all of them."""

    name = "royalmail"
    title = "Royal Mail"
    manual = "https://developer.royalmail.net/product"
    base_url = "https://api.royalmail.net"
    codes = CODES
    batch_size = 30
    needs = ("api_key", "api_secret")
    formats = (
        NumberFormat(r"[A-Z]{2}(?P<serial>\d{8})(?P<check>\d)GB", s10, 0.95),
        NumberFormat(r"[0-9][0-9A-F]{20}", None, 0.4, frozenset({"GB"})),  # the square barcode's number
        s10_from_abroad("GB"),
    )

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        """One GET of summaries for each thirty parcels."""
        return [
            Call("GET", f"{access.base_url}/mailpieces/v2/summary?mailPieceId={listed(batch)}", _headers(access), batch)
            for batch in in_batches(asks, self.batch_size)
        ]

    def fuller(self, ask: Ask, access: Access) -> Call:
        """All events of one parcel, with what is expected and how delivery was proved."""
        url = f"{access.base_url}/mailpieces/v2/{listed([ask])}/events"
        return Call("GET", url, _headers(access), (ask,))

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        refusal = without_news(self.title, "", answer)
        if refusal is not None:
            return to_each(call, refusal)
        document, fault = json_object(answer.body)
        if document is None:
            return to_each(call, malformed("", answer.status, fault or "nothing that says why"))
        told = document.get("mailPieces")
        parts = by_number([told] if isinstance(told, dict) else objects(told), _numbers)
        if not parts:
            return to_each(call, _refused(document, answer))
        return [_reply(ask, part_of(parts, ask.tracking_number), answer) for ask in call.asks]

    def link(self, ask: Ask) -> str:
        """Royal Mail's public tracking page."""
        return f"https://www.royalmail.com/track-your-item#/tracking-results/{listed([ask])}"


def _headers(access: Access) -> Mapping[str, str]:
    return {
        "X-IBM-Client-Id": access.key,
        "X-IBM-Client-Secret": access.secret,
        "X-Accept-RMG-Terms": "yes",
        "Accept": "application/json",
    }


def _numbers(piece: JsonObject) -> tuple[Any, ...]:
    """A piece may be asked for by the number under its bars or by that of its square barcode."""
    summary = piece.get("summary")
    return piece.get("mailPieceId"), inner(summary, "oneDBarcode"), inner(summary, "uniqueItemId")


def _refused(document: JsonObject, answer: RawAnswer) -> CarrierReply:
    """An answer that is an error and about no piece; inside HTTP 200, `httpCode` is the status that is meant."""
    status = answer.status if answer.status != HTTPStatus.OK else status_in(document.get("httpCode"))
    errors = objects(document.get("errors")) or objects(inner(document, "integrationFooter", "errors"))
    said = text(document.get("moreInformation")) or text(document.get("httpMessage")) or "the answer lists no pieces"
    return _error("", errors[0] if errors else None, status, said, answer)


def _error(number: str, error: JsonObject | None, status: int | None, said: str, answer: RawAnswer) -> CarrierReply:
    """What an error means by Royal Mail's code for it; without one, as errors often come, by its status."""
    code = text(inner(error, "errorCode"))
    kind = ERRORS.get(code) or kind_of_status(status)
    detail = f"{code} {text(inner(error, 'errorDescription')) or said}".strip()
    return refused("Royal Mail", number, kind, detail, answer)


def _reply(ask: Ask, piece: JsonObject | None, answer: RawAnswer) -> CarrierReply:
    if piece is None:
        return unmentioned(ask)
    if not isinstance(piece.get("events", []), list):
        reply = malformed(ask.tracking_number, answer.status, "the piece's events are not a list")
    else:
        reply = _tracked(ask, piece, answer)
    return replace(reply, portion=portion_of(piece))


def _tracked(ask: Ask, piece: JsonObject, answer: RawAnswer) -> CarrierReply:
    zone = destination_zone(ask)
    scans = tuple(each_once(_scans(piece, zone)))
    failed = None if scans else _failed(ask.tracking_number, piece, answer)
    return failed or CarrierReply(
        AnswerKind.tracked,
        ask.tracking_number,
        scans=scans,
        service=clean(text(inner(piece, "summary", "productName")), 60) or None,
        notes=_notes(piece, scans),
        **_expected(piece, zone),
    )


def _failed(number: str, piece: JsonObject, answer: RawAnswer) -> CarrierReply | None:
    """The reply for one piece that is an error, next to good ones; None where it is none. The manual's own example
    shows a history and an error in one piece, so this is only looked at where no event is told."""
    status, error = status_in(piece.get("status")), piece.get("error")
    if isinstance(error, dict):
        return _error(number, error, status, "the piece is an error", answer)
    if status == HTTPStatus.NOT_FOUND:
        return not_found(number, "Royal Mail does not know the number")
    return None if status in (None, HTTPStatus.OK) else _error(number, None, status, "the piece is an error", answer)


def _scans(piece: JsonObject, zone: str | None) -> Iterator[HeardScan]:
    """Every event that is told: all of them, or the last one, which a summary repeats."""
    events = objects(piece.get("events"))
    if events:
        for event in events:
            yield _scan(event, ("eventCode", "eventName", "eventDateTime", "locationName"), zone)
        return
    summary = piece.get("summary")
    if isinstance(summary, dict) and (summary.get("lastEventCode") or summary.get("lastEventDateTime")):
        names = ("lastEventCode", "lastEventName", "lastEventDateTime", "lastEventLocationName")
        yield _scan(summary, names, zone)


def _scan(event: JsonObject, names: tuple[str, str, str, str], zone: str | None) -> HeardScan:
    """One event. Its identity is code and time, which stand alike in summary and history; the place may be worded
    otherwise there. The name stands in for a code that is not given."""
    code, description, written, place = (text(event.get(name)) for name in names)
    identity = scan_digest("royalmail", code or description, written)
    return scan_of(Told(identity, code, description, written, place), CODES.get(code), zone)


def _expected(piece: JsonObject, zone: str | None) -> dict[str, Any]:
    """The delivery window: times with their offset, on a date that is given once; else that day."""
    estimate = piece.get("estimatedDelivery")
    written = text(inner(estimate, "date")).strip()
    expected = day(written)
    if expected is None:
        return {}
    start, _ = instant(f"{written}T{text(inner(estimate, 'startOfEstimatedWindow'))}", zone, None)
    end, _ = instant(f"{written}T{text(inner(estimate, 'endOfEstimatedWindow'))}", zone, None)
    start, end = start or end, end or start
    return {"eta_from": start, "eta_through": end} if start and end and start <= end else {"eta_day": expected}


def _notes(piece: JsonObject, scans: Sequence[HeardScan]) -> ParcelNotes:
    """Where it waits, and the kind of proof of delivery. Who signed is not read."""
    waits = latest(scans, Milestone.ready_for_pickup)
    delivered = latest(scans, Milestone.delivered)
    proof = PROOFS.get(delivered.code) if delivered else None
    return ParcelNotes(
        proof=proof or ("signature" if isinstance(piece.get("signature"), dict) and delivered else None),
        pickup=PickupPoint(waits.place) if waits and waits.place else None,
    )
