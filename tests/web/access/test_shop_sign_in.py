"""The shop's own sign-in, against a real provider over HTTP: who is let in, and every way of lying about it."""

import time

import pytest
import sqlalchemy as sa

from app.errors import ConfigurationError
from app.models import Account, AccountSession, AuditEntry, Brand, public_id
from app.settings import load_settings
from app.settings.sign_in import OidcSettings
from app.web.access import oidc
from app.web.access.oidc import Person
from app.web.console.shop_sign_in import account_of
from tests.web.access.provider import CLIENT, SECRET, provider
from tests.web.conftest import PUBLIC_URL


@pytest.fixture
def openid(site, monkeypatch):
    """A provider that this installation trusts, and waits for as long as a machine may stand still."""
    monkeypatch.setattr(oidc, "DEADLINE", 60.0)
    with provider(f"{PUBLIC_URL}/sign-in/shop/back") as served:
        _told(site, served)
        yield served


def _told(site, served, **more):
    told = OidcSettings(issuer=served.url, client_id=CLIENT, client_secret=SECRET, name="Fjällhem's sign-in", **more)
    site.app.state.settings = site.app.state.settings.model_copy(
        update={"oidc": told, "secret_key": type(told.client_secret)("k" * 32)}
    )


@pytest.fixture
def ida(sessions, brand):
    """Somebody with an account and no password."""
    with sessions.begin() as session:
        session.add(Account(public_id=public_id("usr"), email="ida@shop.example", name="Ida", role="agent"))


def _leave(anyone, onward="/b/fjallhem/parcels"):
    answer = anyone.get("/sign-in/shop", params={"next": onward})
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-doorstep-trip=")
    assert "HttpOnly" in cookie
    anyone.http.cookies.clear()
    return answer.headers["location"], cookie.partition(";")[0]


def _arrive(anyone, path, cookie):
    answer = anyone.get(path, headers={"Cookie": cookie})
    anyone.http.cookies.clear()
    return answer


def _through(anyone, openid):
    location, cookie = _leave(anyone)
    return _arrive(anyone, openid.sign_in(location), cookie)


def _sessions(sessions) -> int:
    with sessions() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(AccountSession))


def test_somebody_with_an_account_comes_in(anyone, openid, ida, sessions):
    """Found by the verified address, remembered by subject, led on to where they wanted to go."""
    assert "With Fjällhem&#39;s sign-in" in anyone.get("/sign-in").text
    answer = _through(anyone, openid)
    assert (answer.status_code, answer.headers["location"]) == (303, "/b/fjallhem/parcels")
    assert any(one.startswith("__Host-doorstep=") for one in answer.headers.get_list("set-cookie"))
    with sessions() as session:
        account = session.scalars(sa.select(Account)).one()
    assert account.subject == f"{openid.url} u-1"
    openid.email = "ida.holm@shop.example"  # married; the same person all the same
    assert _through(anyone, openid).status_code == 303
    assert _sessions(sessions) == 2


def test_another_person_with_a_known_address_is_kept_out(anyone, openid, ida, sessions):
    """An address that was given to somebody new at the provider does not open the old one's account."""
    _through(anyone, openid)
    openid.subject = "u-2"
    answer = _through(anyone, openid)
    assert answer.status_code == 403
    assert "somebody else" in answer.text
    assert _sessions(sessions) == 1


