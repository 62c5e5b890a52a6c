"""Australia Post Shipping and Tracking API, "Track Items": ten parcels a question, articles inside consignments.

Manual: https://developers.auspost.com.au/apis/shipping-and-tracking/reference (Track Items; error codes there).
The words are in `australiapost_words`.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
    malformed,
    objects,
    refused,
    same_number,
    text,
    without_news,
)
from app.tracking.adapter.telling import Told, each_once, latest, scan_of, unsigned, when
from app.tracking.adapter.times import destination_zone
from app.tracking.carriers.australiapost_words import CODES, ERRORS, ends, meaning_of, phrase_of


class AustraliaPost(Carrier):
    """Australia Post, and StarTrack for those whose account number is StarTrack's."""

    name = "australiapost"
    title = "Australia Post"
    manual = "https://developers.auspost.com.au/apis/shipping-and-tracking/reference"
    base_url = "https://digitalapi.auspost.com.au"
    codes = CODES
    batch_size = 10
    requests_per_second = 10 / 60  # the manual: "requests per minute: 10"
    needs = ("api_key", "api_secret", "account")
    formats = (
        NumberFormat(r"[A-Z]{2}(?P<serial>\d{8})(?P<check>\d)AU", s10, 0.95),
        NumberFormat(r"\d{1,2}[A-Z]{2,3}\d{7,18}", None, 0.5, frozenset({"AU"})),  # a customer's own prefix
        s10_from_abroad("AU"),
    )

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        """One GET for each ten parcels."""
        pair = b64encode(f"{access.key}:{access.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}", "Account-Number": access.account, "Accept": "application/json"}
        return [
            Call("GET", f"{access.base_url}/shipping/v1/track?tracking_ids={listed(batch)}", headers, batch)
            for batch in in_batches(asks, self.batch_size)
        ]

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        refusal = without_news(self.title, "", answer)
        if refusal is not None:
            return to_each(call, refusal)
        document, fault = json_object(answer.body)
        if document is None:
            return to_each(call, malformed("", answer.status, fault or "nothing that says why"))
        parts = by_number(objects(document.get("tracking_results")), _numbers)
        if not parts:
            return to_each(call, _refused(document, answer))
        return [_reply(ask, part_of(parts, ask.tracking_number), answer) for ask in call.asks]

    def link(self, ask: Ask) -> str:
        """Australia Post's public tracking page."""
        return f"https://auspost.com.au/mypost/track/details/{listed([ask])}"


def _numbers(result: JsonObject) -> tuple[Any, ...]:
    return (result.get("tracking_id"),)


def _refused(document: JsonObject, answer: RawAnswer) -> CarrierReply:
    """An answer that is an error about the question."""
    error = next(iter(objects(document.get("errors"))), None)
    return _error("", error, answer) if error else malformed("", answer.status, "the answer lists no tracking results")


def _error(number: str, error: JsonObject, answer: RawAnswer) -> CarrierReply:
    """What an error means; its code stands in either of two fields."""
    code = text(error.get("code")) or text(error.get("error_code"))
    said = text(error.get("message")) or text(error.get("name")) or text(error.get("error_name"))
    kind = ERRORS.get(code, AnswerKind.malformed)
    return refused("Australia Post", number, kind, f"{code} {said}".strip(), answer)


def _reply(ask: Ask, result: JsonObject | None, answer: RawAnswer) -> CarrierReply:
    if result is None:
        return unmentioned(ask)
    errors = objects(result.get("errors"))
    if errors:
        reply = _error(ask.tracking_number, errors[0], answer)
    elif answer.status != HTTPStatus.OK:
        reply = malformed(ask.tracking_number, answer.status, "nothing that says why")
    else:
        reply = _tracked(ask, result)
    return replace(reply, portion=portion_of(result))


def _tracked(ask: Ask, result: JsonObject) -> CarrierReply:
    articles = list(_articles(result))
    asked = [article for article in articles if same_number(article.number, ask.tracking_number)]
    told = asked or articles
    scans = tuple(each_once(_scans(result, told, destination_zone(ask))))
    service = next((article.product for article in told if article.product), "")
    return CarrierReply(
        AnswerKind.tracked,
        ask.tracking_number,
        scans=scans,
        service=clean(service, 60) or None,
        notes=_notes(ask, articles, scans),
    )


@dataclass(frozen=True, slots=True)
class _Article:
    """One thing with a label, and what happened to it."""

    number: str
    product: str
    events: Sequence[JsonObject]


def _articles(result: JsonObject) -> Iterator[_Article]:
    """The articles of a result: listed as they are, or as the items of a consignment."""
    for item in objects(result.get("trackable_items")):
        for one in objects(item.get("items")) or [item]:
            product = text(one.get("product_type")) or text(item.get("product_type"))
            yield _Article(text(one.get("article_id")), product, objects(one.get("events")))


def _scans(result: JsonObject, articles: Sequence[_Article], zone: str | None) -> Iterator[HeardScan]:
    """The consignment's own events, then those of its articles.

    Where a number stands for several articles, the end of one is not the end of all: it is movement. When all have
    come to an end, the last end counts for the whole. Where the consignment has events of its own, they say that.
    """
    number, own = text(result.get("tracking_id")), objects(inner(result, "consignment", "events"))
    for event in own:
        yield _scan(number, event, zone)
    several = len(articles) > 1
    for article in articles:
        for event in article.events:
            scan = _scan(article.number, event, zone)
            yield replace(scan, milestone=None) if several and ends(text(event.get("description"))) else scan
    if several and not own:
        yield from _whole(number, articles, zone)


def _whole(number: str, articles: Sequence[_Article], zone: str | None) -> Iterator[HeardScan]:
    """The end of the whole consignment: the last article's end, if all have one, told of the consignment."""
    last: list[HeardScan] = []
    for article in articles:
        endings = [event for event in article.events if ends(text(event.get("description")))]
        timed = [scan for scan in (_scan(number, event, zone) for event in endings) if scan.occurred_at]
        if not timed:
            return
        last.append(max(timed, key=when))
    yield max(last, key=when)


def _scan(number: str, event: JsonObject, zone: str | None) -> HeardScan:
    """One event. Its identity is what it happened to, and what, when and where it was, as written."""
    description, written, place = (text(event.get(name)) for name in ("description", "date", "location"))
    identity = scan_digest("australiapost", number, description, written, place)
    return scan_of(Told(identity, unsigned(description), description, written, place), meaning_of(description), zone)


def _notes(ask: Ask, articles: Sequence[_Article], scans: Sequence[HeardScan]) -> ParcelNotes:
    """The post office where it waits, whether it was left in a safe place, and the other articles."""
    waits, delivered = latest(scans, Milestone.ready_for_pickup), latest(scans, Milestone.delivered)
    where = (phrase_of(waits.description)[1] or waits.place or "") if waits else ""
    left = delivered is not None and "safe place" in delivered.description.lower()
    others = (clean(one.number, 60) for one in articles if not same_number(one.number, ask.tracking_number))
    return ParcelNotes(
        proof="left_safe" if left else None,
        pickup=PickupPoint(clean(where, 200)) if where else None,
        pieces=tuple(other for other in dict.fromkeys(others) if other)[:50],
    )
