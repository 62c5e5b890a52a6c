"""La Poste's Suivi v2 (Okapi): Colissimo, Chronopost and tracked letters, ten parcels a question.

Manual: https://developer.laposte.fr/products/suivi/2 (GET /idships/{ids}; the list of event codes stands there).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import time
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
    Meaning,
    NoMilestone,
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
    country_code,
    https_link,
    inner,
    json_document,
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

CODES: Mapping[str, Meaning] = {
    # Announced by the sender.
    "DR1": Milestone.registered,
    "DR2": NoMilestone.nothing,  # a hitch while the sender makes it ready
    # Taken in charge: in France, or in the country it is sent from.
    "PC1": Milestone.dispatched,
    "PC2": Milestone.dispatched,
    # On its way: in France, in the country of origin, of destination, of transit.
    "ET1": Milestone.in_transit,
    "ET2": Milestone.in_transit,
    "ET3": Milestone.in_transit,
    "ET4": Milestone.in_transit,
    "EP1": NoMilestone.movement,  # waits to be presented
    # Customs: in, out, informed. Only a parcel that is kept there is a shopper's trouble.
    "DO1": NoMilestone.movement,
    "DO2": NoMilestone.movement,
    "ID0": NoMilestone.nothing,
    "DO3": Milestone.exception,
    # A problem, and its end: then it is on its way again.
    "PB1": Milestone.exception,
    "PB2": Milestone.in_transit,
    "DI3": Milestone.delayed,
    "MD2": Milestone.out_for_delivery,  # "mis en distribution", in the morning of the day
    "ND1": Milestone.attempt_failed,  # could not be handed over; what follows is another try, a counter, or a return
    "AG1": Milestone.ready_for_pickup,  # waits at the counter
    "DI0": Milestone.delivered,  # among others, to a business
    "DI1": Milestone.delivered,
    "RE1": Milestone.returning,
    "DI2": Milestone.returned,
    # In no list of La Poste's. Another reader takes it for a wrong address, without a source.
    "AN1": NoMilestone.nothing,
}

_HOLDERS: Mapping[str, str] = {"1": "courrier", "2": "courrier international", "3": "chronopost", "4": "colissimo"}


class LaPoste(Carrier):
    """La Poste."""

    name = "laposte"
    title = "La Poste"
    manual = "https://developer.laposte.fr/products/suivi/2"
    base_url = "https://api.laposte.fr"
    codes = CODES
    batch_size = 10
    formats = (
        NumberFormat(r"[A-Z]{2}(?P<serial>\d{8})(?P<check>\d)FR", s10, 0.95),
        NumberFormat(r"\d[A-Z]\d{11}", None, 0.7, frozenset({"FR", "MC", "AD", "BE"})),  # Colissimo
        s10_from_abroad("FR"),
    )

    def calls(self, asks: Sequence[Ask], access: Access) -> list[Call]:
        """One GET for each ten parcels. English is asked for always, so that the same answer is the same text."""
        headers = {"X-Okapi-Key": access.key, "Accept": "application/json"}
        return [
            Call("GET", f"{access.base_url}/suivi/v2/idships/{listed(batch)}?lang=en_GB", headers, batch)
            for batch in in_batches(asks, self.batch_size)
        ]

    def read(self, call: Call, answer: RawAnswer) -> list[CarrierReply]:
        """One reply for each parcel that the call asked about. Never raises, whatever the bytes."""
        refusal = without_news(self.title, "", answer)
        if refusal is not None:
            return to_each(call, refusal)
        if answer.status == HTTPStatus.NOT_FOUND and not answer.body:
            return to_each(call, not_found("", "La Poste does not know the number"))
        document, fault = json_document(answer.body)
        listed = [document] if isinstance(document, dict) else objects(document)
        parts = by_number(listed, _numbers)
        if not parts:
            return to_each(call, _refused(listed[0] if listed else {}, fault, answer))
        return [_reply(ask, part_of(parts, ask.tracking_number), answer) for ask in call.asks]

    def link(self, ask: Ask) -> str:
        """La Poste's public tracking page."""
        return f"https://www.laposte.fr/outils/suivre-vos-envois?code={listed([ask])}"


