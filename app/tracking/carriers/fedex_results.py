"""Which part of a FedEx answer is about which number, which of its shipments is meant, and what its errors say."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from app.tracking.adapter.base import AnswerKind, Ask, CarrierReply, RawAnswer
from app.tracking.adapter.numbers import plain
from app.tracking.adapter.reading import JsonObject, country_code, inner, malformed, not_found, objects, refused, text
from app.tracking.adapter.times import day, home

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


def complaint(number: str, answer: RawAnswer, error: JsonObject) -> CarrierReply:
    """The reply to an error of FedEx's, by its code, whatever the status under which it came."""
    code, message = text(error.get("code")), text(error.get("message"))
    if any(word in code for word in _NOT_KNOWN):
        return not_found(number, message or code)
    kinds = ((AnswerKind.denied, _DENIED), (AnswerKind.throttled, _THROTTLED), (AnswerKind.unavailable, _UNAVAILABLE))
    kind = next((kind for kind, words in kinds if any(word in code for word in words)), AnswerKind.malformed)
    said = message or code or "an error"
    return refused("FedEx", number, kind, said if kind is not AnswerKind.malformed else f"FedEx: {code} {said}", answer)


def complaint_over(amount: int, answer: RawAnswer, error: JsonObject) -> CarrierReply:
    """The reply to an error that stands over an answer about so many numbers. That one is not known, says nothing of
    any one of several."""
    reply = complaint("", answer, error)
    if reply.kind is AnswerKind.not_found and amount > 1:
        return malformed("", answer.status, "FedEx does not know one of the numbers, and does not say which")
    return reply
