"""Every code that others list for a carrier has a meaning here, or is left out on purpose."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from app.tracking.carriers import australiapost_words, canadapost_codes, inpost_codes
from app.tracking.carriers.easypost_codes import code_of as easypost_code
from app.tracking.carriers.registry import CARRIERS
from app.tracking.carriers.ups_codes import DELIVERIES, EXCEPTIONS, SCANS
from app.tracking.carriers.ups_statuses import CODES as UPS_ACTIVITIES
from app.tracking.carriers.ups_statuses import STATUSES

SHARED = Path(__file__).parents[4] / "shared" / "carriers"
FOLDERS = {"dhl": "dhl_universal"}
Row = Mapping[str, str]

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.exists(), reason="../shared/carriers does not lie beside this checkout"),
]

UPS_TABLES = {*DELIVERIES, *EXCEPTIONS, *SCANS}
USPS_WORDS = {
    "on hold", "delivered", "in transit", "delivery failed", "delivery delayed", "out for delivery", "ready for pickup",
    "PICKED_UP", "PU", "picked up", "origin scan", "acceptance",
}  # fmt: skip
UPS_OTHERS = ("UPS freight", "UPS activity type", "UPS manifest code")

# Types that mean nothing without a code, and codes that stand in none of UPS's own lists and have no description.
UPS_UNTOLD = {"D", "I", "X", "HS", "HX", "IH", "NH", "OG", "UU", "WC"}


def ups_knows(row: Row) -> bool:
    """Status codes and activity codes stand in lists of their own; a type alone, or one with its code, in the table."""
    code = row["code"]
    return code in STATUSES or code.zfill(2) in UPS_TABLES or code in UPS_ACTIVITIES


KNOWS: Mapping[str, Callable[[Row], bool]] = {
    "australiapost": lambda row: australiapost_words.meaning_of(row["code"]) is not None,
    "canadapost": lambda row: canadapost_codes.code_of(row["code"], row["description"]) in canadapost_codes.CODES,
    "easypost": lambda row: (
        not CARRIERS["easypost"].codes.keys().isdisjoint((row["code"], easypost_code("in_transit", row["code"])))
    ),
    "fedex": lambda row: row["code"].upper() in CARRIERS["fedex"].codes,
    "inpost": lambda row: inpost_codes.meaning_of(row["code"]) is not None,
    "postnord": lambda row: row["code"].removeprefix("event:") in CARRIERS["postnord"].codes,
    "ups": ups_knows,
}
"""How an adapter looks a code up, where it is not just as written."""


def guessed(row: Row) -> bool:
    """Another reader's table of reasons: words of its own that no answer of the carrier has ever held, by its note."""
    return row["note"].startswith("incident reason") and "guesses" in row["note"]


LEFT_OUT: Mapping[str, Callable[[Row], bool]] = {
    # A number without a word that says what it means; the other reader guessed (see canadapost_codes).
    "canadapost": lambda row: not row["description"],
    # Kept at another level of the answer: the status of the whole, beside events that say more.
    "inpost": lambda row: row["code"].startswith("group:"),
    # Errors are no scans; test_royalmail looks at them one by one.
    "royalmail": lambda row: row["code"].startswith("error:"),
    # `statusCategory` of the whole parcel, which is not read, and the other reader's own words for it.
    "usps": lambda row: row["code"] in USPS_WORDS,
    "ups": lambda row: row["note"].startswith(UPS_OTHERS) or row["code"] in UPS_UNTOLD,
}
"""What is left out on purpose, beside guesses."""


def rows(name: str) -> list[Row]:
    with (SHARED / FOLDERS.get(name, name) / "codes.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["code"]]


@pytest.mark.parametrize("name", sorted(CARRIERS))
def test_every_listed_code_has_a_meaning_or_is_left_out_on_purpose(name: str) -> None:
    """Looked up as the adapter looks it up. Whoever adds a code to the lists must decide."""
    knows = KNOWS.get(name, lambda row: row["code"] in CARRIERS[name].codes)
    left_out = LEFT_OUT.get(name, lambda row: False)
    listed = rows(name)
    forgotten = {row["code"] for row in listed if not (knows(row) or guessed(row) or left_out(row))}
    assert listed and forgotten == set()
    assert any(knows(row) for row in listed) or name == "usps"
