"""The shopper's pages in a real browser, without script, by day and night, large and small: nobody is kept out."""

import httpx
import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from app.models import Choice, Claim
from tests.web.browser.looking import LOOKS, hindrances
from tests.web.conftest import order, scan


@pytest.fixture
def parcel(served, new_key, brand):
    """Tells an order whose parcel stands so; the secret of its link."""

    def tell(*scans, **given):
        parcels = [{"reference": "1", "carrier": "dhl", "tracking_number": "JJD1", "scans": scans}]
        headers = {"Authorization": f"Bearer {new_key(brand)}"}
        answer = httpx.post(
            f"{served.url}/v1/orders",
            json=order(**{"parcels": parcels, **given}),
            headers=headers,
            timeout=60,
            trust_env=False,
        )
        return answer.json()["results"][0]["parcels"][0]["page"].rsplit("/", 1)[1]

    return tell


@LOOKS
def test_nothing_keeps_shoppers_out(enter, parcel, looks):
    """axe-core finds nothing serious on any of the pages, the console is silent, and nothing runs off the side."""
    late = parcel(scan("in_transit", "2026-11-22T08:00:00+01:00"), promised_on="2026-11-23")
    arrived = parcel(scan("delivered"), number="1043")
    page, said = enter(None), []
    page.on("console", lambda message: said.append(message.text))
    for path in (f"/t/{late}", f"/t/{arrived}", f"/p/{late}", f"/p/{late}?saved=1", "/find/fjallhem"):
        page.goto(path)
        assert hindrances(page, looks) == [], path
    assert said == []


def test_a_shopper_turns_texts_off_without_script(enter, parcel, sessions):
    """By the boxes and one button, with the keyboard alone; the page says that it counts."""
    token = parcel(scan("in_transit"))
    page = enter(None, phone=True, script=False)
    page.goto(f"/t/{token}")
    page.get_by_role("link", name="What we send you").click()
    page.wait_for_url(f"**/p/{token}")
    for box in page.locator("input[value^='sms.']").all():
        box.focus()
        page.keyboard.press("Space")
    page.get_by_role("button", name="Save").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Saved. It counts from now on.")
    with sessions() as session:
        chosen = session.scalars(sa.select(Choice)).all()
    assert {row.channel for row in chosen} == {"sms"} and len(chosen) == 6


def test_a_shopper_says_that_it_is_not_there_and_asks_for_a_link(enter, parcel, sessions):
    """Both forms work in a browser as it comes, without script."""
    token = parcel(scan("delivered"))
    page = enter(None, script=False)
    page.goto(f"/t/{token}")
    page.get_by_role("button", name="It is not there").click()
    expect(page.get_by_role("status")).to_contain_text("You told us")
    with sessions() as session:
        assert session.scalars(sa.select(Claim)).one().closed_at is None
    page.goto("/find/fjallhem")
    page.get_by_label("Order number").fill("1042")
    page.get_by_label("Email address").fill("alma.berg@example.test")
    page.get_by_role("button", name="Send me the link").click()
    expect(page.get_by_role("status")).to_contain_text("If there is such an order")
