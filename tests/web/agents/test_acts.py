"""What an agent does to a parcel: sends a message again, corrects, tells a scan, stops; each once, however often they
click, and each in the audit log."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.channels.base import Verdict
from app.models import AuditEntry, Brand, Claim, Message, Order, Scan, Shipment
from app.models.vocabulary import AttemptOutcome, Channel
from app.pipeline import send
from tests.pipeline.conftest import Obedient
from tests.web.conftest import order, scan


@pytest.fixture
def post(site):
    """A provider of mail that takes everything and keeps it, in place of the one that is set up."""
    mail = Obedient("sendgrid", "email", answer=lambda outgoing: Verdict(AttemptOutcome.accepted, "ref"))
    texts = Obedient("twilio", "sms")
    site.app.state.house = replace(site.house, transports={Channel.email: (mail,), Channel.sms: (texts,)})
    return mail


@pytest.fixture
def parcel(client, site, post):
    """A parcel that is out for delivery, of which its shopper was told by mail."""
    client.post("/v1/orders", order())
    shipment = client.get("/v1/orders/1042").json()["parcels"][0]["id"]
    client.post(f"/v1/shipments/{shipment}/scans", scan("out_for_delivery", "2026-11-24T09:55:00+01:00"))
    site.clock.put(site.clock.now() + timedelta(minutes=10))
    send(site.app.state.house, Channel.email)
    assert len(post.sent) == 1
    return shipment


@pytest.fixture
def mail(sessions, parcel):
    """The outside id of that mail."""
    with sessions() as session:
        return session.scalars(sa.select(Message.public_id).where(Message.state == "accepted")).one()


def after(page: str) -> str:
    """How many attempts the page knows of."""
    return re.search(r'name="after" value="(\d+)"', page)[1]


def audited(sessions):
    with sessions() as session:
        return [
            (one.actor, one.action, one.subject)
            for one in session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id))
        ]


def test_a_message_is_shown_byte_for_byte_as_it_left(visit, mail, post):
    """Its HTML in a frame that can do nothing, its text and headers, and what became of it."""
    agent = visit("agent")
    page = agent.get(f"/b/fjallhem/messages/{mail}")
    assert page.status_code == 200 and f'src="/b/fjallhem/messages/{mail}/html" sandbox' in page.text
    assert "Try 1 through sendgrid, accepted" in page.text
    framed = agent.get(f"/b/fjallhem/messages/{mail}/html")
    assert framed.content == post.sent[0].html.encode()
    policy = framed.headers["content-security-policy"]
    assert "default-src 'none'" in policy and policy.endswith("sandbox") and "script" not in policy
    assert framed.headers["x-frame-options"] == "SAMEORIGIN"
    text = agent.get(f"/b/fjallhem/messages/{mail}?view=text").text
    assert post.sent[0].text.splitlines()[0][:20] in text
    headers = agent.get(f"/b/fjallhem/messages/{mail}?view=headers").text
    assert "alma.berg@example.test" in headers and "From" in headers


def test_an_sms_is_shown_as_a_phone_shows_it(visit, sessions, parcel):
    """One that has not left reads as it would at this moment."""
    with sessions() as session:
        text = session.scalars(sa.select(Message.public_id).where(Message.channel == "sms")).first()
    page = visit("reader").get(f"/b/fjallhem/messages/{text}").text
    assert 'class="bubble"' in page and "segment" in page and "As it would read" in page
    assert "Send it once more" not in page


def test_a_message_is_sent_once_more_however_often_they_click(visit, sessions, site, mail, post):
    """Two clicks make one attempt, in the log once; the page's own count refuses a third from an old page."""
    agent = visit("agent")
    page = agent.get(f"/b/fjallhem/messages/{mail}").text
    assert "alma.berg@example.test" in page
    form = {"after": after(page), "why": "cannot find it"}
    for _ in range(2):
        assert agent.post(f"/b/fjallhem/messages/{mail}/resend", form).status_code == 303
    assert ("urgent", "email") in site.woken or ("send", "email") in site.woken
    assert "It has been asked for" in agent.get(f"/b/fjallhem/messages/{mail}").text
    send(site.app.state.house, Channel.email)
    assert [one.html for one in post.sent] == [post.sent[0].html] * 2
    old = agent.post(f"/b/fjallhem/messages/{mail}/resend", form)
    assert old.status_code == 409 and "sent again since you looked" in old.text
    assert audited(sessions) == [("agent@shop.example", "message.resend", mail)]
    assert "agent@shop.example asked for it to leave again" in agent.get(f"/b/fjallhem/messages/{mail}").text


