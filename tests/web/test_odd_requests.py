"""Requests that no browser makes: other encodings, addresses that are none, networks written otherwise."""

from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from app.models import Account, AccountSession, Brand
from app.models.accounts import LinkPurpose, Role
from app.web.access.accounts import add_account, close_account, open_account
from app.web.access.links import open_link
from app.web.access.passwords import hashed
from app.web.access.sessions import network_of
from app.web.access.throttle import at_the_door, must_wait
from app.web.console.entering import inside

PASSWORD = "a tent under four birches"


@pytest.mark.parametrize("charset", ["punycode", "unicode_escape", "idna", "utf-16", '"UTF-7"', "utf-8; charset=hex"])
def test_a_form_names_no_encoding_of_its_own(anyone, charset):
    """Some codecs take hours for a megabyte, others give text that is none: refused before any of it is read."""
    body = b'--X\r\nContent-Disposition: form-data; name="email"\r\n\r\n\\ud800-9z9z\r\n--X--\r\n'
    for name in ("charset=", "ChArSeT=", "charset*=utf-8''"):
        kind = f"multipart/form-data; boundary=X; {name}{charset}"
        answer = anyone("POST", "/sign-in", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 415 and answer.json()["title"] == "The form is in another encoding"
    for kind in ("multipart/form-data; boundary=X", "multipart/form-data; boundary=X; charset=UTF-8"):
        assert anyone("POST", "/password", content=body, headers={"Content-Type": kind}).status_code == 410


@pytest.mark.parametrize("onward", ["//[", "//[::1", "/[", "https://[", "//evil.example\\@x", "/\u2028/evil.example"])
def test_a_way_on_that_is_no_address(anyone, onward):
    """It leads home or to a page of ours, and is no fault of ours."""
    assert inside(onward) in ("/", "/[")
    assert anyone.get("/sign-in", params={"next": onward}).status_code == 200


def test_people_are_told_on_a_page(anyone):
    """An origin that is no address is another site's; a NUL is refused in words, not in JSON."""
    page = {"Accept": "text/html"}
    assert anyone("POST", "/sign-in", headers={"Origin": "http://[", **page}).status_code == 403
    answer = anyone("POST", "/sign-in", data={"email": "a\0b", "password": "x"}, headers=page)
    assert answer.status_code == 422 and "<h1>" in answer.text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:2"),
        ("2001:db8:0:0:1::", "2001:db8::9:8:7:6"),
        ("2001:db8:1::5", "2001:db8:1:0:aaaa:bbbb:cccc:dddd"),
        ("2001:db8:1:2::5", "2001:0DB8:1:2:ffff::"),
        ("fe80::1%eth0", "fe80::2"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ],
)
def test_one_network_has_one_name(one, other):
    """However its addresses are written: the first 64 bits count, and an IPv4 address in an IPv6 guise is that."""
    first, second = (network_of(SimpleNamespace(client=SimpleNamespace(host=host))) for host in (one, other))
    assert first == second
    assert first != network_of(SimpleNamespace(client=SimpleNamespace(host="2001:db8:1:3::5")))


def test_a_page_that_watches_keeps_no_session_open(visit, sessions, brand):
    """What a script asks for every ten seconds is nobody's doing; what a person opens is."""
    ida = visit()
    with sessions.begin() as session:
        session.execute(sa.text("UPDATE account_sessions SET seen_at = now() - interval '2 hours'"))
    since = sa.select(AccountSession.seen_at)
    with sessions() as session:
        before = session.scalar(since)
    for path in ("today/now", "pauses/now", "rules/backtests/x/progress.json"):
        assert ida.get(f"/b/fjallhem/{path}").status_code in (200, 404)
    with sessions() as session:
        assert session.scalar(since) == before
    ida.get("/account")
    with sessions() as session:
        assert session.scalar(since) > before


def test_signing_in_ends_the_session_before(visit, sessions, brand):
    """A browser has one session: who signs in over another's ends that."""
    ida = visit()
    with sessions.begin() as session:
        session.execute(sa.update(Account).values(password=hashed(PASSWORD)))
    form = {"email": "owner@shop.example", "password": PASSWORD}
    made = ida.client("POST", "/sign-in", data=form, headers={"Cookie": f"__Host-doorstep={ida.cookie}"})
    ida.client.http.cookies.clear()
    assert made.status_code == 303 and ida.cookie not in made.headers["set-cookie"]
    assert ida.get("/account").headers["location"].startswith("/sign-in")


def test_a_brand_that_was_taken_away_is_seen_no_more(visit, sessions, brand):
    """The page of no brand shows the pauses of the brand looked at last: not of one that is no longer theirs."""
    ida = visit("operations")
    ida.post("/b/fjallhem/pauses", {"scope": "channel:sms", "why": "a reason for few"})
    assert "a reason for few" in ida.get("/account").text
    with sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
        session.flush()
        session.execute(sa.update(Account).values(brand_ids=[other.id]))
    assert "a reason for few" not in ida.get("/account").text


def test_who_has_no_password_gets_none_by_a_form(visit, sessions):
    """Who comes through the shop's own sign-in chooses a password by an owner's link only."""
    answer = visit("agent").post("/account/password", {"old": "", "new": PASSWORD})
    assert answer.status_code == 409 and "You have no password" in answer.text
    with sessions() as session:
        assert session.scalar(sa.select(Account.password)) is None


def test_tries_at_one_address_take_turns(sessions, brand):
    """A second one at the same moment waits until the first is counted; at another address nobody waits."""

    def ask(session, address, network):
        return must_wait(session, at_the_door(session, address, network, ""))

    with sessions.begin() as first, sessions.begin() as second:
        assert not ask(first, "Ida@shop.example", "192.0.2.1")
        second.execute(sa.text("SET LOCAL lock_timeout = '20ms'"))
        assert not ask(second, "eve@shop.example", "192.0.2.1")
        with pytest.raises(sa.exc.OperationalError, match="lock"):
            ask(second, "ida@shop.example ", "192.0.2.2")
        second.rollback()


def test_links_of_before_end(sessions, brand):
    """Closing an account ends the link by which its password could be chosen, also for when it is opened again."""
    with sessions.begin() as session:
        account, secret = add_account(session, "tests", "ida@shop.example", "Ida", Role.agent, None)
        assert open_link(session, secret, LinkPurpose.first_word) is not None
        close_account(session, "tests", account)
        open_account(session, "tests", account)
        session.flush()
        assert open_link(session, secret, LinkPurpose.first_word) is None
