"""Settings: what is set is shown without its secrets, what is connected can be tested, keys are shown once."""

import re
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from app.models import ApiKey, AuditEntry, Brand, HookCall, Suppression
from app.pipeline import trying_out
from app.pipeline.brakes import telling
from app.settings import AlertsSettings, SendMode
from tests.web.conftest import TWILIO_TOKEN, order

PAGES = ("settings", "settings/carriers", "settings/hooks", "settings/alerts", "settings/retention", "settings/keys")


@pytest.fixture
def listener(monkeypatch):
    """A small server that notes what it is sent, and answers as `answer` says; it is waited for as long as a machine
    may stand still."""
    for module in (telling, trying_out):
        monkeypatch.setattr(module, "DEADLINE", 60.0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"] or 0))
            self.server.taken.append((self.path, dict(self.headers), body))
            self._say()

        def do_GET(self):
            self.server.taken.append((self.path, dict(self.headers), b""))
            self._say()

        def _say(self):
            status, headers, body = self.server.answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    running = HTTPServer(("127.0.0.1", 0), Handler)
    running.taken, running.answer = [], (202, {}, b"")
    running.url = f"http://127.0.0.1:{running.server_address[1]}"
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join(60)


def _house(site, **changes):
    site.app.state.house = replace(site.app.state.house, **changes)


@pytest.mark.parametrize("path", PAGES)
def test_no_page_shows_a_secret(site, visit, path):
    """Neither keys, nor tokens, nor the secret half of an address; all but keys is for operations too."""
    _house(
        site,
        alerts=AlertsSettings(
            url=SecretStr("https://hooks.example/services/T00/B00/verysecret"), email="ops@shop.example"
        ),
    )
    page = visit("owner").get(f"/b/fjallhem/{path}")
    assert page.status_code == 200
    for secret in (TWILIO_TOKEN, "SG.test", "verysecret", 'value="k"'):
        assert secret not in page.text
    assert visit("operations").get(f"/b/fjallhem/{path}").status_code == (403 if path == "settings/keys" else 200)
    for role in ("marketer", "agent", "reader"):
        assert visit(role).get(f"/b/fjallhem/{path}").status_code == 403


def test_the_allowlist_is_shown_where_it_counts(site, visit):
    """With how to change the mode; the list itself only in that mode."""
    owner = visit("owner")
    assert "DOORSTEP_SEND=shadow" in owner.get("/b/fjallhem/settings").text
    _house(site, send_mode=SendMode.allowlist, allowlist=frozenset({"ida@shop.example"}))
    page = owner.get("/b/fjallhem/settings").text
    assert "ida@shop.example" in page
    assert "DOORSTEP_SEND=live" in page


def test_a_provider_is_tested_on_oneself(site, visit, listener, sessions, brand):
    """One marked mail to one's own address; nothing in shadow, to nobody who must not be written to."""
    (sendgrid,) = [one for transports in site.house.transports.values() for one in transports if one.name == "sendgrid"]
    sendgrid._url = f"{listener.url}/v3/mail/send"
    owner, path = visit("owner"), "/b/fjallhem/settings/channels/email/sendgrid/test"
    _house(site, send_mode=SendMode.shadow)
    assert "shadow mode" in owner.post(path).text
    _house(site, send_mode=SendMode.allowlist, allowlist=frozenset({"eva@shop.example"}))
    assert "DOORSTEP_ALLOWLIST" in owner.post(path).text
    assert listener.taken == []
    _house(site, send_mode=SendMode.live)
    assert "It took the message" in owner.post(path).text
    ((_, _, body),) = listener.taken
    assert b"owner@shop.example" in body
    assert b"[Test]" in body
    with sessions() as session:
        assert session.scalars(sa.select(AuditEntry.action)).all() == ["settings.test"] * 3
    assert "write your number" in owner.post("/b/fjallhem/settings/channels/sms/twilio/test", {"to": "070"}).text
    assert owner.post("/b/fjallhem/settings/channels/email/nobody/test").status_code == 404


def test_tests_are_so_many_an_hour(site, visit, sessions):
    """The thirty-first is not made."""
    owner = visit("owner")
    _house(site, send_mode=SendMode.shadow)
    with sessions.begin() as session:
        session.add_all(
            AuditEntry(account_id=owner.account_id, actor="x", action="settings.test", subject="") for _ in range(30)
        )
    assert "30 tests an hour" in owner.post("/b/fjallhem/settings/channels/email/sendgrid/test").text


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b'{"status":404,"title":"No result found"}', "does not know this number"),
        (401, b"{}", "refuses the credentials"),
        (429, b"{}", "fewer questions"),
        (200, b"<html>", "NOT|can read|no answer"),
    ],
)
def test_a_carrier_is_asked_about_a_number(site, visit, listener, status, body, said):
    """The outcome in words, whatever it is; the key goes along and is not shown."""
    listener.answer = (status, {"Content-Type": "application/json"}, body)
    settings = dict(site.house.carrier_settings)
    settings["dhl"] = settings["dhl"].model_copy(update={"base_url": listener.url, "api_key": SecretStr("dhl-key-1")})
    _house(site, carrier_settings=settings)
    page = visit("owner").post("/b/fjallhem/settings/carriers/dhl/test", {"number": "JJD1042"}).text
    assert re.search(said, page)
    assert "dhl-key-1" not in page
    ((path, headers, _),) = listener.taken
    assert "JJD1042" in path
    assert "dhl-key-1" in str(headers)