LIES = {
    "a wrong nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "a wrong audience": {"aud": "another-client"},
    "several audiences and no party": {"aud": ["another-client", "third"]},
    "another party": {"azp": "another-client", "aud": [CLIENT, "another-client"]},
    "a wrong issuer": {"iss": "https://login.elsewhere.example"},
    "an old token": {"exp": int(time.time()) - 3600},
    "no end": {"exp": None},
    "nobody": {"sub": None},
    "a token for later": {"nbf": int(time.time()) + 10**6},
    "a wrong access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "an address that nobody verified": {"email_verified": False},
    "an address verified in words": {"email_verified": "true"},
    "no address": {"email": None},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_claims_something_wrong_lets_nobody_in(anyone, openid, ida, sessions, lie):
    """Issuer, audience, times, nonce and the verified address are each looked at."""
    openid.claims = LIES[lie]
    answer = _through(anyone, openid)
    assert answer.status_code == 403
    assert "You are not signed in" in answer.text
    assert _sessions(sessions) == 0


@pytest.mark.parametrize("forge", ["none", "hmac", "other key", "changed"])
def test_a_forged_token_lets_nobody_in(anyone, openid, ida, sessions, forge):
    """No signature, one made with the public key as a secret, another's key, and words changed after signing."""
    openid.forge = forge
    assert _through(anyone, openid).status_code == 403
    assert _sessions(sessions) == 0


def test_an_answer_belongs_to_the_browser_that_asked(anyone, openid, ida, sessions):
    """Another's state, no cookie, a cookie from nobody, another issuer's answer, and the same answer twice."""
    location, cookie = _leave(anyone)
    _, other = _leave(anyone)
    path = openid.sign_in(location)
    assert _arrive(anyone, path, other).status_code == 403
    assert _arrive(anyone, path, "").status_code == 400
    assert _arrive(anyone, path, "__Host-doorstep-trip=gAAAAABmade-up").status_code == 400
    assert _arrive(anyone, path.replace("iss=http", "iss=https"), cookie).status_code == 403
    assert _arrive(anyone, path.partition("?")[0], cookie).status_code == 403
    assert _arrive(anyone, "/sign-in/shop/back?error=access_denied&state=x", cookie).status_code == 403
    assert openid.asked == []
    assert _sessions(sessions) == 0
    assert _arrive(anyone, path, cookie).status_code == 303
    assert _arrive(anyone, path, cookie).status_code == 403
    assert _sessions(sessions) == 1


def test_it_leads_nowhere_else(anyone, openid, ida):
    """Where to go afterwards is a path of ours, whatever was asked for."""
    location, cookie = _leave(anyone, "https://evil.example/")
    assert _arrive(anyone, openid.sign_in(location), cookie).headers["location"] == "/"


def test_accounts_are_made_for_the_shops_own_domain_only(site, anyone, openid, brand, sessions):
    """Without CREATE nobody is made; with it those of the domain are, with the role that is set, and nobody else."""
    assert "no account" in _through(anyone, openid).text
    _told(site, openid, create=True, domains="shop.example", role="agent")
    openid.email, openid.subject = "eve@shop.example.evil.example", "u-9"
    assert "no account" in _through(anyone, openid).text
    openid.email, openid.subject = "Ida@Shop.example", "u-1"
    assert _through(anyone, openid).status_code == 303
    with sessions() as session:
        account = session.scalars(sa.select(Account)).one()
        entry = session.scalars(sa.select(AuditEntry)).one()
    assert (account.email, account.role, account.password) == ("ida@shop.example", "agent", None)
    said = {"email": "ida@shop.example", "role": "agent", "brands": "fjallhem"}
    assert (entry.action, entry.after) == ("account.add", said)


@pytest.mark.parametrize(
    ("keys", "more", "works_for"),
    [("", False, ["fjallhem"]), ("", True, []), ("atelier-ombre", True, ["atelier-ombre"]), ("all", True, None)],
)
def test_a_new_account_works_for_the_brands_that_are_set(site, openid, brand, sessions, keys, more, works_for):
    """Nothing set: the only brand there is, and of several none."""
    _told(site, openid, create=True, domains="shop.example", brands=keys)
    with sessions.begin() as session:
        if more:
            session.add(Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr"))
            session.flush()
        made = account_of(session, site.app.state.settings, Person("x u-1", "ida@shop.example", "Ida"))
        names = dict(session.execute(sa.select(Brand.id, Brand.key)).all())
        found = None if made.brand_ids is None else [names[one] for one in made.brand_ids]
    assert found == works_for


def test_a_closed_account_stays_closed(anyone, openid, ida, sessions):
    """Whoever was disabled here is not let in by being known there."""
    with sessions.begin() as session:
        session.execute(sa.update(Account).values(disabled_at=sa.func.now()))
    assert "Ask an owner" in _through(anyone, openid).text
    assert _sessions(sessions) == 0


def test_new_keys_are_read_when_the_provider_changes_them(anyone, openid, ida):
    """Keys are kept for a while, and read anew where none fits."""
    from joserfc.jwk import RSAKey

    assert _through(anyone, openid).status_code == 303
    openid.key = RSAKey.generate_key(2048, {"kid": "two"})
    assert _through(anyone, openid).status_code == 303


def test_without_a_provider_there_is_no_such_way(site, anyone, brand):
    """No button, no redirect; and a provider that is away is said so, without its address."""
    assert "/sign-in/shop" not in anyone.get("/sign-in").text
    assert anyone.get("/sign-in/shop").status_code == 404
    with provider(f"{PUBLIC_URL}/sign-in/shop/back") as served:
        _told(site, served)
    answer = anyone.get("/sign-in/shop")
    assert answer.status_code == 403
    assert "cannot be reached" in answer.text
    assert served.url not in answer.text


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"ISSUER": "http://login.shop.example", "CLIENT_ID": "x"}, "https"),
        ({"ISSUER": "https://login.shop.example"}, "CLIENT_ID"),
        ({"ISSUER": "https://login.shop.example", "CLIENT_ID": "x", "CREATE": "true"}, "DOMAINS"),
        ({"ROLE": "owner"}, "no role to begin with"),
    ],
)
def test_settings_that_would_let_in_too_many_are_refused(monkeypatch, told, said):
    """An address without TLS, no client, accounts for everybody, owners by default."""
    for name, value in told.items():
        monkeypatch.setenv(f"DOORSTEP_OIDC__{name}", value)
    with pytest.raises(ConfigurationError, match=said):
        load_settings()
