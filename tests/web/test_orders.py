"""Orders come in through the API: stored once, bad ones reported beside the good, each brand on its own."""

import json

import pytest
import sqlalchemy as sa

from app.models import Message, Order, Scan, Shipment
from tests.web.conftest import NOW, PUBLIC_URL, order, scan


def count(sessions, table):
    with sessions() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table))


def test_one_order_is_created_and_its_carrier_woken(client, site):
    """The answer names the order, its parcel and the shopper's page; the carrier is asked at once."""
    answer = client.post("/v1/orders", order())
    assert answer.status_code == 200
    body = answer.json()
    (result,) = body["results"]
    assert body["faults"] == []
    assert (result["index"], result["number"], result["source"], result["status"]) == (0, "1042", "shop", "created")
    (parcel,) = result["parcels"]
    assert parcel["id"].startswith("shp_") and parcel["page"].startswith(f"{PUBLIC_URL}/t/")
    assert site.woken == [("poll", "dhl")]


def test_the_same_order_again_changes_nothing(client, sessions):
    """Idempotent by number: created, unchanged, then updated when something is new; the parcel keeps its id."""
    first = client.post("/v1/orders", order()).json()["results"][0]
    again = client.post("/v1/orders", order()).json()["results"][0]
    moved = client.post("/v1/orders", order(promised_on="2026-11-27")).json()["results"][0]
    assert [first["status"], again["status"], moved["status"]] == ["created", "unchanged", "updated"]
    assert first["parcels"] == again["parcels"] == moved["parcels"]
    assert (count(sessions, Order), count(sessions, Shipment)) == (1, 1)


def test_a_bad_order_spoils_no_other(client, sessions):
    """Of three orders the bad one is told by index, field, problem and remedy; the others are stored."""
    bad = order("2", shopper={"email": "nobody", "country": "SE"})
    answer = client.post("/v1/orders", {"orders": [order("1"), bad, order("3")]})
    assert answer.status_code == 207
    body = answer.json()
    assert [(result["index"], result["number"]) for result in body["results"]] == [(0, "1"), (2, "3")]
    (fault,) = body["faults"]
    assert (fault["index"], fault["field"]) == (1, "shopper.email")
    assert fault["problem"] and fault["remedy"]
    assert count(sessions, Order) == 2


def test_only_bad_orders_are_a_refusal(client, sessions):
    """When not one can be used the answer is 422 as a problem document, and nothing is stored."""
    answer = client.post("/v1/orders", {"orders": [order(currency="KRONOR"), {"number": "7"}]})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == 422 and body["type"] == "urn:doorstep:problem:invalid"
    assert {fault["index"] for fault in body["faults"]} == {0, 1}
    assert count(sessions, Order) == 0


def test_a_refusal_repeats_no_address_or_number(client):
    """What was wrong with an address is told without the address."""
    shopper = {"email": "alma.berg-lind@example..test", "phone": "070-99406 05 99 1234567", "country": "SE"}
    answer = client.post("/v1/orders", order(shopper=shopper))
    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["faults"]} == {"shopper.email", "shopper.phone"}
    assert "berg-lind" not in answer.text and "99406" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        [],
        "x",
        7,
        {"orders": []},
        {"orders": {}},
        {"orders": [order()], "oders": 1},
        {"orders": [order()], "history": 1},
    ],
)
def test_malformed_bodies_are_refused(client, sessions, body):
    """Anything but one order or a list of them is a 422 that says what to send."""
    answer = client("POST", "/v1/orders", content=json.dumps(body))
    assert answer.status_code == 422, answer.text
    assert answer.json()["faults"][0]["remedy"]
    assert count(sessions, Order) == 0


@pytest.mark.parametrize("content", [b"", b"{", b'{"number": NaN}', b"[" * 100_000, b"\xff\xfe", b"9" * 5000])
def test_what_is_no_json_is_refused(client, content):
    """Truncated, empty, nested without end, not UTF-8: always a 400 problem, never a fault of ours."""
    answer = client("POST", "/v1/orders", content=content)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_thousand_orders_at_once_and_no_more(client, sessions):
    """1,000 go in; 1,001 are refused whole."""
    listed = [order(str(number)) for number in range(1001)]
    assert client.post("/v1/orders", {"orders": listed}).status_code == 422
    assert count(sessions, Order) == 0
    answer = client.post("/v1/orders", {"orders": listed[:1000]})
    assert answer.status_code == 200 and len(answer.json()["results"]) == 1000
    assert count(sessions, Order) == 1000


def test_scans_within_an_order_are_heard(client, site, sessions):
    """A scan that comes with the order is stored and concluded in the same transaction; the senders are woken."""
    parcel = {"reference": "1", "scans": [scan("out_for_delivery")]}
    client.post("/v1/orders", order(parcels=[parcel]))
    client.post("/v1/orders", order(parcels=[parcel]))
    assert count(sessions, Scan) == 1
    with sessions() as session:
        assert session.scalars(sa.select(Shipment.milestone)).all() == ["out_for_delivery"]
        assert sorted(session.scalars(sa.select(Message.channel))) == ["email", "sms"]
    assert site.woken == [("urgent", "email"), ("urgent", "sms")]


