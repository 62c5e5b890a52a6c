"""The second step: enrolled, asked for at sign-in, recovery codes, and what an attacker with the password gets."""

import re

import pytest
import sqlalchemy as sa

from app.clock import wall_now
from app.models import Account, AccountFactor, AuditEntry, RecoveryCode
from app.settings import Settings
from app.web.access import totp
from app.web.access.passwords import hashed
from app.web.access.sealing import NotSealed, Seal

PASSWORD = "a tent under four birches"
KEY = "k" * 32


@pytest.fixture
def ida(site, visit, sessions):
    """An owner with a password, signed in, on an installation that can seal."""
    site.app.state.settings = site.app.state.settings.model_copy(
        update=Settings(secret_key=KEY).model_dump(include={"secret_key"})
    )
    browser = visit("owner", email="ida@shop.example")
    with sessions.begin() as session:
        session.get_one(Account, browser.account_id).password = hashed(PASSWORD)
    return browser


def _secret(site, sessions, browser) -> bytes:
    with sessions() as session:
        kept = session.get_one(AccountFactor, browser.account_id).secret
    return Seal(site.app.state.settings, "second-step").open(kept)


def _enrol(site, sessions, browser) -> tuple[bytes, list[str]]:
    assert browser.post("/account/second-step", {"password": PASSWORD}).status_code == 303
    secret = _secret(site, sessions, browser)
    page = browser.get("/account/second-step").text
    assert totp.as_text(secret) in page
    assert "<svg" in page
    now = totp.step_at(wall_now().timestamp())  # which is still taken should the next one have begun by then
    done = browser.post("/account/second-step/confirm", {"code": totp.number_of(secret, now)})
    assert done.status_code == 200
    return secret, re.findall(r"<li>([a-z2-9-]{14})</li>", done.text)


def _ticket(anyone) -> str:
    page = anyone(
        "POST", "/sign-in", data={"email": "ida@shop.example", "password": PASSWORD, "next": "/b/fjallhem/today"}
    )
    assert page.status_code == 200
    assert "set-cookie" not in page.headers
    return re.search(r'name="ticket" value="([^"]+)"', page.text)[1]


def _wrong(secret: bytes, count: int) -> list[str]:
    """Numbers that are none of this hour's: of a million one is right, and it may be the one that is guessed."""
    now = totp.step_at(wall_now().timestamp())
    right = {totp.number_of(secret, step) for step in range(now - 2, now + 120)}
    guesses = (f"{number:06d}" for number in range(1000))
    return [guess for guess in guesses if guess not in right][:count]


def _second(anyone, ticket, code):
    return anyone("POST", "/sign-in/second", data={"ticket": ticket, "code": code, "next": "/b/fjallhem/today"})


def test_a_password_alone_lets_nobody_in_any_more(site, ida, anyone, sessions):
    """After enrolment the sign-in asks for a number; the right one leads on, and the same one again does not."""
    secret, _ = _enrol(site, sessions, ida)
    ticket = _ticket(anyone)
    assert [_second(anyone, ticket, wrong).status_code for wrong in _wrong(secret, 1)] == [403]
    number = totp.number_of(secret, totp.step_at(wall_now().timestamp()) + 1)  # the one of now was taken
    answer = _second(anyone, ticket, f" {number[:3]} {number[3:]} ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/b/fjallhem/today")
    assert answer.headers["set-cookie"].startswith("__Host-doorstep=")
    assert _second(anyone, ticket, number).status_code == 410
    assert _second(anyone, _ticket(anyone), number).status_code == 403


def test_a_recovery_code_works_once(site, ida, anyone, sessions):
    """Ten codes, each good once, none of which stands in the database; using one is audited."""
    _, codes = _enrol(site, sessions, ida)
    assert len(set(codes)) == 10
    assert _second(anyone, _ticket(anyone), codes[3].upper()).status_code == 303
    assert _second(anyone, _ticket(anyone), codes[3]).status_code == 403
    assert _second(anyone, _ticket(anyone), codes[4].replace("-", " ")).status_code == 303
    with sessions() as session:
        kept = b"".join(session.scalars(sa.select(RecoveryCode.digest)))
        actions = session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert not any(code.replace("-", "").encode() in kept for code in codes)
    assert actions == ["account.second_step", "account.recovery_code", "account.recovery_code"]
    assert "8 of 10 recovery codes are left" in ida.get("/account").text


def test_guessing_the_number_ends_soon(site, ida, anyone, sessions):
    """After eight wrong numbers even the right one waits, whichever ticket it comes with."""
    secret, _ = _enrol(site, sessions, ida)
    ticket = _ticket(anyone)
    assert [_second(anyone, ticket, wrong).status_code for wrong in _wrong(secret, 8)] == [403] * 8
    number = totp.number_of(secret, totp.step_at(wall_now().timestamp()) + 1)
    assert _second(anyone, ticket, number).status_code == 429
    assert _second(anyone, _ticket(anyone), number).status_code == 429


def test_it_is_begun_and_ended_by_whoever_knows_the_password(site, ida, sessions, anyone):
    """A browser that was left open can neither add a second step nor take it away; enrolling signs others out."""
    assert "not your password" in ida.post("/account/second-step", {"password": "guess"}).text
    with sessions() as session:
        assert session.get(AccountFactor, ida.account_id) is None
    secret, codes = _enrol(site, sessions, ida)
    assert ida.post("/account/second-step/remove", {"password": "guess"}).status_code == 422
    assert ida.post("/account/second-step/codes", {"password": ""}).status_code == 422
    again = ida.post("/account/second-step/codes", {"password": PASSWORD}).text
    assert codes[0] not in again
    assert _second(anyone, _ticket(anyone), codes[0]).status_code == 403
    assert totp.as_text(secret) not in ida.get("/account/second-step", follow_redirects=True).text
    assert ida.post("/account/second-step/remove", {"password": PASSWORD}).status_code == 303
    answer = anyone("POST", "/sign-in", data={"email": "ida@shop.example", "password": PASSWORD})
    assert answer.status_code == 303


def test_a_new_password_by_link_does_not_pass_the_second_step_by(site, ida, sessions, anyone):
    """Who holds the link chooses the password, and is asked for the number all the same."""
    from app.models.accounts import LinkPurpose
    from app.web.access.links import make_link

    _enrol(site, sessions, ida)
    with sessions.begin() as session:
        code = make_link(session, LinkPurpose.first_word, "tests", ida.account_id)
    page = anyone("POST", "/password", data={"code": code, "password": "another tent, another birch"})
    assert "set-cookie" not in page.headers
    assert 'name="ticket"' in page.text


def test_without_a_key_to_seal_with_it_cannot_be_begun(site, visit):
    """Nothing is kept unsealed: the page says what is missing, and the form is refused."""
    browser = visit("owner")
    assert "DOORSTEP_SECRET_KEY" in browser.get("/account").text
    assert browser.post("/account/second-step").status_code == 409


def test_what_is_sealed_opens_with_the_same_key_and_use_only():
    """Another key, another use, a changed byte: nothing."""
    one = Seal(Settings(secret_key=KEY), "a")
    shut = one.shut(b"secret")
    assert Seal(Settings(secret_key=KEY), "a").open(shut) == b"secret"
    for other in (Seal(Settings(secret_key=KEY), "b"), Seal(Settings(secret_key="x" * 32), "a")):
        with pytest.raises(NotSealed):
            other.open(shut)
    with pytest.raises(NotSealed):
        one.open(shut[:-2] + b"A=")
