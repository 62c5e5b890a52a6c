"""`Planned`: one rule's decision on its way to becoming a message, with what it was decided on."""

from dataclasses import dataclass
from typing import Any

from app.models.facts import Facts
from app.models.vocabulary import Channel
from app.pipeline.deciding.keys import key_of
from app.rules.decide import Decided, Way
from app.rules.merging import merges
from app.rules.ruleset import Per, Rule, RuleSet


@dataclass(frozen=True, slots=True)
class Planned:
    """One decision on one crossing, on its way to becoming a message (or only a recorded reason).

    `earlier`: how many crossings of its milestone the parcel has from a number that it had before. `shopper` is the
    digest by which the shopper's messages are counted, `fallback_of` the message that it is planned in the place of;
    `unwanted` are the channels on which the shopper does not want this news. `stopped`: how many messages of a rule
    that speaks once for the order ended before they told anybody. `spent` is what the caps of rules before it did not
    let them tell.
    """

    crossing_id: int
    crossing: dict[str, Any]
    facts: Facts
    decided: Decided
    locale: str
    rules: RuleSet
    earlier: int = 0
    shopper: bytes | None = None
    fallback_of: int | None = None
    unwanted: frozenset[Channel] = frozenset()
    stopped: int = 0
    spent: frozenset[Way] = frozenset()

    @property
    def rule(self) -> Rule | None:
        """The rule that decided."""
        return self.rules.named(self.decided.rule)

    @property
    def merges(self) -> bool:
        """Whether it may be told together with other parcels of its order."""
        waits = merges(self.rule) and self.crossing["scope"] == "parcel" and bool(self.facts.other_parcels)
        return waits and self.fallback_of is None

    @property
    def per_order(self) -> bool:
        """Whether its rule speaks once for the whole order."""
        return self.rule is not None and self.rule.per is Per.order

    @property
    def key(self) -> tuple[Any, ...]:
        """What is told once by it."""
        way = self.decided.channel.value, self.decided.recipient_id
        return key_of(self.crossing, *way, per_order=self.per_order, stopped=self.stopped)
