"""The studio's pages by plain forms: what a browser without script sends and gets."""

import html
import re

import pytest
import sqlalchemy as sa

from app.messages.authoring.editing import opened
from app.messages.versions.live import digest_of
from app.messages.versions.publishing import Said, Seen, publish
from app.models import AuditEntry, Brand, Message, TemplateDraft, TemplateVersion
from tests.web.conftest import order, scan

PATH = "messages/en/delivered.email.md"
SMS = "messages/en/delivered.sms.txt"


@pytest.fixture
def marketer(visit):
    """Somebody who may write templates."""
    return visit("marketer")


def filled(page: str) -> dict[str, str]:
    """The desk's form as a browser would send it."""
    form = page[page.index('<form id="desk"') : page.index("</form>", page.index('<form id="desk"'))]
    values = {}
    for name, text in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL):
        values[name] = html.unescape(text).replace("\n", "\r\n")
    for name, options in re.findall(r'<select name="(f\.[^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        first = re.search(r'<option value="([^"]*)"', options)
        values[name] = html.unescape((chosen or first)[1])
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and 'type="checkbox"' not in tag and name[1] != "csrf":
            values[name[1]] = html.unescape(value[1]) if value else ""
    return values


def desk(browser, path=PATH):
    answer = browser.get(f"/b/fjallhem/templates/edit/{path}")
    assert answer.status_code == 200, answer.text
    return filled(answer.text)


def test_all_pages_open(marketer):
    """The list, the desk of each kind of file, the brand, publishing, history, what waits, comparing."""
    pages = [
        "",
        "/brand",
        "/fields",
        "/fields?field=%00&q=%00",
        "/publish",
        "/history",
        "/history/0",
        "/waiting",
        "?q=Not+there&language=sv",
    ]
    pages += [f"/compare/{PATH}", f"/edit/{PATH}", f"/edit/{SMS}", "/edit/layouts/parcel.mjml"]
    pages += ["/edit/messages/sv/words.yaml", f"/frame/{PATH}", f"/frame/{SMS}", "/frame/brand.yaml?key=delayed&dark=1"]
    for path in pages:
        answer = marketer.get(f"/b/fjallhem/templates{path}")
        assert answer.status_code == 200, (path, answer.text)


def test_open_and_save_changes_no_byte(marketer, site, sessions):
    """Every file that ships, opened as a form and sent back as a browser sends it, is no draft."""
    shelf = site.house.catalog.shelf("fjallhem")
    paths = [path for path in shelf.paths() if path.startswith("messages/en/")]
    for path in paths:
        answer = marketer.post(f"/b/fjallhem/templates/save/{path}", desk(marketer, path))
        assert answer.status_code == 303, answer.text
    with sessions() as session:
        assert session.query(TemplateDraft).count() == 0
    assert len(paths) > 40 and opened(PATH, shelf.file(PATH).text).values


def test_drafts_are_kept_as_they_are_typed(marketer, sessions, site):
    """The script is told the draft's digest; a stale one is refused, and both texts are on the page that follows."""
    form = desk(marketer) | {"f.button": "See it"}
    saved = marketer.post(f"/b/fjallhem/templates/save/{PATH}", form, headers={"Accept": "application/json"}).json()
    assert saved["revision"] == 1
    shipped = site.house.catalog.shelf("fjallhem").file(PATH).text
    with sessions() as session:
        kept = bytes(session.query(TemplateDraft).one().content).decode()
    changed = [line for line in kept.splitlines() if line not in shipped.splitlines()]
    assert changed == ['button: "See it"'] and len(kept.splitlines()) == len(shipped.splitlines())
    stale = form | {"f.button": "Mine"}
    refused = marketer.post(f"/b/fjallhem/templates/save/{PATH}", stale, headers={"Accept": "application/json"})
    assert refused.status_code == 409 and "marketer@shop.example" in refused.json()["detail"]
    page = marketer.post(f"/b/fjallhem/templates/save/{PATH}", stale)
    assert page.status_code == 409 and "See it" in page.text and "Mine" in page.text
    whole = html.unescape(re.search(r'name="whole"[^>]*>\n(.*?)</textarea>', page.text, re.DOTALL)[1])
    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', page.text)[1]
    assert seen == saved["seen"]
    over = marketer.post(f"/b/fjallhem/templates/save/{PATH}", {"seen": seen, "whole": whole.replace("\n", "\r\n")})
    assert over.status_code == 303
    with sessions() as session:
        assert bytes(session.query(TemplateDraft).one().content).decode() == kept.replace("See it", "Mine")


