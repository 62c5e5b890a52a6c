"""The way into the console: the first owner, passwords, sessions, and who is kept out."""

import asyncio
import re

import httpx
import pytest
import sqlalchemy as sa

from app.models import Account, AccountSession, AuditEntry
from app.web.access.links import set_up_path
from app.web.access.passwords import check_password, fits, hashed, outdated
from app.web.access.throttle import AN_ADDRESS_A_DAY, at_the_door, count_failure
from app.web.console.sign_in import inside
from app.web.doorway import WORDS
from tests.web.access.test_every_route import _routes
from tests.web.conftest import Client, order

PASSWORD = "a tent under four birches"


@pytest.fixture
def owner(sessions):
    """An owner who has a password."""
    with sessions.begin() as session:
        account = Account(
            public_id="usr_1", email="ida@shop.example", name="Ida", role="owner", password=hashed(PASSWORD)
        )
        session.add(account)
    return account


def _sign_in(client, password=PASSWORD, email="ida@shop.example", **given):
    return client("POST", "/sign-in", data={"email": email, "password": password, **given.pop("form", {})}, **given)


def test_the_first_owner_is_made_by_a_link_that_works_once(anyone, sessions, brand):
    """Without the printed link nobody can own an installation, and with it one person can."""
    assert "Nobody is set up yet" in anyone.get("/").text
    with sessions.begin() as session:
        path = set_up_path(session, "tests")
    code = path.partition("code=")[2]
    form = {"code": code, "name": "Ida", "email": "Ida@Shop.example", "password": PASSWORD}
    assert anyone.get("/set-up?code=guessed").status_code == 410
    assert anyone("POST", "/set-up", data={**form, "code": "guessed"}).status_code == 410
    said = "The password has 5 characters. Choose at least 12 characters"
    assert said in anyone("POST", "/set-up", data={**form, "password": "short"}).text
    made = anyone("POST", "/set-up", data=form)
    assert (made.status_code, made.headers["location"]) == (303, "/")
    assert anyone("POST", "/set-up", data={**form, "email": "eve@shop.example"}).status_code == 410
    with sessions.begin() as session:
        assert set_up_path(session, "tests") is None
        assert session.scalars(sa.select(AuditEntry.action)).all() == ["account.set_up"]
        kept = session.scalars(sa.select(Account)).one()
    assert kept.email == "ida@shop.example"
    assert PASSWORD not in kept.password


def test_a_new_owner_begins_at_the_brand_whose_orders_come_in(visit, stranger):
    """Before there are any, at the one that commands mean where they name none; not at the first by the alphabet."""
    owner = visit("owner")
    assert owner.get("/").headers["location"] == "/b/fjallhem/today"
    assert stranger.post("/v1/orders", order()).status_code == 200
    assert owner.get("/").headers["location"] == "/b/atelier-ombre/today"


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_the_console_leads_to_the_persons_brand(visit, stranger, anyone, word):
    """With what stands behind it; by way of the sign-in for who is signed out; who has no brand is told so."""
    reader = visit("reader")
    assert reader.get("/b/atelier-ombre/today").status_code == 200
    for behind in ("", "?state=late&q=a%2Fb", "/new/a%20b?x=1"):
        answer = reader.get(f"/{word}{behind}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/b/atelier-ombre/{word}{behind}")
    assert anyone.get(f"/{word}?q=1", headers={"Accept": "text/html"}).headers["location"] == (
        f"/sign-in?next=/{word}%3Fq%3D1"
    )
    nobody = visit("agent", brands=[]).get(f"/{word}")
    assert nobody.status_code == 403 and "may look at no brand yet" in nobody.text


def test_every_word_of_the_rail_and_the_pages_is_one(site):
    """What stands behind the brand in any address of the console."""
    paths = [route.path for route in _routes(site.app.routes) if route.path.startswith("/b/{brand}/")]
    assert {path.split("/")[3].partition(".")[0] for path in paths} == set(WORDS)


