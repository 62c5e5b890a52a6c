"""People: who is not written to, a person's rights, and who works here."""

import json
import re

import pytest
import sqlalchemy as sa

from app.models import Account, AuditEntry, Brand, Order, Suppression
from app.web.access.passwords import hashed
from tests.web.conftest import order

PASSWORD = "a tent under four birches"


@pytest.fixture
def other(sessions, brand):
    """Another brand."""
    with sessions.begin() as session:
        made = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(made)
    return made


def _actions(sessions):
    with sessions() as session:
        return session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()


def test_an_address_is_put_on_the_list_found_and_lifted(visit, sessions):
    """An agent does all three, each with a reason; the log names no address."""
    agent = visit("agent")
    form = {"address": "Alma@Example.test", "kind": "manual", "why": "asked by telephone from +46701740605"}
    assert agent.post("/b/fjallhem/people/add", form).status_code == 303
    assert "alma@example.test" in agent.get("/b/fjallhem/people").text
    found = agent.post("/b/fjallhem/people/search", {"address": "ALMA@example.test"}).text
    number = re.search(r'name="number" value="(\d+)"', found)[1]
    assert agent.post("/b/fjallhem/people/lift", {"number": number, "why": " "}).status_code == 422
    assert agent.post("/b/fjallhem/people/lift", {"number": number, "why": "she asked again"}).status_code == 303
    assert "alma@" not in agent.get("/b/fjallhem/people").text
    assert "lifted" in agent.post("/b/fjallhem/people/search", {"address": "alma@example.test"}).text
    assert _actions(sessions) == ["suppression.add", "suppression.lift"]
    with sessions() as session:
        kept = json.dumps([[one.subject, one.after] for one in session.scalars(sa.select(AuditEntry))])
    assert "alma" not in kept.lower()
    assert "701740605" not in kept


def test_what_cannot_be_read_loses_nothing(visit, brand):
    """A wrong address, or no reason, comes back in the form with a sentence."""
    agent = visit("agent")
    answer = agent.post("/b/fjallhem/people/add", {"address": "0701740605", "kind": "stop", "why": "by post"})
    assert answer.status_code == 422
    assert "0701740605" in answer.text
    assert "country code" in answer.text
    assert "by post" in answer.text
    assert agent.post("/b/fjallhem/people/search", {"address": "<script>"}).status_code == 422


def test_another_brands_line_is_not_lifted(visit, other, sessions):
    """A line's number of another brand does nothing."""
    with sessions.begin() as session:
        line = Suppression(
            brand_id=other.id, channel="email", address_digest=b"x" * 32, address="a@b.test", kind="stop", scope="all"
        )
        session.add(line)
        session.flush()
        number = line.id
    agent = visit("agent", brands=[1])
    agent.post("/b/fjallhem/people/lift", {"number": str(number), "why": "mine"})
    with sessions() as session:
        assert session.get_one(Suppression, number).lifted_at is None
    assert agent.get("/b/atelier-ombre/people").status_code == 404
    assert "a1@b.test" not in agent.get("/b/fjallhem/people?lifted=1").text


def test_a_long_list_is_paged(visit, brand, sessions):
    """Fifty a page, none twice, the filter kept."""
    with sessions.begin() as session:
        session.add_all(
            Suppression(
                brand_id=brand.id,
                channel="email",
                address_digest=bytes([n]) * 32,
                address=f"a{n}@b.test",
                kind="bounce",
                scope="all",
            )
            for n in range(120)
        )
    agent = visit("agent")
    path, seen = "/b/fjallhem/people?kind=bounce", []
    while path:
        page = agent.get(path).text
        seen += re.findall(r"a\d+@b\.test(?=<br>)", page)
        more = re.search(r'<a href="(\?[^"]+)">Older', page)
        path = "/b/fjallhem/people" + more[1].replace("&amp;", "&") if more else ""
        assert not more or "kind=bounce" in more[1]
    assert len(seen) == len(set(seen)) == 120
    assert "Nobody here" in agent.get("/b/fjallhem/people?kind=stop").text