def test_who_may_not_write_reads(visit, stranger):
    """An agent sees the studio and changes nothing; another brand's pages are not there."""
    agent = visit("agent")
    page = agent.get(f"/b/fjallhem/templates/edit/{PATH}")
    assert page.status_code == 200 and "Save draft" not in page.text and "readonly" in page.text
    for path in (
        f"save/{PATH}",
        f"discard/{PATH}",
        "publish",
        "history/0",
        "waiting",
        "brand",
        "logo/light",
        f"test/{PATH}",
    ):
        assert agent.post(f"/b/fjallhem/templates/{path}", {"seen": ""}).status_code == 403, path
    assert agent.post(f"/b/fjallhem/templates/look/{PATH}", desk(agent)).status_code == 200


def test_another_brands_studio_is_not_there(visit, stranger, brand):
    """By its address, and by what a page of one's own may be asked to show."""
    own = visit("marketer", brands=[brand.id])
    for path in ("", f"/edit/{PATH}", "/brand", "/publish", "/history", "/waiting", f"/frame/{PATH}"):
        assert own.get(f"/b/atelier-ombre/templates{path}").status_code == 404
    assert own.get(f"/b/fjallhem/templates/frame/{PATH}?as=atelier-ombre").status_code == 404
    assert own.post(f"/b/fjallhem/templates/look/{PATH}", desk(own) | {"as": "atelier-ombre"}).status_code == 404
    assert own.post(f"/b/atelier-ombre/templates/save/{PATH}", {"seen": "", "body": "x"}).status_code == 404
    both = visit("owner")
    shown = both.post(f"/b/fjallhem/templates/look/{PATH}", desk(both) | {"as": "atelier-ombre", "f.lead": "Hello"})
    assert "Atelier Ombre" in shown.json()["html"] and "Hello" in shown.json()["html"]


@pytest.mark.parametrize("path", ["../../etc/passwd", "messages/en/x.py", "brand.yaml/..", "logo.svg", "messages/xx"])
def test_a_path_with_no_place_is_not_there(marketer, path):
    """Whatever is asked of it."""
    for act in ("edit", "frame", "compare"):
        assert marketer.get(f"/b/fjallhem/templates/{act}/{path}").status_code in (303, 404)
    for act in ("save", "look", "check", "test", "discard"):
        assert marketer.post(f"/b/fjallhem/templates/{act}/{path}", {"body": "x"}).status_code == 404


def test_hostile_text_stays_text(marketer):
    """Markup in a field, a body, a subject and a search is shown as written, and no frame has a script."""
    nasty = "</textarea><script>alert(1)</script>{# \" ' #}"
    form = desk(marketer) | {"body": nasty, "f.subject": nasty, "f.lead": "<img src=x onerror=alert(1)>"}
    assert marketer.post(f"/b/fjallhem/templates/save/{PATH}", form).status_code == 303
    page = marketer.get(f"/b/fjallhem/templates/edit/{PATH}").text
    assert "<script>alert" not in page and filled(page)["body"] == nasty
    frame = marketer.get(f"/b/fjallhem/templates/frame/{PATH}").text
    assert "<script" not in frame and "<img src=x" not in frame
    assert "<script>" not in marketer.get("/b/fjallhem/templates?q=%3Cscript%3Ealert(1)").text
    assert "<script>alert" not in marketer.get(f"/b/fjallhem/templates/compare/{PATH}").text
    assert "<script>alert" not in marketer.get("/b/fjallhem/templates/publish").text
    broken, json = form | {"f.subject": "a\x00b"}, {"Accept": "application/json"}
    assert marketer.post(f"/b/fjallhem/templates/save/{PATH}", broken, headers=json).status_code in (200, 409, 422)


