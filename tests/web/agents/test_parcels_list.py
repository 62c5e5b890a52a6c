"""Parcels are found by whatever a shopper gives, and listed by what needs somebody."""

import re

import pytest
import sqlalchemy as sa

from app.insight.finding import country_of, read
from app.insight.listing import STATES
from app.models import Shipment
from app.models.orders import UNENDED
from app.models.vocabulary import ENDS
from tests.web.conftest import order, scan


@pytest.fixture
def parcels(client):
    """Three orders of the brand, one of them delivered."""
    for number, phone in (("1042", "+46701740605"), ("1043", "+46701740606"), ("2001", None)):
        shopper = {"name": f"Alma {number}", "email": f"Alma.{number}@example.test", "country": "SE"}
        answer = client.post("/v1/orders", order(number, shopper=shopper | ({"phone": phone} if phone else {})))
        assert answer.status_code < 300
    ids = {one["number"]: one["parcels"][0]["id"] for one in client.get("/v1/orders").json()["orders"]}
    client.post(f"/v1/shipments/{ids['2001']}/scans", scan("delivered"))
    return ids


@pytest.mark.parametrize(
    "written",
    ["1042", "#1042", " 1042 ", "alma.1042@EXAMPLE.test", "070-174 06 05", "+46 70 174 06 05", "0046701740605",
     "JJD1042", "jjd 1042", "JJD104 2"],
)  # fmt: skip
def test_one_parcel_is_found_by_whatever_a_shopper_gives(visit, parcels, written):
    """And its page opens at once."""
    answer = visit("agent").get("/b/fjallhem/parcels", params={"q": written})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/b/fjallhem/parcels/{parcels['1042']}"


def test_the_beginning_of_a_number_finds_several(visit, parcels):
    """And whoever gives fewer than three letters, or what nobody has, is told what to give."""
    agent = visit("agent")
    page = agent.get("/b/fjallhem/parcels", params={"q": "JJD10"}).text
    assert parcels["1042"] in page and parcels["1043"] in page and parcels["2001"] not in page
    for nothing in ("10", "9999", "eve@example.test", "%", "JJD%", "_____"):
        assert "Nothing is known by that" in agent.get("/b/fjallhem/parcels", params={"q": nothing}).text


def test_another_brands_parcels_are_not_found(visit, parcels, stranger):
    """Neither by search, nor in the list, nor by their id."""
    agent = visit("agent")
    assert "Nothing is known" in agent.get("/b/atelier-ombre/parcels", params={"q": "1042"}).text
    assert parcels["1042"] not in agent.get("/b/atelier-ombre/parcels").text
    assert agent.get(f"/b/atelier-ombre/parcels/{parcels['1042']}").status_code == 404


def test_the_list_is_narrowed_by_its_address(visit, parcels):
    """What needs somebody, the carrier, the milestone; a filter that there is none of is named with its remedy."""
    agent = visit("reader")

    def shown(**given):
        page = agent.get("/b/fjallhem/parcels", params=given).text
        return {number for number, one in parcels.items() if one in page}

    assert shown() == {"1042", "1043", "2001"}
    assert shown(state="delivered_today") == {"2001"}
    assert shown(milestone="delivered") == {"2001"}
    assert shown(country="se") == {"1042", "1043", "2001"}
    assert shown(carrier="gls") == set()
    for state in STATES:
        assert agent.get("/b/fjallhem/parcels", params={"state": state}).status_code == 200
    wrong = agent.get("/b/fjallhem/parcels", params={"state": "lat"})
    assert wrong.status_code == 422
    assert "Did you mean &#39;late&#39;?" in wrong.text
    assert agent.get("/b/fjallhem/parcels", params={"after": "nonsense"}).status_code == 422


@pytest.mark.parametrize("sort", ["order", "news"])
def test_pages_follow_each_other_without_gap(visit, parcels, monkeypatch, sessions, sort):
    """Each parcel once, whatever two of them have in common."""
    with sessions.begin() as session:
        session.execute(sa.update(Shipment).values(milestone="in_transit", milestone_at=sa.func.now()))
    monkeypatch.setattr("app.insight.listing.listed.__defaults__", (1,))
    agent, seen, address = visit(), [], f"/b/fjallhem/parcels?sort={sort}"
    while address:
        page = agent.get(address).text
        seen += re.findall(r'href="/b/fjallhem/parcels/(shp_\w+)"', page)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        address = following[1].replace("&amp;", "&") if following else ""
    assert sorted(seen) == sorted(parcels.values())


def test_an_empty_list_teaches_its_first_step(visit):
    """Whoever has no parcel yet reads how one comes in."""
    assert "doorstep import" in visit().get("/b/fjallhem/parcels").text


def test_the_indexes_know_every_end():
    """A milestone that ends a parcel's way stands in the condition of the partial indexes too."""
    assert set(re.findall(r"'(\w+)'", UNENDED)) == {end.value for end in ENDS}


def test_what_was_written_is_read_carefully():
    """An email is no number, a number may be a phone, and control characters are nothing."""
    assert read("Alma@Example.test ").email == "alma@example.test"
    assert read("070 174 06 05", "SE").phone == "+46701740605"
    assert read("1042").phone is None
    assert read("\x00 \n") == read("")
    assert read("x" * 500).numbers[0] == "x" * 120
    assert [country_of(one) for one in ("Europe/Stockholm", "America/Chicago", "UTC")] == ["SE", "US", None]
