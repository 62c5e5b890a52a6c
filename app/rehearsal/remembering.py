"""What a shopper would have been told before, under other rules: a stored history with its differences on top."""

from collections.abc import Collection, Mapping, Sequence

from app.models.facts import Facts, Told
from app.models.vocabulary import Milestone
from app.rehearsal.reading import ToldOf


def as_told(
    facts: Facts, shipment_id: int, really: Collection[ToldOf], would: Collection[ToldOf], names: Mapping[int, str]
) -> Facts:
    """The facts without what `really` was planned and would not have been, with what `would` have been and was not.

    `names` are the parcels' outside ids; `shipment_id` is the parcel that the facts are about.
    """
    gone = set(really) - set(would)
    extra = sorted(set(would) - set(really), key=lambda one: (one.planned_at, one.shipment_id, one.channel))
    own = [one for one in gone if one.shipment_id == shipment_id]
    history = [*_without(facts.history, own), *(_told(one, names) for one in extra if one.shipment_id == shipment_id)]
    of_order = [*_without(facts.order_history, gone), *(_told(one, names) for one in extra)]
    return facts.model_copy(update={"history": tuple(history), "order_history": tuple(of_order)})


def _told(one: ToldOf, names: Mapping[int, str]) -> Told:
    return Told(
        milestone=Milestone(one.milestone),
        channel=one.channel,
        planned_at=one.planned_at,
        rule=one.rule,
        parcel_id=names.get(one.shipment_id, ""),
    )


def _without(history: Sequence[Told], gone: Collection[ToldOf]) -> list[Told]:
    """A history without some of its entries. One that was stored before rules stood in it goes by the rest."""
    named = {(one.milestone, one.channel, one.planned_at, one.rule) for one in gone}
    nameless = {one[:3] for one in named}
    return [
        one
        for one in history
        if (one.milestone.value, one.channel, one.planned_at, one.rule) not in named
        and (one.rule or (one.milestone.value, one.channel, one.planned_at) not in nameless)
    ]