def test_publishing_asks_for_reasons_and_can_be_taken_back(marketer, sessions, site):
    """An error stands in the way, a warning wants a reason, a stale edition is refused; the audit log has it all."""
    form = desk(marketer, SMS) | {"body": "{{ brand.name }}: " + "a long text " * 20 + "{{ links.short }}"}
    marketer.post(f"/b/fjallhem/templates/save/{SMS}", form)
    listed = marketer.get("/b/fjallhem/templates").text
    assert "1 draft: look and publish" in listed and 'class="count"' in listed
    page = marketer.get("/b/fjallhem/templates/publish").text
    warning = re.search(r'name="accept\.([0-9a-f]{12})"', page)[1]
    wanted = {"path": SMS, "edition": "0", "why": "longer"}
    refused = marketer.post("/b/fjallhem/templates/publish", wanted)
    assert refused.status_code == 422 and "longer" in refused.text and "Nothing was published" in refused.text
    stale = marketer.post("/b/fjallhem/templates/publish", wanted | {"edition": "7", f"accept.{warning}": "it must"})
    assert stale.status_code == 422 and "you saw number 7" in stale.text and "it must" in stale.text
    assert marketer.post("/b/fjallhem/templates/publish", wanted | {f"accept.{warning}": "it must"}).status_code == 303
    twice = marketer.post("/b/fjallhem/templates/publish", wanted | {f"accept.{warning}": "it must"})
    assert twice.status_code == 422
    assert "it must" in marketer.get("/b/fjallhem/templates/history/1").text
    back = {"edition": "1", "why": "shorter again"}
    assert marketer.post("/b/fjallhem/templates/history/0", back).status_code == 303
    assert marketer.get("/b/fjallhem/templates/history/9").status_code == 404
    with sessions() as session:
        acts = session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert acts == ["templates.draft", "templates.publish", "templates.rollback"]


def test_nobody_publishes_what_they_have_not_read(marketer, visit, sessions):
    """A draft that a colleague saved since is refused by name; and taking back from before a publication is stale."""
    marketer.post(f"/b/fjallhem/templates/save/{PATH}", desk(marketer) | {"f.button": "Mine"})
    page = marketer.get("/b/fjallhem/templates/publish").text
    read = re.search(r'name="(draft\.[^"]+)" value="([0-9a-f]+)"', page)
    wanted = {"path": PATH, "edition": "0", "why": "clearer", read[1]: read[2]}
    other = visit("owner")
    other.post(f"/b/fjallhem/templates/save/{PATH}", desk(other) | {"f.button": "Half a"})
    refused = marketer.post("/b/fjallhem/templates/publish", wanted)
    assert refused.status_code == 422 and "Another draft was saved" in refused.text and "owner@" in refused.text
    again = re.search(r'name="(draft\.[^"]+)" value="([0-9a-f]+)"', refused.text)
    assert marketer.post("/b/fjallhem/templates/publish", wanted | {again[1]: again[2]}).status_code == 303
    back = marketer.post("/b/fjallhem/templates/history/0", {"edition": "0", "why": "back"})
    assert back.status_code == 422 and "you saw number 0" in back.text


def test_a_real_parcel_and_a_test_message(marketer, client):
    """The parcel's own facts are filled in; the test goes to the account's address unless another is named."""
    told = order(shopper={"name": "Alma Berg", "email": "alma@example.test", "country": "SE", "locale": "en"})
    client.post("/v1/orders", told)
    shown = marketer.post(f"/b/fjallhem/templates/look/{PATH}", desk(marketer) | {"parcel": "1042"}).json()
    assert "1042" in shown["html"] and "as if that had just happened" in shown["note"]
    wrong = marketer.post(f"/b/fjallhem/templates/look/{PATH}", desk(marketer) | {"parcel": "nobody's"}).json()
    assert "nobody" in wrong["wrong"]
    json = {"Accept": "application/json"}
    sent = marketer.post(f"/b/fjallhem/templates/test/{PATH}", desk(marketer), headers=json)
    assert sent.status_code == 200 and "sendgrid" in sent.json()["said"]
    bad = marketer.post(f"/b/fjallhem/templates/test/{PATH}", desk(marketer) | {"to": "+46701740605"}, headers=json)
    assert bad.status_code == 422 and "does not go with email" in bad.json()["detail"]


def test_what_waits_is_moved_when_somebody_says_so(marketer, client):
    """Publishing keeps the words of what waits; the list moves exactly what it shows."""
    told = order(shopper={"name": "Alma", "email": "alma@example.test", "country": "SE", "locale": "en"})
    client.post("/v1/orders", told)
    shipment = client.get("/v1/orders/1042").json()["parcels"][0]["id"]
    client.post(f"/v1/shipments/{shipment}/scans", scan("out_for_delivery"))
    path = "messages/en/out_for_delivery.email.md"
    marketer.post(f"/b/fjallhem/templates/save/{path}", desk(marketer, path) | {"f.button": "See it"})
    marketer.post("/b/fjallhem/templates/publish", {"path": path, "edition": "0", "why": "shorter"})
    page = marketer.get("/b/fjallhem/templates/waiting?key=out_for_delivery").text
    assert shipment in page and "Move 1 message" in page
    form = {name: re.search(f'name="{name}" value="([^"]*)"', page)[1] for name in ("key", "token", "messages")}
    assert marketer.post("/b/fjallhem/templates/waiting", form | {"why": ""}).status_code == 409
    assert marketer.post("/b/fjallhem/templates/waiting", form | {"why": "better"}).status_code == 303
    assert marketer.post("/b/fjallhem/templates/waiting", form | {"why": "better"}).status_code == 409


