"""What InPost's statuses mean: those of ShipX (Poland, and the app), and the event codes of the Group's API.

ShipX: https://dokumentacja-inpost.atlassian.net/wiki/spaces/PL/pages/18153478 (statuses with titles).
Group: https://developers.inpost-group.com/tracking-events (V1 and V2).
APM is a parcel locker, PUDO and POK a shop that keeps parcels.
"""

from collections.abc import Mapping

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Meaning, NoMilestone

_SHIPX: Mapping[Meaning, str] = {
    # An offer is no label yet.
    NoMilestone.nothing: """
        offers_prepared offer_selected other
        pickup_reminder_sent pickup_reminder_sent_address
        canceled_redirect_to_box return_pickup_confirmation_to_sender
        cod_completed cod_rejected c2x_completed avizo_completed avizo_rejected
    """,  # reminders, a plan dropped, papers for the sender, payments
    Milestone.registered: "created confirmed",
    # Put into a locker or over a counter by the sender, or fetched from the sender. Never "delivered".
    Milestone.dispatched: """
        dispatched_by_sender dispatched_by_sender_to_pok collected_from_sender taken_by_courier
        taken_by_courier_from_pok
    """,
    Milestone.in_transit: """
        adopted_at_source_branch sent_from_source_branch adopted_at_sorting_center sent_from_sorting_center
        adopted_at_target_branch unstack_from_box_machine unstack_from_customer_service_point
    """,  # the last two: from a stand-in locker to the one that was chosen
    Milestone.delayed: "delay_in_delivery",
    # Sent elsewhere, or taken out of a stand-in locker where nobody came: it goes on to the chosen one.
    NoMilestone.movement: """
        redirect_to_box permanently_redirected_to_box_machine permanently_redirected_to_customer_service_point
        readdressed
        stack_parcel_pickup_time_expired stack_parcel_in_box_machine_pickup_time_expired
    """,
    Milestone.out_for_delivery: "out_for_delivery out_for_delivery_to_address",
    # `stack_…`: kept in another locker or shop because the chosen one is full; it can be fetched there.
    Milestone.ready_for_pickup: """
        ready_to_pickup ready_for_collection ready_to_pickup_from_branch ready_to_pickup_from_pok
        ready_to_pickup_from_pok_registered stack_in_box_machine stack_in_customer_service_point
        courier_avizo_in_customer_service_point
    """,
    Milestone.attempt_failed: "avizo delivery_attempt_failed undelivered_cod_cash_receiver",
    Milestone.delivered: "delivered collected_by_customer",
    # `claimed` is a complaint ("zareklamowana"), not a parcel that was fetched.
    Milestone.exception: """
        claimed missing oversized pickup_time_expired not_collected rejected_by_receiver undelivered
        undelivered_wrong_address undelivered_incomplete_address undelivered_unknown_receiver undelivered_no_mailbox
        undelivered_not_live_address undelivered_lack_of_access_letterbox
    """,
    Milestone.returning: "returned_to_sender taken_by_courier_from_customer_service_point",  # "zwrot do nadawcy"
    Milestone.cancelled: "canceled cancelled",
}

_GROUP: Mapping[Meaning, str] = {
    # Announced, ready to be fetched, being packed. Not fetched from the sender is the sender's matter.
    Milestone.registered: "CRE.1001 CRE.1002 FMD.1001 FMD.1007 FUL.1001 FUL.1002",
    NoMilestone.nothing: """
        FMD.1008 FMD.1009 FMD.1010 FMD.1011 FMD.1012 FMD.1013 FMD.1014 FMD.1016 FMD.1017
        LMD.9001 LMD.3012 INF.1001 INF.9010 INF.9012 INF.9013 INF.9014
    """,
    # Fetched by the courier, handed over by the warehouse.
    Milestone.dispatched: "FMD.1002 FMD.1004 FMD.1005 FUL.1003 HAN.1001",
    Milestone.in_transit: """
        FMD.1003 FMD.1006 FMD.1015 MMD.1001 MMD.1002 MMD.1003 MMD.1004 MMD.1005 MMD.1007 MMD.3001 LMD.1002
    """,
    # Customs, repacking, sent elsewhere, locker full or shop shut (it is tried again), late.
    NoMilestone.movement: """
        CC.001 CC.002 MMD.1009
        LMD.3001 LMD.3002 LMD.3003 LMD.3004 LMD.3005 LMD.3006 LMD.3008 LMD.3009 LMD.3010 LMD.3011 LMD.3013 LMD.3014
        LMD.3015 LMD.3016 LMD.3017 LMD.9020 LMD.9021 LMD.9022 LMD.9023 LMD.9024 LMD.9026 LMD.9028
        INF.9001 INF.9003 INF.9004 INF.9005 INF.9009 INF.9016 INF.9017
    """,
    Milestone.out_for_delivery: "LMD.1001",  # in the app: "wydana do doręczenia", some hours before LMD.1005
    # At the shop, the locker, the collection point; LMD.3007 and LMD.9012 at a stand-in.
    Milestone.ready_for_pickup: "LMD.1003 LMD.1004 LMD.1005 LMD.1006 LMD.3007 LMD.9012 LMD.9013",
    Milestone.attempt_failed: """
        LMD.9004 LMD.9009 LMD.9011 LMD.9015 LMD.9016 LMD.9017 LMD.9018 LMD.9025 LMD.9029
    """,
    # To hand, in a safe place, at the neighbour's, in the letterbox.
    Milestone.delivered: "EOL.1001 EOL.1002 EOL.1003 EOL.1004 EOL.1005 EOL.1006 EOL.1007 EOL.1008",
    # Kept by customs, complaint, too big, dangerous, quarantined, not fetched in time, refused, nobody of that name,
    # prohibited, damaged, lost, destroyed.
    Milestone.exception: """
        CC.003 FMD.9001 FMD.9002 MMD.1006 MMD.9001 LMD.9002 LMD.9003 LMD.9005 LMD.9006 LMD.9007 LMD.9008 LMD.9010
        LMD.9019 LMD.9027 LMD.9030 EOL.9001 EOL.9002 EOL.9003 EOL.9006
    """,
    Milestone.returning: "LMD.9014 RTS.1001",
    Milestone.returned: "RTS.1002",
    Milestone.cancelled: "EOL.9004 EOL.9005",
}

CODES: Mapping[str, Meaning] = {
    code: meaning for table in (_SHIPX, _GROUP) for meaning, listed in table.items() for code in listed.split()
}

PROOFS: Mapping[str, str] = {"EOL.1003": "left_safe"}


def meaning_of(code: str) -> Meaning | None:
    """What a status means; the app writes ShipX's in capitals. None where nobody knows."""
    return CODES.get(code) or CODES.get(code.lower())
