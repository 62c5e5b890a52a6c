"""An agent in a real browser: finds a parcel by an email, and reads why a message was not sent."""

import re

import pytest
from playwright.sync_api import expect

from app.models import Suppression
from app.models.addresses import address_digest, salted
from app.models.vocabulary import Channel
from app.pipeline import send_batch
from tests.web.conftest import order, scan

EMAIL = "alma.berg@example.test"


@pytest.fixture
def withheld(served, shop, sessions, brand):
    """An order whose shopper's mailbox sent a mail back for good, and a second one of somebody else."""
    for number, email in (("1042", EMAIL), ("1043", "other@example.test")):
        shopper = {"name": "Alma Berg", "email": email, "country": "SE", "locale": "en"}
        shop.post("/v1/orders", json=order(number, shopper=shopper)).raise_for_status()
    with sessions.begin() as session:
        session.add(
            Suppression(
                brand_id=brand.id,
                channel="email",
                address=EMAIL,
                address_digest=salted(address_digest(Channel.email, EMAIL)),
                kind="bounce",
                scope="all",
            )
        )
    shipment = shop.get("/v1/orders/1042").json()["parcels"][0]["id"]
    shop.post(f"/v1/shipments/{shipment}/scans", json=scan("out_for_delivery")).raise_for_status()
    send_batch(served.site.house, Channel.email)
    return shipment


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_parcel_is_found_by_email_and_a_message_not_sent_is_explained(enter, withheld, script):
    """Typed into the search of any page, by keyboard alone where there is a script; the sentence says why."""
    page = enter("agent", script=script)
    page.goto("/b/fjallhem/today")
    if script:
        page.keyboard.press("/")
        page.keyboard.type(EMAIL.upper())
        page.keyboard.press("Enter")
    else:
        page.fill("#search", EMAIL)
        page.press("#search", "Enter")
    page.wait_for_url(f"**/parcels/{withheld}")
    expect(page.locator(".line")).to_contain_text("Email was not sent")
    expect(page.locator(".line")).to_contain_text(re.compile("came back for good|bounce", re.IGNORECASE))


def test_the_list_leads_to_a_parcel_and_back(enter, withheld):
    """A filter stays in the address, so that going back comes to the same list."""
    page = enter("agent", phone=True)
    page.goto("/b/fjallhem/today")
    page.get_by_role("link", name="On their way").click()
    page.wait_for_url("**/parcels?state=moving")
    page.locator(f'a[href$="{withheld}"]').click()
    page.wait_for_url(f"**/parcels/{withheld}")
    page.go_back()
    page.wait_for_url("**/parcels?state=moving")
