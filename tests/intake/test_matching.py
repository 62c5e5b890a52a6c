"""Which stored parcel an incoming one is."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from app.intake.matching import match_parcels
from app.intake.schema import IncomingParcel


@dataclass(frozen=True)
class Known:
    """A stored parcel, as far as matching asks."""

    reference: str
    tracking_number: str | None = None


def matched(known: list[Known], *incoming: dict[str, str]) -> list[tuple[int | None, str]]:
    """Each incoming parcel's stored position and reference."""
    return [(m.position, m.reference) for m in match_parcels(known, [IncomingParcel(**one) for one in incoming])]


def test_new_parcels_are_named_by_reference_number_or_position() -> None:
    """A reference stands; else the tracking number; else the first free of 1, 2, …"""
    told = matched([], {"reference": "box"}, {"tracking_number": "X1"}, {}, {})
    assert told == [(None, "box"), (None, "X1"), (None, "1"), (None, "2")]


def test_a_number_that_arrives_later_belongs_to_the_parcel_that_lacked_one() -> None:
    """Told without a number first and with it later, a parcel stays one parcel, under its first name."""
    assert matched([Known("1")], {"tracking_number": "X1"}) == [(0, "1")]
    assert matched([Known("1", "X1")], {"tracking_number": "X1"}) == [(0, "1")]
    assert matched([Known("1", "X1")], {}) == [(0, "1")]


def test_a_second_number_is_a_second_parcel() -> None:
    """A number nobody knows beside one that stands is a new parcel, not a correction."""
    assert matched([Known("X1", "X1")], {"tracking_number": "X1"}, {"tracking_number": "X2"}) == [
        (0, "X1"),
        (None, "X2"),
    ]
    assert matched([Known("X1", "X1")], {"tracking_number": "X2"}) == [(None, "X2")]


def test_a_parcel_that_the_shop_named_is_not_taken_for_another() -> None:
    """A parcel with the shop's own reference waits for that reference, however empty its number."""
    assert matched([Known("left-box")], {"tracking_number": "X2"}) == [(None, "X2")]
    assert matched([Known("left-box")], {"reference": "left-box", "tracking_number": "X9"}) == [(0, "left-box")]


INCOMING = st.lists(
    st.fixed_dictionaries(
        {}, optional={"reference": st.sampled_from("123AB"), "tracking_number": st.sampled_from("12XY")}
    ),
    max_size=5,
    unique_by=lambda one: (one.get("reference"), one.get("tracking_number")),
).filter(
    lambda told: len({one["reference"] for one in told if "reference" in one}) == sum("reference" in o for o in told)
)


def stored(known: list[Known], told: list[dict[str, str]]) -> list[Known]:
    """The stored parcels after one telling."""
    after = list(known)
    for match in match_parcels(known, [IncomingParcel(**one) for one in told]):
        number = match.incoming.tracking_number
        if match.position is None:
            after.append(Known(match.reference, number))
        else:
            after[match.position] = Known(match.reference, number or after[match.position].tracking_number)
    return after


@given(first=INCOMING, second=INCOMING)
def test_telling_the_same_again_adds_nothing(first: list[dict[str, str]], second: list[dict[str, str]]) -> None:
    """After any tellings, repeating the last one finds every parcel, and references stay unique."""
    once = stored(stored([], first), second)
    assert len({parcel.reference for parcel in once}) == len(once)
    assert len(stored(once, second)) == len(once)