def _numbers(result: JsonObject) -> tuple[Any, ...]:
    """An error names its number outside, a shipment inside; neither is always given."""
    return tuple(one for one in (result.get("idShip"), inner(result, "shipment", "idShip")) if one)


def _refused(document: JsonObject, fault: str | None, answer: RawAnswer) -> CarrierReply:
    """An answer about no shipment: the gateway's own error, or nothing that can be read."""
    said = text(document.get("returnMessage")) or text(document.get("message"))
    if said and document.get("returnCode") is not None:
        return _error("", document, answer)
    return malformed("", answer.status, said or fault or "the answer lists no shipments")


def _error(number: str, result: JsonObject, answer: RawAnswer) -> CarrierReply:
    """What a shipment's `returnCode` means, beside 200. 400 is "your number is unknown, enter it rightly"."""
    code = status_in(result.get("returnCode"))
    unknown = code in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
    kind = AnswerKind.not_found if unknown else kind_of_status(code)
    said = f"{code or ''} {text(result.get('returnMessage'))}".strip()
    return refused("La Poste", number, kind, said, answer)


def _reply(ask: Ask, result: JsonObject | None, answer: RawAnswer) -> CarrierReply:
    if result is None:
        return unmentioned(ask)
    shipment, code = result.get("shipment"), status_in(result.get("returnCode"))
    if not isinstance(shipment, dict) or code not in (HTTPStatus.OK, HTTPStatus.MULTI_STATUS, None):
        reply = _error(ask.tracking_number, result, answer)
    elif not isinstance(shipment.get("event", []), list):
        reply = malformed(ask.tracking_number, answer.status, "the shipment's events are not a list")
    else:
        reply = _tracked(ask, shipment)
    return replace(reply, portion=portion_of(result))


def _tracked(ask: Ask, shipment: JsonObject) -> CarrierReply:
    context = shipment.get("contextData")
    bound_for = country_code(inner(context, "arrivalCountry"))
    zone = destination_zone(ask, bound_for)
    scans = tuple(each_once(_scan(event, zone) for event in objects(shipment.get("event"))))
    waits = latest(scans, Milestone.ready_for_pickup)
    where = clean(text(inner(context, "removalPoint", "name")), 200)
    return CarrierReply(
        AnswerKind.tracked,
        ask.tracking_number,
        scans=scans,
        service=_service(shipment, context),
        notes=ParcelNotes(
            link=https_link(shipment.get("url")) or https_link(shipment.get("urlDetail")),
            pickup=PickupPoint(where) if where and waits else None,
        ),
        bound_for=bound_for,
        **_expected(text(shipment.get("estimDate")), zone),
    )


def _scan(event: JsonObject, zone: str | None) -> HeardScan:
    """One event. Code and time name it: the label is in the language asked for, and `order` counts anew."""
    code, written, label = (text(event.get(name)) for name in ("code", "date", "label"))
    return scan_of(Told(scan_digest("laposte", code, written), code, label, written), CODES.get(code), zone)


def _service(shipment: JsonObject, context: Any) -> str | None:
    """The product, and who carries it abroad; who holds it where no product is named."""
    product = text(shipment.get("product")) or _HOLDERS.get(text(shipment.get("holder")), "")
    partner = text(inner(context, "partner", "name"))
    return clean(f"{product} ({partner})" if product and partner else product or partner, 60) or None


def _expected(written: str, zone: str | None) -> dict[str, Any]:
    """The expected time; midnight is how La Poste writes a day."""
    at, _ = instant(written, zone, None)
    on = day(written) or (day(written[:10]) if written[10:19] == f"T{time.min.isoformat()}" else None)
    return {"eta_day": on} if on else {"eta_from": at, "eta_through": at}
