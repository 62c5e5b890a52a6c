"""Parcels are found by whatever a shopper gives, and listed by what needs somebody."""

import base64
import csv
import json
import re

import pytest
import sqlalchemy as sa

from app.insight.finding import _named, country_of, find_parcels, read
from app.insight.listing import STATES
from app.models import AuditEntry, Order, Shipment
from app.models.orders import ENDED_WITHOUT, UNENDED
from app.models.vocabulary import ENDS
from tests.web.conftest import order, scan


@pytest.fixture
def parcels(client):
    """Three orders of the brand, of three days, one of them delivered."""
    days = iter(("2026-11-23T09:00:00+01:00", "2026-11-22T09:00:00+01:00", "2026-11-21T23:30:00+01:00"))
    for number, phone in (("1042", "+46701740605"), ("1043", "+46701740606"), ("2001", None)):
        name = "Alma Ek" if number == "1042" else "Astrid Berg"
        shopper = {"name": name, "email": f"Alma.{number}@example.test", "country": "SE"}
        answer = client.post(
            "/v1/orders", order(number, shopper=shopper | ({"phone": phone} if phone else {}), placed_at=next(days))
        )
        assert answer.status_code < 300
    ids = {one["number"]: one["parcels"][0]["id"] for one in client.get("/v1/orders").json()["orders"]}
    client.post(f"/v1/shipments/{ids['2001']}/scans", scan("delivered"))
    return ids


@pytest.mark.parametrize(
    "written",
    ["1042", "#1042", " 1042 ", "alma.1042@EXAMPLE.test", "Alma Ek", "alma e", "EK", " ek ", "701740605",
     "070-174 06 05", "+46 70 174 06 05", "0046701740605",
     "JJD1042", "jjd 1042", "JJD104 2", "jjd-10-42",],
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
    astrids = agent.get("/b/fjallhem/parcels", params={"q": "ASTRID"}).text
    assert parcels["1043"] in astrids and parcels["2001"] in astrids and parcels["1042"] not in astrids
    for nothing in ("10", "99", "lm", "eve@example.test", "%", "JJD%", "_____"):
        assert "Nothing is known by that" in agent.get("/b/fjallhem/parcels", params={"q": nothing}).text


@pytest.mark.parametrize(
    ("written", "finds"),
    [("berg", "AB"), ("BERG", "AB"), ("van den Berg", "B"), ("den  berg", "B"), ("n den", ""), ("Lindberg", "C"),
     ("öSTERLUND", "D"), ("Li", "E"), ("L", ""), ("rg", ""), ("a%b", ""), ("_erg", ""), ("Anna", "BC"),
     ("Bo Berg", "")],
)  # fmt: skip
def test_a_family_name_is_found(client, sessions, brand, written, finds):
    """Of one word or of several, never a piece of a word, and never one that was erased."""
    names = {"A": "Astrid Berg", "B": "Anna van den Berg", "C": "Anna Lindberg", "D": "Bo Österlund", "E": "Mei Li"}
    for number, name in names.items():
        client.post("/v1/orders", order(number, shopper={"name": name, "email": "x@example.test", "country": "SE"}))
    client.post("/v1/orders", order("F", shopper={"email": "x@example.test", "country": "SE"}))
    with sessions() as session:
        ids = find_parcels(session, brand.id, read(written))
        numbers = session.scalars(sa.select(Order.number).join(Shipment).where(Shipment.id.in_(ids)))
        assert "".join(sorted(numbers)) == finds
        assert find_parcels(session, brand.id + 1, read(written)) == []
    with sessions.begin() as session:
        session.execute(sa.update(Order).values(shopper_name=None))
        assert find_parcels(session, brand.id, read(written)) == []


def test_a_family_name_is_asked_of_its_index(client, sessions, brand):
    """Among two thousand orders the words of the question are those of the index, and the whole table is not read."""
    client.post("/v1/orders", order("1042"))
    with sessions() as session:
        session.execute(
            sa.text("""
            INSERT INTO orders SELECT (jsonb_populate_record(one, jsonb_build_object('id', one.id + n,
                'public_id', 'ord_' || n, 'number', 'X' || n, 'shopper_name', 'Anna Name' || n))).*
            FROM orders AS one, generate_series(1, 2000) AS n
        """)
        )
        session.execute(sa.text("ANALYZE orders"))
        (asked, *_) = _named("van den berg")
        query = sa.select(Order.id).where(asked, Order.brand_id == brand.id).limit(50)
        written = str(query.compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
        plan = "\n".join(session.scalars(sa.text("EXPLAIN " + written.replace(":", "\\:"))))
        session.rollback()
    assert "ix_orders_shopper_end" in plan, plan


def test_a_tracking_number_is_found_by_its_end(client, sessions, brand, parcels):
    """As it is read on the phone, four signs or more; when the shop corrects the number its new end finds it, and when
    the parcel loses it none does."""

    def found(written, of=brand.id):
        with sessions() as session:
            ids = find_parcels(session, of, read(written))
            return set(session.scalars(sa.select(Shipment.public_id).where(Shipment.id.in_(ids))))

    told = {"carrier": "dhl", "tracking_number": "RR 1234-56789 SE"}
    answer = client.post("/v1/orders", order("1042", parcels=[told])).json()["results"][0]
    mine = {one["id"] for one in answer["parcels"] if one["tracking_number"] == told["tracking_number"]}
    for written in ("…789se", "...6789 SE", "9SE", "789-SE"):
        assert found(written) == (set() if written == "9SE" else mine), written
    assert found("789SE", brand.id + 1) == set()
    with sessions.begin() as session:
        session.execute(sa.update(Shipment).where(Shipment.public_id.in_(mine)).values(tracking_number="JJD00774821"))
    assert found("…4821") == mine and found("789SE") == set()
    with sessions.begin() as session:
        session.execute(sa.update(Shipment).where(Shipment.public_id.in_(mine)).values(tracking_number=None))
    assert found("4821") == set()


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
    assert shown(milestone="registered") == {"1042", "1043"} and shown(milestone="expired") == set()
    assert shown(country="se") == {"1042", "1043", "2001"}
    assert shown(carrier="gls") == set()
    for state in STATES:
        assert agent.get("/b/fjallhem/parcels", params={"state": state}).status_code == 200
    wrong = agent.get("/b/fjallhem/parcels", params={"state": "lat"})
    assert wrong.status_code == 422
    assert "Did you mean &#39;late&#39;?" in wrong.text
    for said in ([10**30, "2026-01-01"], [1, "0001-01-01T00:00:00+14:00"], [1], {"0": 1}, 7, "nonsense"):
        after = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
        assert agent.get("/b/fjallhem/parcels", params={"after": after}).status_code == 422
    for name in ("carrier", "country", "since", "q", "after"):
        assert agent.get("/b/fjallhem/parcels", params={name: "\0"}).status_code < 500


@pytest.mark.parametrize("sort", ["order", "order-up", "news", "news-up"])
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
    if sort.startswith("order"):
        assert seen == sorted(seen, key=[parcels[one] for one in ("1042", "1043", "2001")].index, reverse="up" in sort)


def test_the_list_is_narrowed_to_days_of_what_it_is_sorted_by(visit, parcels):
    """By the brand's clocks; the heads sort, and turn the order round where it stands so already."""
    agent = visit("agent")

    def shown(**given):
        page = agent.get("/b/fjallhem/parcels", params=given).text
        return {number for number, one in parcels.items() if one in page}

    assert shown(since="2026-11-22") == {"1042", "1043"}
    assert shown(until="2026-11-21") == {"2001"}
    assert shown(since="2026-11-22", until="2026-11-22", sort="order-up") == {"1043"}
    assert shown(since="2026-11-24", sort="news") == {"2001"}
    page = agent.get("/b/fjallhem/parcels?since=2026-11-22&country=SE").text
    assert 'aria-sort="descending"><a href="/b/fjallhem/parcels?country=SE&amp;sort=order-up&amp;since=2026' in page
    assert '<a href="/b/fjallhem/parcels?country=SE&amp;sort=news"' in page
    wrong = agent.get("/b/fjallhem/parcels?since=yesterday")
    assert wrong.status_code == 422 and "Write a day like 2026-11-27" in wrong.text


def test_the_list_is_given_out_as_a_file(visit, parcels, sessions, client):
    """To whoever may export, what the page shows; no cell is a formula, and the log says who took what."""
    client.post("/v1/orders", order("2002", shopper={"name": "=cmd|x", "email": "eve@example.test", "country": "SE"}))
    assert visit("agent").get("/b/fjallhem/parcels.csv").status_code == 403
    owner = visit("owner")
    assert "parcels.csv?state=delivered_today" in owner.get("/b/fjallhem/parcels?state=delivered_today").text
    file = owner.get("/b/fjallhem/parcels.csv?sort=order-up&after=nonsense")
    rows = list(csv.DictReader(file.text.splitlines()))
    assert file.headers["content-disposition"] == 'attachment; filename="parcels-fjallhem.csv"'
    assert [row["order"] for row in rows] == ["2002", "2001", "1043", "1042"]
    assert rows[1]["ordered_at"] == "2026-11-21T22:30:00+00:00" and rows[1]["milestone"] == "delivered"
    assert rows[0]["shopper"] == "'=cmd|x"
    assert owner.get("/b/fjallhem/parcels.csv?state=lat").status_code == 422
    with sessions() as session:
        (entry,) = session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "parcel.export"))
    assert entry.after == {"lines": 4, "sort": "order-up"}


