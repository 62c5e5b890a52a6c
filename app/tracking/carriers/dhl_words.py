"""What DHL's status codes and status texts mean: its whole vocabulary, as tables.

DHL Unified knows five codes (https://support-developer.dhl.com/support/solutions/articles/47001197243). It has none
for a van, a pick-up, a failed attempt or a return: the same article says that these are planned. Only the text of an
event tells them, so `_WORDING` lists the sentences that DHL's divisions write, English and German. A sentence that is
not listed changes nothing: the code's own meaning stands.

Sentences are compared in lower case and without the closing full stop. Those in `_WORDING` are found as whole words
inside a sentence, never after a "not"; they carry their verb ("has been loaded …"), so that a failure or a plan ("could
not be loaded …", "will be loaded …") is not mistaken for the thing. Those in `_WHOLE` are so short that only the entire
sentence counts.
"""

import re
from functools import lru_cache

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Meaning, NoMilestone

CODES: dict[str, Meaning] = {
    "pre-transit": Milestone.registered,
    "transit": Milestone.in_transit,
    "delivered": Milestone.delivered,
    "failure": Milestone.exception,
    "unknown": NoMilestone.movement,  # "a simplified status code is not available": a scan without news
}
"""Every `statusCode` that DHL documents."""

_MOVING = frozenset({"", "transit"})
_UNDERWAY = frozenset({"", "transit", "failure"})
_ANY = frozenset({"", "transit", "failure", "delivered"})
_EARLY = frozenset({"", "pre-transit", "transit", "failure"})

_WORDING: tuple[tuple[Milestone, frozenset[str], tuple[str, ...]], ...] = (
    # The first line that matches wins, so what undoes a delivery stands above what announces one.
    (Milestone.returned, _ANY, (
        "has been returned to the sender", "was returned to the sender", "returned to shipper",
        "has been delivered to the sender", "wurde an den absender zurückgegeben",
        "wurde dem absender zugestellt", "wurde an den absender zugestellt",
    )),
    (Milestone.cancelled, _EARLY, (
        "order was canceled by the sender", "order was cancelled by the sender",
        "wurde vom absender storniert",
    )),
    (Milestone.returning, _UNDERWAY, (
        "is being returned", "will be returned to the sender", "will be returned to origin",
        "is on its way back to the sender", "return shipment has been initiated", "has not picked up the shipment",
        "rücksendung eingeleitet", "es erfolgt eine rücksendung", "wird zurückgesandt",
        "wird an den absender zurück", "nicht in der filiale abgeholt",
    )),
    (Milestone.ready_for_pickup, _ANY, (
        "is ready for pick-up at", "is ready for pickup at", "is ready for collection",
        "is available for pick-up from", "is available for collection", "has been delivered for pick-up at",
        "awaiting collection by recipient", "awaiting collection by the consignee",
        "zur abholung bereit", "liegt in der packstation", "liegt ab sofort in der filiale",
    )),
    (Milestone.attempt_failed, _UNDERWAY, (
        "delivery attempt was unsuccessful", "delivery attempt unsuccessful", "delivery attempt not successful",
        "delivery attempt could not be completed", "delivery attempted", "an attempt was made to deliver",
        "could not be delivered, and the recipient has been notified", "recipient was not at home",
        "recipient could not be reached", "zustellversuch war nicht erfolgreich", "zustellversuch erfolglos",
        "nicht angetroffen",
    )),
    (Milestone.out_for_delivery, _MOVING, (
        "has been loaded onto the delivery vehicle", "is out with courier for delivery", "is out for delivery",
        "is with the delivery courier", "wurde in das zustellfahrzeug geladen", "befindet sich in zustellung",
        "ist in zustellung",
    )),
    (Milestone.delayed, _UNDERWAY, (
        "shipment is delayed", "shipment has been delayed", "delivery is delayed", "delivery will be delayed",
        "delivery has been delayed", "sendung verzögert sich", "zustellung verzögert sich",
        "auslieferung verzögert sich",
    )),
    (Milestone.dispatched, _MOVING, (
        "shipment has been picked up", "shipment was picked up", "pick-up was successful", "pickup was successful",
        "has been accepted by dhl", "was handed over to dhl", "has been handed over to dhl",
        "has been posted by the sender", "wurde vom absender in der filiale eingeliefert",
        "wurde vom absender in die packstation eingeliefert", "wurde an dhl übergeben", "die sendung wurde abgeholt",
    )),
)  # fmt: skip

_WHOLE: tuple[tuple[Milestone, frozenset[str], tuple[str, ...]], ...] = (
    (Milestone.out_for_delivery, _MOVING, (
        "out for delivery", "shipment out for delivery", "with delivery courier", "being delivered",
        "in zustellung", "auslieferung durch kurier",
    )),
    (Milestone.ready_for_pickup, _ANY, ("ready for collection", "ready for pick-up", "abholbereit")),
    (Milestone.dispatched, _MOVING, (
        "picked up", "shipment picked up", "accepted by dhl", "abholung erfolgreich", "sendung abgeholt",
    )),
    (Milestone.returning, _UNDERWAY, ("return to sender", "being returned", "rücksendung")),
)  # fmt: skip

# DHL Express leaves `statusCode` out of its events and gives only a text. These are the bare facts among them.
_UNCODED: tuple[tuple[Milestone, tuple[str, ...]], ...] = (
    (Milestone.delivered, ("delivered", "delivered - signed for by")),
    (Milestone.in_transit, (
        "arrived at dhl", "processed at", "departed from a dhl facility", "shipment has departed from",
        "transferred through", "clearance processing complete", "customs clearance status updated",
    )),
    (Milestone.registered, ("shipment information received", "label created")),
)  # fmt: skip


_PATTERNS = tuple(
    (milestone, codes, re.compile(rf"(?<!\w)(?<!not )(?<!nicht )(?:{'|'.join(map(re.escape, phrases))})(?!\w)"))
    for milestone, codes, phrases in _WORDING
)


def milestone_of(code: str, status: str, description: str) -> tuple[Milestone | None, bool]:
    """What an event means, and whether it is one that nobody knows.

    The code decides; its wording refines. An unknown code is no milestone, whatever the text says.
    """
    code = code.strip().lower()
    if code and code not in CODES:
        return None, True
    return _meaning(code, status[:500], description[:500])


@lru_cache(maxsize=4096)  # DHL writes the same few sentences under every parcel
def _meaning(code: str, status: str, description: str) -> tuple[Milestone | None, bool]:
    sentences = [sentence for text in (status, description) for sentence in _sentences(text)]
    for milestone, codes, phrases in _WHOLE:
        if code in codes and any(sentence in phrases for sentence in sentences):
            return milestone, False
    for milestone, codes, pattern in _PATTERNS:
        if code in codes and any(pattern.search(sentence) for sentence in sentences):
            return milestone, False
    if code:
        meaning = CODES[code]
        return meaning if isinstance(meaning, Milestone) else None, False
    for milestone, phrases in _UNCODED:
        if any(sentence.startswith(phrases) for sentence in sentences):
            return milestone, False
    return None, True


def _sentences(text: str) -> list[str]:
    normal = " ".join(text.casefold().split())
    return [sentence.strip(" .!") for sentence in re.split(r"(?<=[.!])\s|[\n;]", normal) if sentence.strip(" .!")]
