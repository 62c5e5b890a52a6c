"""Writes what a batch opened, and each rule's answer to it: crossings, decisions, and the messages they plan."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.models import Crossing, Decision
from app.models.facts import News, Told
from app.pipeline.deciding.picture import picture
from app.pipeline.deciding.planning import Planned, plan, sender_of
from app.pipeline.hearing import Locked, Tally
from app.pipeline.house import House
from app.rules.decide import Crossed, decide
from app.rules.ruleset import RuleSet
from app.tracking.milestones import NewCrossing


@dataclass(frozen=True, slots=True)
class Row:
    """A parcel's row with this batch's changes on top."""

    row: Any
    changes: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.changes[name] if name in self.changes else getattr(self.row, name)


@dataclass(frozen=True, slots=True)
class Scene:
    """The rows of a batch as they stand once it is written down: locked, with its `changes` by parcel, what each
    shopper was `told` before, of which parcels only the meaning was read `again`, and each brand's `rules`."""

    locked: Locked
    changes: Mapping[int, Mapping[str, Any]]
    told: Mapping[int, Sequence[Told]]
    again: Collection[int]
    rules: Mapping[int, RuleSet]

    def parcel(self, shipment_id: int) -> Row:
        """A parcel as it stands now."""
        return Row(self.locked.shipments[shipment_id], self.changes.get(shipment_id, {}))

    def others(self, shipment: Any) -> list[Row]:
        """The other parcels of its order, as they stand now."""
        return [self.parcel(other.id) for other in self.locked.others(shipment)]


def answer(
    session: Session, house: House, scene: Scene, opened: Sequence[tuple[int, NewCrossing]], now: datetime
) -> Tally:
    """Write the crossings, decide on each, and plan what is to be told. Each brand lives by its own rules."""
    if not opened:
        return Tally()
    locked = scene.locked
    crossed: list[Crossed] = []
    rows: list[dict[str, Any]] = []
    for shipment_id, crossing in opened:
        shipment = scene.parcel(shipment_id)
        order = locked.orders[shipment.order_id]
        facts = picture(
            locked.brands[order.brand_id],
            order,
            shipment,
            scene.others(shipment),
            _news(crossing),
            scene.told[shipment_id],
        )
        cancelled = order.cancelled_at is not None or shipment.cancelled_at is not None
        one = Crossed(facts, crossing.late, shipment.history_until, cancelled, shipment_id in scene.again)
        crossed.append(one)
        rows.append(_crossing_row(house, shipment, crossing, one, now))
    ids = session.scalars(insert(Crossing).returning(Crossing.id, sort_by_parameter_order=True), rows).all()
    planned: list[Planned] = []
    decisions: list[dict[str, Any]] = []
    for crossing_id, row, one in zip(ids, rows, crossed, strict=True):
        order, own = locked.orders[row["order_id"]], scene.rules[row["brand_id"]]
        for decided in decide(one, own, house.channels, now):
            planned.append(Planned(crossing_id, row, one.facts, decided, order.locale, own))
    messages = plan(session, house, planned, now, decisions)
    if decisions:
        session.execute(insert(Decision), decisions)
    return Tally(
        crossings=len(rows),
        decisions=len(decisions),
        messages=len(messages),
        wakes={(sender_of(message["priority"]), message["channel"]) for message in messages},
    )


def _news(crossing: NewCrossing) -> News:
    episode = crossing.episode
    return News(
        milestone=episode.milestone,
        occurrence=crossing.occurrence,
        cause=episode.cause,
        occurred_at=episode.occurred_at,
        description=episode.description,
        place=episode.place,
    )


def _crossing_row(house: House, shipment: Any, crossing: NewCrossing, one: Crossed, now: datetime) -> dict[str, Any]:
    episode = crossing.episode
    return {
        "brand_id": shipment.brand_id,
        "order_id": shipment.order_id,
        "shipment_id": shipment.id,
        "scope": "parcel",
        "scope_id": shipment.id,
        "milestone": episode.milestone.value,
        "occurrence": crossing.occurrence,
        "cause": episode.cause.value,
        "anchor": episode.anchor,
        "occurred_at": episode.occurred_at,
        "crossed_at": now,
        "facts": one.facts.model_dump(mode="json"),
        "inputs": one.inputs(house.channels),
    }
