"""Whoever lost a link gets it by mail, and whoever guesses learns nothing: one answer, few tries, one mail an hour."""

import re
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.channels.base import Verdict
from app.models import Brand, LinkMail, LinkRequest, Order
from app.models.vocabulary import AttemptOutcome, Channel, PauseKind, SuppressionKind
from app.pipeline.brakes.pausing import Scope, pause
from app.pipeline.leaving.links import answer_link_requests
from app.pipeline.people.consenting import suppress, wish
from app.web.shoppers.asking import A_NETWORK, AN_ADDRESS
from tests.web.conftest import order

RIGHT = {"number": "1042", "email": "alma.berg@example.test"}


class Mailer:
    """Takes mail down."""

    name, sender = "sendgrid", "test"

    def __init__(self):
        self.sent, self.answer = [], Verdict(AttemptOutcome.accepted, "ref")

    async def send(self, mail):
        self.sent.append(mail)
        return self.answer


@pytest.fixture
def mailer(site):
    """The house's only way to send mail."""
    one = Mailer()
    site.house = replace(site.house, transports={**site.house.transports, Channel.email: (one,)})
    return one


@pytest.fixture
def shop(client):
    """An order that can be asked for."""
    answer = client.post("/v1/orders", order())
    return answer.json()["results"][0]["parcels"][0]["page"]


def ask(anyone, **form):
    return anyone.post("/find/fjallhem", data={**RIGHT, **form}, headers={"Accept-Language": "en"})


def without_nonce(answer):
    headers = {k: v for k, v in answer.headers.items() if k not in ("x-request-id", "content-security-policy")}
    return answer.status_code, headers, re.sub(r'nonce="[^"]+"', "", answer.text)


def test_the_link_comes_to_the_owner(anyone, site, shop, mailer):
    """By the order's own address, in its language, from its brand; a # and other capitals are no other order."""
    assert "we have sent its link to that address" in ask(anyone, number=" #1042 ", email="Alma.Berg@Example.test").text
    assert answer_link_requests(site.house) == 1
    (mail,) = mailer.sent
    assert mail.to_email == "alma.berg@example.test" and shop in mail.text and "1042" in mail.subject
    assert mail.from_email == "hej@fjallhem.example" and answer_link_requests(site.house) == 0


def test_whoever_knows_no_brand_is_led_on(anyone, sessions):
    """To the form of the only one; among several they choose, in their browser's language."""
    assert anyone.get("/find").headers["location"] == "/find/fjallhem"
    with sessions.begin() as session:
        session.add(Brand(key="atelier-ombre", name="Atelier Ombre", locale="fr-FR", zone="Europe/Paris"))
    page = anyone.get("/find", headers={"Accept-Language": "sv"})
    assert page.status_code == 200 and "Vilken butik" in page.text and "noindex" in page.headers["x-robots-tag"]
    assert 'href="/find/fjallhem"' in page.text and 'href="/find/atelier-ombre"' in page.text


def test_hit_and_miss_are_alike(anyone, site, shop, mailer, sessions):
    """The same bytes and headers, and the same statements: an order is looked for by nobody but the mailer."""
    said = []

    @sa.event.listens_for(site.house.sessions.kw["bind"], "before_cursor_execute")
    def note(_connection, _cursor, statement, *_rest):
        said.append(statement)

    seen, work = [], []
    for form in ({}, {"number": "9999"}, {"email": "no@example.test"}, {"number": "' OR 1=1 --"}):
        said.clear()
        seen.append(without_nonce(ask(anyone, **form)))
        work.append(list(said))
    sa.event.remove(site.house.sessions.kw["bind"], "before_cursor_execute", note)
    assert all(one == seen[0] for one in seen) and all(one == work[0] for one in work)
    assert not any("orders" in statement for statement in work[0])
    assert answer_link_requests(site.house) == 1 and len(mailer.sent) == 1
    with sessions() as session:
        assert {(row.number, row.email) for row in session.scalars(sa.select(LinkRequest))} == {(None, None)}


