"""Attacks on every page at once: by the signed out, another role, another brand, and another site's page."""

import re

import pytest

from app.models import Brand
from app.web.access.doors import May
from app.web.access.roles import RIGHTS, Right
from app.web.main import create_app
from tests.web.access.test_every_route import _calls, _routes
from tests.web.conftest import order, scan

_FILLED = {
    "brand": "fjallhem", "shipment": "shp_00000000000000000000", "message": "msg_00000000000000000000",
    "number": "1", "name": "x", "path:path": "messages/en/delivered.email.md", "which": "light", "who": "usr_1",
    "channel": "email", "provider": "sendgrid", "carrier": "dhl", "route": "url", "digest": "00",
}  # fmt: skip


def _pages():
    """Every route of the console: method, path as an address, path as written, and the right that it needs."""
    from app.settings import Settings

    app = create_app(Settings(database_url="postgresql://nobody@127.0.0.1:9/none", broker_url="memory://"))
    for route in _routes(app.routes):
        rights = [call.right for call in _calls(route.dependant) if isinstance(call, May)]
        for method in sorted(route.methods & {"GET", "POST"}):
            if rights:
                path = re.sub(r"\{([^}]+)\}", lambda found: _FILLED[found[1]], route.path)
                yield method, path, route.path, max(rights, key=list(Right).index)


PAGES = list(_pages())
CHANGES = [(path, right) for method, path, _, right in PAGES if method == "POST"]
READ = [path for method, path, _, _ in PAGES if method == "GET"]


def test_no_change_is_made_for_another_sites_page(visit):
    """Any of them, without the page's secret, with a wrong one, and with the right one from elsewhere: refused before
    it is read."""
    owner = visit()
    for path, _ in CHANGES:
        assert owner.client("POST", path, headers=owner._headers({})).status_code == 403, path
        assert owner.post(path, {"csrf": "x" * 32}).status_code == 403, path
        assert owner.post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403, path
        assert owner.post(path, headers={"Origin": "https://evil.example"}).status_code == 403, path
    assert len(CHANGES) > 50


def test_whoever_is_signed_out_sees_nothing(anyone):
    """Neither any page nor a change, and none says whether there is such a thing."""
    for path in sorted({path for _, path, _, _ in PAGES}):
        method = "GET" if path in READ else "POST"
        person = anyone(method, path, headers={"Accept": "text/html"})
        assert person.status_code == 303 and person.headers["location"].startswith("/sign-in"), path
        assert anyone(method, path).status_code == 401, path
    assert len(PAGES) > 90


@pytest.mark.parametrize("role", [role for role in RIGHTS if role.value != "owner"])
def test_each_role_may_do_what_its_rights_say_and_no_more(visit, role):
    """Every page and every change, asked for by somebody whose role lacks its right."""
    person = visit(role.value)
    for method, path, _, right in PAGES:
        if right not in RIGHTS[role]:
            answer = person.get(path) if method == "GET" else person.post(path)
            assert answer.status_code == 403, (method, path)


def test_another_brands_pages_are_not_there(visit, stranger, brand):
    """An owner of one brand at every page of the other, by its name: as if there were none."""
    person = visit("owner", brands=[brand.id])
    for method, path, written, _ in PAGES:
        if "{brand}" in written:
            elsewhere = path.replace("/b/fjallhem/", "/b/atelier-ombre/")
            answer = person.get(elsewhere) if method == "GET" else person.post(elsewhere)
            assert answer.status_code == 404, (method, path)


def test_another_brands_parcels_and_messages_are_not_there(visit, client, sessions):
    """Under one's own brand's name, with the other's ids, for every page and every act."""
    client.post("/v1/orders", order())
    shipment = client.get("/v1/orders/1042").json()["parcels"][0]["id"]
    client.post(f"/v1/shipments/{shipment}/scans", scan("out_for_delivery"))
    story = client.get(f"/v1/shipments/{shipment}/timeline").json()
    (message, *_) = re.findall(r"msg_\w+", str(story))
    with sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
    person = visit("owner", brands=[other.id])
    for method, path, written, _ in PAGES:
        if "{shipment}" in written or "{message}" in written:
            theirs = path.replace("fjallhem", "atelier-ombre")
            theirs = theirs.replace(_FILLED["shipment"], shipment).replace(_FILLED["message"], message)
            form = {"why": "x", "email": "eve@example.test", "milestone": "delivered"}
            answer = person.get(theirs) if method == "GET" else person.post(theirs, form)
            assert answer.status_code in (404, 422), (method, theirs, answer.status_code)
    after = client.get(f"/v1/shipments/{shipment}/timeline").json()
    assert after == story