def test_a_session_is_a_cookie_that_scripts_cannot_read(anyone, owner, brand):
    """HttpOnly, SameSite, Secure and bound to the host; the page behind it opens, and goes on to where one wanted."""
    answer = _sign_in(anyone, form={"next": "/b/fjallhem/today"})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-doorstep=")
    for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert part in cookie
    assert answer.headers["location"] == "/b/fjallhem/today"
    secret = re.match(r"[^=]+=([^;]+)", cookie)[1]
    page = anyone.get("/b/fjallhem/today", headers={"Cookie": f"__Host-doorstep={secret}"})
    assert page.status_code == 200
    assert "Ida" in page.text


def test_unknown_addresses_and_wrong_passwords_get_one_answer(anyone, owner):
    """Nobody learns from the form who has an account."""
    wrong = _sign_in(anyone, "a wrong password")
    unknown = _sign_in(anyone, email="eve@shop.example")
    assert wrong.status_code == unknown.status_code == 403
    assert wrong.text.replace("ida@", "eve@") == unknown.text


def test_those_who_guess_on_wait(anyone, owner, sessions):
    """After eight failures even the right password waits, and an address that there is not is treated alike."""
    for email in ("ida@shop.example", "eve@shop.example"):
        for _ in range(8):
            assert _sign_in(anyone, "guess", email).status_code == 403
        assert _sign_in(anyone, email=email).status_code == 429
    with sessions.begin() as session:
        session.execute(sa.text("UPDATE sign_in_tries SET at = at - interval '16 minutes'"))
    assert _sign_in(anyone).status_code == 303


@pytest.fixture
def somewhere(site):
    """Makes clients that come from a network of their own."""
    made = []

    def come(host):
        loop = asyncio.new_event_loop()
        transport = httpx.ASGITransport(app=site.app, raise_app_exceptions=False, client=(host, 40000))
        made.append(Client(loop, httpx.AsyncClient(transport=transport, base_url="http://inside:8080")))
        return made[-1]

    yield come
    for one in made:
        one.loop.run_until_complete(one.http.aclose())
        one.loop.run_until_complete(one.loop.shutdown_default_executor())
        one.loop.close()


def test_nobody_keeps_another_out_by_failing_in_their_name(anyone, somewhere, owner):
    """Who guesses waits where they are, and the address's person comes in from elsewhere."""
    thief = somewhere("203.0.113.9")
    for _ in range(8):
        assert _sign_in(thief, "guess").status_code == 403
    assert _sign_in(thief).status_code == 429
    assert _sign_in(anyone).status_code == 303
    assert _sign_in(thief).status_code == 429


def test_guesses_from_everywhere_end_and_known_places_stay_open(anyone, somewhere, owner, sessions):
    """After fifty in a day an address takes no more from where its person never was, whether somebody has it or not;
    their network and their browser let them in, and each of these has a count of its own."""
    entered = _sign_in(anyone)
    cookie = {"Cookie": entered.headers["set-cookie"].partition(";")[0]}
    anyone.http.cookies.clear()
    with sessions.begin() as session:
        for number in range(AN_ADDRESS_A_DAY):
            for email in ("ida@shop.example", "eve@shop.example"):
                count_failure(session, at_the_door(session, email, f"198.51.100.{number}", ""))
    away = somewhere("203.0.113.9")
    refused = [_sign_in(away, email=email) for email in ("ida@shop.example", "eve@shop.example")]
    assert [one.status_code for one in refused] == [429, 429] and "within a day" in refused[0].text
    assert refused[0].text.replace("ida@", "eve@") == refused[1].text
    for number in range(9):
        answer = _sign_in(away, "guess", headers=cookie)
        assert answer.status_code == (403 if number < 8 else 429)
    answer = _sign_in(anyone)
    anyone.http.cookies.clear()
    assert answer.status_code == 303
    with sessions.begin() as session:
        session.execute(sa.text("DELETE FROM sign_in_tries"))
    assert _sign_in(away, headers=cookie).status_code == 303


