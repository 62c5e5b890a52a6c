"""How far a parcel has come, as the steps that a message draws: to the door, to a counter, back to the shop."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.models.facts import Facts, OtherParcel
from app.models.vocabulary import PROGRESS, Cause, Milestone

_WAY = (Milestone.registered, Milestone.dispatched, Milestone.in_transit)
TO_THE_DOOR = (*_WAY, Milestone.out_for_delivery, Milestone.delivered)
TO_A_COUNTER = (*_WAY, Milestone.ready_for_pickup, Milestone.delivered)
TURNED_BACK = (*_WAY[1:], Milestone.returning, Milestone.returned)
TO_THE_SHOP = (*_WAY, Milestone.return_received)

_COUNTER = frozenset({Milestone.ready_for_pickup, Milestone.pickup_expiring})
_BACK = frozenset({Milestone.returning, Milestone.returned})
_AT_THE_DOOR = frozenset({Milestone.out_for_delivery, Milestone.attempt_failed})
TROUBLE = frozenset({Milestone.exception, Milestone.attempt_failed, Milestone.expired})
"""States in which something is wrong."""


def journey(facts: Facts, words: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps as they stand: each `done`, `now`, `late` (now, but something is wrong) or `next`, with its word, a
    `note` on what is wrong, and the share of the width that it takes."""
    way = _way(facts)
    reached = _reached(facts, way)
    passed = [step for step in way if PROGRESS[step] <= reached]
    current = passed[-1] if passed else way[0]
    wrong = _wrong(facts, words) if current is not way[-1] else ""
    steps = []
    for index, step in enumerate(way):
        done = PROGRESS[step] < PROGRESS[current] or (step is current is way[-1])
        state = "done" if done else "next" if step is not current else "late" if wrong else "now"
        steps.append(
            {
                "word": _word(step, way, facts, words),
                "state": state,
                "number": index + 1,
                "note": wrong if state == "late" else "",
                "width": f"{100 // len(way)}%",
            }
        )
    return steps


def collected(facts: Facts) -> bool:
    """Whether it was handed over where it waited, not brought to a door."""
    return facts.parcel.milestone is Milestone.delivered and _way(facts) is TO_A_COUNTER


def all_collected(facts: Facts, beside: Sequence[OtherParcel]) -> bool:
    """Whether it was, and those beside it too: of each it was told that it waited."""
    waited = {told.parcel_id for told in facts.order_history if told.milestone in _COUNTER}
    return collected(facts) and all(one.milestone is Milestone.delivered and one.id in waited for one in beside)


def _way(facts: Facts) -> tuple[Milestone, ...]:
    stands = {facts.parcel.milestone, facts.news.milestone}
    if stands & _BACK:
        return TURNED_BACK
    if facts.parcel.direction == "return":
        return TO_THE_SHOP
    waited = stands | {told.milestone for told in facts.history}
    at_the_door = facts.parcel.milestone in _AT_THE_DOOR
    return TO_A_COUNTER if waited & _COUNTER and not at_the_door else TO_THE_DOOR


def _reached(facts: Facts, way: Sequence[Milestone]) -> int:
    stands = _come_to(facts.parcel.milestone, way)
    if facts.parcel.milestone is Milestone.expired:  # says nothing of how far it came; what was told of it does
        return max([stands, *(_come_to(told.milestone, way) for told in facts.history)])
    # Being late says nothing about how far it has come; the parcel's own milestone does.
    return stands if facts.news.milestone is Milestone.delayed else max(stands, _come_to(facts.news.milestone, way))


def _come_to(milestone: Milestone, way: Sequence[Milestone]) -> int:
    if way is TO_THE_SHOP and milestone is Milestone.delivered:
        return PROGRESS[Milestone.return_received]
    # A parcel that is held up has been under way.
    step = PROGRESS.get(milestone, PROGRESS[Milestone.in_transit] if milestone is Milestone.exception else 0)
    return step if step <= PROGRESS[way[-1]] else PROGRESS[Milestone.in_transit]


def _wrong(facts: Facts, words: Mapping[str, Any]) -> str:
    """What is wrong where it stands now, in a word; nothing when all is well."""
    stands = facts.parcel.milestone
    delayed = facts.news.milestone is Milestone.delayed
    if delayed and facts.news.cause is Cause.silence:  # nobody has said that it is late
        return str(words.get("wrong", {}).get(Cause.silence.value) or words["late"])
    still_late = facts.parcel.late_since is not None and PROGRESS.get(stands, 0) < PROGRESS[Milestone.out_for_delivery]
    if stands in TROUBLE and not delayed:
        return str(words.get("wrong", {}).get(stands.value) or words["late"])
    return str(words["late"]) if still_late or delayed else ""


def _word(step: Milestone, way: Sequence[Milestone], facts: Facts, words: Mapping[str, Any]) -> str:
    named = "collected" if way is TO_A_COUNTER and step is Milestone.delivered else step.value
    own = words.get("return_journey", {}) if facts.parcel.direction == "return" else {}
    return str(own.get(named) or words["journey"].get(named) or words["states"].get(step.value, ""))
