"""Who tells in the place of a rule that has reached its daily cap: the next in the set that fits, as far as its own."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.models.vocabulary import Reason
from app.pipeline.deciding.planned import Planned
from app.pipeline.house import House
from app.pipeline.leaving.team import team_of
from app.rules.decide import Crossed, Decided, decide


@dataclass(slots=True)
class InLine:
    """The answers that follow, and the places among the batch's of those that they stand in for."""

    entries: list[Planned] = field(default_factory=list)
    replaced: set[int] = field(default_factory=set)


def next_in_line(
    house: House, planned: Sequence[Planned], outcomes: Mapping[int, tuple[Reason, str]], now: datetime
) -> InLine:
    """What the rules answer to the crossings of which a cap let nothing be told, without what it did not let be told.

    Only answers that were `another_rule` change, and what a rule that now tells falls back on is added.
    """
    spent = [
        index
        for index, (reason, _) in outcomes.items()
        if reason is Reason.rule_cap and planned[index].fallback_of is None
    ]
    found = InLine()
    if not spent:
        return found
    crossings = {planned[index].crossing_id for index in spent}
    together: dict[int, list[int]] = defaultdict(list)
    for index, entry in enumerate(planned):
        if entry.crossing_id in crossings:
            together[entry.crossing_id].append(index)
    for indexes in together.values():
        entry = planned[indexes[0]]
        ways = entry.spent | {planned[index].decided.way for index in indexes if index in spent}
        crossed = Crossed(
            entry.facts, team=team_of(house, entry.facts.brand.key), unwanted=entry.unwanted, spent=frozenset(ways)
        )
        before = {planned[index].decided.way: index for index in indexes}
        for decided in decide(crossed, entry.rules, house.channels, now):
            at = before.get(decided.way)
            if _follows(planned[at].decided if at is not None else None, decided):
                found.replaced |= {at} if at is not None else set()
                found.entries.append(replace(entry, decided=decided, spent=frozenset(ways)))
    return found


def _follows(before: Decided | None, decided: Decided) -> bool:
    """Whether an answer is another one now, since a rule before it may not tell."""
    if before is None:
        return decided.reason is Reason.fell_back
    return before.reason is Reason.another_rule and (before.reason, before.detail) != (decided.reason, decided.detail)
