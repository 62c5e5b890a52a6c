"""The rules over HTTP: read, checked, published with a condition, listed and taken back; each key its own brand's."""

import json

import jsonschema
import pytest

from app.rules.document import default_rules
from app.rules.schema import rules_schema
from tests.web.conftest import Client

SET = "version: 1\nrules:\n  - {name: %s, when: delivered, send: [email], expires: 12h}\n"
YAML = {"Content-Type": "application/yaml"}


@pytest.fixture
def editor(anyone: Client, brand, new_key) -> Client:
    """A client that may read and publish Fjällhem's rules."""
    return anyone.holding(new_key(brand, "rules:read", "rules:write"))


def put(client: Client, content: str, seen: str = "*", why: str = "a test"):
    return client("PUT", "/v1/rules", params={"why": why}, content=content, headers={**YAML, "If-Match": seen})


def test_a_brand_without_rules_of_its_own_has_those_that_ship(editor):
    """As YAML, and as JSON by the Accept header; the ETag names the text."""
    got = editor.get("/v1/rules")
    assert (got.status_code, got.text) == (200, default_rules().content)
    assert got.headers["content-type"].startswith("application/yaml")
    assert got.headers["etag"] == f'"{default_rules().digest.hex()}"'
    as_json = editor.get("/v1/rules", headers={"Accept": "application/json"})
    assert as_json.json()["version"] == 1 and as_json.headers["etag"] == got.headers["etag"]
    unchanged = editor.get("/v1/rules", headers={"If-None-Match": got.headers["etag"]})
    assert (unchanged.status_code, unchanged.text) == (304, "")
    assert editor.get("/v1/rules/versions").json() == {"publications": [], "next": None}


def test_publishing_tells_what_changed_and_needs_to_have_seen_the_last(editor):
    """Without If-Match nothing is replaced, with a stale one neither; what was published can be read and sent again."""
    seen = editor.get("/v1/rules").headers["etag"]
    assert editor("PUT", "/v1/rules", params={"why": "x"}, content=SET % "a").status_code == 428
    done = put(editor, SET % "a", seen)
    assert done.status_code == 200 and done.json()["new"] is True
    assert "rule 'a' is added: delivered" in [one["sentence"] for one in done.json()["changes"]]
    assert done.json()["publication"]["published_by"] == "the API, key 'tests'"
    late = put(editor, SET % "b", seen)
    assert late.status_code == 412 and late.json()["type"] == "urn:doorstep:problem:conflict"
    assert "number 1" in late.json()["detail"] and editor.get("/v1/rules").text == SET % "a"
    again = put(editor, SET % "a", done.headers["etag"])
    assert (again.json()["new"], again.json()["changes"]) == (False, [])
    asked = editor("PUT", "/v1/rules", content=SET % "b", headers={"If-Match": "*"})
    assert asked.status_code == 422 and "why" in asked.text


@pytest.mark.parametrize("way", ["put", "check"])
def test_every_fault_has_its_line_and_column(editor, way):
    """A problem document lists them; nothing is published."""
    wrong = (SET % "a").replace("delivered", "deliverd").replace("12h", "12 parsecs")
    refused = put(editor, wrong) if way == "put" else editor.post("/v1/rules/check", content=wrong, headers=YAML)
    assert refused.status_code == 422 and refused.headers["content-type"] == "application/problem+json"
    faults = refused.json()["faults"]
    assert [(one["line"], one["column"], one["field"]) for one in faults] == [(3, 21, "when"), (3, 55, "expires")]
    assert faults[0]["remedy"] == "Did you mean 'delivered'?"
    assert editor.get("/v1/rules").text == default_rules().content


def test_json_is_published_as_it_was_sent(editor):
    """Its places are its own, and reading it back gives the same text."""
    text = json.dumps({"version": 1, "rules": [{"name": "a", "when": "delivered", "send": ["email"], "expires": "2h"}]})
    assert put(editor, text).status_code == 200
    assert editor.get("/v1/rules").text == text
    assert editor.get("/v1/rules", headers={"Accept": "application/json"}).json() == json.loads(text)
    bad = editor("PUT", "/v1/rules?why=x", content=text.replace("email", "emial"), headers={"If-Match": "*"})
    assert bad.json()["faults"][0]["line"] == 1 and bad.json()["faults"][0]["column"] == text.index('"email"') + 1


def test_a_check_says_what_would_change_and_changes_nothing(editor):
    """With how many rules, under which digest."""
    found = editor.post("/v1/rules/check", content=SET % "a", headers=YAML)
    assert found.status_code == 200 and found.json()["rules"] == 1
    assert "added" in {one["what"] for one in found.json()["changes"]}
    assert editor.get("/v1/rules/versions").json()["publications"] == []


def test_versions_and_rollback(editor):
    """Newest first, page by page; each with its text; an older one can count again."""
    for name in ("a", "b", "c"):
        assert put(editor, SET % name, why=f"because {name}").status_code == 200
    page = editor.get("/v1/rules/versions?limit=2").json()
    assert [(one["number"], one["why"]) for one in page["publications"]] == [(3, "because c"), (2, "because b")]
    rest = editor.get(f"/v1/rules/versions?limit=2&before={page['next']}").json()
    assert [one["number"] for one in rest["publications"]] == [1] and rest["next"] is None
    old = editor.get("/v1/rules/versions/1")
    assert old.text == SET % "a" and old.headers["etag"]
    assert editor.get("/v1/rules/versions/9").status_code == 404
    back = {"number": 1, "why": "a was right"}
    assert editor.post("/v1/rules/rollback", back).status_code == 428
    done = editor.post("/v1/rules/rollback", back, headers={"If-Match": "*"})
    assert done.json()["publication"]["number"] == 4 and editor.get("/v1/rules").text == SET % "a"
    assert editor.post("/v1/rules/rollback", {"number": 9, "why": "x"}, headers={"If-Match": "*"}).status_code == 404


def test_scopes_and_brands_are_kept_apart(editor, anyone, brand, new_key, stranger, client):
    """Reading is not publishing, orders are no rules, and another brand's key sees nothing of them."""
    reader = anyone.holding(new_key(brand, "rules:read"))
    assert put(reader, SET % "a").status_code == 403 and reader.get("/v1/rules").status_code == 200
    assert client.get("/v1/rules").status_code == 403 and anyone.get("/v1/rules").status_code == 401
    writer = anyone.holding(new_key(brand, "rules:write"))
    assert writer.get("/v1/rules/versions").status_code == 403
    assert put(editor, SET % "mine").status_code == 200
    assert stranger.get("/v1/rules").status_code == 403


@pytest.mark.parametrize("number", ["0", "-1", "9", "2147483648", "99999999999999999999"])
def test_a_number_that_nothing_was_published_under(editor, number):
    """However large it is, there is no such publication."""
    assert editor.get(f"/v1/rules/versions/{number}").status_code == 404


def test_what_is_no_text_is_refused(editor):
    """Bytes that are no UTF-8, and nothing at all."""
    assert put(editor, b"\xff\xfe").status_code == 400
    assert put(editor, "").status_code == 422


def test_the_schema_is_served_to_everybody(anyone):
    """Without a key, under a stable address, and it is the program's own."""
    got = anyone.get("/schemas/rules.json")
    assert got.status_code == 200 and got.headers["content-type"] == "application/schema+json"
    assert got.json() == rules_schema()
    jsonschema.Draft202012Validator(got.json()).validate({"version": 1, "rules": []})