def test_the_list_as_a_file_is_the_owners(visit, brand, sessions):
    """Agents look up; only who may export takes the whole list along."""
    agent, owner = visit("agent"), visit("owner")
    agent.post("/b/fjallhem/people/add", {"address": "alma@example.test", "kind": "manual", "why": "asked"})
    assert agent.get("/b/fjallhem/people/suppressions.csv").status_code == 403
    file = owner.get("/b/fjallhem/people/suppressions.csv")
    assert file.text.splitlines()[0].startswith("channel,address")
    assert "alma@example.test" in file.text


def test_a_person_is_counted_exported_and_erased(visit, client, sessions):
    """Numbers first, a file, then the erasure, which wants the address once more and numbers that are still true."""
    for number in ("1042", "1043"):
        assert client.post("/v1/orders", order(number)).status_code in (200, 201)
    owner = visit("owner")
    who = {"address": "alma.berg@example.test"}
    assert "2, with 2 parcels" in owner.post("/b/fjallhem/people/rights", who).text
    file = owner.post("/b/fjallhem/people/rights/export", who)
    assert len(file.json()["orders"]) == 2
    sure = owner.post("/b/fjallhem/people/rights/erase", who).text
    seen = re.search(r'name="seen" value="([^"]+)"', sure)[1]
    path = "/b/fjallhem/people/rights/erase"
    assert "differ" in owner.post(path, {**who, "seen": seen, "again": "alma@example.test"}).text
    client.post("/v1/orders", order("1044"))
    assert "have changed" in owner.post(path, {**who, "seen": seen, "again": who["address"]}).text
    with sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).where(Order.email.is_not(None))) == 3
    seen = re.search(r'name="seen" value="([^"]+)"', owner.post(path, who).text)[1]
    assert owner.post(path, {**who, "seen": seen, "again": who["address"]}).status_code == 303
    with sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).where(Order.email.is_not(None))) == 0
    assert "Erased from 3 orders" in owner.get("/b/fjallhem/people/rights").text
    assert visit("operations").post(path, who).status_code == 403


def test_somebody_is_invited_chooses_a_password_and_is_closed(visit, anyone, other, sessions):
    """The link works once; the account sees its brands only; closing it signs it out."""
    owner = visit("owner")
    form = {"email": "Noor@Shop.example", "name": "Noor", "role": "agent", "brands": ["fjallhem"]}
    page = owner.post("/b/fjallhem/people/accounts", form).text
    code = re.search(r"/password\?code=([\w-]+)", page)[1]
    assert "noor@shop.example has an account" in owner.post("/b/fjallhem/people/accounts", form).text
    answer = anyone("POST", "/password", data={"code": code, "password": PASSWORD})
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0], "Accept": "text/html"}
    assert anyone.get("/b/fjallhem/people", headers=cookie).status_code == 200
    assert anyone.get("/b/atelier-ombre/people", headers=cookie).status_code == 404
    assert anyone.get("/b/fjallhem/people/accounts", headers=cookie).status_code == 403
    with sessions() as session:
        noor = session.scalars(sa.select(Account).where(Account.email == "noor@shop.example")).one()
    here = f"/b/fjallhem/people/accounts/{noor.public_id}"
    assert owner.post(here, {"role": "reader", "brands": "all"}).status_code == 303
    assert anyone.get("/b/fjallhem/people", headers=cookie).status_code == 403
    assert anyone.get("/b/atelier-ombre/today", headers=cookie).status_code == 200
    assert owner.post(f"{here}/close").status_code == 303
    assert anyone.get("/b/fjallhem/today", headers=cookie).status_code == 303
    assert anyone("POST", "/sign-in", data={"email": "noor@shop.example", "password": PASSWORD}).status_code == 403
    assert "is closed" in owner.post(f"{here}/link").text
    assert owner.post(f"{here}/open").status_code == 303
    assert anyone("POST", "/sign-in", data={"email": "noor@shop.example", "password": PASSWORD}).status_code == 303
    assert _actions(sessions) == ["account.add", "account.password", "account.change", "account.close", "account.open"]


