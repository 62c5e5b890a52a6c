"""What Australia Post's scan descriptions mean.

The API gives no code beside an event, only its description, so a description is the code. The same phrase comes in
several spellings ("On Board for Delivery", "Onboard for delivery"), which is why they are compared in lower case and
without spaces more than one. Sources: the Track Items page of
https://developers.auspost.com.au/apis/shipping-and-tracking/reference, and
https://auspost.com.au/receiving/manage-deliveries-in-transit/delivery-tracking (what the words mean).
"""

from collections.abc import Mapping
from functools import lru_cache

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import AnswerKind, Meaning, NoMilestone

CODES: Mapping[str, Meaning] = {
    # The sender has told Australia Post of it, and nothing more.
    "shipping information received by australia post": Milestone.registered,
    "shipping information approved by australia post": Milestone.registered,
    "shipping information received": Milestone.registered,
    "shipment information received": Milestone.registered,
    "label created by sender": Milestone.registered,
    "manifested": Milestone.registered,
    # Handed over.
    "received by australia post": Milestone.dispatched,
    "received item from sender (outbound)": Milestone.dispatched,
    "accepted by driver": Milestone.dispatched,
    "picked up": Milestone.dispatched,
    "lodged": Milestone.dispatched,
    # On its way.
    "in transit": Milestone.in_transit,
    "in transit to next facility": Milestone.in_transit,
    "item processed at facility": Milestone.in_transit,
    "processed through australia post facility": Milestone.in_transit,
    "processed at export facility": Milestone.in_transit,
    "processed by air carrier": Milestone.in_transit,
    "arrived at facility": Milestone.in_transit,
    "arrived at facility in destination country": Milestone.in_transit,
    "arrived at sorting facility": Milestone.in_transit,
    "arrived": Milestone.in_transit,  # "Arrived in New Zealand"
    "departed facility": Milestone.in_transit,
    "despatched": Milestone.in_transit,
    "despatch parcels from export facility": Milestone.in_transit,
    "cleared and awaiting international departure": Milestone.in_transit,
    "transferred": Milestone.in_transit,
    # With customs, which every parcel from abroad is; or only on the way to another try.
    "arrived awaiting clearance (inbound)": NoMilestone.movement,
    "item is in customs": NoMilestone.movement,
    "item cleared by customs": NoMilestone.movement,
    "to be re-delivered": NoMilestone.movement,
    "held by courier": NoMilestone.movement,  # as asked: nothing that a shopper must act on
    # Late, or about to be.
    "possible delay": Milestone.delayed,
    "delayed": Milestone.delayed,
    # In the van.
    "on board for delivery": Milestone.out_for_delivery,
    "onboard for delivery": Milestone.out_for_delivery,
    "out for delivery": Milestone.out_for_delivery,
    "with australia post for delivery today": Milestone.out_for_delivery,
    # Waiting at a post office or locker.
    "awaiting collection": Milestone.ready_for_pickup,
    "ready for pickup": Milestone.ready_for_pickup,
    "ready for collection": Milestone.ready_for_pickup,
    # Tried in vain.
    "attempted delivery": Milestone.attempt_failed,
    "unsuccessful delivery": Milestone.attempt_failed,
    "unable to complete delivery": Milestone.attempt_failed,
    # In the shopper's hands, or where they wanted it.
    "delivered": Milestone.delivered,
    "delivered in full": Milestone.delivered,
    "item delivered": Milestone.delivered,
    # Something went wrong.
    "article damaged": Milestone.exception,
    "cannot be delivered": Milestone.exception,
    # Back to the sender; "contact sender" is what a shopper is told then.
    "return to sender": Milestone.returning,
    "returned to sender": Milestone.returning,  # said as it turns round, long before it is there
    "contact sender": Milestone.returning,
    "delivered to sender": Milestone.returned,
    "cancelled": Milestone.cancelled,
    # Notes.
    "customer enquiry lodged": NoMilestone.nothing,
    "leave in a safe place requested by receiver": NoMilestone.nothing,
    "receiver requested safe drop": NoMilestone.nothing,
}

_NAMES_A_PLACE = {
    "in transit to next facility": " in ",
    "awaiting collection": " at ",
    "ready for pickup": " at ",
    "ready for collection": " at ",
    "arrived": " in ",
}
"""Phrases that end in the name of a place, with the word before it."""

_GIVES_A_REASON = frozenset({"delivered", "attempted delivery", "unsuccessful delivery", "awaiting collection"})
"""Phrases that " - " and more words may follow: "Delivered - Left in a safe place"."""

_ENDINGS = frozenset({Milestone.delivered, Milestone.returned, Milestone.cancelled})

ERRORS: Mapping[str, AnswerKind] = {
    "ESB-10001": AnswerKind.not_found,  # invalid tracking id: wrong, or not known yet
    "ESB-10002": AnswerKind.not_found,  # the product is not trackable
    "51104": AnswerKind.not_found,  # "one or more" of the ids
    "ESB-20010": AnswerKind.unavailable,
    "ESB-20050": AnswerKind.unavailable,
    "99999": AnswerKind.unavailable,  # internal error, "attempt the request again at a later time"
    "API_002": AnswerKind.throttled,
    "49202": AnswerKind.denied,  # the account number does not exist
    # The question is wrong in itself: none, too many, or StarTrack's numbers among Australia Post's.
    "51100": AnswerKind.malformed,
    "51101": AnswerKind.malformed,
    "51102": AnswerKind.malformed,
    "51103": AnswerKind.malformed,
}


_LONGEST = 200
"""No phrase is this long; what is longer is neither looked up nor remembered."""


def phrase_of(description: str) -> tuple[str, str]:
    """The phrase of the table that a description is, and the words that follow it; the phrase is empty where no
    table has it. What is delivered "to sender" is not delivered, whatever stands before."""
    return _phrase_of(description) if len(description) <= _LONGEST else ("", "")


@lru_cache(maxsize=4096)
def _phrase_of(description: str) -> tuple[str, str]:
    said = " ".join(description.lower().split())
    if said in CODES:
        return said, ""
    head, _, rest = said.partition(" - ")
    if head in _GIVES_A_REASON and rest and "sender" not in rest:
        return head, _as_written(description, rest)
    for phrase, word in _NAMES_A_PLACE.items():
        if said.startswith(phrase + word):
            return phrase, _as_written(description, said[len(phrase + word) :])
    return "", ""


def meaning_of(description: str) -> Meaning | None:
    """What a description means, or None where nobody knows."""
    return CODES.get(phrase_of(description)[0])


def ends(description: str) -> bool:
    """Whether an article's way ends with this."""
    return meaning_of(description) in _ENDINGS


def _as_written(description: str, rest: str) -> str:
    return " ".join(description.split())[-len(rest) :]