def test_an_empty_list_teaches_its_first_step(visit):
    """Whoever has no parcel yet reads how one comes in."""
    assert "doorstep import" in visit().get("/b/fjallhem/parcels").text


def test_the_indexes_know_every_end():
    """A milestone that ends a parcel's way stands in the condition of the partial indexes too."""
    assert set(re.findall(r"'(\w+)'", UNENDED)) == {end.value for end in ENDS}
    assert set(re.findall(r"'(\w+)'", ENDED_WITHOUT)) == {end.value for end in ENDS} - {"delivered"}


def test_what_was_written_is_read_carefully():
    """An email is no number, a number may be a phone, and control characters are nothing."""
    assert read("Alma@Example.test ").email == "alma@example.test"
    assert read("070 174 06 05", ["SE"]).phones == ("+46701740605",)
    assert read("070 174 06 05", ["SE", "FI"]).phones == ("+46701740605", "+358701740605")
    assert read("00358 70 174 06 05", ["SE"]).phones == ("+358701740605",)
    assert read("1042", ["SE"]).phones == ()
    assert (read("FH-1042").end, read("042").end, read("Alma ek").name, read("FH-1042").name) == (
        "1042", None, "alma ek", None,
    )  # fmt: skip
    assert read("\x00 \n") == read("")
    assert read("x" * 500).numbers[0] == "x" * 120
    assert [country_of(one) for one in ("Europe/Stockholm", "America/Chicago", "UTC")] == ["SE", "US", None]