def test_the_last_owner_stays(visit, sessions, brand):
    """Neither demoted nor closed, by themselves or by an owner who never signed in; a second who can changes that."""
    ida, eva = visit("owner", email="ida@shop.example"), visit("owner", email="eva@shop.example")
    with sessions.begin() as session:
        people = {one.email: one for one in session.scalars(sa.select(Account))}
        people["ida@shop.example"].password = hashed(PASSWORD)
    here = f"/b/fjallhem/people/accounts/{people['ida@shop.example'].public_id}"
    assert "another owner" in ida.post(here, {"role": "reader"}).text
    assert "another owner" in ida.post(f"{here}/close").text
    assert "last owner" in eva.post(here, {"role": "reader", "brands": "all"}).text
    assert "last owner" in eva.post(f"{here}/close").text
    with sessions.begin() as session:
        session.get_one(Account, people["eva@shop.example"].id).password = hashed(PASSWORD)
    assert eva.post(here, {"role": "reader", "brands": "all"}).status_code == 303


def test_all_brands_is_said_never_left_out(visit, other, sessions):
    """Nothing ticked is refused in a sentence that keeps what was typed; all is a box of its own, and in the log; one
    who had none, or all, keeps that until somebody chooses."""
    owner = visit("owner")
    path, form = "/b/fjallhem/people/accounts", {"email": "noor@shop.example", "name": "Noor", "role": "agent"}
    refused = owner.post(path, form)
    assert refused.status_code == 422 and "No brand is chosen for them. Choose those that they work for" in refused.text
    assert 'value="noor@shop.example"' in refused.text
    owner.post(path, {**form, "brands": "all"})
    with sessions() as session:
        noor = session.scalars(sa.select(Account).where(Account.email == "noor@shop.example")).one()
        entry = session.scalars(sa.select(AuditEntry)).one()
    assert noor.brand_ids is None and entry.after["brands"] == "all"
    here = f"{path}/{noor.public_id}"
    assert re.search(r'value="all" checked', owner.get(here).text)
    refused = owner.post(here, {"role": "marketer"})
    assert refused.status_code == 409 and "No brand is chosen for them" in refused.text
    assert re.search(r'value="marketer" selected', refused.text)
    assert owner.post(here, {"role": "agent", "brands": ["atelier-ombre"]}).status_code == 303
    with sessions() as session:
        assert session.get_one(Account, noor.id).brand_ids == [other.id]
        entry = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (entry.before["brands"], entry.after["brands"]) == ("all", "atelier-ombre")
    assert owner.post(here, {"role": "owner"}).status_code == 303  # who has all, whatever is ticked


@pytest.mark.parametrize("role", ["operations", "marketer", "agent", "reader"])
def test_only_owners_reach_the_accounts(visit, role, brand):
    """Looking, inviting and changing."""
    browser = visit(role)
    assert browser.get("/b/fjallhem/people/accounts").status_code == 403
    assert browser.post("/b/fjallhem/people/accounts", {"email": "x@shop.example", "role": "owner"}).status_code == 403
    assert browser.post("/b/fjallhem/people/accounts/usr_1/close").status_code == 403


def test_hostile_names_and_ids(visit, brand):
    """Markup in a name is text; ids that are none are not found."""
    owner = visit("owner")
    form = {"email": "eve@shop.example", "name": "<script>alert(1)</script>", "role": "reader"}
    assert "<script>alert" not in owner.post("/b/fjallhem/people/accounts", form).text
    assert "<script>alert" not in owner.get("/b/fjallhem/people/accounts").text
    assert owner.get("/b/fjallhem/people/accounts/usr_nobody").status_code == 404
    assert owner.get("/b/fjallhem/people/accounts/ida@shop.example").status_code == 404
    assert owner.post("/b/fjallhem/people/accounts", {**form, "role": "emperor"}).status_code == 422
    assert owner.post("/b/fjallhem/people/accounts", {**form, "brands": "nobrand"}).status_code == 422
    assert owner.post("/b/fjallhem/people/lift", {"number": "9" * 40, "why": "x"}).status_code == 422
