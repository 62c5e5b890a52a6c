"""The stand-in's words: for each step the `statusCode` DHL would give and sentences of the kind it writes."""

from app.demo.carrier.timetable import Step

WORDING: dict[Step, tuple[str, tuple[str, ...]]] = {
    Step.label: ("pre-transit", (
        "The sender has announced the shipment to DHL electronically.",
        "Shipment information received.",
    )),
    Step.pickup: ("transit", (
        "The shipment has been picked up.",
        "The shipment has been posted by the sender at the retail outlet.",
    )),
    Step.sorted: ("transit", (
        "The shipment has been processed in the parcel centre of origin.",
        "The shipment is being prepared for onward transport.",
    )),
    Step.forwarded: ("transit", (
        "The shipment has left the parcel centre and is travelling to the destination region.",
        "The shipment has departed from the sorting hub.",
    )),
    Step.arrived: ("transit", (
        "The shipment has arrived in the region of the recipient.",
        "The shipment has been processed at the delivery base.",
    )),
    Step.held: ("failure", (
        "The address is incomplete; DHL is trying to obtain the missing part.",
        "The shipment was damaged on the way and is being repacked.",
    )),
    Step.van: ("transit", (
        "The shipment has been loaded onto the delivery vehicle. Delivery is expected today.",
        "Shipment is out with courier for delivery.",
    )),
    Step.attempt: ("failure", (
        "The delivery attempt was unsuccessful: the recipient was not at home.",
        "The shipment could not be delivered, and the recipient has been notified.",
    )),
    Step.pickup_point: ("transit", (
        "The shipment is ready for pick-up at the service point.",
        "The shipment is available for collection from the PACKSTATION.",
    )),
    Step.delivered: ("delivered", (
        "The shipment has been delivered.",
        "Delivered.",
    )),
    Step.sent_back: ("failure", (
        "The shipment is being returned to the sender.",
        "The recipient has not picked up the shipment. It will be returned to the sender.",
    )),
    Step.returned: ("delivered", (
        "The shipment has been returned to the sender.",
        "The shipment has been delivered to the sender.",
    )),
}  # fmt: skip

UNKNOWN_CODES = ("x-handover", "bag-scan", "TRANSIT-7", "in_transfer", "0x1F")
"""Codes that stand in no manual."""
