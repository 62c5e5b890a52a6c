"""What an incoming order may hold, and how each refusal reads."""

from copy import deepcopy
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.intake.schema import parse_order, parse_parcel, parse_scan
from app.models.vocabulary import Milestone
from tests.intake.rows import CARRIERS, order, payload

SCAN = {"milestone": "dispatched", "occurred_at": "2026-03-09T18:00:00+01:00"}


def changed(path: str, value: Any) -> dict[str, Any]:
    """A sound payload with the field at `path` replaced, or removed where `value` is ...."""
    whole = payload(items=[{"name": "Lantern"}], tags=["gift"])
    whole["parcels"][0]["scans"] = [dict(SCAN)]
    steps = [int(step) if step.isdecimal() else step for step in path.split(".")]
    inner: Any = whole
    for step in steps[:-1]:
        inner = inner[step]
    if value is ...:
        del inner[steps[-1]]
    else:
        inner[steps[-1]] = value
    return whole


def test_what_is_loosely_written_is_stored_in_one_form() -> None:
    """Phone, country, currency, locale, carrier and times come out in their normal forms."""
    shopper = {"email": " Ann@EXAMPLE.test ", "phone": "070-174 06 05", "country": "se", "locale": "pt_br"}
    parcels = [{"carrier": "DHL", "tracking_number": " X1 ", "scans": [SCAN]}]
    told = order(shopper=shopper, currency="sek", parcels=parcels)
    assert (told.shopper.email, told.shopper.phone) == ("Ann@example.test", "+46701740605")
    assert (told.shopper.country, told.shopper.locale, told.currency) == ("SE", "pt-BR", "SEK")
    assert (told.parcels[0].carrier, told.parcels[0].tracking_number) == ("dhl", "X1")
    assert told.placed_at == datetime(2026, 3, 9, 9, 15, tzinfo=UTC)
    assert told.promised_on == date(2026, 3, 12)
    assert told.parcels[0].scans[0].milestone is Milestone.dispatched


@pytest.mark.parametrize(
    ("path", "value", "problem", "remedy"),
    [
        ("number", "", "is empty", "Give the number"),
        ("number", "9" * 101, "101 characters", "at most 100"),
        ("number", ..., "is missing", "Give it"),
        ("number", 17, "must be a text, not 17", "quotes"),
        ("placed_at", "yesterday", "no date and time", "ISO 8601 with offset"),
        ("placed_at", "2026-03-09T10:15:00", "no UTC offset", "+01:00"),
        ("placed_at", 1773000000, "no date and time", "as a text"),
        ("placed_at", "0026-03-09T10:15:00Z", "the year 26", "Correct the date"),
        ("shopper.email", "ann@", "no email address", "Correct it"),
        ("shopper.email", "ann@@example.test", "no email address", "Correct it"),
        ("shopper.phone", "12", "cannot be a phone number in SE", "country code"),
        ("shopper.phone", "call me", "cannot be a phone number", "country code"),
        ("shopper.country", "UK", "no country code", "Write GB"),
        ("shopper.country", "Sweden", "no country code", "ISO 3166"),
        ("shopper.locale", "klingon", "no language tag", "pt-BR"),
        ("shopper.zone", "Europe/Malmo", "no time zone", "IANA"),
        ("shopper.nmae", "x", "is not a field here", "Did you mean 'name'?"),
        ("currency", "KR", "no currency code", "ISO 4217"),
        ("total_minor", -1, "below 0", "0 or more"),
        ("total_minor", "129900", "whole number", "digits"),
        ("promised_on", "12/03/2026", "no date", "2026-03-01"),
        ("items.0.quantity", 0, "below 1", "1 or more"),
        ("items.0.quantity", True, "whole number", "digits"),
        ("items.0.name", " ", "is empty", "Give it"),
        ("items.0.image_url", "javascript:alert(1)", "no web address", "https://"),
        ("tags.0", "", "is empty", "Give"),
        ("history", "yes", "true or false", "Write true or false"),
        ("parcels.0.carrier", "dlh", "no carrier", "Write 'dhl'"),
        ("parcels.0.carrier", "pigeon", "no carrier", "dhl, postnord"),
        ("parcels.0.tracking_number", "7" * 101, "101 characters", "at most 100"),
        ("parcels.0.scans.0.milestone", "delayed", "decided by Doorstep", "Use one of registered"),
        ("parcels.0.scans.0.milestone", "flying", "no milestone", "Use one of"),
        ("parcels.0.scans.0.occurred_at", "2026-03-09", "no UTC offset", "+01:00"),
        ("parcels", "one", "must be a list", "["),
    ],
)
def test_each_bad_field_is_named_with_what_to_do(path: str, value: Any, problem: str, remedy: str) -> None:
    """One wrong field gives one fault, under its own name, saying what is wrong and what mends it."""
    with pytest.raises(InvalidInput) as refusal:
        parse_order(changed(path, value), CARRIERS)
    [fault] = refusal.value.faults
    assert fault.column == path
    assert problem in fault.problem
    assert remedy in fault.remedy
    assert not fault.problem.endswith(".")


