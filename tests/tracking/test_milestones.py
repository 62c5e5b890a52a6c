"""The fold sees a set: order, repetition and batching change nothing."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from app.models.vocabulary import CARRIER_MILESTONES, Milestone
from app.tracking.milestones import KnownCrossing, KnownScan, fold, new_crossings

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
M = Milestone


def scan(hours: float, milestone: Milestone | None, name: str = "") -> KnownScan:
    at = START + timedelta(hours=hours)
    return KnownScan(f"{name}{hours}{milestone}".encode(), milestone, at)


JOURNEY = [
    scan(0, M.registered),
    scan(5, M.in_transit, "a"),
    scan(9, M.in_transit, "b"),
    scan(30, M.out_for_delivery),
    scan(33, M.attempt_failed),
    scan(54, M.out_for_delivery),
    scan(58, M.delivered),
]

scans = st.builds(
    scan,
    st.integers(0, 100),
    st.sampled_from([*CARRIER_MILESTONES, None]),
    st.sampled_from(["", "x", "y"]),
)


def test_every_order_of_a_real_journey_folds_to_the_same_state():
    """All 5,040 orders of a seven-scan journey amount to one state."""
    expected = fold(JOURNEY)
    assert all(fold(order) == expected for order in permutations(JOURNEY))
    assert expected.milestone is M.delivered
    assert [e.milestone for e in expected.episodes] == [
        M.registered, M.dispatched, M.in_transit, M.out_for_delivery, M.attempt_failed, M.out_for_delivery, M.delivered,
    ]  # fmt: skip


@given(st.lists(scans, max_size=12), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(history, random):
    """Any shuffle with any repeats of any history folds alike."""
    shuffled = history * 2
    random.shuffle(shuffled)
    assert fold(shuffled) == fold(history)


@given(st.lists(scans, min_size=1, max_size=10), st.data())
def test_crossings_do_not_depend_on_batching_when_news_comes_in_order(history, data):
    """Hearing a history in any cuts opens each milestone as often as hearing it at once."""
    ordered = sorted(history, key=lambda s: (s.occurred_at, s.digest))
    cut = data.draw(st.integers(0, len(ordered)))
    known: list[KnownCrossing] = []
    for part in (ordered[:cut], ordered):
        for new in new_crossings(fold(part).episodes, known):
            e = new.episode
            known.append(KnownCrossing(e.milestone, new.occurrence, e.anchor, e.occurred_at))
    numbers = [(c.milestone, c.occurrence) for c in known]
    assert len(numbers) == len(set(numbers))


@given(st.lists(scans, max_size=10))
def test_hearing_the_same_again_opens_nothing(history):
    """Once every crossing is written, the same scans open no more."""
    state = fold(history)
    known = [
        KnownCrossing(n.episode.milestone, n.occurrence, n.episode.anchor, n.episode.occurred_at)
        for n in new_crossings(state.episodes, [])
    ]
    assert new_crossings(state.episodes, known) == []


def test_a_parcel_does_not_go_back_after_delivery():
    """Scans of the way that come after "delivered" leave the parcel delivered; a return does not."""
    assert fold([*JOURNEY, scan(60, M.in_transit, "late"), scan(61, M.out_for_delivery)]).milestone is M.delivered
    assert fold([*JOURNEY, scan(70, M.returning)]).milestone is M.returning


def test_a_late_episode_keeps_the_written_numbers_and_is_marked_late():
    """An out-for-delivery heard of after a newer one gets the next number and is late."""
    first, second = scan(30, M.out_for_delivery), scan(54, M.out_for_delivery)
    middle = scan(33, M.attempt_failed)
    heard = fold([second])
    written = [KnownCrossing(M.out_for_delivery, 1, second.digest, second.occurred_at)]
    assert new_crossings(heard.episodes, written) == []
    fresh = new_crossings(fold([first, middle, second]).episodes, written)
    again = next(new for new in fresh if new.episode.milestone is M.out_for_delivery)
    assert (again.occurrence, again.late) == (2, True)


def test_the_first_movement_is_the_dispatch_when_no_scan_says_so():
    """A carrier without a pickup event has dispatched with its first movement, and is in transit with the next."""
    assert [e.milestone for e in fold([scan(1, M.in_transit)]).episodes] == [M.dispatched]
    assert [e.milestone for e in fold([scan(1, M.in_transit), scan(2, M.in_transit)]).episodes] == [
        M.dispatched,
        M.in_transit,
    ]


def test_unknown_and_timeless_scans_are_no_news():
    """Scans without a milestone or a readable time change nothing."""
    assert fold([scan(1, None), KnownScan(b"t", M.delivered, None)]) == fold([])
