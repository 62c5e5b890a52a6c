"""Which carrier a number belongs to: every adapter's own formats, and how candidates are ranked."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tracking.adapter.base import Carrier
from app.tracking.adapter.numbers import NumberFormat, mod7, plain, s10
from app.tracking.carriers.registry import CARRIERS
from app.tracking.which import MOST, which

FOLDER = Path(__file__).parents[3] / "shared" / "carriers" / "tracking_numbers"
COURIERS = {"canadapost": "canadapost", "dhl": "dhl", "dpd": "dpd", "fedex": "fedex", "ups": "ups", "usps": "usps"}
# Formats that an adapter may leave out: they say too little ("fourteen digits", "any letters after two"), or are bar
# codes that stand on a label and that nobody types.
LEFT_OUT = {
    "fedex_astra_32",
    "dhl_ecommerce", "dhl_ecommerce_14", "fedex_ground_sscc_18", "fedex_ground_96", "fedex_12", "fedex_34", "dpd_14",
    "dpd_28", "ups_waybill", "UPS Waybill", "usps_91", "usps_20", "usps_34v2",
}  # fmt: skip


class Made(Carrier):
    """A carrier made up for its formats."""

    base_url = "https://made.example"

    def __init__(self, name: str, *formats: NumberFormat) -> None:
        self.name, self.title, self.formats = name, name.title(), formats

    def calls(self, asks, access):
        raise NotImplementedError

    def read(self, call, answer):
        raise NotImplementedError


UPS = Made("brown", NumberFormat(r"1Z[A-Z0-9]{15}(?P<check>\d)", None, 0.95))
POST = Made("post", NumberFormat(r"[A-Z]{2}(?P<serial>\d{8})(?P<check>\d)SE", s10, 0.9, frozenset({"SE"})))
DIGITS = Made("digits", NumberFormat(r"\d{12}", None, 0.2))
OTHERS = Made("others", NumberFormat(r"\d{12}", None, 0.2))
ALL = {one.name: one for one in (UPS, POST, DIGITS, OTHERS)}


def names(number: str, **given) -> list[str]:
    return [one.carrier for one in which(number, ALL, **given)]


def test_an_unmistakable_number_has_one_candidate():
    """The format and the check digit are its own; spaces and small letters are only writing."""
    assert names("1Z 9999 W9 9999 9999 99") == ["brown"]
    assert names("rr 473124829 se") == ["post"]
    assert names("RR473124828SE") == [], "the check digit is wrong"
    assert names("pigeon") == []


def test_an_ambiguous_number_is_ranked_by_the_shops_habits():
    """Equal formats are told apart by what is set up, then by whom the shop's latest parcels travelled with."""
    assert names("123456789012") == ["digits", "others"]
    assert names("123456789012", usable=["others"]) == ["others", "digits"]
    assert names("123456789012", usable=["others"], recent={"digits": 90, "others": 10}) == ["digits", "others"]


def test_habits_never_outvote_what_a_number_says():
    """A number that is plainly one carrier's stays that carrier's, whoever the shop usually sends with."""
    loose = Made("loose", NumberFormat(r"1Z.{16}", None, 0.2))
    ranked = which("1Z9999W99999999999", {"brown": UPS, "loose": loose}, usable=["loose"], recent={"loose": 1000})
    assert [one.carrier for one in ranked] == ["brown", "loose"]


def test_the_destination_counts():
    """A format that belongs to a country is likelier for a parcel that goes there."""
    here = Made("here", NumberFormat(r"\d{12}", None, 0.3, frozenset({"SE"})))
    there = Made("there", NumberFormat(r"\d{12}", None, 0.3, frozenset({"DE"})))
    both = {"here": here, "there": there}
    for country, first in (("SE", "here"), ("DE", "there"), ("se", "here")):
        assert which("123456789012", both, country=country)[0].carrier == first
    [one, _] = which("123456789012", both, country="SE")
    assert any("SE" in reason for reason in one.reasons)


