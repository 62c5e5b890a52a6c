"""Templates over HTTP: drafted with a condition, checked, published, compared, taken back; old logos stay."""

import hashlib
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.models import Brand
from tests.web.conftest import PUBLIC_URL, Client

SMS = "messages/en/delivered.sms.txt"
FILE = f"/v1/templates/files/{SMS}"
LOGO = Path("templates/brands/fjallhem/logo-light.png").read_bytes()
OTHER = Path("templates/brands/atelier-ombre/logo-light.png").read_bytes()


@pytest.fixture
def writer(anyone: Client, brand, new_key) -> Client:
    """A client that may read and publish Fjällhem's templates."""
    return anyone.holding(new_key(brand, "templates:read", "templates:write"))


def put(client: Client, content: bytes, seen: str = "*", path: str = SMS):
    return client("PUT", f"/v1/templates/files/{path}", content=content, headers={"If-Match": seen})


def publish(client: Client, seen: str = "*", **said):
    return client.post("/v1/templates/publish", {"why": "a test", **said}, headers={"If-Match": seen})


def test_a_draft_is_kept_compared_published_and_taken_back(writer):
    """Byte for byte, with the words that change; each step's ETag is the next one's condition."""
    listed = writer.get("/v1/templates")
    assert listed.headers["etag"] == '"0"' and listed.json()["edition"] == 0
    one = next(one for one in listed.json()["documents"] if one["path"] == SMS)
    assert one["origin"] == "shared" and one["draft"] is None
    shipped = writer.get(FILE)
    assert shipped.headers["etag"] == f'"{one["digest"]}"'
    assert writer.get(FILE, headers={"If-None-Match": shipped.headers["etag"]}).status_code == 304
    content = b"{{ brand.name }}: it is there. {{ links.short }} \r\n"
    assert writer("PUT", FILE, content=content).status_code == 428
    saved = put(writer, content, shipped.headers["etag"])
    assert saved.status_code == 200 and saved.json()["revision"] == 1
    assert saved.json()["saved_by"] == "the API, key 'tests'"
    late = put(writer, b"another", shipped.headers["etag"])
    assert late.status_code == 412 and "saved another draft" in late.json()["detail"]
    assert writer.get(FILE, params={"draft": "true"}).content == content and writer.get(FILE).content == shipped.content
    checked = writer.post("/v1/templates/check", {}).json()
    assert (checked["errors"], checked["edition"]) == ([], 0) and "it is there." in str(checked["changes"])
    assert publish(writer, '"3"').status_code == 412
    done = publish(writer, '"0"')
    assert done.status_code == 200 and done.json()["new"] and done.headers["etag"] == '"1"'
    assert writer.get(FILE).content == content
    assert publish(writer).status_code == 404
    told = writer.get("/v1/templates/versions").json()
    assert [one["number"] for one in told["publications"]] == [1] and told["next"] is None
    version = writer.get("/v1/templates/versions/1").json()
    assert version["publication"]["why"] == "a test" and version["unified"].startswith("--- before/")
    assert writer.get("/v1/templates/versions/2").status_code == 404
    back = writer.post("/v1/templates/rollback", {"number": 0, "why": "back"}, headers={"If-Match": '"1"'})
    assert back.json()["number"] == 2 and writer.get(FILE).content == shipped.content


