"""`doorstep templates`: pulled and pushed back nothing is new; edits are published, compared and taken back."""

import json
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from app.messages.catalog import Catalog
from app.messages.versions.drafts import save
from app.models import Brand
from app.settings import shipped
from tests.cli.test_commands import doorstep, run  # noqa: F401 - fixtures

SMS = "messages/en/delivered.sms.txt"
NAME = "templates"


def sms(words: str) -> bytes:
    """An SMS that says this, as one may be published."""
    return f"{{{{ brand.name }}}}: {words} {{{{ links.short }}}}".encode()


@pytest.fixture
def templates(doorstep):  # noqa: F811
    return lambda *said: doorstep(NAME, *said)


def test_a_round_trip_is_byte_identical_and_edits_are_published(templates, tmp_path):
    """Pull, push: nothing new. Edit, try, push, read the history, compare, take back."""
    folder = tmp_path / "ours"
    assert templates("history")[1].startswith("Nothing was published")
    assert templates("pull", str(folder))[0] == 0
    assert "Nothing is new" in templates("push", str(folder), "--why", "none")[1]
    before = {place: place.read_bytes() for place in folder.rglob("*") if place.is_file()}
    assert ", 0 of them new" in templates("pull", str(folder))[1]
    assert before == {place: place.read_bytes() for place in folder.rglob("*") if place.is_file()}
    shipped = (folder / SMS).read_bytes()
    (folder / SMS).write_bytes(sms("it is there.") + b"\r\n")
    code, told, _ = templates("push", str(folder), "--dry-run")
    assert code == 0 and "it is there." in told and templates("history")[1].startswith("Nothing")
    assert templates("push", str(folder))[0] == 2
    code, told, error = templates("push", str(folder), "--why", "shorter")
    assert code == 0 and "Publication 1 counts" in told, error
    assert "Nothing is new" in templates("push", str(folder), "--why", "again")[1]
    other = tmp_path / "only"
    assert json.loads(templates("pull", str(other), "--published", "--json")[1])["files"] == [SMS]
    assert (other / SMS).read_bytes() == (folder / SMS).read_bytes()
    assert "shorter" in templates("history")[1] and json.loads(templates("history", "--json")[1])[0]["number"] == 1
    assert "it is there." in templates("diff", "1")[1] and templates("diff", "1", "--lines")[1].startswith("--- before")
    assert json.loads(templates("diff", "--json")[1])["changes"] == []
    listed = json.loads(templates("list", "--json")[1])
    assert next(one for one in listed["files"] if one["path"] == SMS)["origin"] == "published"
    assert SMS in templates("list")[1]
    assert "Publication 2 counts" in templates("rollback", "0", "--why", "back")[1]
    assert templates("pull", str(folder))[0] == 0 and (folder / SMS).read_bytes() == shipped
    assert templates("publish", "--why", "x")[0] == 4 and templates("diff", "9")[0] == 4


def test_nobody_overwrites_what_another_did(templates, tmp_path):
    """Neither a pull what was edited here, nor a push what was published there; both are told by name."""
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        templates("pull", str(folder))
    (one / SMS).write_bytes(sms("one"))
    (other / SMS).write_bytes(sms("other"))
    assert templates("push", str(one), "--why", "one")[0] == 0
    code, _, error = templates("push", str(other), "--why", "other")
    assert code == 5 and SMS in error
    code, _, error = templates("pull", str(other))
    assert code == 5 and SMS in error and (other / SMS).read_bytes() == sms("other")
    assert templates("pull", str(other), "--force")[0] == 0 and (other / SMS).read_bytes() == sms("one")
    (other / "brand.yaml").write_bytes(b"key: another\n")
    code, _, error = templates("push", str(other), "--why", "x")
    assert code == 2 and "brand.yaml, key" in error and "key: fjallhem" in error
    assert templates("pull", str(other), "--brand", "atelier-ombre")[0] == 2
    assert templates("push", str(tmp_path / "nowhere"), "--why", "x")[0] == 2
    (other / ".doorstep-templates.json").unlink()
    assert templates("push", str(other), "--why", "x")[0] == 2
    assert templates("rollback", "0", "--why", "x", "--accept", "abc")[0] == 2


def test_what_somebody_saved_meanwhile_is_not_overrun(templates, tmp_path, sessions):
    """A draft that was not read stops a push and a publication, by name; what was read goes through. Who needs a
    field is told, and who breaks where one is gone."""
    folder = tmp_path / "ours"
    templates("pull", str(folder))
    with sessions.begin() as session:
        brand = session.scalars(sa.select(Brand).where(Brand.key == "fjallhem")).one()
        catalog = Catalog(shipped("templates"), "https://parcels.example")
        words = sms("{{ order.total_minor or 'all' | sentence }} is there.")
        kept = save(session, catalog, brand, SMS, words, None, "Mira", datetime(2026, 3, 2, tzinfo=UTC))
    (folder / SMS).write_bytes(sms("mine"))
    code, _, error = templates("push", str(folder), "--why", "mine")
    assert code == 5 and "Another draft" in error and "Mira" in error and SMS in error
    told = json.loads(templates("diff", "--json")[1])
    assert told["drafts"] == {SMS: kept.digest} and told["edition"] == 0
    assert [one["need"]["field"]["path"] for one in told["needs"]] == ["order.total_minor"]
    assert f"--draft {SMS}={kept.digest[:12]}" in templates("diff")[1]
    code, _, error = templates("publish", "--why", "x", "--draft", f"{SMS}=0123456789ab")
    assert code == 5 and "Mira" in error
    assert templates("publish", "--why", "x", "--draft", f"{SMS}=zz")[0] == 2
    assert templates("publish", "--why", "x", "--edition", "3")[0] == 5
    assert templates("publish", "--why", "read", "--edition", "0", "--draft", f"{SMS}={kept.digest[:12]}")[0] == 0
    assert templates("rollback", "0", "--why", "x", "--edition", "0")[0] == 5
    assert [one["path"] for one in json.loads(templates("who", "order.total_minor", "--json")[1])] == [SMS]
    assert templates("who", "order.total_mino")[0] == 2 and "No file reads" in templates("who", "order.currency")[1]
    fields = json.loads(templates("fields", "--json")[1])
    (tmp_path / "same.json").write_text(json.dumps(fields), encoding="utf-8")
    assert templates("who", "--since", str(tmp_path / "same.json"))[1].startswith("Nothing breaks")
    changed = [{**one, "kind": "text"} if one["path"] == "order.total_minor" else one for one in fields]
    (tmp_path / "other.json").write_text(json.dumps(changed), encoding="utf-8")
    code, told, _ = templates("who", "--since", str(tmp_path / "other.json"))
    assert code == 1 and SMS in told
    assert templates("who", "--since", str(folder / SMS))[0] == 2
