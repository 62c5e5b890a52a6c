"""A person's rights through the API: each with its own scope, for the key's brand only."""

import pytest
import sqlalchemy as sa

from app.models import AuditEntry, Brand, Erasure, Order
from app.pipeline.people import person_export
from tests.web.conftest import order, scan

ALMA = {"address": "alma.berg@example.test"}


@pytest.fixture
def caring(anyone, brand, new_key):
    """A client that may do all of it for Fjällhem."""
    return anyone.holding(new_key(brand, "orders:write", "orders:read", "people:export", "people:erase"))


def test_exported_then_erased_then_told_again(caring, sessions):
    """The document names the order; afterwards the order stands without its person, however often it is told."""
    parcel = caring.post("/v1/orders", order()).json()["results"][0]["parcels"][0]
    caring.post(f"/v1/shipments/{parcel['id']}/scans", scan("out_for_delivery"))
    told = caring.post("/v1/people/export", ALMA).json()
    assert [one["number"] for one in told["orders"]] == ["1042"]
    erased = caring.post("/v1/people/erase", ALMA)
    assert erased.status_code == 200 and erased.json()["orders"] == 1 and erased.json()["messages_stopped"] == 2
    again = caring.post("/v1/orders", order(parcels=[{"reference": "2"}])).json()["results"][0]
    assert again["status"] == "unchanged" and len(again["parcels"]) == 1
    assert caring.get("/v1/orders/1042").json()["shopper"]["email"] is None
    late = caring.post(f"/v1/shipments/{parcel['id']}/scans", scan("delivered", "2026-11-24T09:00:00+01:00"))
    assert late.json()["new"] == 0
    story = caring.get(f"/v1/shipments/{parcel['id']}/timeline").text
    assert "person_erased" in story and "Alma" not in story and "Malmö" not in story
    assert caring.get(parcel["page"].removeprefix("https://parcels.example")).status_code == 404
    assert caring.post("/v1/people/export", ALMA).json()["orders"] == []
    with sessions() as session:
        assert session.scalars(sa.select(Order.items)).all() == [[]]


def test_what_is_done_and_the_line_that_tells_it_are_one(caring, sessions, monkeypatch):
    """The audit line of an erasure is written by the transaction that makes it; an export that fails leaves none."""
    caring.post("/v1/orders", order())
    with monkeypatch.context() as broken:
        broken.setattr(person_export, "_inbound", lambda *_: 1 // 0)
        assert caring.post("/v1/people/export", ALMA).status_code == 500
    caring.post("/v1/people/erase", ALMA).raise_for_status()
    with sessions() as session:
        lines = session.execute(sa.select(AuditEntry.action, sa.literal_column("xmin::text"))).all()
        by = set(session.scalars(sa.select(sa.literal_column("xmin::text")).select_from(Erasure)))
        assert [one for one in lines if one[0].startswith("person.")] == [("person.erase", *by)]


def test_each_needs_its_scope(caring, client, anyone):
    """A key for orders may do neither; no key is a 401."""
    for path in ("/v1/people/export", "/v1/people/erase"):
        assert client.post(path, ALMA).status_code == 403
        assert anyone.post(path, ALMA).status_code == 401


def test_another_brand_knows_nobody(caring, anyone, sessions, new_key):
    """With another brand's key there is nothing to tell and nothing to erase."""
    caring.post("/v1/orders", order())
    with sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
    stranger = anyone.holding(new_key(other, "people:export", "people:erase"))
    assert stranger.post("/v1/people/export", ALMA).json()["orders"] == []
    assert stranger.post("/v1/people/erase", ALMA).json()["orders"] == 0
    assert caring.get("/v1/orders/1042").json()["shopper"]["email"] == ALMA["address"]


@pytest.mark.parametrize(
    "body", [{}, {"address": "nobody"}, {"address": "070123"}, {"address": "a@b.example", "x": 1}, []]
)
def test_no_address_is_refused(caring, body):
    """A problem that says what to send, without repeating it."""
    answer = caring.post("/v1/people/erase", body)
    assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json"
