"""Reports over HTTP: for whoever may read orders, of the key's brand alone."""

import pytest

from tests.web.conftest import order, scan


@pytest.fixture
def delivered(client):
    """An order whose parcel was delivered."""
    told = client.post("/v1/orders", order()).json()["results"][0]["parcels"][0]["id"]
    scans = [scan("dispatched", "2026-11-23T08:00:00+01:00"), scan("delivered")]
    assert client.post(f"/v1/shipments/{told}/scans", {"scans": scans}).status_code == 200


def test_lanes_are_told_to_their_brand_alone(client, stranger, delivered):
    """Counts for the owner, with null where they say nothing yet; an empty report for another."""
    own = client.get("/v1/reports/lanes", params={"since": "30d"})
    assert own.status_code == 200, own.text
    found = own.json()
    assert (found["brand"], found["parcels"]) == ("fjallhem", 1)
    assert [(one["carrier"], one["deliveries"], one["rate"]) for one in found["early_scans"]] == [("dhl", 1, None)]
    assert {(one["stage"], one["gaps"], one["p95"]) for one in found["silences"]} == {("dispatched", 1, None)}
    theirs = stranger.get("/v1/reports/lanes").json()
    assert (theirs["parcels"], theirs["early_scans"], theirs["silences"], theirs["alarms"]) == (0, [], [], [])


def test_lanes_are_asked_for_rightly(client, anyone, new_key, brand, site, delivered):
    """The scope to read orders, a span within a year, a carrier that there is; one report at a time."""
    assert anyone.get("/v1/reports/lanes").status_code == 401
    assert anyone.holding(new_key(brand, "orders:write")).get("/v1/reports/lanes").status_code == 403
    for since in ("x", "366d"):
        answer = client.get("/v1/reports/lanes", params={"since": since})
        assert answer.status_code == 422 and answer.json()["faults"][0]["field"] == "since"
    assert client.get("/v1/reports/lanes", params={"carrier": "dhk"}).status_code == 404
    assert client.get("/v1/reports/lanes", params={"carrier": "ups"}).json()["parcels"] == 0
    with site.house.alone.at(f"lanes {brand.id}"):
        assert client.get("/v1/reports/lanes").status_code == 409