def test_a_carrier_that_is_away_or_not_set_up_is_said_so(site, visit, client):
    """Nobody listens; nothing is set; there is no such carrier."""
    settings = dict(site.house.carrier_settings)
    settings["dhl"] = settings["dhl"].model_copy(update={"base_url": "http://127.0.0.1:9"})
    _house(site, carrier_settings=settings)
    client.post("/v1/orders", order())
    owner = visit("owner")
    assert "gives no answer" in owner.post("/b/fjallhem/settings/carriers/dhl/test").text
    assert "is not set" in owner.post("/b/fjallhem/settings/carriers/ups/test", {"number": "1Z"}).text
    assert owner.post("/b/fjallhem/settings/carriers/pigeon/test").status_code == 404


def test_alarms_are_tested_by_each_way(site, visit, listener):
    """The webhook gets one that says that it is a test; a way that is not set says so."""
    _house(site, alerts=AlertsSettings(url=SecretStr(f"{listener.url}/hook")))
    owner = visit("owner")
    assert "took the test alarm" in owner.post("/b/fjallhem/settings/alerts/url/test").text
    ((_, _, body),) = listener.taken
    assert b"This is a test" in body
    listener.answer = (500, {}, b"")
    assert "HTTP 500" in owner.post("/b/fjallhem/settings/alerts/url/test").text
    assert "not set" in owner.post("/b/fjallhem/settings/alerts/email/test").text
    assert owner.post("/b/fjallhem/settings/alerts/pigeon/test").status_code == 404


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "https://127.0.0.1/", "https://localhost:8443/x", "file:///x", ""]
)
def test_a_typed_address_is_called_only_outside(site, visit, listener, url):
    """What a user types is looked at first; nothing inside is called, and it comes back in the form."""
    page = visit("owner").post("/b/fjallhem/settings/alerts/try", {"url": url})
    assert page.status_code == 200
    assert re.search("Only https|private network|no host|no web address", page.text)
    assert listener.taken == []


def test_a_hook_that_is_not_reached_is_said_so(visit, brand):
    """The public address of these tests is nobody's."""
    owner = visit("owner")
    assert owner.post("/b/fjallhem/settings/hooks/nobody/test").status_code == 404
    page = owner.get("/b/fjallhem/settings/hooks").text
    assert "https://parcels.example/hooks/twilio/inbound" in page
    assert "carriers/aftership" in page


