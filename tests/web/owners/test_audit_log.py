"""The audit log: what the API changes is in it, who may read it, filters, pages, and a file."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

import app.web
from app.insight.audit_log import KINDS
from app.models import AuditEntry, Brand
from app.web.access.keys import Scope
from tests.web.conftest import order

RULES = "version: 1\nrules:\n  - name: late\n    when: {milestone: delayed}\n    send: {email: delayed}\n"


@pytest.fixture
def program(client, new_key, brand):
    """A program with a key for everything."""
    return client.holding(new_key(brand, *(scope.value for scope in Scope)))


def _entries(sessions):
    with sessions() as session:
        return session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id)).all()


def _fill(sessions, brand, count, **given):
    with sessions.begin() as session:
        session.add_all(
            AuditEntry(**{"brand_id": brand.id if brand else None, "actor": "ida@shop.example", "action": "pause",
                          "subject": f"rule:r{number}", **given})
            for number in range(count)
        )  # fmt: skip


def test_what_a_key_changes_is_logged_with_before_and_after(program, sessions):
    """Rules, codes, pauses, people: each once, by the key's label; what changed nothing is not written."""
    shown = program.get("/v1/rules")
    answer = program(
        "PUT", "/v1/rules?why=fewer", content=shown.text + "\n# one more line\n", headers={"If-Match": "*"}
    )
    assert answer.status_code == 200, answer.text
    program("PUT", "/v1/rules?why=fewer", content=shown.text + "\n# one more line\n", headers={"If-Match": "*"})
    assert program.post("/v1/pause", {"scope": "all", "why": "a drill"}).status_code == 200
    program.post("/v1/pause", {"scope": "all", "why": "a drill"})
    assert program.post("/v1/resume", {"scope": "all"}).status_code == 200
    mapping = {"meaning": "in_transit", "why": "they said so"}
    assert program("PUT", "/v1/carriers/dhl/codes/ZZ9", json=mapping).status_code == 200
    assert program("DELETE", "/v1/carriers/dhl/codes/ZZ9").status_code == 200
    program.post("/v1/orders", order())
    assert program.post("/v1/people/export", {"address": "alma.berg@example.test"}).status_code == 200
    assert program.post("/v1/people/erase", {"address": "alma.berg@example.test"}).status_code == 200
    path = "/v1/templates/files/messages/en/delivered.email.md"
    text = program.get(path).text
    assert program("PUT", path, content=text + "\n", headers={"If-Match": "*"}).status_code == 200
    assert program("DELETE", path, headers={"If-Match": "*"}).status_code == 204
    found = _entries(sessions)
    assert [one.action for one in found] == [
        "rules.publish", "pause", "resume", "codes.map", "codes.unmap", "person.export", "person.erase",
        "templates.draft", "templates.discard",
    ]  # fmt: skip
    assert {one.actor for one in found} == {"the API, key 'tests'"}
    assert found[0].before != found[0].after
    assert found[0].after["why"] == "fewer"
    assert (found[3].before, found[3].after["meaning"]) == ({"meaning": "unknown"}, "in_transit")
    assert found[6].after["orders"] == 1
    assert not any("alma" in f"{one.subject} {one.before} {one.after}" for one in found)


def test_operations_read_their_brands_lines_and_owners_the_installations_too(visit, sessions, brand):
    """Nobody reads another brand's; what belongs to no brand is the owners'."""
    with sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
    _fill(sessions, brand, 1, subject="ours")
    _fill(sessions, other, 1, subject="theirs")
    _fill(sessions, None, 1, subject="everybodys", action="account.add")
    owner, operations = visit("owner"), visit("operations")
    for browser, seen in ((owner, {"ours", "everybodys"}), (operations, {"ours"})):
        for path in ("/b/fjallhem/audit", "/b/fjallhem/audit.csv"):
            page = browser.get(path).text
            assert {word for word in ("ours", "theirs", "everybodys") if f"{word}" in page} == seen
    for role in ("marketer", "agent", "reader"):
        assert visit(role).get("/b/fjallhem/audit").status_code == 403
        assert visit(role, email=f"{role}2@shop.example").get("/b/fjallhem/audit.csv").status_code == 403


def test_a_long_log_is_paged_and_filtered(visit, sessions, brand):
    """Fifty a page, none twice, filters kept in the address; a wrong day is said and left aside."""
    _fill(sessions, brand, 70)
    _fill(sessions, None, 50, action="account.change", actor="eva@shop.example")
    owner = visit("owner")
    path, seen = "/b/fjallhem/audit", []
    while path:
        page = owner.get(path).text
        seen += re.findall(r"<br>rule:(r\d+)</td>", page)
        more = re.search(r'<a href="(\?[^"]+)">Older', page)
        path = "/b/fjallhem/audit" + more[1].replace("&amp;", "&") if more else ""
    assert len(seen) == 120
    page = owner.get("/b/fjallhem/audit?who=EVA&what=account").text
    assert page.count("account.change") == 50
    assert "ida@" not in page.partition("<table")[2]
    assert "Nothing of that kind" in owner.get("/b/fjallhem/audit?who=%25").text
    assert "Nothing of that kind" in owner.get("/b/fjallhem/audit?until=1999-01-01").text
    assert "left aside" in owner.get("/b/fjallhem/audit?since=tomorrow").text
    assert owner.get("/b/fjallhem/audit?since=9999-12-31&until=9999-12-31&before=9223372036854775807").status_code in (
        200,
        422,
    )
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date()
    assert "Nothing of that kind" in owner.get(f"/b/fjallhem/audit?since={tomorrow}").text


def test_hostile_words_are_text_on_the_page_and_in_the_file(visit, sessions, brand):
    """Markup is escaped, and what a spreadsheet would run is not a formula any more."""
    _fill(
        sessions,
        brand,
        1,
        subject="<img src=x>",
        after={"why": "=HYPERLINK(1)", "list": ["<b>", 2]},
        before={"why": ""},
    )
    owner = visit("owner")
    page = owner.get("/b/fjallhem/audit").text
    assert "<img src=x>" not in page
    assert "&lt;b&gt;; 2" in page
    rows = list(csv.reader(io.StringIO(owner.get("/b/fjallhem/audit.csv").text)))
    assert rows[1][4:] == ["why", "", "'=HYPERLINK(1)"]
    assert "audit.export" in owner.get("/b/fjallhem/audit?what=audit").text


def test_the_filter_knows_every_kind_of_change():
    """What begins an action anywhere in the program can be asked for on the page."""
    folder = Path(app.web.__file__).parent
    found = {
        kind
        for path in folder.rglob("*.py")
        for kind in re.findall(r"""(?:note|Change)\([^)"]*"([a-z]+)[".]""", path.read_text("utf-8"))
    }
    assert {"claim", "pause", "person", "templates"} <= found <= set(KINDS)
