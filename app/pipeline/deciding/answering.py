"""Writes what a batch opened, and each rule's answer to it: crossings, decisions, and the messages they plan."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.models import Crossing, Decision
from app.models.facts import Facts, News
from app.models.vocabulary import Channel, Milestone
from app.pipeline.brakes.capping import shopper_digest
from app.pipeline.deciding.picture import picture
from app.pipeline.deciding.planned import Planned
from app.pipeline.deciding.planning import plan, sender_of
from app.pipeline.deciding.scene import Scene
from app.pipeline.deciding.whole_orders import baseline
from app.pipeline.house import House
from app.pipeline.leaving.team import team_of
from app.pipeline.listening.hearing import Tally
from app.pipeline.people.choosing import Refused, digest_for, refused
from app.receipts.choices import kind_of
from app.rules.decide import Crossed, Decided, decide
from app.rules.meanwhile import Meanwhile
from app.tracking.milestones import NewCrossing


def answer(
    session: Session, house: House, scene: Scene, opened: Sequence[tuple[int, NewCrossing]], now: datetime
) -> Tally:
    """Write the crossings, decide on each, and plan what is to be told. Each brand lives by its own rules."""
    if not opened:
        return Tally()
    locked = scene.locked
    meanwhile = Meanwhile()
    refusals = _refusals(session, scene, opened)
    answered: list[tuple[Facts, list[Decided], frozenset[Channel]]] = []
    rows: list[dict[str, Any]] = []
    for shipment_id, crossing in opened:
        shipment = scene.parcel(shipment_id)
        order = locked.orders[shipment.order_id]
        drawn = picture(
            locked.brands[order.brand_id],
            order,
            shipment,
            scene.others(shipment),
            news_of(crossing),
            scene.told[shipment_id],
        )
        facts = meanwhile.known(order.id, drawn)
        cancelled = order.cancelled_at is not None or shipment.cancelled_at is not None
        team = team_of(house, facts.brand.key)
        row = _crossing_row(shipment, crossing, facts, now)
        if row["scope"] == "order":
            one = replace(_of_order(scene, facts, shipment.order_id), team=team)
            beside = {"parcels": sorted([facts.parcel.id, *(other.id for other in facts.other_parcels)])}
        else:
            unfollowed = shipment.unfollowed_at is not None
            again = shipment_id in scene.again
            one = Crossed(facts, crossing.late, shipment.history_until, cancelled, again, team, unfollowed)
            beside = {}
        unwanted = _unwanted(refusals, order, crossing.episode.milestone, shipment.direction)
        one = replace(one, unwanted=unwanted) if unwanted else one
        answers = decide(one, scene.rules[order.brand_id], house.channels, now)
        meanwhile.note(order.id, facts, answers, now)
        answered.append((facts, answers, unwanted))
        rows.append(row | {"inputs": one.inputs(house.channels) | beside})
    ids = session.scalars(insert(Crossing).returning(Crossing.id, sort_by_parameter_order=True), rows).all()
    planned: list[Planned] = []
    decisions: list[dict[str, Any]] = []
    for crossing_id, row, (facts, answers, unwanted) in zip(ids, rows, answered, strict=True):
        order, own = locked.orders[row["order_id"]], scene.rules[row["brand_id"]]
        earlier = scene.retired.get((row["scope_id"], Milestone(row["milestone"])), 0)
        shopper = shopper_digest(order)
        planned += [
            Planned(crossing_id, row, facts, decided, order.locale, own, earlier, shopper, unwanted=unwanted)
            for decided in answers
        ]
    messages = plan(session, house, planned, now, decisions)
    if decisions:
        session.execute(insert(Decision), decisions)
    return Tally(
        crossings=len(rows),
        decisions=len(decisions),
        messages=len(messages),
        wakes={(sender_of(message["priority"]), message["channel"]) for message in messages},
    )


def _refusals(session: Session, scene: Scene, opened: Sequence[tuple[int, NewCrossing]]) -> Refused:
    """What the shoppers of a batch do not want to be told."""
    orders = [scene.locked.orders[scene.parcel(shipment_id).order_id] for shipment_id, _ in opened]
    digests = (digest_for(channel, order.email, order.phone) for order in orders for channel in Channel)
    return refused(session, filter(None, digests))


def _unwanted(refusals: Refused, order: Any, milestone: Milestone, direction: str) -> frozenset[Channel]:
    """The channels on which an order's shopper does not want this news."""
    if not refusals:
        return frozenset()
    kind, whose = kind_of(milestone, direction), order.brand_id
    digests = {channel: digest_for(channel, order.email, order.phone) or b"" for channel in Channel}
    return frozenset(one for one, digest in digests.items() if kind in refusals.get((whose, one.value, digest), ()))


def news_of(crossing: NewCrossing) -> News:
    """What has happened, as rules and templates read it."""
    episode = crossing.episode
    return News(
        milestone=episode.milestone,
        occurrence=crossing.occurrence,
        cause=episode.cause,
        occurred_at=episode.occurred_at,
        description=episode.description,
        place=episode.place,
    )


def _of_order(scene: Scene, facts: Facts, order_id: int) -> Crossed:
    """The whole order's own milestone: nobody's news where the last of its parcels was history."""
    parcels = scene.parcels(order_id)
    reread = any(parcel.id in scene.again for parcel in parcels)
    unfollowed = all(parcel.unfollowed_at is not None for parcel in parcels)
    return Crossed(facts, history_until=baseline(parcels), reread=reread, unfollowed=unfollowed)


def _crossing_row(shipment: Any, crossing: NewCrossing, facts: Facts, now: datetime) -> dict[str, Any]:
    episode = crossing.episode
    whole = episode.milestone is Milestone.all_delivered
    return {
        "brand_id": shipment.brand_id,
        "order_id": shipment.order_id,
        "shipment_id": shipment.id,
        "scope": "order" if whole else "parcel",
        "scope_id": shipment.order_id if whole else shipment.id,
        "milestone": episode.milestone.value,
        "occurrence": crossing.occurrence,
        "cause": episode.cause.value,
        "anchor": episode.anchor,
        "occurred_at": episode.occurred_at,
        "crossed_at": now,
        "facts": facts.model_dump(mode="json"),
    }
