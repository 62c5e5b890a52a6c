"""What AfterShip's tags and subtags mean, by https://www.aftership.com/docs/tracking/enum/delivery-sub-statuses.

A checkpoint carries both: the tag is one of nine states, the subtag one of its kinds. The subtag decides; the tag alone
only where there is none. A subtag that is not here is unknown, whatever its tag says.
"""

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Meaning, NoMilestone

_NOTHING_YET: dict[str, Meaning] = {
    # AfterShip's own remarks: it has found nothing yet, or has heard nothing for 30 days.
    "Pending": NoMilestone.nothing,
    "Pending_001": NoMilestone.nothing,  # no information available yet
    "Pending_002": NoMilestone.nothing,
    "Pending_003": NoMilestone.nothing,
    "Pending_004": NoMilestone.nothing,
    "Pending_005": NoMilestone.nothing,
    "Pending_006": NoMilestone.nothing,
    "Expired": NoMilestone.nothing,
    "Expired_001": NoMilestone.nothing,
    "InfoReceived": Milestone.registered,
    "InfoReceived_001": Milestone.registered,  # the carrier has the label's data, not the parcel
}

_ON_THE_WAY: dict[str, Meaning] = {
    "InTransit": Milestone.in_transit,
    "InTransit_001": Milestone.in_transit,
    "InTransit_002": Milestone.dispatched,  # acceptance scan
    "InTransit_003": Milestone.in_transit,  # arrival scan
    "InTransit_004": Milestone.in_transit,  # arrived at the destination's country
    "InTransit_005": Milestone.in_transit,  # customs completed
    "InTransit_006": Milestone.in_transit,  # customs begun: the usual way, nothing went wrong
    "InTransit_007": Milestone.in_transit,  # departure scan
    "InTransit_008": Milestone.in_transit,  # problem resolved: it is on its way again
    "InTransit_009": Milestone.in_transit,  # forwarded to another address
    "OutForDelivery": Milestone.out_for_delivery,
    "OutForDelivery_001": Milestone.out_for_delivery,
    # Before the last leg, and possibly days before: a shopper who is told "today" would wait in vain.
    "OutForDelivery_003": NoMilestone.movement,  # customer contacted
    "OutForDelivery_004": NoMilestone.movement,  # delivery appointment scheduled
}

_THERE: dict[str, Meaning] = {
    "AvailableForPickup": Milestone.ready_for_pickup,
    "AvailableForPickup_001": Milestone.ready_for_pickup,
    "AttemptFail": Milestone.attempt_failed,
    "AttemptFail_001": Milestone.attempt_failed,
    "AttemptFail_002": Milestone.attempt_failed,  # nobody was there
    "AttemptFail_003": Milestone.attempt_failed,  # the business was closed
    "Delivered": Milestone.delivered,
    "Delivered_001": Milestone.delivered,
    "Delivered_002": Milestone.delivered,  # picked up by the customer
    "Delivered_003": Milestone.delivered,  # signed for
    "Delivered_004": Milestone.delivered,  # cash on delivery taken
    "Delivered_005": Milestone.delivered,  # to a neighbour
}

_WRONG: dict[str, Meaning] = {
    "Exception": Milestone.exception,
    "Exception_001": Milestone.exception,
    "Exception_002": Milestone.exception,  # the customer has moved
    "Exception_003": Milestone.exception,  # the customer refused it
    "Exception_004": Milestone.delayed,  # by customs
    "Exception_005": Milestone.delayed,  # by what comes from outside
    "Exception_006": Milestone.exception,  # waits for a payment
    "Exception_007": Milestone.exception,  # the address is wrong
    "Exception_008": NoMilestone.nothing,  # the carrier did not get it from the sender: the shop's matter
    "Exception_009": Milestone.exception,  # rejected by the carrier
    "Exception_010": Milestone.returning,
    "Exception_011": Milestone.returned,  # after one of these two, "delivered" is delivered to the sender
    "Exception_012": Milestone.exception,  # damaged
    "Exception_013": Milestone.exception,  # lost
    "Exception_016": Milestone.delayed,  # in processing
    "Exception_017": Milestone.delayed,  # by the weather
    "Exception_018": Milestone.exception,  # papers are missing or wrong
}

CODES: dict[str, Meaning] = {**_NOTHING_YET, **_ON_THE_WAY, **_THERE, **_WRONG}
