"""A parcel leaves its order over the API, and comes back."""

import pytest
import sqlalchemy as sa

from app.models import Message
from tests.web.conftest import order, scan


@pytest.fixture
def pair(client):
    """The ids of a stored order's two parcels."""
    parcels = [
        {"reference": one, "carrier": "dhl", "tracking_number": f"JJD{one}", "items": [{"name": "Tent"}]}
        for one in ("1", "2")
    ]
    told = client.post("/v1/orders", order(items=[{"name": "Tent", "quantity": 2}], parcels=parcels)).json()
    return [parcel["id"] for parcel in told["results"][0]["parcels"]]


def test_a_cancelled_parcel_falls_silent_and_leaves_the_split(client, sessions, pair):
    """Its messages stop, it is asked about no more, the shopper's page of the other counts its tent as not sent; twice
    is once."""
    client.post(f"/v1/shipments/{pair[0]}/scans", scan("dispatched"))
    answer = client.post(f"/v1/shipments/{pair[0]}/cancel")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["id"], told["order"], told["already"], told["in_flight"]) == (pair[0], "1042", False, [])
    assert told["messages_stopped"] >= 1
    with sessions() as session:
        assert set(session.scalars(sa.select(Message.state))) == {"cancelled"}
    assert client.post(f"/v1/shipments/{pair[0]}/cancel").json() == told | {"already": True, "messages_stopped": 0}
    assert client.get(f"/v1/shipments/{pair[0]}").json()["cancelled_at"] == told["cancelled_at"]
    client.post(f"/v1/shipments/{pair[1]}/scans", scan("dispatched"))
    with sessions() as session:
        facts = session.execute(sa.text("SELECT facts FROM crossings ORDER BY id DESC LIMIT 1")).scalar_one()
    assert facts["order"]["parcel_count"] == 1 and facts["other_parcels"] == []
    assert [(line["name"], line["quantity"]) for line in facts["order"]["not_shipped"]] == [("Tent", 1)]


def test_an_order_takes_a_parcel_out_and_brings_it_back(client, site, pair):
    """`cancelled: true` in the order's own upsert, then `false`: out, and watched again; a word of neither changes
    nothing."""
    out = {"reference": "2", "cancelled": True}
    taken = client.post("/v1/orders", order(parcels=[out])).json()["results"][0]
    assert (taken["status"], taken["in_flight"]) == ("updated", [])
    assert client.get(f"/v1/shipments/{pair[1]}").json()["cancelled_at"] is not None
    assert client.post("/v1/orders", order(parcels=[{"reference": "2"}])).json()["results"][0]["status"] == "unchanged"
    site.woken.clear()
    back = client.post("/v1/orders/1042/shipments", {"reference": "2", "cancelled": False}).json()
    assert back["status"] == "updated" and ("poll", "dhl") in site.woken
    assert client.get(f"/v1/shipments/{pair[1]}").json()["cancelled_at"] is None


def test_with_its_order_a_parcel_stays_out(client, pair):
    """A parcel of a cancelled order does not come back by itself."""
    client.post("/v1/orders/1042/cancel")
    client.post("/v1/orders", order(parcels=[{"reference": "2", "cancelled": False}]))
    assert client.get(f"/v1/shipments/{pair[1]}").json()["cancelled_at"] is not None


def test_who_may_not_cancel_a_parcel(client, stranger, pair):
    """Another brand's parcel does not exist; a word that is neither true nor false is refused by its field."""
    assert stranger.post(f"/v1/shipments/{pair[0]}/cancel").status_code == 404
    assert client.get(f"/v1/shipments/{pair[0]}").json()["cancelled_at"] is None
    answer = client.post("/v1/orders", order(parcels=[{"reference": "2", "cancelled": "yes"}]))
    assert answer.status_code == 422 and answer.json()["faults"][0]["field"] == "parcels.0.cancelled"
