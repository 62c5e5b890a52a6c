"""Opens `all_delivered`: the one milestone of a whole order, written under its lock, so that it opens exactly once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.vocabulary import Milestone
from app.pipeline.deciding.scene import Scene
from app.pipeline.deciding.splitting import living, not_shipped
from app.tracking.completing import KnownCompletion, Standing, arrived, completion
from app.tracking.milestones import NewCrossing


def completed(session: Session, scene: Scene, shipment_ids: Sequence[int]) -> list[tuple[int, NewCrossing]]:
    """The `all_delivered` that these locked parcels' orders have come to, each with the parcel that arrived last."""
    whole: dict[int, list[Standing]] = {}
    for order_id in sorted({scene.parcel(one).order_id for one in shipment_ids}):
        parcels = scene.parcels(order_id)
        if last_parcel(scene.locked.orders[order_id], parcels) is not None:
            whole[order_id] = standings_of(parcels)
    known = _known(session, list(whole))
    opened = []
    for order_id, standings in whole.items():
        crossing = completion(standings, known[order_id])
        last = last_parcel(scene.locked.orders[order_id], scene.parcels(order_id))
        if crossing is not None and last is not None:
            opened.append((last.id, crossing))
    return opened


def last_parcel(order: Any, parcels: Sequence[Any]) -> Any | None:
    """The parcel with which an order was complete, of all its parcels as they stand; None while it is not.

    Nothing that is known of may be left to ship, and an order that was called off is never complete.
    """
    outbound = living(parcels)
    if order.cancelled_at is not None or any(
        one.milestone != Milestone.delivered or one.delivery_doubted_at is not None for one in outbound
    ):
        return None  # most orders, most of the time: the cheap question comes first
    here = arrived(standings_of(parcels))
    if not here or not_shipped(order.items, outbound):
        return None
    return next(parcel for parcel in outbound if parcel.public_id == here[-1].id)


def baseline(parcels: Sequence[Any]) -> datetime | None:
    """Until when what happened to the order is history: the last baseline among its living parcels."""
    return max((parcel.history_until for parcel in living(parcels) if parcel.history_until), default=None)


def standings_of(parcels: Sequence[Any]) -> list[Standing]:
    """How an order's outbound parcels stand, by their rows."""
    return [
        Standing(
            parcel.public_id, Milestone(parcel.milestone), parcel.delivered_at or parcel.milestone_at,
            parcel.cancelled_at,
        )
        for parcel in parcels
        if parcel.direction == "outbound"
    ]  # fmt: skip


def _known(session: Session, order_ids: Sequence[int]) -> Mapping[int, list[KnownCompletion]]:
    found: dict[int, list[KnownCompletion]] = defaultdict(list)
    if not order_ids:
        return found
    for row in session.execute(_COMPLETIONS, {"ids": list(order_ids)}):
        about = () if row.taken_back else row.inputs.get("parcels", ())
        found[row.scope_id].append(KnownCompletion(row.occurrence, frozenset(about)))
    return found


# One whose messages were all taken back, for it was not so after all, was about nothing: nobody has heard of it.
_COMPLETIONS = sa.text("""
    SELECT crossings.scope_id, crossings.occurrence, crossings.inputs,
        coalesce((SELECT bool_and(messages.state = 'superseded' AND messages.reason = 'no_longer_so')
            FROM messages WHERE messages.order_id = crossings.order_id AND messages.crossing_id = crossings.id
        ), false) AS taken_back
    FROM crossings
    WHERE crossings.scope = 'order' AND crossings.scope_id = ANY(:ids) AND crossings.milestone = 'all_delivered'
""")
