"""Every page of the console in a real browser: nothing that keeps people out, by day and by night, large and small."""

import pytest
import sqlalchemy as sa

from app.models import Message, Shipment
from tests.web.browser.looking import LARGE_BY_DAY, LARGE_BY_NIGHT, LOOKS, SMALL_BY_DAY, hindrances
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
    "/b/fjallhem/templates/fields?q=pickup&field=pickup.name",
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
FOR_ANYBODY = ("/sign-in", "/t/", "/p/", "/docs")
ROOMS = {
    "templates": "marketer's",
    "people": "owner's",
    "settings": "owner's",
    "audit": "owner's",
    "account": "owner's",
}


def _room(path: str) -> str:
    """Whose pages stand in a row: those of one room are visited one after another."""
    steps = path.removeprefix("/b/fjallhem").strip("/").split("/")
    return "anybody's" if path.startswith(FOR_ANYBODY) else ROOMS.get(steps[0], "day's")


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
@pytest.mark.parametrize("room", sorted({_room(path) for path in PAGES}))
def test_nothing_keeps_people_out(enter, names, room, looks):
    """axe-core finds nothing serious, the browser's console stays silent, nothing runs off the side, however narrow
    the page and wide its text, and no control is hidden when the focus is on it: on each of a room's pages, in each
    look of it."""
    page = enter(None if room == "anybody's" else "owner")
    faults: list[str] = []
    page.on("console", lambda message: faults.append(f"{page.url} says {message.text}"))
    for path in (path for path in PAGES if _room(path) == room):
        page.goto(path.format(**names))
        found = hindrances(page, looks, out_of_focus)
        if any(look.phone for look in looks):
            found += lost_when_narrow(page)
        faults += [f"{path}, {one}" for one in found]
    assert faults == []


def test_what_keeps_people_out_is_seen(enter):
    """Pale words by night and a wide box on a phone are told with their look, and nothing else is."""
    page = enter(None)
    page.set_content(
        "<!doctype html><html lang=en><title>A page</title><style>body { color: #000; background: #fff }"
        "@media (prefers-color-scheme: dark) { body { color: #444; background: #000 } } div { width: 900px }</style>"
        "<main><h1>A page</h1><div>With words</div></main>"
    )
    assert hindrances(page, (LARGE_BY_DAY,)) == []
    found = hindrances(page, (LARGE_BY_DAY, LARGE_BY_NIGHT, SMALL_BY_DAY))
    assert [one.split(":")[:2] for one in found if "runs off" not in one] == [["desktop dark", " color-contrast"]] * 2
    assert [one for one in found if "runs off" in one] == ["phone light: it runs off the side"]
