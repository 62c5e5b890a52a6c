"""Today in a real browser: it stays up to date without a reload, and disturbs nobody who reads."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from app.models import AccountSession, Incident, Message, Shipment, UnknownCode
from tests.web.browser.looking import LOOKS, hindrances
from tests.web.conftest import NOW, order, scan

TODAY = "/b/fjallhem/today"
LOOK = "document.dispatchEvent(new Event('visibilitychange'))"
MOVING = '.counts a[href$="state=moving"] b'
LATE = '.counts a[href$="state=late"] b'


@pytest.fixture
def parcel(shop):
    """One on its way, with the messages that were decided for it."""
    shop.post("/v1/orders", json=order()).raise_for_status()
    shipment = shop.get("/v1/orders/1042").json()["parcels"][0]["id"]
    shop.post(f"/v1/shipments/{shipment}/scans", json=scan("in_transit")).raise_for_status()


def _look(page):
    """What the ten seconds would do, at once."""
    with page.expect_response(lambda answer: answer.url.endswith("/today/now")):
        page.evaluate(LOOK)


def test_figures_change_without_a_reload(enter, parcel, sessions):
    """A count and an incident come by themselves; a table that was opened stays open, the focus where it was."""
    page = enter("operations")
    page.goto(TODAY)
    page.evaluate("window.sameDocument = true")
    assert page.text_content(MOVING) == "1"
    page.locator('[data-part="messages"] summary').click()
    page.focus('.counts a[href$="state=late"]')
    with sessions.begin() as session:
        session.execute(sa.update(Shipment).values(late_since=NOW))
        session.execute(sa.update(Message).values(state="failed", reason="refused", ended_at=NOW))
    _look(page)
    expect(page.locator(LATE)).to_have_text("1")
    assert page.evaluate("document.activeElement.href").endswith("state=late")
    assert page.locator('[data-part="messages"] details').get_attribute("open") is not None
    with sessions.begin() as session:
        session.add(Incident(public_id="inc_1", kind="stuck", subject="x", summary="The queue stands.", count=1))
    page.evaluate("document.activeElement.blur()")
    _look(page)
    page.wait_for_selector("text=The queue stands.")
    assert page.evaluate("window.sameDocument") is True
    expect(page.locator("#as-of")).to_have_text("kept up to date")


def test_nothing_is_asked_in_a_hidden_tab(enter, parcel):
    """And everything at once when somebody looks again."""
    page = enter("reader")
    page.goto(TODAY)
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate(LOOK)
    page.evaluate("new Promise((done) => setTimeout(done, 50))")
    assert [url for url in asked if "/static/" not in url] == []  # the tab's own sign may come late
    page.evaluate("delete document.hidden")
    _look(page)


def test_a_lost_connection_and_a_lost_session_are_told(enter, parcel, sessions):
    """The figures stay, and the page says that they are old."""
    page = enter("reader")
    page.goto(TODAY)
    page.route("**/today/now", lambda route: route.abort())
    page.evaluate(LOOK)
    page.wait_for_selector("text=there is no answer, trying again")
    page.unroute("**/today/now")
    _look(page)
    page.wait_for_selector("text=kept up to date")
    with sessions.begin() as session:
        session.execute(sa.update(AccountSession).values(ended_at=sa.func.now()))
    page.evaluate(LOOK)
    page.wait_for_selector("text=you are signed out")
    assert page.text_content(MOVING) == "1"


def test_what_somebody_has_marked_is_left_alone(enter, parcel, sessions):
    """A part with a selection in it waits until it is gone."""
    page = enter("reader")
    page.goto(TODAY)
    page.evaluate("getSelection().selectAllChildren(document.querySelector('[data-part=counts]'))")
    with sessions.begin() as session:
        session.execute(sa.update(Shipment).values(late_since=NOW))
    _look(page)
    page.wait_for_selector("text=kept up to date")
    assert page.text_content(LATE) == "0"
    page.evaluate("getSelection().removeAllRanges()")
    _look(page)
    expect(page.locator(LATE)).to_have_text("1")


def test_without_script_a_link_looks_again(enter, parcel):
    """The page is whole, and one click brings the figures of now."""
    page = enter("reader", script=False)
    page.goto(TODAY)
    assert page.text_content(MOVING) == "1"
    page.get_by_role("link", name="Look again").click()
    assert page.url.endswith(TODAY)


@LOOKS
def test_a_code_is_given_its_meaning(enter, parcel, sessions, brand, looks):
    """By the keyboard, from Today's link to the sentence that says it is done; nothing keeps people out on the way."""
    with sessions.begin() as session:
        session.add(UnknownCode(brand_id=brand.id, carrier="dhl", code="ZZ9/ä", count=1234, example="Im Depot"))
    page = enter("operations")
    page.goto(TODAY)
    page.get_by_role("link", name="ZZ9/ä").press("Enter")
    page.get_by_label("It means", exact=True).select_option("in_transit")
    assert hindrances(page, looks) == []
    page.get_by_label("How you know").fill("their support said so")
    page.get_by_label("How you know").press("Enter")
    page.wait_for_selector("text=dhl ZZ9/ä means in transit now; it meant unknown.")
    assert hindrances(page, looks) == []
