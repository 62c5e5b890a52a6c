"""Which part of a FedEx answer is about which number, which of its shipments is meant, and what its errors say."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from http import HTTPStatus

from app.tracking.carriers.base import AnswerKind, Ask, CarrierReply, clean
from app.tracking.carriers.numbers import plain
from app.tracking.carriers.reading import JsonObject, country_code, inner, malformed, not_found, objects, text
from app.tracking.carriers.times import day, home

_AHEAD = timedelta(days=2)
"""A parcel is not handed over before its order was placed; zones, and a clock that is wrong, allow for this much."""


def results_by_number(document: JsonObject) -> Mapping[str, JsonObject]:
    """The complete results of an answer, by their tracking number in plain form."""
    listed = objects(inner(document, "output", "completeTrackResults"))
    return {plain(text(one.get("trackingNumber"))): one for one in listed}


def chosen(ask: Ask, results: Sequence[JsonObject]) -> JsonObject | None:
    """The shipment that is meant: FedEx uses numbers again, and lists every shipment that had one.

    Those with an error count only where there is nothing else. The order's country narrows the rest, then the day it
    was placed: the first shipment after it is meant, or without such a day the newest.
    """
    told = [result for result in results if not result.get("error")] or list(results)
    bound = [result for result in told if home(ask) and _country(result) == home(ask)] or told
    if ask.placed_on is not None:
        since = ask.placed_on - _AHEAD
        later = [result for result in bound if (shipped := _shipped(result)) and shipped >= since]
        if later:
            return min(later, key=lambda result: _shipped(result) or date.max)
    return max(bound, key=lambda result: _shipped(result) or date.min, default=None)


def _country(result: JsonObject) -> str | None:
    recipient = inner(result, "recipientInformation", "address", "countryCode")
    place = inner(result, "destinationLocation", "locationContactAndAddress", "address", "countryCode")
    return country_code(recipient) or country_code(place)


def _shipped(result: JsonObject) -> date | None:
    """The day a shipment was handed over, by the dates that FedEx gives, else by its first scan."""
    given = {text(one.get("type")): text(one.get("dateTime")) for one in objects(result.get("dateAndTimes"))}
    for kind in ("ACTUAL_PICKUP", "SHIP", "ACTUAL_TENDER"):
        if found := day(given.get(kind, "")[:10]):
            return found
    return min(filter(None, (day(text(e.get("date"))[:10]) for e in objects(result.get("scanEvents")))), default=None)


_NOT_KNOWN = ("TRACKINGNUMBER.NOTFOUND", "TRACKINGNUMBER.INVALID", "TRACKINGNUMBER.EMPTY", "DATA.NOTFOUND")
_DENIED = ("NOT.AUTHORIZED", "FORBIDDEN", "INVALID.CREDENTIALS", "LOGIN.REAUTHENTICATE")
_THROTTLED = ("TOO.MANY.REQUESTS", "RATE.LIMIT", "QUOTA")
_UNAVAILABLE = ("SERVICE.UNAVAILABLE", "INTERNAL.SERVER", "SYSTEM.UNEXPECTED", "SYSTEM.UNAVAILABLE", "TIMEOUT")


def complaint(number: str, status: int | None, error: JsonObject, portion: bytes | None = None) -> CarrierReply:
    """The reply to an error of FedEx's, by its code, whatever the status under which it came. `portion` is the part
    of the answer in which it stands, where it is about one number of several."""
    code, message = text(error.get("code")), text(error.get("message"))
    detail = message or code or "FedEx reports an error"
    if any(word in code for word in _NOT_KNOWN):
        reply = not_found(number, detail)
        return CarrierReply(reply.kind, number, detail=reply.detail, portion=portion)
    kinds = ((AnswerKind.denied, _DENIED), (AnswerKind.throttled, _THROTTLED), (AnswerKind.unavailable, _UNAVAILABLE))
    for kind, words in kinds:
        if any(word in code for word in words):
            return CarrierReply(kind, number, detail=clean(f"FedEx: {detail}", 300))
    return malformed(number, status or HTTPStatus.OK, f"FedEx reports {code or 'an error'}: {detail}")


def complaints(asks: Sequence[Ask], status: int | None, error: JsonObject) -> list[CarrierReply]:
    """The replies to an error that stands over the whole answer. That some number is not known says nothing of any
    one of several."""
    replies = [complaint(ask.tracking_number, status, error) for ask in asks]
    if len(asks) > 1:
        said = "FedEx does not know one of the numbers, and does not say which"
        replies = [malformed(r.tracking_number, status, said) if r.kind is AnswerKind.not_found else r for r in replies]
    return replies
