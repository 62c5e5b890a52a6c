"""The table of state × input is total, the fold obeys it, and people read the same one."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.models.vocabulary import CARRIER_MILESTONES, SAYABLE, Milestone
from app.tracking.milestones import KnownScan, fold
from app.tracking.standing import ARRIVALS, INPUTS, RECYCLED, ROUND, TABLE, Effect, Other
from tests.tracking.stories import START, WAYS, M, labelled, scan, story, untimed

DOCS = Path(__file__).parents[2] / "docs" / "milestones.md"
STANDS = (*CARRIER_MILESTONES, M.return_received)
E = Effect


def test_the_table_is_total() -> None:
    """Wherever a parcel can stand, everything that can be said of it has its effect."""
    assert set(TABLE) == set(STANDS)
    assert set(INPUTS) == {*SAYABLE, *Other}
    assert all(set(row) == set(INPUTS) for row in TABLE.values())


def direction_of(stands: Milestone) -> str:
    return "return" if stands is M.return_received else "outbound"


def reach(stands: Milestone) -> list[KnownScan]:
    """A short history that ends there, checked to end there."""
    way = labelled(*WAYS[stands], every=0.25) if WAYS[stands] else []
    assert fold(way, direction_of(stands)).milestone is stands
    return way


def said(word: Milestone | Other, hours: float) -> KnownScan:
    if word is Other.untimed:
        return untimed(M.delivered, "said")
    if isinstance(word, Milestone):
        return scan(hours, word, "said")
    return scan(hours, None, "said", moves=word is Other.movement)


@pytest.mark.parametrize("stands", STANDS)
@pytest.mark.parametrize("word", INPUTS)
@pytest.mark.parametrize("hours", [2.0, 30.0])
def test_the_fold_obeys_every_cell(stands: Milestone, word: Milestone | Other, hours: float) -> None:
    """Each way to a place, and then each thing that can be said: the same day, and the day after."""
    way, direction = reach(stands), direction_of(stands)
    before, after = fold(way, direction), fold([*way, said(word, hours)], direction)
    reached = (M.return_received if direction == "return" else M.delivered) if word is M.delivered else word
    if (stands, word) == (M.registered, M.in_transit):
        reached = M.dispatched  # the first movement, where nobody said so before
    at, effect = START + timedelta(hours=hours), TABLE[stands][word]
    rested = hours >= ROUND / timedelta(hours=1)
    if effect in (E.goes, E.first_time) or (effect is E.went_back and rested):
        assert (after.milestone, after.milestone_at) == (reached, at)
    elif effect is E.resumes:
        assert (after.milestone, after.milestone_at) == (M.in_transit, at)
    else:
        assert after.milestone is before.milestone
        anew = effect is E.anew and rested
        stays_since = at if anew or (stands is M.registered and effect is E.same) else before.milestone_at
        assert after.milestone_at == stays_since
        assert len(after.episodes) - len(before.episodes) == (
            1 if anew or (isinstance(reached, Milestone) and opens_late(before, reached)) else 0
        )
    assert after.delivery_doubted == (effect is E.doubts)


def opens_late(before, word: Milestone) -> bool:
    """Whether nothing of the kind had been said before: then it is noted, as of a parcel that never stood there."""
    return word is not M.delayed and all(episode.milestone is not word for episode in before.episodes)


def test_nobody_stands_where_the_table_does_not_say() -> None:
    """Every effect leads to a row of the table."""
    for row in TABLE.values():
        for word, effect in row.items():
            assert effect is not E.goes or (word in TABLE and word not in ARRIVALS) or word is M.delivered
    assert TABLE[M.registered][M.registered] is E.same


# As a shopper or a support agent would tell it: what was said, hour by hour, and where the parcel is then.
TALES = {
    "delivered, then out for delivery": (story(M.delivered, M.out_for_delivery), M.delivered, True),
    "delivered, then at a counter": (story(M.delivered, M.ready_for_pickup), M.delivered, True),
    "delivered, then sorted": (story(M.delivered, M.in_transit), M.delivered, True),
    "delivered early, and then in fact": (story(M.delivered, M.out_for_delivery, M.delivered), M.delivered, False),
    "delivered twice": (story(M.delivered, M.delivered), M.delivered, False),
    "delivered, and its papers after it": (story(M.delivered, M.registered, M.cancelled, None), M.delivered, False),
    "delivered, then sent back": (story(M.delivered, M.returning), M.returning, False),
    "doubted, then sent back": (story(M.delivered, M.out_for_delivery, M.returning), M.returning, False),
    "delivered, sent back, delivered": (story(M.delivered, M.returning, M.delivered), M.returning, False),
    "returning, yet delivered": (story(M.in_transit, M.returning, M.delivered), M.delivered, False),
    "delivered, then returned": (story(M.delivered, M.returned), M.returned, False),
    "returned, then anything": (story(M.returned, M.out_for_delivery, M.delivered, M.exception), M.returned, False),
    "on its way back it is loaded": (story(M.returning, M.in_transit, M.out_for_delivery), M.returning, False),
    "tried at its sender's": (story(M.returning, M.attempt_failed, M.ready_for_pickup), M.returning, False),
    "an exception, then it moves": (story(M.in_transit, M.exception, M.in_transit), M.in_transit, False),
    "an exception, then a note": (story(M.in_transit, M.exception, None), M.exception, False),
    "tried, and out again": (story(M.attempt_failed, M.out_for_delivery), M.out_for_delivery, False),
    "tried, then at a counter": (story(M.attempt_failed, M.ready_for_pickup), M.ready_for_pickup, False),
    "at a counter, and the card after it": (story(M.ready_for_pickup, M.attempt_failed), M.ready_for_pickup, False),
    "fetched": (story(M.ready_for_pickup, M.delivered), M.delivered, False),
    "the label comes late": (story(M.dispatched, M.in_transit, M.registered), M.in_transit, False),
    "cancelled, yet it moves": (story(M.in_transit, M.cancelled, M.in_transit), M.in_transit, False),
    "lost, and found": (story(M.in_transit, M.expired, M.in_transit), M.in_transit, False),
    "cancelled, yet handled": (story(M.in_transit, M.cancelled, None), M.in_transit, False),
    "out, and late": (story(M.out_for_delivery, M.delayed), M.out_for_delivery, False),
    "the van's own scans": (story(M.out_for_delivery, M.in_transit), M.out_for_delivery, False),
    "back in the depot": (story(M.out_for_delivery, M.in_transit, every=13), M.in_transit, False),
    "a day without a time": ([*story(M.out_for_delivery), untimed(M.delivered)], M.out_for_delivery, False),
}  # fmt: skip


@pytest.mark.parametrize("tale", TALES)
def test_what_a_support_agent_would_say(tale: str) -> None:
    """The first `in_transit` may be the dispatch; where the parcel is does not depend on it."""
    scans, stands, doubted = TALES[tale]
    state = fold([scan(-1, M.dispatched), *scans])
    assert (state.milestone, state.delivery_doubted) == (stands, doubted)


def test_a_delivery_that_was_doubted_and_confirmed_is_news_again() -> None:
    """The early one was withheld; the shopper hears of the real one, with its own time."""
    state = fold(story(M.in_transit, M.delivered, M.out_for_delivery, M.delivered))
    arrivals = [episode for episode in state.episodes if episode.milestone is M.delivered]
    assert len(arrivals) == 2 and not arrivals[1].passed
    assert state.delivered_at == state.milestone_at == START + timedelta(hours=3)
    assert [e.milestone for e in fold(story(M.delivered, M.delivered)).episodes] == [M.delivered]


def test_the_next_days_round_is_another_one() -> None:
    """Two scans in the morning are one round; the same the day after, with nothing between, is the second."""
    morning = [scan(0, M.out_for_delivery, "a"), scan(1, M.out_for_delivery, "b")]
    assert [len(fold(s).episodes) for s in (morning, [*morning, scan(24, M.out_for_delivery)])] == [1, 2]
    tried = [scan(3, M.attempt_failed), scan(27, M.attempt_failed)]
    assert [e.milestone for e in fold([*morning, *tried]).episodes] == [M.out_for_delivery, *[M.attempt_failed] * 2]


@pytest.mark.parametrize(("direction", "end"), [("outbound", M.delivered), ("return", M.return_received)])
def test_a_return_ends_when_the_shop_has_it(direction: str, end: Milestone) -> None:
    """The same scans: delivered to the shopper, or received by the shop; and a scan of the way is a doubt for both."""
    way = story(M.dispatched, M.in_transit, M.out_for_delivery, M.delivered)
    state = fold(way, direction)
    assert (state.milestone, state.episodes[-1].milestone, state.ended) == (end, end, True)
    assert state.delivered_at == START + timedelta(hours=3)
    doubted = fold([*way, scan(9, M.out_for_delivery)], direction)
    assert (doubted.milestone, doubted.delivery_doubted) == (end, True)


def test_a_return_that_the_shop_refused_goes_back_to_the_shopper() -> None:
    """Before it arrived; what is said after it has is a doubt."""
    assert fold(story(M.in_transit, M.returning, M.returned), "return").milestone is M.returned
    assert fold(story(M.in_transit, M.delivered, M.returned), "return").milestone is M.return_received


@pytest.mark.parametrize("former", [M.delivered, M.in_transit, M.returned, M.exception])
def test_what_was_a_day_before_the_label_was_another_parcel(former: Milestone) -> None:
    """Numbers are used again; a pick-up in the hours before the label's data came is the parcel's own."""
    assert fold([scan(-25, former), scan(0, M.registered)]) == fold([scan(0, M.registered)])
    assert fold([scan(-24, M.dispatched), scan(0, M.registered)]).milestone is M.dispatched
    assert fold([scan(-24.5, former)]).episodes != ()


def test_a_label_that_was_made_late_takes_nothing_away() -> None:
    """Where the carrier had the parcel that very day, all that led there is its own; what lies weeks back is not."""
    way = [scan(-60, M.dispatched), scan(-40, M.in_transit), scan(-3, M.in_transit)]
    late = fold([*way, scan(0, M.registered)])
    assert (late.milestone, late.milestone_at) == (M.in_transit, START - timedelta(hours=40))
    assert fold([scan(-500, M.delivered), *way, scan(0, M.registered)]) == late


def test_what_is_months_after_an_arrival_is_another_parcel() -> None:
    """It neither doubts the arrival nor opens anything; within weeks it does."""
    months = RECYCLED / timedelta(hours=1)
    way = [*story(M.dispatched, M.delivered), scan(30, None)]
    arrived = fold(way)
    assert fold([*way, scan(1 + months, M.registered), scan(2 + months, M.out_for_delivery)]) == arrived
    assert fold([*way, scan(0.5 + months, M.in_transit)]).delivery_doubted


def test_equal_instants_are_taken_as_a_journey_goes() -> None:
    """Whatever their digests: a carrier that gives one minute for all of it has delivered it."""
    at_once = [M.dispatched, M.in_transit, M.out_for_delivery, M.delivered]
    for name in ("a", "z", "m"):
        state = fold([scan(0, one, name if one is M.delivered else str(one)) for one in reversed(at_once)])
        assert (state.milestone, state.delivery_doubted) == (M.delivered, False)
        assert [episode.milestone for episode in state.episodes] == at_once
        tried = fold([scan(0, M.exception, name), scan(0, M.attempt_failed)])
        assert tried.milestone is M.attempt_failed


def test_what_happened_too_late_to_count_is_noted_as_passed() -> None:
    """A card that was written down after the delivery is in the story, and nobody is told of it."""
    state = fold(story(M.in_transit, M.delivered, M.attempt_failed))
    assert [(e.milestone, e.passed) for e in state.episodes] == [
        (M.dispatched, False), (M.delivered, False), (M.attempt_failed, True),
    ]  # fmt: skip


def shown() -> Iterator[str]:
    """The table as `docs/milestones.md` has it."""
    yield "| stands \\ said | " + " | ".join(word.value.replace("_", " ") for word in INPUTS) + " |"
    for stands, row in TABLE.items():
        cells = " | ".join(f"`{row[word].value}`" if row[word] is not E.stays else "" for word in INPUTS)
        yield f"| **{stands.value.replace('_', ' ')}** | {cells} |"


def test_people_read_the_same_table() -> None:
    """Line by line, with every sign explained; whoever changes the table changes the page."""
    written = DOCS.read_text(encoding="utf-8").splitlines()
    missing = [line for line in shown() if line not in written]
    assert not missing, "docs/milestones.md lacks:\n" + "\n".join(missing)
    explained = {line[3] for line in written if line.startswith("| `") and line[4:7] == "` |"}
    assert explained == {effect.value for effect in E if effect is not E.stays}