def test_a_new_language_begins_from_another(marketer, sessions):
    """Nothing is kept until something is written; then it is a draft of its own."""
    path = "messages/pt/delivered.email.md"
    page = marketer.get(f"/b/fjallhem/templates/edit/{path}")
    assert "to begin from" in page.text
    marketer.post(f"/b/fjallhem/templates/save/{path}", filled(page.text) | {"f.button": "Ver"})
    with sessions() as session:
        draft = session.query(TemplateDraft).one()
    assert draft.path == path and draft.based_on is None
    assert marketer.get("/b/fjallhem/templates").text.count("messages/pt/delivered.email.md") == 1


def test_nul_and_nonsense_in_addresses_are_no_faults(marketer):
    """Whatever a query says, the answer is a page or a refusal."""
    for query in (
        "locale=%00",
        "sample=%00",
        "parcel=%00",
        "key=%00",
        "as=%00",
        "locale=xx-yy-zz",
        "locale=../../x",
        "which=%00",
    ):
        for act in ("edit", "frame", "compare"):
            answer = marketer.get(f"/b/fjallhem/templates/{act}/{PATH}?{query}")
            assert answer.status_code in (200, 400, 404, 422), (act, query, answer.text)
    for path in (
        "?q=%00",
        "/waiting?key=%00",
        "/publish?path=%00",
        "/history?before=0",
        "/history/-1",
        "/brand?dark=%00",
    ):
        assert marketer.get(f"/b/fjallhem/templates{path}").status_code in (200, 400, 404, 422), path
    form = desk(marketer)
    for name in ("locale", "sample", "parcel", "key", "as"):
        answer = marketer.post(f"/b/fjallhem/templates/look/{PATH}", form | {name: "\x00\ud83d"[:1]})
        assert answer.status_code in (200, 400, 404, 422), (name, answer.text)


def test_waits_with_nonsense_move_nothing(marketer):
    """A list that never was is a conflict."""
    for form in (
        {},
        {"key": "\x00", "why": "x"},
        {"key": "delivered", "token": "x", "messages": "msg_none", "why": "x"},
    ):
        assert marketer.post("/b/fjallhem/templates/waiting", form).status_code in (400, 409, 422)


def test_the_next_message_carries_what_was_published(marketer, client, sessions):
    """A subject changed at the desk is the subject of what is decided afterwards."""
    path = "messages/en/out_for_delivery.email.md"
    form = desk(marketer, path) | {"f.subject": "Today at your door: {{ what }}"}
    marketer.post(f"/b/fjallhem/templates/save/{path}", form)
    marketer.post("/b/fjallhem/templates/publish", {"path": path, "edition": "0", "why": "the fact in fewer words"})
    told = order(shopper={"name": "Alma", "email": "alma@example.test", "country": "SE", "locale": "en"})
    client.post("/v1/orders", told)
    shipment = client.get("/v1/orders/1042").json()["parcels"][0]["id"]
    client.post(f"/v1/shipments/{shipment}/scans", scan("out_for_delivery"))
    with sessions() as session:
        decided = sa.select(TemplateVersion.parts["subject"].astext).join(
            Message, Message.template_version_id == TemplateVersion.id
        )
        subjects = session.scalars(decided.where(TemplateVersion.key == "out_for_delivery", Message.channel == "email"))
        assert list(subjects) == ["Today at your door: {{ what }}"]


def test_a_draft_on_an_older_file_is_not_published_unless_its_writer_says_so(marketer, site, client, sessions):
    """The desk says that others published meanwhile; one press lets the draft stand on that."""
    marketer.post(f"/b/fjallhem/templates/save/{PATH}", desk(marketer) | {"f.button": "Mine"})
    with sessions.begin() as session:
        brand = session.scalars(sa.select(Brand)).one()
        text = site.house.catalog.shelf("fjallhem").file(PATH).content.replace(b"Look by", b"Look at")
        said = Said("another", "meanwhile", site.clock.now())
        publish(session, site.house.catalog, brand, {PATH: text}, said, Seen(), {})
    page = marketer.get(f"/b/fjallhem/templates/edit/{PATH}").text
    assert "Another file counts by now" in page
    wanted = {"path": PATH, "edition": "1", "why": "mine"}
    assert marketer.post("/b/fjallhem/templates/publish", wanted).status_code == 422
    stale = marketer.post(f"/b/fjallhem/templates/renew/{PATH}", {"seen": "0" * 64})
    assert stale.status_code == 409
    assert marketer.post(f"/b/fjallhem/templates/renew/{PATH}", {"seen": filled(page)["seen"]}).status_code == 303
    assert "Another file counts by now" not in marketer.get(f"/b/fjallhem/templates/edit/{PATH}").text
    assert marketer.post("/b/fjallhem/templates/publish", wanted).status_code == 303


