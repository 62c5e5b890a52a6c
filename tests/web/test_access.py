"""Keys: only digests are kept, scopes are held, revocation takes hold, and refusals say nothing useful to a thief."""

import hashlib

import pytest
import sqlalchemy as sa

from app.errors import InvalidInput
from app.models import ApiKey
from app.web.access import keys
from app.web.access.keys import issue_key, revoke_keys
from tests.web.conftest import order


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer dsk_wrong", "Basic dsk_wrong", "Bearer ", "Bearer dsk_ä", "dsk_wrong"]
)
def test_without_a_good_key_nothing_is_told(anyone, header):
    """Missing, malformed and unknown keys all get the same 401 problem."""
    answer = anyone.get("/v1/orders", headers={"Authorization": header.encode()} if header else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["type"] == "urn:doorstep:problem:no-key"
    assert "wrong" not in answer.text


def test_only_the_digest_is_kept(sessions, brand, new_key):
    """The secret stands in no column; its SHA-256 does, and enough of its beginning to be recognised by."""
    secret = new_key(brand)
    with sessions() as session:
        row = session.scalars(sa.select(ApiKey)).one()
        written = session.execute(sa.text("SELECT api_keys::text FROM api_keys")).scalar_one()
    assert row.digest == hashlib.sha256(secret.encode()).digest()
    assert secret.startswith(row.prefix) and len(row.prefix) == 8
    assert secret not in written and secret[8:] not in written
    assert len(secret) == 30


def test_a_key_does_what_its_scopes_say(anyone, brand, new_key):
    """A reader cannot write, a writer cannot read; the refusal names the scope."""
    reader = anyone.holding(new_key(brand, "orders:read"))
    writer = anyone.holding(new_key(brand, "orders:write"))
    assert reader.get("/v1/orders").status_code == 200
    assert writer.post("/v1/orders", order()).status_code == 200
    refused = [reader.post("/v1/orders", order()), reader.post("/v1/orders/1042/cancel"), writer.get("/v1/orders")]
    assert [answer.status_code for answer in refused] == [403] * 3
    assert "orders:write" in refused[0].json()["detail"] and "orders:read" in refused[2].json()["detail"]


def test_the_key_is_asked_for_before_the_body(anyone, sessions):
    """A stranger learns nothing about what a body should hold."""
    answer = anyone("POST", "/v1/orders", content=b"{")
    assert answer.status_code == 401


def test_a_revoked_key_works_no_longer(client, sessions, brand, monkeypatch):
    """Once what was remembered has run out, a revoked key is refused."""
    assert client.get("/v1/orders").status_code == 200
    with sessions.begin() as session:
        assert revoke_keys(session, brand.id, client.key[:8]) == 1
    later = keys.stopwatch() + keys.REMEMBERED_SECONDS
    monkeypatch.setattr(keys, "stopwatch", lambda: later)
    assert client.get("/v1/orders").status_code == 401
    assert keys.REMEMBERED_SECONDS <= 5


@pytest.mark.parametrize("scopes", [[], ["orders:delete"], ["orders:read", "all"]])
def test_no_key_for_scopes_that_are_not_there(sessions, brand, scopes):
    """Issuing names the scope that there is none of, and which there are."""
    with sessions.begin() as session, pytest.raises(InvalidInput, match="orders:read"):
        issue_key(session, brand.id, "x", scopes)
