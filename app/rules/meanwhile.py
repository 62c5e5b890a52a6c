"""What one batch has planned to tell so far: no row says it yet, and the rules must know it all the same."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from app.models.facts import Facts, Told
from app.rules.decide import Decided


class Meanwhile:
    """The answers of one batch that fired, by order: of two crossings that are heard of at once, the second is decided
    as if the first had been heard of a moment before."""

    def __init__(self) -> None:
        self._told: dict[int, list[Told]] = defaultdict(list)

    def known(self, order_id: int, facts: Facts) -> Facts:
        """The facts about one of the order's parcels, with what was planned meanwhile in their history."""
        told = self._told.get(order_id)
        if not told:
            return facts
        own = tuple(one for one in told if one.parcel_id == facts.parcel.id)
        return facts.model_copy(
            update={"history": facts.history + own, "order_history": facts.order_history + tuple(told)}
        )

    def note(self, order_id: int, facts: Facts, answers: Sequence[Decided], now: datetime) -> None:
        """Remember what is told of a crossing."""
        self._told[order_id] += [
            Told(
                milestone=facts.news.milestone,
                channel=one.channel.value,
                planned_at=now,
                rule=one.rule,
                parcel_id=facts.parcel.id,
            )
            for one in answers
            if one.fired
        ]
