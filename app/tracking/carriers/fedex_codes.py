"""What FedEx's event codes mean: its whole vocabulary, as a table.

The codes are those of "Tracking status codes" in the developer portal's appendix
(https://developer.fedex.com/api/en-us/guides/api-reference.html). Two of them, `DE` and `DL`, end several ways that
only the text beside them tells apart.
"""

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Meaning, NoMilestone

CODES: dict[str, Meaning] = {
    # A label, and nothing in FedEx's hands yet.
    "OC": Milestone.registered,  # Order Created: shipment information sent to FedEx
    "OX": Milestone.registered,  # Shipment information sent to USPS
    "MD": Milestone.registered,  # Manifest data
    "CA": Milestone.cancelled,  # Shipment Cancelled
    # FedEx has it.
    "PU": Milestone.dispatched,  # Picked Up
    "PX": Milestone.dispatched,  # Picked up (see Details)
    # On its way.
    "OF": Milestone.in_transit,  # At FedEx origin facility
    "LO": Milestone.in_transit,  # Left Origin
    "IT": Milestone.in_transit,  # In Transit
    "IX": Milestone.in_transit,  # In transit (see Details)
    "OW": Milestone.in_transit,  # On the way
    "AA": Milestone.in_transit,  # At Airport
    "EA": Milestone.in_transit,  # Enroute to Airport, Export Approved
    "EO": Milestone.in_transit,  # Enroute to Origin Airport
    "PF": Milestone.in_transit,  # Plane in Flight
    "PL": Milestone.in_transit,  # Plane Landed
    "PM": Milestone.in_transit,  # In Progress
    "DP": Milestone.in_transit,  # Departed
    "AR": Milestone.in_transit,  # Arrived at FedEx location
    "SF": Milestone.in_transit,  # At Sort Facility
    "TR": Milestone.in_transit,  # Transfer
    "CC": Milestone.in_transit,  # Cleared Customs
    "AC": Milestone.in_transit,  # At Canada Post facility
    "AX": Milestone.in_transit,  # At USPS facility
    "FD": Milestone.in_transit,  # At FedEx Destination
    "AF": Milestone.in_transit,  # At local FedEx Facility
    # On the way of a delivery.
    "OD": Milestone.out_for_delivery,  # Out for Delivery, On FedEx vehicle for delivery
    "ED": Milestone.out_for_delivery,  # Enroute to Delivery
    "AD": Milestone.out_for_delivery,  # At Delivery
    "HL": Milestone.ready_for_pickup,  # Hold at Location
    "HP": Milestone.ready_for_pickup,  # Ready for Recipient Pickup
    "DL": Milestone.delivered,  # Delivered
    "DL to shipper": Milestone.returned,
    # Something is wrong: FedEx alerts its own customers to these two. A delivery that was tried is told apart.
    "SE": Milestone.exception,  # Shipment Exception
    "DE": Milestone.exception,  # Delivery Exception
    "DE attempted": Milestone.attempt_failed,
    # It goes back.
    "RS": Milestone.returning,  # Return to Shipper
    "RT": Milestone.returning,  # Return to Shipper
    # It is late.
    "CD": Milestone.delayed,  # Clearance Delay
    "DD": Milestone.delayed,  # Delivery Delay
    "DY": Milestone.delayed,  # Delay
    "PY": Milestone.delayed,  # Delay
    # The parcel is alive, and nothing is new for the shopper.
    "CP": NoMilestone.movement,  # Clearance in Progress
    "SP": NoMilestone.movement,  # Split Status: the pieces of a shipment differ
    "CH": NoMilestone.movement,  # Location Changed
    # FedEx has not been handed the parcel: its driver's day.
    "EP": NoMilestone.nothing,  # Enroute to Pickup
    "AP": NoMilestone.nothing,  # At Pickup
    "PD": NoMilestone.nothing,  # Pickup Delay
    "DS": NoMilestone.nothing,  # Vehicle Dispatched
    "DR": NoMilestone.nothing,  # Vehicle furnished but not used
    # Forecasts: the expected delivery itself is read.
    "AO": NoMilestone.nothing,  # Shipment arriving On-time
    "AE": NoMilestone.nothing,  # Shipment arriving early
    # Wishes of the recipient (customised delivery options), asked for, changed and withdrawn.
    "RR": NoMilestone.nothing,  # CDO requested
    "RM": NoMilestone.nothing,  # CDO Modified
    "RC": NoMilestone.nothing,  # CDO Cancelled
    "HA": NoMilestone.nothing,  # Hold at location request accepted
    # Links to a return label: sent, withdrawn, about to end, ended.
    "RP": NoMilestone.nothing,
    "LP": NoMilestone.nothing,
    "RG": NoMilestone.nothing,
    "RD": NoMilestone.nothing,
    # Who caused a delay (shipper, customs, broker, transfer partner): the manual lists them among the codes.
    "SH": NoMilestone.nothing,
    "CU": NoMilestone.nothing,
    "BR": NoMilestone.nothing,
    "TP": NoMilestone.nothing,
}
"""Every event code that is known, by what a shopper would be told."""

_ATTEMPTED = (
    "customer not available",
    "recipient not available",
    "recipient not in",
    "business closed",
    "unable to obtain signature",
    "delivery attempt",
    "notice left",
    "door tag",
)
_TO_SHIPPER = ("delivered to shipper", "returned to shipper", "delivered to sender")


def code_of(event_type: str, said: str) -> str:
    """The code by which an event is known: FedEx's own in capitals, and where the text beside it (`said`, event and
    exception together) tells another end, with that end behind it: `DE attempted`, `DL to shipper`."""
    code = event_type.strip().upper()
    words, end = {"DE": (_ATTEMPTED, "attempted"), "DL": (_TO_SHIPPER, "to shipper")}.get(code, ((), ""))
    if words:
        said = said[:500].lower()
        if any(phrase in said for phrase in words):
            return f"{code} {end}"
    return code
