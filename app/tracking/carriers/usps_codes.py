"""What USPS's event codes mean: its whole vocabulary, as a table.

The codes are those of Publication 199, appendix G, "Event codes" (https://postalpro.usps.com/pub199), and of the
Customer Daily Extract's list of events, as far as they are public: USPS uses more, which stay unknown until someone
says what they mean. One code, `01`, ends several ways that only its text tells apart.
"""

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Meaning, NoMilestone

CODES: dict[str, Meaning] = {
    # A label, and nothing in the hands of USPS yet.
    "GX": Milestone.registered,  # Shipping Label Created, USPS Awaiting Item
    "MA": Milestone.registered,  # Manifest Acknowledgement: the sender's electronic file
    "NP": Milestone.registered,  # Origin Post is Preparing Shipment
    # USPS, or the partner that carries it to USPS, has taken the parcel.
    "03": Milestone.dispatched,  # Accepted; USPS in possession of item
    "OA": Milestone.dispatched,  # Accepted at USPS Origin Sort Facility
    "TM": Milestone.dispatched,  # Shipment Received, Package Acceptance Pending
    "PA": Milestone.dispatched,  # Passive acceptance: first seen by a sorting machine
    "43": Milestone.dispatched,  # Picked Up
    "80": Milestone.dispatched,  # Picked Up by Shipping Partner, USPS Awaiting Item
    # On its way.
    "81": Milestone.in_transit,  # Arrived Shipping Partner Facility, USPS Awaiting Item
    "82": Milestone.in_transit,  # Departed Shipping Partner Facility, USPS Awaiting Item
    "42": Milestone.in_transit,  # USPS Handoff to Shipping Partner
    "10": Milestone.in_transit,  # Arrived at, or processed through, a USPS facility
    "A1": Milestone.in_transit,  # Arrived at USPS Regional Facility
    "T1": Milestone.in_transit,  # Departed USPS Regional Facility
    "EF": Milestone.in_transit,  # Departed USPS Facility
    "SF": Milestone.in_transit,  # Departed Post Office
    "NT": Milestone.in_transit,  # In Transit to Next Facility
    "TL": Milestone.in_transit,  # In Transit to Next Facility
    "07": Milestone.in_transit,  # Arrived at Post Office
    "PC": Milestone.in_transit,  # Sorting Complete, Processing Complete
    "19": Milestone.in_transit,  # Arrived at a distribution centre (eVS)
    "41": Milestone.in_transit,  # Received at Opening Unit
    "06": Milestone.in_transit,  # Forwarded
    # On the way of a delivery.
    "OF": Milestone.out_for_delivery,
    "14": Milestone.in_transit,  # Arrival at Pickup Point: 16 says when it may be fetched
    "16": Milestone.ready_for_pickup,  # Available for Pickup
    "17": Milestone.delivered,  # Picked Up By Agent
    "01": Milestone.delivered,  # Delivered: how, and whether to the sender, is in the text
    # The carrier came, and could not leave it.
    "02": Milestone.attempt_failed,  # Notice Left
    "30": Milestone.attempt_failed,  # No Access to Delivery Location
    "51": Milestone.attempt_failed,  # Business Closed
    "52": Milestone.attempt_failed,  # Notice Left
    "53": Milestone.attempt_failed,  # Receptacle Blocked
    "54": Milestone.attempt_failed,  # Receptacle Full, Item Oversized
    "55": Milestone.attempt_failed,  # No Secure Location Available
    "56": Milestone.attempt_failed,  # No Authorized Recipient Available
    # Something is wrong.
    "04": Milestone.exception,  # Refused
    "05": Milestone.exception,  # Undeliverable as Addressed
    "11": Milestone.exception,  # Dead Letter: the mail recovery centre
    # It goes back.
    "09": Milestone.returning,  # Return to Sender
    "21": Milestone.returning,  # No Such Number
    "22": Milestone.returning,  # Insufficient Address
    "23": Milestone.returning,  # Moved, Left No Address
    "24": Milestone.returning,  # Forward Expired
    "25": Milestone.returning,  # Addressee Unknown
    "26": Milestone.returning,  # Vacant
    "27": Milestone.returning,  # Unclaimed
    "28": Milestone.returning,  # Deceased
    "29": Milestone.returning,  # Other
    "31": Milestone.returning,  # Not Picked Up
    # It is late.
    "71": Milestone.delayed,  # Rescheduled to Next Delivery Day
    # The parcel is alive, and nothing is new for the shopper.
    "08": NoMilestone.movement,  # Missent: it is sent on
    "15": NoMilestone.movement,  # Mis-shipped: it is sent on
    # Paperwork.
    "44": NoMilestone.nothing,  # Customer Recall: asked for, not done
    "DX": NoMilestone.nothing,  # Delivery Status Not Updated
}
"""Every event code that is known, by what a shopper would be told."""

_DELIVERED = "01"

_DELIVERIES: tuple[tuple[str, Meaning], ...] = (
    ("original sender", Milestone.returned),
    ("to agent for final delivery", Milestone.in_transit),
    ("held at post office", Milestone.ready_for_pickup),
)


def code_of(code: str, event_type: str) -> str:
    """The code by which an event is known: USPS's own, and where a delivery ends in another way than at the
    recipient, with that way behind it (`01 original sender`)."""
    code = code.strip().upper()
    if code == _DELIVERED:
        said = event_type.lower()
        for words, _ in _DELIVERIES:
            if words in said:
                return f"{code} {words}"
    return code


CODES |= {f"{_DELIVERED} {words}": meaning for words, meaning in _DELIVERIES}
