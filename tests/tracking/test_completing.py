"""When a whole order has arrived: the pure half, in every order of its parcels."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from app.models.vocabulary import Cause, Milestone
from app.tracking.completing import KnownCompletion, Standing, completion

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def parcel(name: str, hours: int, milestone: Milestone = Milestone.delivered, cancelled: int | None = None) -> Standing:
    gone = NOON + timedelta(hours=cancelled) if cancelled is not None else None
    return Standing(name, milestone, NOON + timedelta(hours=hours), gone)


HERE = [parcel("a", 1), parcel("b", 5), parcel("c", 3)]


def test_the_last_arrival_completes_it_in_whatever_order_the_parcels_are_told():
    """The instant of the last, one anchor, the first occurrence; a cancelled one in transit does not count."""
    given = [*HERE, parcel("d", 2, Milestone.in_transit, cancelled=0)]
    found = [completion(order, []) for order in permutations(given)]
    assert found[0] is not None and all(one == found[0] for one in found)
    assert (found[0].episode.occurred_at, found[0].occurrence) == (NOON + timedelta(hours=5), 1)
    assert found[0].episode.cause is Cause.order and not found[0].late


@pytest.mark.parametrize("milestone", [one for one in Milestone if one is not Milestone.delivered])
def test_one_that_has_not_been_delivered_keeps_it_open_and_lets_go_when_it_is_called_off(milestone):
    """Wherever else it stands; called off, that is the moment at which the order was complete."""
    assert completion([*HERE, parcel("d", 2, milestone)], []) is None
    done = completion([*HERE, parcel("d", 2, milestone, cancelled=30)], [])
    assert done is not None and done.episode.occurred_at == NOON + timedelta(hours=30)


def test_it_opens_once_for_a_set_of_parcels_and_again_only_for_one_that_came():
    """The same parcels, or fewer: nothing. One more: the next number, another anchor. No parcel at all: nothing."""
    first, known = completion(HERE, []), [KnownCompletion(1, {"a", "b", "c"})]
    assert completion(HERE, known) is completion(HERE[:2], known) is completion([], []) is None
    more = completion([*HERE, parcel("d", 9)], known)
    assert first is not None and more is not None
    assert more.occurrence == 2 and more.episode.anchor != first.episode.anchor
    assert completion([parcel("a", 1, cancelled=2)], []) is None, "nothing is left of it"