def test_without_a_why_nothing_is_sent(visit, mail, post, site):
    """The reason stands in the story, so it is asked for."""
    answer = visit("agent").post(f"/b/fjallhem/messages/{mail}/resend", {"after": "1", "why": "  "})
    assert answer.status_code == 422 and "Say in a few words why" in answer.text
    send(site.app.state.house, Channel.email)
    assert len(post.sent) == 1


def test_a_program_sends_once_more(client, stranger, sessions, mail, post, site):
    """The same over the API: once, refused with its reason, and not for another brand's key."""
    path = f"/v1/messages/{mail}/resend"
    wanted = {"why": "asked by mail", "after_attempt": 1}
    assert stranger.post(path, wanted).status_code == 404
    told = client.post(path, wanted).json()
    assert (told["id"], told["new"], told["attempts"]) == (mail, True, 1)
    assert client.post(path, wanted).json()["new"] is False
    send(site.app.state.house, Channel.email)
    refused = client.post(path, wanted)
    assert refused.status_code == 409 and "since you looked" in refused.json()["detail"]
    assert client.post(path, {"why": ""}).status_code == 422
    assert len(post.sent) == 2
    assert [entry[1] for entry in audited(sessions)] == ["message.resend"]


def test_an_address_is_corrected(visit, sessions, parcel):
    """A wrong one is refused beside its field with what was typed kept; the log does not hold whose it is."""
    agent = visit("agent")
    form = {"email": "alma", "phone": "070-174 06 06", "locale": "sv", "promised_on": "2026-11-26"}
    wrong = agent.post(f"/b/fjallhem/parcels/{parcel}/correct", form)
    assert wrong.status_code == 422 and 'value="alma"' in wrong.text and "is no email address" in wrong.text
    form["email"] = "alma.b@example.test"
    for _ in range(2):
        assert agent.post(f"/b/fjallhem/parcels/{parcel}/correct", form).status_code == 303
    with sessions() as session:
        found = session.scalars(sa.select(Order)).one()
        assert (found.email, found.phone, found.locale) == ("alma.b@example.test", "+46701740606", "sv")
        (entry,) = session.scalars(sa.select(AuditEntry))
        assert entry.after == {"corrected": ["email", "phone", "locale"]}


def test_a_corrected_promise_stands_until_the_shop_says_another(visit, client, sessions, parcel):
    """The shop's saying the same again is no news, for the parcel as for its order; another word of the shop's is, and
    after it the old one too."""
    agent = visit("agent")

    def told(parcel_day=None, email="alma.berg@example.test", **given):
        one = {"reference": "1", "carrier": "dhl", "tracking_number": "JJD1042"}
        shopper = {"name": "Alma Berg", "email": email, "country": "SE"}
        parcels = [one | ({"promised_on": parcel_day} if parcel_day else {})]
        assert client.post("/v1/orders", order(shopper=shopper, parcels=parcels, **given)).status_code < 300
        return stands()

    def corrected(day, email="alma.b@example.test"):
        form = {"email": email, "phone": "+46701740605", "locale": "en", "promised_on": day}
        assert agent.post(f"/b/fjallhem/parcels/{parcel}/correct", form).status_code == 303
        return stands()

    def stands():
        with sessions() as session:
            row, found = session.execute(sa.select(Shipment, Order).join(Order)).one()
            return str(row.promised_on), found.email.split("@")[0]

    assert told("2026-11-27") == ("2026-11-27", "alma.berg")
    assert corrected("2026-12-01") == ("2026-12-01", "alma.b")
    assert corrected("2026-12-02") == ("2026-12-02", "alma.b")
    assert told("2026-11-27") == told() == ("2026-12-02", "alma.b")
    assert told("2026-11-28", "alma@example.test") == ("2026-11-28", "alma")
    assert told("2026-11-27") == ("2026-11-27", "alma.berg")
    assert corrected("2026-12-03") == ("2026-12-03", "alma.b")
    assert "The shop said Fri 27 Nov 2026" in agent.get(f"/b/fjallhem/parcels/{parcel}").text
    assert told(promised_on="2026-11-29") == ("2026-11-27", "alma.b"), "another promise of the order's"
    assert corrected("2026-11-27", "alma.berg@example.test") == ("2026-11-27", "alma.berg")
    with sessions() as session:
        assert session.execute(sa.select(Shipment.corrected, Order.corrected).join(Order)).one() == ({}, {})


