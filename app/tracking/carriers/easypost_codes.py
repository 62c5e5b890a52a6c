"""What EasyPost's status and status_detail mean together, by https://docs.easypost.com/docs/trackers.

A code is written `status/status_detail`. The status decides for most; where it only says that the parcel is on its way
or that something failed, the detail tells what happened. Either unknown, the code is unknown.
"""

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Meaning, NoMilestone

_BY_STATUS: dict[str, Meaning] = {
    "unknown": NoMilestone.nothing,  # the carrier knows nothing yet
    "pre_transit": Milestone.registered,
    "in_transit": Milestone.in_transit,
    "out_for_delivery": Milestone.out_for_delivery,
    "delivered": Milestone.delivered,
    "available_for_pickup": Milestone.ready_for_pickup,
    "return_to_sender": Milestone.returning,
    "failure": Milestone.exception,
    "cancelled": Milestone.cancelled,
    "error": NoMilestone.nothing,  # EasyPost's own trouble, not the parcel's
}

_BY_DETAIL: dict[str, Meaning | None] = {
    # What the status says is all there is to say.
    "": None,
    "arrived_at_destination": None,
    "cancelled": None,
    "failure": None,
    "in_transit": None,
    "out_for_delivery": None,
    "status_update": None,
    "unknown": None,
    # The usual way. "received_at_origin_facility" stands on scans in the middle of it too, so it is no handing-over.
    "arrived_at_facility": Milestone.in_transit,
    "departed_facility": Milestone.in_transit,
    "departed_origin_facility": Milestone.in_transit,
    "received_at_destination_facility": Milestone.in_transit,
    "received_at_origin_facility": Milestone.in_transit,
    "transferred_to_destination_carrier": Milestone.in_transit,
    "label_created": Milestone.registered,
    "arrived_at_pickup_location": Milestone.ready_for_pickup,
    # Handled, and nothing that a shopper should worry about.
    "address_correction": NoMilestone.movement,
    "held": NoMilestone.movement,
    "missorted": NoMilestone.movement,
    # Not handled at all.
    "awaiting_information": NoMilestone.nothing,
    "expired": NoMilestone.nothing,
    # Late, and nothing else is wrong.
    "delayed": Milestone.delayed,
    "weather_delay": Milestone.delayed,
    # Something went wrong.
    "damaged": Milestone.exception,
    "delivery_exception": Milestone.exception,
    "lost": Milestone.exception,
    "refused": Milestone.exception,
    "transit_exception": Milestone.exception,
    "return": Milestone.returning,
}

_DETAIL_DECIDES = frozenset({"in_transit", "failure"})

_TOGETHER: dict[tuple[str, str], Meaning] = {
    ("return_to_sender", "arrived_at_destination"): Milestone.returned,
    ("delivered", "arrived_at_pickup_location"): Milestone.ready_for_pickup,  # the shopper does not have it yet
    ("failure", "held"): Milestone.exception,
    ("failure", "expired"): Milestone.exception,
    ("pre_transit", "awaiting_information"): NoMilestone.nothing,
}


def code_of(status: str, detail: str) -> str:
    """The code of a status with its detail."""
    return f"{status}/{detail}" if detail else status


def _meaning(status: str, detail: str) -> Meaning:
    refined = _BY_DETAIL[detail] if status in _DETAIL_DECIDES else None
    return _TOGETHER.get((status, detail)) or refined or _BY_STATUS[status]


CODES: dict[str, Meaning] = {
    code_of(status, detail): _meaning(status, detail) for status in _BY_STATUS for detail in _BY_DETAIL
}
