"""One parcel's page: everything that was heard, decided and sent, and why something was not."""

import re

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
    assert "alma@example.test" in page.replace("<wbr>", "")
    short = re.sub(r"<[^>]+>", " ", page[page.index("In short, to read out") : page.index("What happened, newest")])
    assert "It has been handed to the carrier, since Tue 24 Nov at 08:10. Last scanned in Malmö." in short
    assert "Promised for Thu 26 Nov." in short
    assert "None was sent. One about dispatched is about to be sent." in short
    assert "None: the order has no phone number." in short, "why the shopper got no SMS"
    assert "Email about dispatched leaves, if it is still true then: Tue 24 Nov at" in short


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
    assert "Its carrier has said nothing of it yet." in page.text and "no rule has asked for one so far" in page.text


def test_a_rule_that_is_not_for_this_case_says_what_it_is_for(visit, client):
    """In words, where its condition is code: the only parcel of an order completes it, and nobody is told twice."""
    client.post("/v1/orders", order("78"))
    shipment = client.get("/v1/orders/78").json()["parcels"][0]["id"]
    client.post(f"/v1/shipments/{shipment}/scans", scan("delivered"))
    page = visit("agent").get(f"/b/fjallhem/parcels/{shipment}").text
    assert "It is not for this case: “The last parcel of a split order has arrived" in page
    assert "parcel_count &gt;" not in page