def test_two_agents_do_not_undo_each_other(visit, sessions, parcel):
    """A page that is older than a colleague's correction neither takes it back nor loses what was typed."""
    agent = visit("agent")
    path = f"/b/fjallhem/parcels/{parcel}/correct"
    page = agent.get(path).text
    seen = re.search(r'name="seen" value="([^"]*)"', page)[1]
    form = {"email": "alma.berg@example.test", "phone": "+46701740605", "locale": "en", "promised_on": "2026-11-26"}
    assert seen.split("\n") == list(form.values())
    agent.post(path, {**form, "email": "first@example.test", "seen": seen})
    agent.post(path, {**form, "locale": "sv", "seen": seen})
    late = agent.post(path, {**form, "email": "second@example.test", "seen": seen})
    assert late.status_code == 422 and "was changed meanwhile, to first@example.test" in late.text.lower()
    assert 'value="second@example.test"' in late.text
    with sessions() as session:
        found = session.scalars(sa.select(Order)).one()
        assert (found.email, found.locale) == ("first@example.test", "sv")


def test_a_scan_by_hand_says_first_what_it_would_do(visit, sessions, site, parcel):
    """Looking changes nothing; being sure writes it down, once."""
    agent = visit("agent")
    form = {"milestone": "delivered", "at": "2026-11-24T10:02", "description": "Left with a neighbour", "place": ""}
    looked = agent.post(f"/b/fjallhem/parcels/{parcel}/scan", form)
    assert looked.status_code == 200 and "The parcel is now delivered" in looked.text
    with sessions() as session:
        assert session.scalars(sa.select(Shipment.milestone)).one() == "out_for_delivery"
    for _ in range(2):
        assert agent.post(f"/b/fjallhem/parcels/{parcel}/scan", {**form, "sure": "yes"}).status_code == 303
    with sessions() as session:
        told = session.scalars(sa.select(Scan).where(Scan.source == "person")).one()
        assert told.occurred_at.isoformat() == "2026-11-24T09:02:00+00:00"
        assert session.scalars(sa.select(Shipment.milestone)).one() == "delivered"
    assert [entry[1] for entry in audited(sessions)] == ["parcel.scan"]
    assert "told by somebody of the shop" in agent.get(f"/b/fjallhem/parcels/{parcel}").text
    empty = agent.post(f"/b/fjallhem/parcels/{parcel}/scan", {"milestone": "", "at": "yesterday"})
    assert empty.status_code == 422 and "Nothing was changed" in empty.text


def test_stopping_says_what_it_does_in_numbers(visit, sessions, client, parcel):
    """The page counts without stopping anything; each act is done once."""
    agent = visit("agent")
    page = agent.get(f"/b/fjallhem/parcels/{parcel}/stop").text
    with sessions() as session:
        waiting = session.scalars(sa.select(sa.func.count()).where(Message.state.in_(("held", "ready")))).one()
        assert session.scalars(sa.select(Shipment.unfollowed_at)).one() is None
    assert waiting and page.count(f"Stops {waiting} message") >= 2
    for _ in range(2):
        assert agent.post(f"/b/fjallhem/parcels/{parcel}/unfollow").status_code == 303
    shown = agent.get(f"/b/fjallhem/parcels/{parcel}").text
    assert "Nobody has followed it since" in shown and "stopped following the parcel" in shown
    for act in ("follow", "follow", "cancel", "cancel", "cancel-order", "cancel-order"):
        assert agent.post(f"/b/fjallhem/parcels/{parcel}/{act}").status_code == 303
    told = [entry[1] for entry in audited(sessions)]
    assert told == ["parcel.unfollow", "parcel.follow", "parcel.cancel", "order.cancel"]
    assert client.get("/v1/orders/1042").json()["cancelled_at"] is not None
    assert agent.get(f"/b/fjallhem/parcels/{parcel}/stop").status_code == 200