def test_a_program_says_which_drafts_it_read(writer):
    """Checking hands out their digests; publishing takes them back, and refuses one that was saved since, by name."""
    put(writer, b"{{ brand.name }}: it is there. {{ links.short }}")
    checked = writer.post("/v1/templates/check", {}).json()
    assert list(checked["drafts"]) == [SMS]
    newer = put(writer, b"{{ brand.name }}: half a {{ links.short }}").json()["digest"]
    late = publish(writer, f'"{checked["edition"]}"', drafts=checked["drafts"])
    assert late.status_code == 412 and SMS in late.json()["detail"] and "Another draft" in late.json()["detail"]
    assert writer.get("/v1/templates").json()["edition"] == 0
    other = "messages/en/delayed.sms.txt"
    put(writer, b"{{ brand.name }}: not read {{ links.short }}", path=other)
    assert publish(writer, drafts={SMS: newer}, paths=[SMS, other]).status_code == 412
    done = publish(writer, drafts={SMS: newer})
    assert done.status_code == 200 and {one["path"] for one in done.json()["changes"]} == {SMS}
    assert publish(writer, drafts={SMS: newer}).status_code == 404
    wrong = writer.post("/v1/templates/rollback", {"number": 0, "why": "x", "drafts": {}}, headers={"If-Match": "*"})
    assert wrong.status_code == 422


def test_what_is_wrong_is_told_and_nothing_is_published(writer, anyone, brand, new_key):
    """A fault has its field and remedy; a key without the scope, an unknown path and a broken draft get nowhere."""
    assert put(writer, b"x", path="messages/en/x.html").status_code == 422
    refused = put(writer, b"\xef\xbb\xbfx")
    assert refused.status_code == 422 and refused.json()["faults"][0]["remedy"].startswith("Save it as UTF-8")
    broken = put(writer, b"{{ nobody.knows(1) }} {% include 'x' %}")
    assert broken.status_code == 200  # a draft may be half done
    assert writer.post("/v1/templates/check", {}).json()["errors"][0]["path"] == SMS
    refused = publish(writer)
    assert refused.status_code == 422 and refused.json()["faults"][0]["field"] == SMS
    assert writer.get("/v1/templates").json()["edition"] == 0
    assert writer("DELETE", FILE, headers={"If-Match": '"00"'}).status_code == 412
    assert writer("DELETE", FILE, headers={"If-Match": "*"}).status_code == 204
    assert writer("DELETE", FILE, headers={"If-Match": "*"}).status_code == 404
    assert writer.post("/v1/templates/check", {"paths": [SMS]}).status_code == 404
    assert writer.get("/v1/templates/files/messages/en/nothing.sms.txt").status_code == 404
    reader = anyone.holding(new_key(brand, "templates:read"))
    assert put(reader, b"x").status_code == 403 and reader.get(FILE).status_code == 200
    assert anyone.holding(new_key(brand)).get(FILE).status_code == 403


def test_a_sent_mail_keeps_its_logo(writer, site, sessions):
    """Its address has the picture's content in it: it is served after another logo was published, and the plain address
    shows the new one."""
    digest = hashlib.sha256(LOGO).hexdigest()[:12]
    address = f"/brand/fjallhem/{digest}/logo-light.png"
    mail = site.house.catalog.resolve("fjallhem", "en", "delivered", "email")
    assert f"{PUBLIC_URL}{address}" in mail.parts["html"]
    assert writer.get(address).content == LOGO
    put(writer, OTHER, path="logo-light.png")
    assert publish(writer).status_code == 200
    newer = hashlib.sha256(OTHER).hexdigest()[:12]
    old, new, plain = (
        writer.get(path)
        for path in (address, f"/brand/fjallhem/{newer}/logo-light.png", "/brand/fjallhem/logo-light.png")
    )
    assert (old.content, new.content, plain.content) == (LOGO, OTHER, OTHER)
    assert "immutable" in old.headers["cache-control"] and "immutable" not in plain.headers["cache-control"]
    writer.post("/v1/templates/rollback", {"number": 0, "why": "back"}, headers={"If-Match": "*"})
    assert writer.get(f"/brand/fjallhem/{newer}/logo-light.png").content == OTHER
    assert writer.get("/brand/fjallhem/000000000000/logo-light.png").content == LOGO  # of an older Doorstep
    for path in ("nobody/000000000000/logo-light.png", "fjallhem/00/logo-light.png", "fjallhem/000000000000/x.png"):
        assert writer.get(f"/brand/{path}").status_code == 404
    with sessions() as session:
        assert session.scalar(sa.select(Brand.template_edition)) == 2