def test_reasons_are_given_and_chances_are_chances():
    """Every candidate says why, and no more are named than would be asked."""
    many = {f"c{n}": Made(f"c{n}", NumberFormat(r"\d{12}", None, 0.1 * (n % 9))) for n in range(12)}
    found = which("123456789012", many, usable=["c3"], recent={"c3": 2, "c4": 1})
    assert len(found) == MOST and all(one.reasons and 0 < one.chance < 1 for one in found)
    assert [one.chance for one in found] == sorted((one.chance for one in found), reverse=True)
    assert any("67%" in reason for one in found for reason in one.reasons)


@given(st.text(max_size=60))
def test_any_text_is_answered(text):
    """Whatever is typed gives candidates or none, and the same again."""
    found = which(text, CARRIERS, country="SE")
    assert found == which(text, CARRIERS, country="SE") and all(one.carrier in CARRIERS for one in found)


def test_dhl_express_waybills_need_their_check_digit():
    """Modulo seven: of ten possible last digits one is a waybill's."""
    fitting = [last for last in range(10) if any(c.carrier == "dhl" for c in which(f"331881002{last}", CARRIERS))]
    assert fitting == [5]
    assert NumberFormat(r"(?P<serial>\d{9})(?P<check>\d)", mod7, 0.4).fits("3318810025")


def test_dhls_parcels_in_germany_have_twelve_digits():
    """Of the Identcode's ten possible last digits one is right; to Germany it is DHL's rather than GLS's."""
    fitting = [last for last in range(10) if any(c.carrier == "dhl" for c in which(f"47080020493{last}", CARRIERS))]
    assert fitting == [2]
    assert which("470800204932", CARRIERS, country="DE")[0].carrier == "dhl"


@pytest.mark.parametrize(
    ("country", "post"),
    [("GB", "royalmail"), ("US", "usps"), ("CA", "canadapost"), ("AU", "australiapost"), ("FR", "laposte"),
     ("SE", "postnord"), ("DK", "postnord"), ("NO", "bring"), ("DE", "dhl")],
)  # fmt: skip
def test_a_post_knows_what_it_gets_from_other_posts(country, post):
    """A number of another country's post is asked of the post at the destination, after its own, and with its check
    digit right; letters that are no country make none."""
    assert which("RB123456785CN", CARRIERS, country=country)[0].carrier == post
    assert which("RB123456784CN", CARRIERS, country=country) == []
    assert which("RB123456785XX", CARRIERS, country=country) == []
    own = which(f"RB123456785{country}", CARRIERS, country="CN")
    assert own[0].carrier == post and own[0].chance >= 0.9, "at home it says all"
    assert sum(one.carrier == post for one in own) == 1


@pytest.mark.parametrize("name", sorted(CARRIERS))
def test_every_adapters_formats_are_sound(name):
    """Patterns compile, strengths are chances, and a check has the groups that it needs."""
    for one in CARRIERS[name].formats:
        compiled = re.compile(one.pattern, re.ASCII)
        assert 0 < one.strength <= 1
        assert one.check is None or {"serial", "check"} <= set(compiled.groupindex)
        assert all(re.fullmatch("[A-Z]{2}", country) for country in one.countries)


def shared_numbers() -> list[tuple[str, str, str, bool]]:
    """Carrier, format, number and whether it is one, of every registered adapter that the collection knows."""
    found = []
    for courier, name in COURIERS.items():
        path = FOLDER / f"{courier}.json"
        if name in CARRIERS and CARRIERS[name].formats and path.exists():
            for one in json.loads(path.read_text())["tracking_numbers"]:
                identity = one.get("id") or one["name"]
                numbers = one["test_numbers"]
                found += [(name, identity, number, True) for number in numbers["valid"]]
                found += [(name, identity, number, False) for number in numbers["invalid"]]
    return found


@pytest.mark.shared
@pytest.mark.parametrize(("name", "identity", "number", "valid"), shared_numbers())
def test_agrees_with_the_collection_of_formats(name, identity, number, valid):
    """A valid number names its carrier among the candidates. An invalid one may still fit another of its formats, but
    never one that says much."""
    best = max((one.strength for one in CARRIERS[name].formats if one.fits(plain(number))), default=0.0)
    if valid and identity not in LEFT_OUT:
        assert best > 0, f"{number} ({identity}) is not known as {name}'s"
    if not valid:
        assert best < 0.8, f"{number} ({identity}) is wrong, and taken for {name}'s"