def test_an_order_without_any_way_to_reach_the_shopper_is_refused() -> None:
    """Neither email nor phone, or only blanks, is refused; either one will do."""
    for shopper in ({"name": "Ann"}, {"email": " ", "phone": None}):
        with pytest.raises(InvalidInput, match=r"shopper: without any way to reach the shopper\. Give an email"):
            order(shopper=shopper)
    assert order(shopper={"phone": "+46701740605"}).shopper.email is None
    assert order(shopper={"email": "a@example.test"}).shopper.phone is None


def test_every_wrong_field_is_told_at_once() -> None:
    """Three wrong fields give three faults, so that a file is mended in one go."""
    wrong = payload(currency="KR", promised_on="soon", shopper={"email": "ann"})
    with pytest.raises(InvalidInput) as refusal:
        parse_order(wrong, CARRIERS)
    assert [fault.column for fault in refusal.value.faults] == ["shopper.email", "currency", "promised_on"]


def test_a_national_number_needs_a_country() -> None:
    """A number without country code is refused where the order names no country, and a wrong country is one fault."""
    with pytest.raises(InvalidInput, match="national number, and the order names no country"):
        order(shopper={"phone": "070-174 06 05"})
    with pytest.raises(InvalidInput) as refusal:
        order(shopper={"phone": "070-174 06 05", "country": "Sweden"})
    assert [fault.column for fault in refusal.value.faults] == ["shopper.country"]


def test_two_parcels_that_cannot_be_told_apart_are_refused() -> None:
    """The same reference twice, or a number twice without references, names the parcels and the remedy."""
    for parcels in (
        [{"reference": "A"}, {"reference": "A"}],
        [{"tracking_number": "X"}, {"tracking_number": "X", "reference": "B"}],
    ):
        with pytest.raises(InvalidInput, match=r"two parcels have .* Give each parcel of an order its own reference"):
            order(parcels=parcels)
    assert len(order(parcels=[{}, {}, {"tracking_number": "X"}]).parcels) == 3


def test_text_is_made_safe_and_bounded() -> None:
    """NUL, lone surrogates, line breaks and endless descriptions do not get past the door."""
    scan = SCAN | {"description": "left\x00 at\r\nthe \ud83d door" + "!" * 900}
    told = order(shopper={"email": "a@example.test", "name": "Ann\nBcc: x"}, parcels=[{"scans": [scan]}])
    description = told.parcels[0].scans[0].description
    assert told.shopper.name == "Ann Bcc: x"
    assert description.startswith("left  at  the ? door!")
    assert len(description) == 500


def test_parcels_and_scans_are_read_alone_too() -> None:
    """The doors for single parcels and scans refuse in the same words."""
    assert parse_parcel({"carrier": "DHL", "tracking_number": "X"}, CARRIERS).carrier == "dhl"
    assert parse_scan(SCAN).occurred_at == datetime(2026, 3, 9, 17, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="carrier: 'pigeon' is no carrier"):
        parse_parcel({"carrier": "pigeon"}, CARRIERS)
    with pytest.raises(InvalidInput, match="milestone: is missing"):
        parse_scan({"occurred_at": SCAN["occurred_at"]})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec=None)), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.sampled_from(
    [
        "number",
        "placed_at",
        "shopper",
        "shopper.email",
        "shopper.phone",
        "shopper.country",
        "shopper.zone",
        "shopper.locale",
        "shopper.name",
        "currency",
        "total_minor",
        "promised_on",
        "tags",
        "items",
        "items.0.name",
        "parcels",
        "parcels.0.carrier",
        "parcels.0.scans",
        "parcels.0.scans.0.occurred_at",
        "parcels.0.scans.0.milestone",
        "new",
    ]
)


@given(path=PATHS, value=ANYTHING)
def test_whatever_is_sent_is_either_an_order_or_a_refusal(path: str, value: Any) -> None:
    """No value anywhere in an order does anything but parse or be refused with a readable text."""
    try:
        told = parse_order(changed(path, deepcopy(value)), CARRIERS)
    except InvalidInput as refusal:
        assert refusal.faults
        assert all(fault.problem and fault.remedy and fault.column for fault in refusal.faults)
    else:
        told.model_dump_json().encode("utf-8")


@given(value=ANYTHING)
def test_whatever_is_sent_instead_of_an_order_is_refused(value: Any) -> None:
    """A body that is no order at all is refused in words, not by a traceback."""
    with pytest.raises(InvalidInput):
        parse_order(value, CARRIERS)
