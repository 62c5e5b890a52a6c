"""A shopper in a real browser: opens the page of a parcel, turns texts off, and gets none."""

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from app.models import Message, Shipment
from app.models.vocabulary import Channel
from app.pipeline import send_batch
from tests.web.conftest import order, scan


@pytest.fixture
def told(shop, sessions):
    """A parcel that has left; its outside id and its link's secret."""
    shopper = {
        "name": "Alma Berg",
        "email": "alma@example.test",
        "phone": "+46701740605",
        "country": "SE",
        "locale": "en",
    }
    shop.post("/v1/orders", json=order(shopper=shopper)).raise_for_status()
    shipment = shop.get("/v1/orders/1042").json()["parcels"][0]["id"]
    shop.post(f"/v1/shipments/{shipment}/scans", json=scan("dispatched")).raise_for_status()
    with sessions() as session:
        return shipment, session.scalars(sa.select(Shipment.link_token)).one()


def _sms(sessions):
    with sessions() as session:
        query = sa.select(Message.state, Message.reason).where(
            Message.channel == "sms", Message.milestone == "out_for_delivery"
        )
        return [tuple(row) for row in session.execute(query)]


@pytest.mark.parametrize("way", ["all texts", "texts of that kind"])
def test_texts_are_turned_off_and_none_comes(enter, served, shop, sessions, told, way):
    """On a phone without script, by the link at the foot of the page; the email goes on."""
    shipment, token = told
    page = enter(None, phone=True, script=False)
    page.goto(f"/t/{token}")
    assert "Alma Berg" not in page.content()
    page.locator("footer a").last.click()
    page.wait_for_url(f"**/p/{token}")
    if way == "all texts":
        page.get_by_role("button", name="No more text messages").click()
        page.get_by_text("You get no text messages.").wait_for()
    else:
        for box in page.locator('input[value^="sms."]').all():
            box.uncheck()
        page.locator('form[action$="/kinds"] button').click()
        page.get_by_role("status").wait_for()
        assert not any(box.is_checked() for box in page.locator('input[value^="sms."]').all())
    shop.post(f"/v1/shipments/{shipment}/scans", json=scan("out_for_delivery")).raise_for_status()
    for channel in (Channel.email, Channel.sms):
        send_batch(served.site.house, channel)
    texts = _sms(sessions)
    assert all(state == "suppressed" for state, _ in texts), texts
    with sessions() as session:
        mails = sa.select(Message.reason).where(Message.channel == "email", Message.milestone == "out_for_delivery")
        assert "not_wanted" not in session.scalars(mails).all()
    story = enter("agent")
    story.goto(f"/b/fjallhem/parcels/{shipment}")
    expect(story.locator(".line")).to_contain_text(re.compile("SMS (was )?not sent"))
