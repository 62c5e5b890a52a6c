"""What PostNord's event codes and statuses mean: its whole vocabulary, as tables.

The statuses are those of the manual (Track & Trace API v7, ItemStatus and ShipmentStatus). PostNord publishes no list
of event codes: these are the ones that real answers have shown, each with its status.
"""

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Meaning, NoMilestone

EVENTS: dict[str, Meaning] = {
    "1": Milestone.ready_for_pickup,  # left at a service point, whether the status says so or DELIVERED
    "21": Milestone.delivered,
    "31": Milestone.in_transit,
    "68": Milestone.registered,  # announced by the sender
    "113": Milestone.out_for_delivery,  # the delivery is in progress; the status stays EN_ROUTE
    "355": Milestone.in_transit,
    "z114": Milestone.in_transit,  # arrived at the distribution terminal
    "z3D": NoMilestone.movement,
    "z6O": NoMilestone.movement,
    "z82": NoMilestone.nothing,  # a text message was sent to the recipient
}
STATUSES: dict[str, Meaning] = {
    # The manual's ItemStatus and ShipmentStatus
    "CREATED": Milestone.registered,
    "INFORMED": Milestone.registered,
    "EN_ROUTE": Milestone.in_transit,
    "AVAILABLE_FOR_DELIVERY": Milestone.ready_for_pickup,
    "AVAILABLE_FOR_DELIVERY_PAR_LOC": Milestone.ready_for_pickup,  # in a parcel locker
    "DELIVERED": Milestone.delivered,
    "DELIVERY_IMPOSSIBLE": Milestone.attempt_failed,
    "DELIVERY_REFUSED": Milestone.exception,
    "RETURNED": Milestone.returning,  # on its way back; the sender's DELIVERED follows
    "STOPPED": Milestone.exception,
    "DELAYED": Milestone.delayed,
    "EXPECTED_DELAY": Milestone.delayed,  # PostNord says beforehand that it will be late
    "OTHER": NoMilestone.movement,  # any scan or note; what it is, its event code tells
    "SPLIT": NoMilestone.nothing,  # of a shipment whose items stand differently; never of an event
    # Seen in clients of PostNord's own app and of older versions
    "DELIVERY": Milestone.out_for_delivery,
    "OUT_FOR_DELIVERY": Milestone.out_for_delivery,
    "IN_TRANSIT": Milestone.in_transit,
    "CUSTOMS": NoMilestone.movement,
    "INFORMATION_RECEIVED": Milestone.registered,
    "READY_FOR_PICKUP": Milestone.ready_for_pickup,
    "RETURNING": Milestone.returning,
}
CODES: dict[str, Meaning] = {**EVENTS, **STATUSES}

_DECIDES = frozenset({"1", "113"})
"""Event codes that say more than the status beside them."""


def meaning(code: str, status: str) -> Meaning | None:
    """What an event means, or None where nobody knows it.

    The status decides, except that some event codes say more. An event of status OTHER never moves a parcel to another
    milestone. Where the status is unknown or missing, the event code alone tells.
    """
    if code in _DECIDES:
        return EVENTS[code]
    if status == "OTHER":
        return NoMilestone.nothing if EVENTS.get(code) is NoMilestone.nothing else NoMilestone.movement
    return STATUSES.get(status) or CODES.get(code or status)