def test_a_disabled_person_is_out_at_once(anyone, owner, visit, sessions):
    """Their session ends with their account, and their password opens nothing."""
    ida = visit("owner", email="other@shop.example")
    with sessions.begin() as session:
        session.execute(sa.update(Account).values(disabled_at=sa.func.now()))
    assert ida.get("/b/fjallhem/today").headers["location"] == "/sign-in?next=/b/fjallhem/today"
    assert _sign_in(anyone).status_code == 403


def test_a_session_ends(visit, sessions):
    """By signing out, by nobody using it for twelve hours, and in any case after two weeks."""
    ida = visit()
    assert ida.get("/b/fjallhem/today").status_code == 200
    for column, hours in (("seen_at", 13), ("created_at", 14 * 24 + 1)):
        with sessions.begin() as session:
            session.execute(sa.text(f"UPDATE account_sessions SET {column} = now() - interval '{hours} hours'"))
        assert ida.get("/b/fjallhem/today").status_code == 303
        with sessions.begin() as session:
            session.execute(sa.update(AccountSession).values(seen_at=sa.func.now(), created_at=sa.func.now()))
    assert ida.post("/sign-out").status_code == 303
    assert ida.get("/b/fjallhem/today").status_code == 303


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
)
def test_another_sites_page_changes_nothing(visit, anyone, owner, headers):
    """Not even with the right secret, and not before somebody is signed in."""
    ida = visit()
    assert ida.post("/sign-out", headers=headers).status_code == 403
    assert ida.get("/b/fjallhem/today").status_code == 200
    assert _sign_in(anyone, headers=headers).status_code == 403


def test_a_form_without_the_pages_secret_changes_nothing(visit):
    """The cookie alone is not enough."""
    ida = visit()
    assert ida.post("/sign-out", {"csrf": "guessed"}).status_code == 403
    assert ida.post("/sign-out", {"csrf": ""}).status_code == 403
    assert ida.get("/b/fjallhem/today").status_code == 200


def test_a_brand_that_is_not_ones_own_is_not_there(visit, stranger, brand):
    """Whether it exists is not said."""
    ida = visit("agent", brands=[brand.id])
    assert ida.get("/b/fjallhem/today").status_code == 200
    answers = [ida.get(f"/b/{key}/today") for key in ("atelier-ombre", "no-such-brand")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text == answers[1].text


@pytest.mark.parametrize(
    ("onward", "goes"),
    [
        ("/b/fjallhem/rules?x=1", "/b/fjallhem/rules?x=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\tevil", "/"),
        ("", "/"),
    ],
)
def test_the_way_on_stays_here(onward, goes):
    """A link to the sign-in cannot lead to another site afterwards."""
    assert inside(onward) == goes


def test_passwords_that_everybody_tries_are_refused():
    """Too short, too well known, or one's own address."""
    for bad in ("short", "passwordpassword", "ida.berg@shop.example", "x" * 300):
        with pytest.raises(Exception, match="password"):
            check_password(bad, "ida.berg@shop.example")
    check_password(PASSWORD)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://inside:8080"}, 303),
        ({}, 303),
    ],
)
def test_a_browser_says_where_a_form_came_from(visit, headers, status):
    """What it says of the site counts; the origin where it says nothing; a page without an address is nobody's."""
    answer = visit("owner").post("/account/name", {"name": "Ida"}, headers=headers)
    assert answer.status_code == status


def test_our_pages_let_browsers_name_their_origin(visit, brand):
    """With no referrer at all, a browser would send every form of ours with the origin "null"."""
    assert visit("owner").get("/account").headers["referrer-policy"] == "same-origin"


def test_passwords_are_kept_at_full_strength(monkeypatch):
    """argon2id with what RFC 9106 recommends where memory is short; what was kept with less still fits, and is
    known to be outdated."""
    quick = hashed(PASSWORD)
    assert fits(PASSWORD, quick) and not outdated(quick)
    monkeypatch.undo()
    kept = hashed(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert fits(PASSWORD, kept) and not fits("another tent", kept) and not fits(PASSWORD, None)
    assert fits(PASSWORD, quick) and outdated(quick) and not outdated(kept)