def test_a_missing_parcel_is_dealt_with(visit, sessions, site, parcel):
    """What its shopper says is missing is listed, stands at the top of its page, and is closed once, by name."""
    with sessions.begin() as session:
        row = session.scalars(sa.select(Shipment)).one()
        claim = {"public_id": "clm_1", "brand_id": row.brand_id, "shipment_id": row.id, "opened_at": site.clock.now()}
        session.add(Claim(**claim))
    agent = visit("agent")
    assert parcel in agent.get("/b/fjallhem/parcels?state=claim").text
    assert "Its shopper says that it is not there" in agent.get(f"/b/fjallhem/parcels/{parcel}").text
    for _ in range(2):
        assert agent.post(f"/b/fjallhem/parcels/{parcel}/settle-claim").status_code == 303
    assert [entry[1] for entry in audited(sessions)] == ["claim.close"]
    page = agent.get(f"/b/fjallhem/parcels/{parcel}").text
    assert "Its shopper says" not in page and "Dealt with by agent@shop.example" in page
    assert parcel not in agent.get("/b/fjallhem/parcels?state=claim").text


def test_programs_stop_following_too(client, stranger, parcel):
    """The API's faces of it, and never another brand's."""
    for act in ("unfollow", "follow"):
        assert stranger.post(f"/v1/shipments/{parcel}/{act}").status_code == 404
    first = client.post(f"/v1/shipments/{parcel}/unfollow").json()
    assert first["already"] is False and client.post(f"/v1/shipments/{parcel}/unfollow").json()["already"] is True
    assert client.post(f"/v1/shipments/{parcel}/follow").json() == {"id": parcel, "already": False, "asked_of": "dhl"}


ACTS = ("correct", "scan", "unfollow", "follow", "cancel", "cancel-order", "settle-claim")


@pytest.mark.parametrize("act", ACTS)
def test_who_may_not(visit, sessions, parcel, act):
    """A reader may not, nobody may for another brand, and a form without the page's secret does nothing."""
    path = f"/b/fjallhem/parcels/{parcel}/{act}"
    assert visit("reader").post(path, {"sure": "yes"}).status_code == 403
    assert visit("marketer").post(path).status_code == 403
    with sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
        session.flush()
        other_id = other.id
    elsewhere = visit("agent", brands=[other_id], email="other@shop.example")
    assert elsewhere.post(path).status_code == 404
    theirs = path.replace("fjallhem", "atelier-ombre")
    assert elsewhere.post(theirs, {"milestone": "delivered", "at": "2026-11-24T10:02"}).status_code == 404
    forged = replace(visit("agent"), csrf="guessed")
    assert forged.post(path, {"sure": "yes"}).status_code == 403
    assert audited(sessions) == []
    with sessions() as session:
        row = session.scalars(sa.select(Shipment)).one()
        assert (row.milestone, row.cancelled_at, row.unfollowed_at) == ("out_for_delivery", None, None)


def test_another_brands_message_is_not_there(visit, sessions, mail):
    """Neither seen nor sent."""
    with sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
    agent = visit("agent")
    for path in (f"/b/atelier-ombre/messages/{mail}", f"/b/atelier-ombre/messages/{mail}/html"):
        assert agent.get(path).status_code == 404
    assert agent.post(f"/b/atelier-ombre/messages/{mail}/resend", {"why": "x"}).status_code == 404
    assert agent.get("/b/fjallhem/messages/msg_nothing").status_code == 404