def test_one_mail_an_hour(anyone, site, shop, mailer, sessions):
    """However often it is asked for, also when the provider did not answer; after an hour again."""
    mailer.answer = Verdict(AttemptOutcome.unanswered)
    for _ in range(2):
        ask(anyone)
        answer_link_requests(site.house)
    assert len(mailer.sent) == 1
    with sessions.begin() as session:
        assert session.scalars(sa.select(LinkMail)).one().outcome == "unanswered"
        session.execute(sa.update(LinkMail).values(begun_at=LinkMail.begun_at - sa.text("interval '61 minutes'")))
    ask(anyone)
    answer_link_requests(site.house)
    assert len(mailer.sent) == 2


def test_too_many_questions_wait(anyone, shop):
    """About one address and from one network, whether or not there is such an order."""
    answers = [ask(anyone, email="no@example.test").status_code for _ in range(AN_ADDRESS + 1)]
    assert answers == [200] * AN_ADDRESS + [429]
    rest = [ask(anyone, email=f"{n}@example.test").status_code for n in range(A_NETWORK - AN_ADDRESS + 1)]
    assert rest == [200] * (A_NETWORK - AN_ADDRESS) + [429]
    assert ask(anyone).headers["retry-after"] == "900"


def test_nothing_leaves_that_must_not(anyone, site, shop, mailer, sessions, brand):
    """Not to an address that complained, not of an erased or long finished order, not what waited for an hour, and not
    while mail is paused."""
    with sessions.begin() as session:
        complaint = wish(brand.id, Channel.email, RIGHT["email"], SuppressionKind.complaint)
        suppress(session, [complaint])
    ask(anyone)
    assert answer_link_requests(site.house) == 0
    with sessions.begin() as session:
        session.execute(sa.text("DELETE FROM suppressions"))
        session.execute(sa.update(Order).values(placed_at=sa.text("placed_at - interval '400 days'")))
    ask(anyone)
    assert answer_link_requests(site.house) == 0
    with sessions.begin() as session:
        session.execute(sa.update(Order).values(placed_at=sa.text("placed_at + interval '400 days'")))
    ask(anyone)
    with sessions.begin() as session:
        session.execute(sa.update(LinkRequest).values(asked_at=sa.text("asked_at - interval '2 hours'")))
    assert answer_link_requests(site.house) == 0 and mailer.sent == []
    ask(anyone)
    with sessions.begin() as session:
        pause(session, Scope(PauseKind.channel, "email"), brand.id, "a wrong sender", "tests")
    assert answer_link_requests(site.house) == 0 and mailer.sent == []


def test_bad_input_loses_nothing(anyone, brand):
    """What was typed stands in the form again; another brand's or a foreign site's question is refused."""
    answer = anyone.post(
        "/find/fjallhem", data={"number": '"><script>', "email": ""}, headers={"Accept-Language": "en"}
    )
    assert answer.status_code == 422 and "We need both" in answer.text
    assert "&#34;&gt;&lt;script&gt;" in answer.text and "<script>" not in answer.text
    assert anyone.get("/find/nobody").status_code == anyone.post("/find/nobody", data=RIGHT).status_code == 404
    assert anyone.post("/find/fjallhem", data=RIGHT, headers={"Origin": "https://evil.example"}).status_code == 403
    assert ask(anyone, number="1" * 5000, email="a@" + "b" * 5000).status_code == 200


def test_the_form_speaks_the_readers_language(anyone, brand):
    """The browser's, if the pages are written in it; else the brand's."""
    said = {asked: anyone.get("/find/fjallhem", headers={"Accept-Language": asked}).text for asked in
            ("en-GB,en;q=0.9", "fr", "xx", "")}  # fmt: skip
    assert "Where is my order?" in said["en-GB,en;q=0.9"] and "Où est ma commande" in said["fr"]
    assert "Var är min beställning?" in said["xx"] and "Var är min beställning?" in said[""]