@pytest.mark.parametrize("beside", [True, False])
def test_history_is_nobodys_news(client, site, sessions, beside):
    """`history: true`, on the order or beside the list, sets the baseline: its scans plan no message."""
    told = order(parcels=[{"reference": "1", "scans": [scan("delivered")]}])
    body = {"orders": [told], "history": True} if beside else {**told, "history": True}
    assert client.post("/v1/orders", body).status_code == 200
    with sessions() as session:
        assert session.scalars(sa.select(Shipment.history_until)).all() == [NOW]
    assert count(sessions, Message) == 0 and site.woken == []


def test_an_order_is_shown_in_full_to_its_brand(client):
    """With `orders:read` the brand sees the shopper as told, the zone and its source, the parcels and their pages."""
    told = client.post("/v1/orders", order()).json()["results"][0]
    shown = client.get("/v1/orders/1042").json()
    assert shown["id"] == told["id"]
    assert shown["shopper"]["email"] == "alma.berg@example.test"
    assert (shown["shopper"]["zone"], shown["shopper"]["zone_source"]) == ("Europe/Stockholm", "country")
    assert (shown["placed_at"], shown["promised_on"]) == ("2026-11-21T17:30:00Z", "2026-11-26")
    assert shown["parcels"][0]["id"] == told["parcels"][0]["id"]
    assert shown["parcels"][0]["promised_on"] == "2026-11-26"


@pytest.mark.parametrize("number", ["2026/1042", "#1042", "Ä 1", "a?b"])
def test_numbers_are_found_whatever_they_are_made_of(client, number):
    """Slashes, signs and letters in a number are part of it."""
    assert client.post("/v1/orders", order(number)).status_code == 200
    path = "/v1/orders/" + "".join(f"%{byte:02X}" for byte in number.encode())
    assert client.get(path).json()["number"] == number
    assert client.post(f"{path}/cancel").json()["number"] == number


def test_one_number_from_two_sources(client):
    """Without a source the oldest is meant; with one, that one."""
    client.post("/v1/orders", order(source="web"))
    client.post("/v1/orders", order(source="store"))
    assert client.get("/v1/orders/1042").json()["source"] == "web"
    assert client.get("/v1/orders/1042?source=store").json()["source"] == "store"
    assert client.get("/v1/orders/1042?source=other").status_code == 404


def test_cancelling_stops_what_has_not_left(client, sessions):
    """Held messages end as cancelled and the parcel rests; twice is once; nothing of it is in flight."""
    client.post("/v1/orders", order(parcels=[{"reference": "1", "scans": [scan("dispatched")]}]))
    first = client.post("/v1/orders/1042/cancel").json()
    again = client.post("/v1/orders/1042/cancel").json()
    assert (first["already"], first["parcels_stopped"], first["messages_stopped"]) == (False, 1, 1)
    assert (again["already"], again["messages_stopped"], again["in_flight"]) == (True, 0, [])
    with sessions() as session:
        assert set(session.scalars(sa.select(Message.state))) == {"cancelled"}


def test_paging_walks_every_order_once(client):
    """Stretches of two, newest first, until `next` is null; an order that comes in meanwhile disturbs nothing."""
    client.post("/v1/orders", {"orders": [order(str(number)) for number in range(1, 6)]})
    seen, after = [], None
    while True:
        stretch = client.get("/v1/orders", params={"limit": 2, **({"after": after} if after else {})}).json()
        seen += [one["number"] for one in stretch["orders"]]
        client.post("/v1/orders", order(f"new-{len(seen)}"))
        after = stretch["next"]
        if after is None:
            break
    assert sorted(seen) == ["1", "2", "3", "4", "5"] and len(seen) == 5


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "after=ord_nothing", "after="])
def test_a_bad_stretch_is_refused(client, query):
    """Limits and cursors that cannot be meant are told by name."""
    answer = client.get(f"/v1/orders?{query}")
    assert answer.status_code == 422
    assert answer.json()["faults"][0]["field"] == query.split("=")[0]


def test_another_brand_sees_nothing(client, stranger):
    """Another brand's key finds neither order nor parcel, cannot cancel, and may use the same number itself."""
    told = client.post("/v1/orders", order()).json()["results"][0]
    parcel = told["parcels"][0]["id"]
    refused = [
        stranger.get("/v1/orders/1042"),
        stranger.post("/v1/orders/1042/cancel"),
        stranger.post("/v1/orders/1042/shipments", {"reference": "2"}),
        stranger.get(f"/v1/shipments/{parcel}"),
        stranger.get(f"/v1/shipments/{parcel}/timeline"),
        stranger.post(f"/v1/shipments/{parcel}/scans", scan("delivered")),
    ]
    assert [answer.status_code for answer in refused] == [404] * 6
    assert stranger.get("/v1/orders").json()["orders"] == []
    assert stranger.get(f"/v1/orders?after={told['id']}").status_code == 422
    assert stranger.post("/v1/orders", order()).json()["results"][0]["status"] == "created"
    assert client.get("/v1/orders/1042").json()["cancelled_at"] is None
    assert client.get(f"/v1/shipments/{parcel}").json()["milestone"] == "registered"
