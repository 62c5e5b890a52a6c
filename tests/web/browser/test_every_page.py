"""Every page of the console in a real browser: nothing that keeps people out, by day and by night, large and small."""

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe

from app.models import Message, Shipment
from tests.web.browser.conftest import LOOKS
from tests.web.browser.questions import lost_when_narrow, out_of_focus
from tests.web.conftest import order, scan

PAGES = (
    "/sign-in",
    "/b/fjallhem/today",
    "/b/fjallhem/carriers/unknown",
    "/b/fjallhem/parcels",
    "/b/fjallhem/parcels?q=nothing",
    "/b/fjallhem/templates",
    "/b/fjallhem/templates/edit/messages/en/delivered.email.md",
    "/b/fjallhem/templates/edit/messages/en/delivered.sms.txt",
    "/b/fjallhem/templates/edit/layouts/parcel.mjml",
    "/b/fjallhem/templates/brand",
    "/b/fjallhem/templates/publish",
    "/b/fjallhem/templates/history",
    "/b/fjallhem/templates/waiting",
    "/b/fjallhem/parcels/{parcel}",
    "/b/fjallhem/parcels/{parcel}/correct",
    "/b/fjallhem/parcels/{parcel}/stop",
    "/b/fjallhem/messages/{message}?view=text",
    "/account",
    "/b/fjallhem/people",
    "/b/fjallhem/people/rights",
    "/b/fjallhem/people/accounts",
    "/b/fjallhem/settings",
    "/b/fjallhem/settings/carriers",
    "/b/fjallhem/settings/hooks",
    "/b/fjallhem/settings/alerts",
    "/b/fjallhem/settings/keys",
    "/b/fjallhem/settings/retention",
    "/b/fjallhem/audit",
    "/t/{token}",
    "/p/{token}",
    "/docs",
)
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
SERIOUS = ("serious", "critical")


FOR_ANYBODY = ("/sign-in", "/t/", "/p/", "/docs")


@pytest.fixture
def names(shop, sessions):
    """A parcel that has come to something: its outside id and its link's secret."""
    shopper = {"name": "Alma Berg", "email": "alma@example.test", "phone": "+46701740605", "country": "SE"}
    shop.post("/v1/orders", json=order(shopper=shopper)).raise_for_status()
    shipment = shop.get("/v1/orders/1042").json()["parcels"][0]["id"]
    for milestone, at in (
        ("dispatched", "2026-11-22T08:10:00+01:00"),
        ("out_for_delivery", "2026-11-24T07:10:00+01:00"),
    ):
        shop.post(f"/v1/shipments/{shipment}/scans", json=scan(milestone, at)).raise_for_status()
    with sessions() as session:
        token = session.scalars(sa.select(Shipment.link_token).where(Shipment.public_id == shipment)).one()
        message = session.scalars(sa.select(Message.public_id).where(Message.channel == "email").limit(1)).one()
    return {"parcel": shipment, "token": token, "message": message}


@LOOKS
@pytest.mark.parametrize("path", PAGES)
def test_nothing_keeps_people_out(enter, names, path, phone, dark):
    """axe-core finds nothing serious, the browser's console stays silent, nothing runs off the side, however narrow
    the page and wide its text, and no control is hidden when the focus is on it."""
    page = enter(None if path.startswith(FOR_ANYBODY) else "owner", phone=phone, dark=dark)
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.format(**names))
    found = Axe().run(page, options=AXE)
    faults = [
        f"{one['id']}: {node['html'][:120]} {node['failureSummary']}"
        for one in found.response["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
    assert faults == []
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert out_of_focus(page) == []
    if phone:
        assert lost_when_narrow(page) == []
