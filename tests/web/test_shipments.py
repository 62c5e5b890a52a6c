"""Parcels by their id: added to orders, shown, scanned, explained."""

import pytest
import sqlalchemy as sa

from app.models import Crossing, Scan
from tests.web.conftest import order, scan


@pytest.fixture
def parcel(client):
    """The id of a stored order's parcel, without a carrier."""
    told = client.post("/v1/orders", order(parcels=[{"reference": "1"}])).json()
    return told["results"][0]["parcels"][0]["id"]


def test_parcels_are_added_to_a_known_order(client, site, parcel):
    """A second parcel comes later; the answer lists all; told again it is unchanged."""
    site.woken.clear()
    second = {"reference": "2", "carrier": "dhl", "tracking_number": "JJD2", "scans": [scan("dispatched")]}
    answer = client.post("/v1/orders/1042/shipments", second)
    assert answer.status_code == 200, answer.text
    assert [one["reference"] for one in answer.json()["parcels"]] == ["1", "2"]
    assert answer.json()["status"] == "updated"
    assert site.woken == [("send", "email"), ("poll", "dhl")]
    assert client.post("/v1/orders/1042/shipments", {"parcels": [second]}).json()["status"] == "unchanged"


def test_parcels_are_stored_all_or_none(client, parcel):
    """One bad parcel in the list, and none is stored."""
    parcels = [{"reference": "2"}, {"reference": "3", "carrier": "dhk"}]
    answer = client.post("/v1/orders/1042/shipments", {"parcels": parcels})
    assert answer.status_code == 422
    assert (answer.json()["faults"][0]["index"], answer.json()["faults"][0]["field"]) == (1, "carrier")
    assert len(client.get("/v1/orders/1042").json()["parcels"]) == 1


def test_parcels_of_no_order(client):
    """An order that is not there gets no parcels."""
    assert client.post("/v1/orders/none/shipments", {"reference": "1"}).status_code == 404


def test_scans_move_the_parcel_once(client, site, sessions, parcel):
    """Two scans in any order are heard, concluded and woken for; told again they are no news."""
    site.woken.clear()
    scans = {"scans": [scan("out_for_delivery"), scan("dispatched", "2026-11-23T18:00:00+01:00", code="PU")]}
    first = client.post(f"/v1/shipments/{parcel}/scans", scans).json()
    again = client.post(f"/v1/shipments/{parcel}/scans", {"scans": scans["scans"][::-1]}).json()
    assert (first["told"], first["new"], first["milestone"]) == (2, 2, "out_for_delivery")
    assert first["milestone_at"] == "2026-11-24T07:10:00Z"
    assert (again["new"], again["milestone"]) == (0, "out_for_delivery")
    assert site.woken == [("send", "email"), ("urgent", "email"), ("urgent", "sms")]
    with sessions() as session:
        rows = session.execute(sa.select(Scan.code, Scan.source, Scan.zone_source).order_by(Scan.occurred_at)).all()
        assert [tuple(row) for row in rows] == [("PU", "api", "offset"), ("out_for_delivery", "api", "offset")]
        assert session.scalar(sa.select(sa.func.count()).select_from(Crossing)) == 2


def test_one_instant_is_one_scan_however_it_is_written(client, parcel):
    """The same moment with another offset is the same scan."""
    client.post(f"/v1/shipments/{parcel}/scans", scan("dispatched", "2026-11-24T08:10:00+01:00"))
    again = client.post(f"/v1/shipments/{parcel}/scans", scan("dispatched", "2026-11-24T07:10:00Z"))
    assert again.json()["new"] == 0


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (scan("teleported"), "milestone"),
        (scan("delayed"), "milestone"),
        (scan("delivered", "2026-11-24T08:10:00"), "occurred_at"),
        (scan("delivered", "yesterday"), "occurred_at"),
        ({**scan("delivered"), "when": "now"}, "when"),
        ("delivered", "order"),
    ],
)
def test_bad_scans_are_told_and_none_is_heard(client, sessions, parcel, bad, field):
    """A milestone nobody can report, a time without offset, an unknown field: told by place and field."""
    answer = client.post(f"/v1/shipments/{parcel}/scans", {"scans": [scan("dispatched"), bad]})
    assert answer.status_code == 422
    (fault,) = answer.json()["faults"]
    assert fault["index"] == 1 and fault["remedy"]
    assert fault["field"] == field or isinstance(bad, str)
    with sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Scan)) == 0


def test_a_parcel_is_shown(client, parcel):
    """State, promise and page of one parcel."""
    client.post(f"/v1/shipments/{parcel}/scans", scan("delivered"))
    shown = client.get(f"/v1/shipments/{parcel}").json()
    assert (shown["id"], shown["order"], shown["milestone"]) == (parcel, "1042", "delivered")
    assert shown["delivered_at"] == "2026-11-24T07:10:00Z"


def test_the_timeline_explains_every_decision(client, parcel):
    """The story holds the scan, the milestone, each rule's answer with its sentence, and the planned messages."""
    client.post(f"/v1/shipments/{parcel}/scans", scan("out_for_delivery"))
    story = client.get(f"/v1/shipments/{parcel}/timeline").json()
    assert story["shipment"] == parcel and len(story["scans"]) == 1
    (crossing,) = story["crossings"]
    assert crossing["milestone"] == "out_for_delivery"
    fired = {decision["channel"]: decision for decision in crossing["decisions"] if decision["fired"]}
    assert set(fired) == {"email", "sms"}
    assert all(decision["sentence"] and decision["message"]["state"] == "ready" for decision in fired.values())


@pytest.mark.parametrize("path", ["", "/timeline"])
def test_an_unknown_parcel_is_not_there(client, path):
    """404 as a problem document."""
    answer = client.get(f"/v1/shipments/shp_none{path}")
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"
