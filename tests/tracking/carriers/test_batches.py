"""Answers about several parcels: how each finds its own part."""

import pytest

from app.tracking.adapter.base import AnswerKind, Ask, Call, CarrierReply
from app.tracking.adapter.batches import by_number, in_batches, listed, part_of, portion_of, to_each


@pytest.mark.parametrize(
    ("given", "asked", "found"),
    [
        ("AB 1", "ab1", True),
        ("0012", "12", False),
        ("12", "0012", False),
        (12, "0012", True),
        (12, "12", True),
        (120, "12", False),
        (True, "1", False),
        ("\x0012", "012", False),
    ],
)
def test_a_number_is_found_as_it_was_sent(given: object, asked: str, found: bool) -> None:
    """Spaces and case do not matter; only an id that came as a JSON number may have lost its zeros."""
    parts = by_number([{"id": given, "more": 1}], lambda part: (part["id"],))
    assert (part_of(parts, asked) is not None) is found


def test_the_last_batch_is_the_small_one() -> None:
    """Full batches first, in order."""
    asks = [Ask(str(number)) for number in range(5)]
    assert [[ask.tracking_number for ask in batch] for batch in in_batches(asks, 2)] == [["0", "1"], ["2", "3"], ["4"]]


def test_an_answer_about_nobody_is_kept_beside_one_parcel_only() -> None:
    """Of several, none may keep what may name the others."""
    reply = CarrierReply(AnswerKind.malformed, "")
    several = to_each(Call("GET", "", {}, (Ask("1"), Ask("2"))), reply)
    assert [(one.tracking_number, one.portion) for one in several] == [("1", b""), ("2", b"")]
    assert to_each(Call("GET", "", {}, (Ask("1"),)), reply)[0].portion is None


def test_a_part_too_deep_to_write_is_no_crash() -> None:
    """What could be read just so cannot always be written."""
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    assert portion_of(deep) == b""
    while deep:  # unwound by hand: so deep a thing is freed one by one
        deep = deep.pop("a")  # type: ignore[assignment]


def test_a_comma_asks_about_no_second_parcel():
    """It would make a full batch too long for its carrier, and that spoils the answer of all the others."""
    assert listed([Ask("AB1,CD2"), Ask("EF 3"), Ask("../4")]) == "AB1CD2,EF3,..%2F4"
