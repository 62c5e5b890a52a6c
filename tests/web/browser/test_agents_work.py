"""An agent in a real browser: a parcel is found by email, a message not sent is explained, an address is mended."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from app.channels.base import Verdict
from app.models import Message, Order, Shipment
from app.models.vocabulary import AttemptOutcome, Channel
from app.pipeline import send
from tests.pipeline.conftest import Obedient
from tests.web.browser.looking import LOOKS, hindrances
from tests.web.conftest import order, scan

AGENT = ("", "/correct", "/stop")


@pytest.fixture
def parcel(served, shop):
    """A parcel out for delivery, told by mail; its SMS waits or was not planned."""
    mail = Obedient("sendgrid", "email", answer=lambda outgoing: Verdict(AttemptOutcome.accepted, "ref"))
    house = replace(served.site.house, transports={Channel.email: (mail,), Channel.sms: (Obedient("twilio", "sms"),)})
    served.site.app.state.house = house
    parcels = [
        {"reference": one, "carrier": "dhl", "tracking_number": f"JJD1042{one}", "items": [{"name": "Tent"}]}
        for one in ("1", "2")
    ]
    shop.post("/v1/orders", json=order(parcels=parcels)).raise_for_status()
    shipment = shop.get("/v1/orders/1042").json()["parcels"][0]["id"]
    for milestone, at in (("dispatched", "22T09:55"), ("in_transit", "23T19:05"), ("out_for_delivery", "24T09:55")):
        told = scan(milestone, f"2026-11-{at}:00+01:00")
        shop.post(f"/v1/shipments/{shipment}/scans", json=told).raise_for_status()
    served.site.clock.put(served.site.clock.now() + timedelta(minutes=11))  # what is told together waits so long
    with ThreadPoolExecutor(1) as worker:  # beside the browser's own loop
        worker.submit(send, house, Channel.email).result()
    return shipment


@pytest.fixture
def message(sessions, parcel):
    with sessions() as session:
        accepted = sa.select(Message.public_id).where(Message.state == "accepted").order_by(Message.id)
        return session.scalars(accepted.limit(1)).one()


@LOOKS
def test_an_agents_pages_keep_nobody_out(enter, parcel, message, looks):
    """axe-core finds nothing serious on a parcel's pages and a message's, and nothing runs off the side."""
    page = enter("agent")
    paths = [f"/b/fjallhem/parcels/{parcel}{one}" for one in AGENT]
    paths += [f"/b/fjallhem/messages/{message}{one}" for one in ("", "?view=phone", "?view=text", "?view=headers")]
    for path in ["/b/fjallhem/parcels", *paths]:
        page.goto(path)
        assert hindrances(page, looks) == [], path


def test_found_by_email_explained_and_mended(enter, sessions, parcel, message):
    """With the keyboard: `/`, the email, the parcel of two; why a message was not sent; the address corrected; and the
    mail sent once more, by two clicks, once."""
    page = enter("agent")
    page.goto("/b/fjallhem/today")
    page.keyboard.press("/")
    page.keyboard.type("Alma.Berg@Example.test")
    page.keyboard.press("Enter")
    page.wait_for_url("**/parcels?q=*")
    page.locator(f'a[href$="/parcels/{parcel}"]').click()
    expect(page.locator(".line")).to_contain_text("not sent")
    page.get_by_role("link", name="Correct").click()
    page.get_by_label("Email").fill("alma")
    page.get_by_role("button", name="Correct it").click()
    expect(page.locator(".field.wrong").first).to_contain_text("is no email address")
    expect(page.get_by_label("Email")).to_have_value("alma")
    page.get_by_label("Email").fill("alma.b@example.test")
    page.get_by_role("button", name="Correct it").click()
    page.wait_for_url(f"**/parcels/{parcel}")
    expect(page.get_by_role("status")).to_contain_text("Corrected: the email.")
    page.goto(f"/b/fjallhem/messages/{message}")
    expect(page.frame_locator("iframe.mail").locator("body")).to_contain_text(re.compile(r"\w"))
    page.get_by_label("Why").fill("It went to a wrong address")
    with sessions.begin() as session:  # it is answered when both clicks are done: the second would meet another page
        session.execute(sa.select(Order.id).with_for_update())
        page.get_by_role("button", name="Send it once more").click(click_count=2, no_wait_after=True)
    expect(page.get_by_role("status")).to_contain_text("alma.b@example.test")
    with sessions() as session:
        assert session.scalars(sa.select(Order.email)).one() == "alma.b@example.test"
        assert session.scalar(sa.text("SELECT count(*) FROM resends")) == 1


def test_without_script_it_works_too(enter, sessions, parcel):
    """Forms and links are enough to stop following a parcel."""
    page = enter("agent", script=False)
    page.goto(f"/b/fjallhem/parcels/{parcel}/stop")
    page.get_by_role("button", name="Stop following").click()
    page.wait_for_url(f"**/parcels/{parcel}")
    expect(page.get_by_role("status")).to_contain_text("is followed no more")
    with sessions() as session:
        stopped = session.scalars(sa.select(Shipment.unfollowed_at).where(Shipment.public_id == parcel)).one()
        assert stopped is not None