@pytest.mark.parametrize(
    "words",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "{{ 7 * 7 }}{% for x in y %}",
        "javascript:alert(1)",
        "</title><svg onload=alert(1)>",
        "\u202egnp.exe",
    ],
)
def test_what_outsiders_wrote_is_text_on_every_page(visit, client, words):
    """A shopper's name, a thing's name, a carrier's words and a place, wherever they are shown."""
    shopper = {"name": words, "email": "alma@example.test", "country": "SE"}
    things = [{"sku": words[:60], "name": words, "quantity": 1, "price_minor": 100}]
    assert client.post("/v1/orders", order(shopper=shopper, items=things)).status_code < 300
    shipment = client.get("/v1/orders/1042").json()["parcels"][0]["id"]
    client.post(f"/v1/shipments/{shipment}/scans", scan("out_for_delivery", description=words, place=words))
    person = visit()
    token = re.search(r"/t/(\w+)", person.get(f"/b/fjallhem/parcels/{shipment}").text)[1]
    for path in (f"/b/fjallhem/parcels/{shipment}", "/b/fjallhem/parcels", "/b/fjallhem/parcels?q=JJD", f"/t/{token}"):
        page = person.get(path).text
        assert "<script>alert" not in page and "<img src=x" not in page and "<svg onload" not in page
        assert 'href="javascript:' not in page
        assert "49" not in re.findall(r"Alma|{{ 7 \* 7 }}|>49<", page)


@pytest.mark.parametrize(
    "path",
    [
        "/static/x/../../pyproject.toml",
        "/static/x/%2e%2e%2fmain.py",
        "/static/x/..%5cmain.py",
        "/brand/fjallhem/..%2fbrand.yaml",
        "/b/fjallhem/templates/edit/../../../../etc/passwd",
        "/b/fjallhem/templates/edit/messages/en/..%2f..%2f..%2fbrand.yaml",
        "/b/fjallhem/templates/edit/%00",
        "/b/fjallhem/rules/history/99999999999999999999",
        "/b/fjallhem/parcels/%00",
        "/t/%00",
        "/b/%00/today",
    ],
)
def test_strange_addresses_lead_nowhere(visit, path):
    """Out of a folder, into a number that is none, with a NUL: a refusal, never a fault."""
    answer = visit().get(path)
    assert 400 <= answer.status_code < 500, answer.status_code
    assert "root:" not in answer.text and "[project]" not in answer.text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
def test_a_header_does_not_change_whose_tries_are_counted(anyone, header):
    """Somebody who guesses cannot be a new network with each try."""
    for number in range(8):
        form = {"email": "ida@shop.example", "password": "guess"}
        assert anyone("POST", "/sign-in", data=form, headers={header: f"203.0.113.{number}"}).status_code == 403
    assert anyone("POST", "/sign-in", data=form, headers={header: "203.0.113.99"}).status_code == 429


def test_large_and_deep_forms_are_refused(visit):
    """Beyond the limit unread, with too many fields unread, and JSON too deep for any reader."""
    owner = visit()
    assert owner.post("/account/name", {"name": "x" * 2_100_000}).status_code == 413
    assert owner.post("/account/name", {f"f{number}": "x" for number in range(1200)}).status_code == 400
    deep = "[" * 100_000 + "]" * 100_000
    headers = {
        "Content-Type": "application/json",
        "X-CSRF-Token": owner.csrf,
        "Cookie": f"__Host-doorstep={owner.cookie}",
    }
    answer = owner.client("POST", "/v1/orders", content=deep, headers=headers)
    assert answer.status_code in (400, 401)
