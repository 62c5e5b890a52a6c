"""Templates tried out over HTTP: each key sees its own brand, and every refusal says what to do."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.models import AuditEntry, Brand, TemplateMove
from app.rehearsal.samples import SAMPLE_PAGE
from tests.web.conftest import Client, Site, order, scan

PATH = "messages/en/out_for_delivery.sms.txt"


@pytest.fixture
def editor(anyone: Client, brand: Brand, new_key) -> Client:
    """A client that may write Fjällhem's templates, and tell its orders."""
    return anyone.holding(new_key(brand, "templates:read", "templates:write", "orders:read", "orders:write"))


def look(client: Client, **wanted):
    return client.post("/v1/templates/preview", {"key": "out_for_delivery", "locale": "en", **wanted})


def test_a_preview_shows_a_sample_an_unsaved_draft_and_a_parcel(editor: Client):
    """With the language that was found, and an SMS's cost."""
    email = look(editor, locale="en-GB").json()
    assert (email["locale"], email["asked_locale"], email["size"]) == ("en", "en-GB", None)
    assert email["subject"].startswith("Arriving today") and "<html" in email["html"] and email["preheader"]
    draft = look(editor, channel="sms", files={PATH: "Here Ж {{ order.number }}"}).json()
    assert draft["size"]["encoding"] == "UCS-2" and draft["size"]["strangers"][0]["letter"] == "Ж"
    told = order(shopper={"name": "Alma Berg", "email": "alma@example.test", "country": "SE", "locale": "en"})
    editor.post("/v1/orders", told)
    shown = look(editor, shipment="1042").json()
    assert "Alma" in shown["text"] and "1042" in shown["text"] and SAMPLE_PAGE in shown["html"]


def test_refusals_name_what_to_mend(editor: Client, stranger: Client, anyone: Client, brand: Brand, new_key):
    """No scope, no such template, a draft that is wrong, and a parcel that is another brand's."""
    assert look(anyone).status_code == 401 and look(stranger).status_code == 403
    wrong = look(editor, key="out_for_deliver")
    assert wrong.status_code == 404 and "Did you mean 'out_for_delivery'?" in wrong.json()["detail"]
    bad = look(editor, channel="sms", files={PATH: "{{ order.colour }}"})
    assert bad.status_code == 422 and "colour" in bad.json()["detail"]
    assert look(editor, files={"../x": ""}).json()["faults"][0]["field"] == "files.../x"
    assert look(editor, sample="ordinary", shipment="1042").status_code == 422
    reader = anyone.holding(new_key(brand, "templates:read"))
    assert look(reader).status_code == 200
    assert "orders:read" in look(reader, shipment="1042").json()["detail"]
    assert look(editor, shipment="nobody's").status_code == 404
    sent = reader.post("/v1/templates/test-send", {"key": "delivered", "to": "me@shop.example"})
    assert sent.status_code == 403 and "templates:write" in sent.json()["detail"]


def test_a_test_message_is_sent_and_shadow_mode_says_that_it_is_not(site: Site, editor: Client):
    """The provider is away here, so the call comes to nothing, and that is said and recorded."""
    wanted = {"key": "delivered", "locale": "en", "to": "me@shop.example"}
    done = editor.post("/v1/templates/test-send", wanted).json()
    assert (done["provider"], done["outcome"], done["left"]) == ("sendgrid", "not_sent", 19)
    site.app.state.house = replace(site.house, send_mode="shadow")
    refused = editor.post("/v1/templates/test-send", wanted)
    assert refused.status_code == 409 and "shadow mode" in refused.json()["detail"]


def test_what_waits_is_listed_and_moved_as_listed(site: Site, editor: Client):
    """A list that is not the same any more is a conflict."""
    told = order(shopper={"name": "Alma", "email": "alma@example.test", "country": "SE", "locale": "en"})
    parcel = editor.post("/v1/orders", told).json()
    assert editor.get("/v1/templates/waiting").json()["total"] == 0
    shipment = editor.get("/v1/orders/1042").json()["parcels"][0]["id"]
    editor.post(f"/v1/shipments/{shipment}/scans", scan("out_for_delivery"))
    path = "messages/en/out_for_delivery.email.md"
    text = site.house.catalog.shelf("fjallhem").file(path).text.replace("Will you be out", "Are you going out")
    site.app.state.house = replace(site.house, catalog=site.house.catalog.over("fjallhem", {path: text.encode()}))
    seen = editor.get("/v1/templates/waiting", params={"key": "out_for_delivery"}).json()
    assert seen["total"] == 1 and seen["messages"][0]["shipment"] == shipment, parcel
    wanted = {"key": "out_for_delivery", "token": seen["token"], "why": "a friendlier question"}
    names = [one["message"] for one in seen["messages"]]
    other = editor.post("/v1/templates/waiting/move", {**wanted, "messages": []})
    assert other.status_code == 409 and "List them again" in other.json()["detail"]
    done = editor.post("/v1/templates/waiting/move", {**wanted, "messages": names})
    assert done.json() == {"moved": names, "left": []}
    story = editor.get(f"/v1/shipments/{shipment}/timeline").json()
    told = [one["message"] for crossing in story["crossings"] for one in crossing["decisions"] if one["message"]]
    (move,) = [move for message in told for move in message["moves"]]
    assert move["moved_by"] == "the API, key 'tests'" and move["why"] == "a friendlier question"
    by = sa.literal_column("xmin::text")
    with site.house.sessions() as session:
        lines = session.execute(sa.select(by, AuditEntry.after).where(AuditEntry.action == "templates.move")).all()
        moves = session.scalars(sa.select(by).select_from(TemplateMove)).all()
    assert lines == [(*moves, {"moved": 1, "left": 0, "why": "a friendlier question"})]


def test_a_test_messages_links_answer_politely_and_change_nothing(anyone: Client):
    """The parcel's page, the choices' page and the one click: all say that it was a test."""
    for method, path in (
        ("GET", f"/t/{SAMPLE_PAGE}"),
        ("GET", f"/p/{SAMPLE_PAGE}"),
        ("POST", f"/p/{SAMPLE_PAGE}/unsubscribe"),
    ):
        answer = anyone(method, path)
        assert answer.status_code == 200 and "This was a test message" in answer.text, path
    assert anyone.get(f"/t/{SAMPLE_PAGE[:-1]}0").status_code == 404