def test_a_message_tells_what_it_needs_and_a_field_who_reads_it(marketer, client):
    """On the desk each field with its meaning; before publishing, what a draft begins to need and who lacks it."""
    told = order(shopper={"email": "alma@example.test", "country": "SE", "locale": "en"})
    client.post("/v1/orders", told)
    shipment = client.get("/v1/orders/1042").json()["parcels"][0]["id"]
    client.post(f"/v1/shipments/{shipment}/scans", scan("out_for_delivery"))
    path = "messages/en/out_for_delivery.email.md"
    page = marketer.get(f"/b/fjallhem/templates/edit/{path}").text
    needs = page[page.index('id="needs"') : page.index("</details>", page.index('id="needs"'))]
    assert "order.number" in needs and "May be blank." in needs and " new" not in needs
    form = desk(marketer, path)
    form["body"] += "\r\n\r\n{% if person.name %}{{ person.name }}{% endif %}\r\n"
    marketer.post(f"/b/fjallhem/templates/save/{path}", form)
    for where in (f"edit/{path}", "publish"):
        page = marketer.get(f"/b/fjallhem/templates/{where}").text
        assert "It may be blank: the last such order has none, and the one message that waits has none." in page, where
    readers = marketer.get("/b/fjallhem/templates/fields?field=person.name").text
    assert readers.count(f"/edit/{path}") == 1 and "Read by 1 file." in readers
    assert "Nobody reads it yet" in marketer.get("/b/fjallhem/templates/fields?field=order.currency").text
    assert "field=pickup.name" in marketer.get("/b/fjallhem/templates/fields?field=pickup.nam").text
    assert "No field says so" in marketer.get("/b/fjallhem/templates/fields?q=xyzzy").text


def test_a_new_logo_is_compared_with_the_one_that_counts(marketer, site):
    """On the page both mails have their own; a picture's address leads there, for it has no words to compare."""
    other = site.house.catalog.shelf("atelier-ombre").file("logo-light.png").content
    assert "There is no draft" in marketer.get("/b/fjallhem/templates/compare/brand.yaml").text
    file = {"file": ("logo.png", other, "image/png")}
    assert marketer.post("/b/fjallhem/templates/logo/light", files=file).status_code == 303
    page = marketer.get("/b/fjallhem/templates/compare/logo-light.png")
    assert page.status_code == 303 and page.headers["location"].endswith("/compare/brand.yaml")
    assert "New: logo-light.png" in marketer.get("/b/fjallhem/templates/compare/brand.yaml").text
    live, drafted = (
        marketer.get(f"/b/fjallhem/templates/frame/brand.yaml{which}").text for which in ("?which=live", "")
    )
    old = site.house.catalog.shelf("fjallhem").file("logo-light.png").content
    assert f"/brand/fjallhem/{digest_of(old)[:12]}/logo-light.png" in live and "/templates/picture/" not in live
    assert f"/templates/picture/{digest_of(other)[:12]}" in drafted


def test_the_picture_of_a_change_is_taken_with_the_logo_of_each_side(marketer, site, monkeypatch):
    """What the browser is answered at the addresses in both mails: each its own logo."""
    other = site.house.catalog.shelf("atelier-ombre").file("logo-light.png").content
    old = site.house.catalog.shelf("fjallhem").file("logo-light.png").content
    marketer.post("/b/fjallhem/templates/logo/light", files={"file": ("logo.png", other, "image/png")})
    shot = []

    class Paper:
        def shoot(self, pages, answer, view):
            addresses = [re.search(r'[^"(]*/brand/fjallhem/[0-9a-f]{12}/logo-light.png', page)[0] for page in pages]
            shot.extend(answer(address)[1] for address in addresses)
            return [old, other]

    monkeypatch.setattr(site.app.state, "browser", Paper())
    answer = marketer.get("/b/fjallhem/templates/compared/brand.yaml")
    assert answer.status_code == 200 and answer.content.startswith(b"\x89PNG")
    assert shot == [old, other]