def test_when_a_hook_was_called_is_shown(anyone, visit, sessions, brand):
    """A refused call is noted with its reason, once a minute."""
    anyone.post("/hooks/twilio/status", data={"MessageSid": "SM1"})
    anyone.post("/hooks/twilio/status", data={"MessageSid": "SM1"})
    anyone.post("/hooks/carriers/pigeon", json={})
    with sessions() as session:
        (call,) = session.scalars(sa.select(HookCall)).all()
    assert (call.path, call.taken_at) == ("twilio/status", None)
    assert "signature" in call.refusal
    assert "signature is missing or wrong" in visit("owner").get("/b/fjallhem/settings/hooks").text


def test_a_key_is_shown_once_used_and_revoked(visit, anyone, sessions, brand):
    """Its page shows a prefix ever after; its use is written down; revoked, it is good for nothing."""
    owner = visit("owner")
    page = owner.post("/b/fjallhem/settings/keys", {"label": "web shop", "scopes": ["orders:read"]}).text
    secret = re.search(r"dsk_[0-9a-z]+", page)[0]
    shown = owner.get("/b/fjallhem/settings/keys").text
    assert secret not in shown
    assert "never" in shown
    assert anyone.holding(secret).get("/v1/orders").status_code == 200
    with sessions() as session:
        key = session.scalars(sa.select(ApiKey).where(ApiKey.label == "web shop")).one()
    assert abs(key.last_used_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert owner.post(f"/b/fjallhem/settings/keys/{key.id}/revoke").status_code == 303
    assert "revoked" in owner.get("/b/fjallhem/settings/keys").text
    owner.post(f"/b/fjallhem/settings/keys/{key.id}/revoke")
    with sessions() as session:
        actions = session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
        assert secret not in str([one.after for one in session.scalars(sa.select(AuditEntry))])
    assert actions == ["keys.add", "keys.revoke"]


def test_keys_of_another_brand_are_not_revoked_and_odd_ones_not_made(visit, sessions, brand, new_key):
    """A number of another brand does nothing; no label, no scope, an unknown scope each come back with a sentence."""
    with sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
    new_key(other)
    owner = visit("owner")
    with sessions() as session:
        number = session.scalars(sa.select(ApiKey.id).where(ApiKey.brand_id == other.id)).one()
    owner.post(f"/b/fjallhem/settings/keys/{number}/revoke")
    with sessions() as session:
        assert session.get_one(ApiKey, number).revoked_at is None
    for form in ({"label": " "}, {"label": "x"}, {"label": "x", "scopes": ["all:all"]}):
        assert owner.post("/b/fjallhem/settings/keys", form).status_code == 422
    assert "web &lt;shop&gt;" in owner.post("/b/fjallhem/settings/keys", {"label": "web <shop>"}).text
    assert (
        visit("operations").post("/b/fjallhem/settings/keys", {"label": "x", "scopes": ["orders:read"]}).status_code
        == 403
    )


def test_what_pruning_will_take_is_counted(site, visit, sessions, brand):
    """By the same rule as it is taken: three addresses are old, one is not; for ever is for ever."""
    old = datetime.now(UTC) - timedelta(days=800)
    with sessions.begin() as session:
        session.add_all(
            Suppression(brand_id=brand.id, channel="email", address_digest=bytes([n]) * 32, address=f"a{n}@b.test",
                        kind="bounce", scope="all", created_at=old if n < 3 else datetime.now(UTC))
            for n in range(4)
        )  # fmt: skip
    page = visit("owner").get("/b/fjallhem/settings/retention").text
    row = page.partition("Plain addresses on the list")[2].partition("</tr>")[0]
    assert re.findall(r'<td class="num"[^>]*>([^<]+)</td>', row) == ["730", "3"]
    _house(site, retention=site.house.retention.model_copy(update={"suppressions": 0}))
    assert "for ever" in visit("owner", email="o2@shop.example").get("/b/fjallhem/settings/retention").text
