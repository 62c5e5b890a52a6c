"""What Royal Mail's event codes and error codes mean.

Royal Mail publishes no list; the definitions are its own sentences, as collected in the README of
https://github.com/elliotjreed/royal-mail-tracking and in https://github.com/jampez77/RoyalMail. `DO` is a delivery
office, `MC` a mail centre. Error codes: Tracking API v2, and the same client's names for them.
"""

from collections.abc import Mapping

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import AnswerKind, Meaning, NoMilestone

CODES: Mapping[str, Meaning] = {
    # The sender has told Royal Mail of it; Royal Mail has nothing yet.
    "EVAIP": Milestone.registered,
    "EVAIE": Milestone.registered,
    # Handed over.
    "EVOAC": Milestone.dispatched,  # item received at a post office
    "EVPPA": Milestone.dispatched,  # accepted at a parcel shop
    "EVOCO": Milestone.dispatched,  # received, and being processed
    # On its way through mail centres, hubs and offices.
    "EVBAH": Milestone.in_transit,  # at the national parcel hub
    "EVBAV": Milestone.in_transit,
    "EVDAC": Milestone.in_transit,  # at a mail centre
    "EVDAV": Milestone.in_transit,
    "EVIAV": Milestone.in_transit,  # at the mail centre of the destination
    "EVIMC": Milestone.in_transit,
    "EVODO": Milestone.in_transit,  # sent on to the delivery office
    "EVORI": Milestone.in_transit,  # arrived at an office
    # Sent astray and put right at once: no shopper has to know.
    "EVIPI": Milestone.in_transit,
    "EVNMI": Milestone.in_transit,
    "EVGMI": NoMilestone.movement,  # the same, but also seen after a delivery, which it must not undo
    # At the delivery office, due today.
    "EVGPD": Milestone.out_for_delivery,
    # Nobody in, no way in, no safe place.
    "EVKAA": Milestone.attempt_failed,
    "EVKNA": Milestone.attempt_failed,
    "EVKNR": Milestone.attempt_failed,
    "EVKSU": Milestone.attempt_failed,
    "EVNAA": Milestone.attempt_failed,
    "EVNDA": Milestone.attempt_failed,
    "EVNDN": Milestone.attempt_failed,
    # Waiting where the shopper fetches it. "Delivered to your collection point" is not delivered.
    "EVKLC": Milestone.ready_for_pickup,
    "EVKLS": Milestone.ready_for_pickup,
    "EVPLA": Milestone.ready_for_pickup,
    # In the shopper's hands, or where they wanted it.
    "EVKDN": Milestone.delivered,  # at the neighbour's
    "EVKOP": Milestone.delivered,
    "EVKSF": Milestone.delivered,  # in the Safeplace
    "EVKSP": Milestone.delivered,  # signed for
    "EVNOC": Milestone.delivered,  # fetched from the delivery office
    "EVPLC": Milestone.delivered,  # fetched from a post office
    # Nobody will get it: address not to be found, moved away, refused.
    "EVKAI": Milestone.returning,
    "EVKGA": Milestone.returning,
    "EVKRF": Milestone.returning,
    "EVNGA": Milestone.returning,
    "EVNRF": Milestone.returning,
    "EVRTS": Milestone.returned,  # delivered back to the sender
    # Held because the shopper asked for it, or made ready for another try.
    "EVNAR": NoMilestone.movement,  # redelivery on the next working day
    "EVNKS": NoMilestone.movement,  # Keepsafe
    "EVNRT": NoMilestone.movement,  # no deliveries today, as asked
    "EVNSR": NoMilestone.movement,  # prepared for redelivery
    # What the shopper asked for on the website.
    "ASRXS": NoMilestone.nothing,  # redelivery, with a Safeplace
    "RFRXS": NoMilestone.nothing,  # redelivery, or to a neighbour
    "RNRXS": NoMilestone.nothing,  # redelivery to another address
    "RORXS": NoMilestone.nothing,  # redelivery
    "RPRXS": NoMilestone.nothing,  # redelivery to a post office
    "RSRXS": NoMilestone.nothing,  # redelivery, or to a Safeplace
}

PROOFS: Mapping[str, str] = {"EVKSP": "signature", "EVKSF": "left_safe"}

ERRORS: Mapping[str, AnswerKind] = {
    # The number is not known, or nothing is (yet) told of it. It may be tomorrow.
    "E1142": AnswerKind.not_found,  # barcode reference not recognised
    "E1283": AnswerKind.not_found,  # tracking is not supported for this product
    "E1284": AnswerKind.not_found,  # no delivery update for it
    "E1308": AnswerKind.not_found,  # no update for it
    # Royal Mail cannot tell just now, whatever the number.
    "E0001": AnswerKind.unavailable,
    "E0009": AnswerKind.unavailable,
    "E1307": AnswerKind.unavailable,  # "tracking unavailable", inside HTTP 200
    "E0010": AnswerKind.throttled,
    "E0016": AnswerKind.denied,  # no permission to retrieve details
    # Answers to what is never asked, or a question that is wrong in itself: asking again as it is brings nothing.
    "E0004": AnswerKind.malformed,  # a header or a parameter is not as Royal Mail wants it
    "E0013": AnswerKind.malformed,  # more than 30 numbers
    "E1144": AnswerKind.malformed,  # proof of delivery: only /signature is asked for one
    "E1145": AnswerKind.malformed,
}
