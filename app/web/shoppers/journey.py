"""The journey on a parcel's page: to the door, to a counter, back to the shop, each step with when it was reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.messages.rendering.journey import TO_A_COUNTER, TO_THE_DOOR, TO_THE_SHOP, TROUBLE, TURNED_BACK
from app.messages.rendering.moments import Speech
from app.models.facts import Facts
from app.models.vocabulary import PROGRESS, Milestone


@dataclass(frozen=True, slots=True)
class Step:
    """One dot of the journey: `done`, `now`, `late` (now, but overdue) or `next`; `at` is when it was reached."""

    word: str
    state: str
    mark: str
    at: str


def journey(
    facts: Facts, seen: Mapping[Milestone, datetime], late: bool, words: Mapping[str, Any], speech: Speech
) -> tuple[Step, ...]:
    """The steps of its way with the words of `words`; `seen` is when each milestone was reached first."""
    way = _way(facts, seen)
    reached = max(map(_come_to, (*seen, facts.parcel.milestone)))
    passed = [step for step in way if PROGRESS[step] <= reached]
    current = passed[-1] if passed else way[0]
    trouble = facts.parcel.milestone in TROUBLE and not late
    states = {step: _state(step, current, way, late or trouble) for step in way}
    said = {**words["marks"], "late": words["marks"]["trouble" if trouble else "late"]}
    named = {**words["journey"], **(words["return_journey"] if facts.parcel.direction == "return" else {})}
    return tuple(
        _step(step, state, _word(step, way, named), said[state], seen, speech) for step, state in states.items()
    )


def _way(facts: Facts, seen: Mapping[Milestone, datetime]) -> tuple[Milestone, ...]:
    states = {*seen, facts.parcel.milestone}
    if states & {Milestone.returning, Milestone.returned}:
        return TURNED_BACK
    if facts.parcel.direction == "return":
        return TO_THE_SHOP
    return TO_A_COUNTER if Milestone.ready_for_pickup in states else TO_THE_DOOR


def _come_to(milestone: Milestone) -> int:
    # Being late says nothing about how far it has come; a parcel that is held up has been under way.
    if milestone is Milestone.delayed:
        return 0
    return PROGRESS.get(milestone, PROGRESS[Milestone.in_transit] if milestone is Milestone.exception else 0)


def _state(step: Milestone, current: Milestone, way: Sequence[Milestone], late: bool) -> str:
    if PROGRESS[step] < PROGRESS[current] or step is current is way[-1]:
        return "done"
    if step is not current:
        return "next"
    return "late" if late else "now"


def _word(step: Milestone, way: Sequence[Milestone], named: Mapping[str, Any]) -> str:
    return str(named["collected" if way is TO_A_COUNTER and step is Milestone.delivered else step.value])


def _step(
    step: Milestone, state: str, word: str, mark: str, seen: Mapping[Milestone, datetime], speech: Speech
) -> Step:
    reached = seen.get(step)
    if reached is None or state == "next":
        return Step(word, state, mark, "")
    local = speech.local(reached)
    at = f"{speech.day(local.date(), short=True)}, {speech.time(local)}"
    return Step(word, state, mark, at[:1].upper() + at[1:])
