"""The fold sees a set: every order and every repetition of up to seven scans, exhaustively; more, by example."""

from itertools import combinations, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.vocabulary import SAYABLE
from app.tracking.milestones import KnownScan, fold
from tests.tracking.stories import M, scan, untimed

SEVEN = {
    "a delivery, doubted and confirmed": (
        "outbound",
        [
            scan(0, M.registered), scan(5, M.in_transit), scan(30, M.out_for_delivery), scan(33, M.delivered),
            scan(54, M.out_for_delivery), scan(55, M.attempt_failed), scan(58, M.delivered),
        ],
    ),
    "all in one minute, and what has no time": (
        "outbound",
        [
            scan(0, M.in_transit), scan(0, M.exception), scan(0, M.attempt_failed), scan(0, M.delivered),
            scan(0, M.delivered, "twice"), untimed(M.returned), scan(0, None),
        ],
    ),
    "another's scans, a late label, a return": (
        "return",
        [
            scan(-900, M.delivered), scan(-2, M.dispatched), scan(0, M.registered), scan(9, M.cancelled),
            scan(20, None), scan(40, M.delivered), scan(41, M.returning),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SEVEN)
def test_every_order_of_every_choice_comes_to_the_same(name: str) -> None:
    """All 13,699 arrangements of any of the seven scans."""
    direction, scans = SEVEN[name]
    arranged = 0
    for amount in range(1, 8):
        for chosen in combinations(scans, amount):
            expected = fold(chosen, direction)
            for order in permutations(chosen):
                assert fold(order, direction) == expected
                arranged += 1
    assert arranged == 13_699


ALPHABETS = {
    "there and back": [
        scan(0, M.in_transit),
        scan(24, M.out_for_delivery),
        scan(30, M.delivered),
        scan(40, M.returning),
    ],
    "lost and found": [scan(0, M.registered), scan(9, M.expired), scan(9.5, None), scan(40, M.in_transit)],
}


@pytest.mark.parametrize("name", ALPHABETS)
def test_every_repetition_up_to_seven_comes_to_the_same(name: str) -> None:
    """All 21,844 ways to hear up to seven scans, with any of four heard any number of times."""
    alphabet = ALPHABETS[name]
    expected: dict[frozenset[KnownScan], object] = {}
    heard = 0
    for amount in range(1, 8):
        for told in product(alphabet, repeat=amount):
            state = fold(told)
            assert expected.setdefault(frozenset(told), state) == state
            heard += 1
    assert heard == 21_844 and len(expected) == 15
    assert len({state.milestone for state in expected.values()}) > 2


scans = st.builds(
    scan,
    st.one_of(st.integers(0, 100), st.integers(-600, 3000)),
    st.sampled_from([*SAYABLE, None]),
    st.sampled_from(["", "x", "y"]),
    moves=st.booleans(),
)
anything = st.one_of(scans, st.builds(untimed, st.sampled_from([*SAYABLE, None])))


@given(st.lists(anything, min_size=8, max_size=30, unique_by=lambda one: one.digest), st.data())
def test_order_and_repetition_of_many_change_nothing(history, data):
    """Any shuffle, with any repeats, of any longer history, whichever way the parcel goes."""
    direction = data.draw(st.sampled_from(["outbound", "return"]))
    again = data.draw(st.lists(st.sampled_from(history), max_size=10))
    shuffled = data.draw(st.permutations([*history, *again]))
    assert fold(shuffled, direction) == fold(history, direction)


@given(st.lists(anything, max_size=30, unique_by=lambda one: one.digest))
def test_each_scan_of_the_parcel_keeps_up_one_episode(history):
    """No scan belongs to two; an episode opens with its own anchor, and the oldest stand first."""
    state = fold(history)
    digests = [digest for episode in state.episodes for digest in episode.digests]
    assert len(digests) == len(set(digests)) and set(digests) <= {one.digest for one in history}
    assert all(episode.anchor in episode.digests for episode in state.episodes)
    instants = [episode.occurred_at for episode in state.episodes]
    assert instants == sorted(instants)
    if state.milestone_at is not None and state.milestone is not M.registered:  # where all stand from the start
        assert any(episode.milestone is state.milestone and not episode.passed for episode in state.episodes)
