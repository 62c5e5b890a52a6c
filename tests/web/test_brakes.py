"""The brakes over HTTP: a key pauses its own brand, sees what holds it, and cannot lift another's pause."""

import shutil
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app import pipeline
from app.messages.catalog import Catalog
from app.models import Brand, Pause
from app.models.vocabulary import Channel, PauseKind
from app.pipeline.brakes.pausing import Scope, pause, read_scope
from app.settings import shipped
from tests.web.conftest import order, scan


@pytest.fixture
def braker(anyone, brand, new_key):
    """A client with Fjällhem's key for everything, the brakes included."""
    return anyone.holding(new_key(brand, "orders:write", "orders:read", "pauses:write"))


def planned(client) -> str:
    taken = client.post("/v1/orders", order()).json()["results"][0]["parcels"][0]["id"]
    assert client.post(f"/v1/shipments/{taken}/scans", scan("out_for_delivery")).status_code == 200
    return taken


def test_pause_and_resume(braker, site, sessions):
    """It says how many messages it stops; they wait, with the reason in their story; resumed, the senders are woken."""
    parcel = planned(braker)
    paused = braker.post("/v1/pause", {"scope": "milestone:out_for_delivery", "why": "wrong\ntext\x00"})
    assert paused.status_code == 200, paused.text
    assert paused.json() | {"since": ""} == {
        "scope": "milestone:out_for_delivery", "new": True, "why": "wrong text", "since": "", "waiting": 2
    }  # fmt: skip
    assert braker.post("/v1/pause", {"scope": "milestone:out_for_delivery"}).json()["new"] is False
    assert pipeline.send(site.house, Channel.email) == 0
    (listed,) = braker.get("/v1/pause").json()["pauses"]
    assert (listed["scope"], listed["own"], listed["waiting"]) == ("milestone:out_for_delivery", True, 2)
    story = braker.get(f"/v1/shipments/{parcel}/timeline").json()
    waits = [one["message"]["pauses"] for crossing in story["crossings"] for one in crossing["decisions"]]
    assert [pauses[0]["why"] for pauses in waits] == ["wrong text"] * 2
    site.woken.clear()
    resumed = braker.post("/v1/resume", {"scope": "milestone:out_for_delivery"})
    assert resumed.json() == {"scope": "milestone:out_for_delivery", "released": 2, "still_held": 0}
    assert site.woken == [("recover", "")]
    pipeline.recover(site.house)
    assert ("send", "email") in site.woken and ("send", "sms") in site.woken
    with sessions() as session:
        assert session.scalars(sa.text("SELECT count(*) FROM messages WHERE pause_id IS NOT NULL")).one() == 0
        assert session.scalars(sa.select(Pause.lifted_by)).one() == "the API, key 'tests'"


def test_a_brand_stops_itself_and_nobody_else(braker, stranger, brand, sessions, anyone, new_key):
    """`all` is all of the key's brand; another brand's pauses are not seen, and not lifted."""
    assert braker.post("/v1/pause", {"scope": "all"}).status_code == 200
    with sessions() as session:
        (row,) = session.scalars(sa.select(Pause))
        assert (row.kind, row.brand_id) == ("brand", brand.id)
    assert braker.get("/v1/pause").json()["pauses"][0]["scope"] == "all"
    assert stranger.get("/v1/pause").status_code == 403, "a scope of its own"
    with sessions() as session:
        other = session.scalars(sa.text("SELECT id FROM brands WHERE key = 'atelier-ombre'")).one()
    foreign = anyone.holding(new_key(type(brand)(id=other), "pauses:write"))
    assert foreign.get("/v1/pause").json() == {"pauses": []}
    assert foreign.post("/v1/resume", {"scope": "all"}).status_code == 409
    assert foreign.post("/v1/pause", {"scope": "brand:fjallhem"}).status_code == 403
    assert braker.post("/v1/resume", {"scope": "brand:fjallhem"}).status_code == 200


def test_a_pause_of_the_whole_installation_is_seen_and_stays(braker, sessions):
    """It is shown without its reason, which may speak of others, and a key cannot lift it."""
    with sessions.begin() as session:
        pause(session, Scope(PauseKind.all), None, "another shop's trouble", "ops")
    (seen,) = braker.get("/v1/pause").json()["pauses"]
    assert (seen["scope"], seen["own"], seen["why"]) == ("all", False, None)
    refused = braker.post("/v1/resume", {"scope": "all"})
    assert refused.status_code == 409 and refused.json()["type"] == "urn:doorstep:problem:not-paused"


@pytest.mark.parametrize(
    ("body", "field"), [({"scope": "rule:deliverd"}, "scope"), ({}, "scope"), ({"scope": "all", "brand": "x"}, "brand"),
     ({"scope": "rule:\x00"}, "scope")],
)  # fmt: skip
def test_what_cannot_be_paused_is_said_by_field(braker, body, field):
    """A problem document with the field and the remedy."""
    answer = braker.post("/v1/pause", body)
    assert answer.status_code == 422
    (fault,) = answer.json()["faults"]
    assert fault["field"] == field and fault["remedy"]


def test_text_that_cannot_be_stored_is_refused_or_mended(braker):
    """A lone surrogate in the scope is no name; in the reason it is taken out."""
    json = {"Content-Type": "application/json"}
    assert braker("POST", "/v1/pause", content=b'{"scope": "rule:\\ud800"}', headers=json).status_code in (400, 422)
    taken = braker("POST", "/v1/pause", content=b'{"scope": "all", "why": "odd \\ud800"}', headers=json)
    assert taken.status_code in (200, 400, 422)


def test_readiness_says_when_somebody_last_looked(anyone, site):
    """Silent workers cannot raise an alarm: this page shows how long they have been silent."""
    assert anyone.get("/readyz").json()["watched_at"] is None
    pipeline.alarm(site.house)
    assert anyone.get("/readyz").json()["watched_at"] is not None


def test_a_key_does_not_learn_what_another_brand_has(braker, site, brand, sessions, tmp_path):
    """Neither its templates' names, which a slip is answered with, nor whether something of it waits or is paused."""
    shutil.copytree(shipped("templates"), tmp_path / "templates")
    for key in ("fjallhem", "atelier-ombre"):
        folder = tmp_path / f"templates/brands/{key}/messages/en"
        folder.mkdir(parents=True)
        (folder / f"secret_of_{key[:7]}.sms.txt").write_text("Hi", encoding="utf-8")
    site.app.state.house = replace(site.house, catalog=Catalog(tmp_path / "templates", site.house.public_url))
    assert braker.post("/v1/pause", {"scope": "template:secret_of_fjallhe"}).status_code == 200
    planned(braker)
    with sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
        session.flush()
        pause(session, Scope(PauseKind.rule, "gone"), other.id, "", "ops")
        session.execute(sa.text("UPDATE messages SET rule = 'theirs', brand_id = :other"), {"other": other.id})
        session.execute(sa.text("UPDATE shipments SET carrier = 'pigeon', brand_id = :other"), {"other": other.id})
        session.execute(sa.text("UPDATE template_versions SET key = 'past'"))
    for scope in ("template:secret_of_atelier", "rule:gone", "rule:theirs", "carrier:pigeon", "template:past"):
        answer = braker.post("/v1/pause", {"scope": scope})
        assert answer.status_code == 422, scope
        assert "atelier" not in answer.json()["faults"][0]["remedy"]
        with sessions() as session:
            assert read_scope(session, site.app.state.house, scope), "those who run it may"
