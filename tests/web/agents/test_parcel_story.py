"""One parcel's page: everything that was heard, decided and sent, and why something was not."""

import pytest

from tests.web.conftest import order, scan


@pytest.fixture
def parcel(client):
    """A parcel that has left, with a shopper whose name is an attack."""
    shopper = {"name": "<script>alert(1)</script>", "email": "alma@example.test", "country": "SE"}
    client.post("/v1/orders", order(shopper=shopper))
    shipment = client.get("/v1/orders/1042").json()["parcels"][0]["id"]
    client.post(f"/v1/shipments/{shipment}/scans", scan("dispatched", description="<img src=x onerror=alert(2)>"))
    return shipment


def test_the_line_tells_what_was_heard_and_what_came_of_it(visit, parcel):
    """The scan, the milestone, the rule's answer with its sentence, and what comes next."""
    page = visit("agent").get(f"/b/fjallhem/parcels/{parcel}").text
    assert "means dispatched" in page
    assert "because the shop said so" in page
    assert "Email is about to be sent" in page or "Email is waiting for its time" in page
    assert "Rule &#39;dispatched" in page
    assert "if it is still true then" in page
    assert "alma@example.test" in page


def test_what_outsiders_wrote_is_shown_and_not_run(visit, parcel):
    """A carrier's words and a shopper's name are text."""
    page = visit().get(f"/b/fjallhem/parcels/{parcel}").text
    assert "<script>alert" not in page and "<img src=x" not in page
    assert "&lt;script&gt;" in page and "&lt;img src=x" in page


def test_a_parcel_that_nothing_was_heard_of_says_so(visit, client):
    """An empty story is told as one."""
    client.post("/v1/orders", order("77"))
    shipment = client.get("/v1/orders/77").json()["parcels"][0]["id"]
    page = visit("reader").get(f"/b/fjallhem/parcels/{shipment}")
    assert page.status_code == 200
    assert "No milestone has been reached" in page.text
