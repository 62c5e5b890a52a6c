"""What shoppers write back by SMS: believed when signed, a keyword obeyed at once, the rest shown with the parcel."""

import re

import pytest
import sqlalchemy as sa
import yaml
from twilio.request_validator import RequestValidator

from app.models import Brand, InboundMessage, Shipment, Suppression
from app.receipts.keywords import FILE
from tests.web.conftest import PUBLIC_URL, TWILIO_TOKEN, order

PHONE = "+46701740605"
LANGUAGES = yaml.safe_load(FILE.read_text(encoding="utf-8"))


def text(anyone, body, sid="SM1", token=TWILIO_TOKEN, **fields):
    """One SMS as Twilio hands it over."""
    form = {"MessageSid": sid, "From": PHONE, "To": "+15550100", "Body": body, "AccountSid": "AC1", **fields}
    signature = RequestValidator(token).compute_signature(f"{PUBLIC_URL}/hooks/twilio/inbound", form)
    return anyone.post("/hooks/twilio/inbound", data=form, headers={"X-Twilio-Signature": signature})


def standing(sessions):
    with sessions() as session:
        rows = session.scalars(sa.select(Suppression).where(Suppression.lifted_at.is_(None)).order_by(Suppression.id))
        return [(row.channel, row.address, row.kind, row.scope) for row in rows]


def kept(sessions):
    with sessions() as session:
        return session.scalars(sa.select(InboundMessage).order_by(InboundMessage.id)).all()


STOPPED = [("sms", PHONE, "stop", "all")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_stop_in_any_language_takes_effect_before_the_answer(anyone, sessions, language):
    """Every word and phrase of the file, each from a phone of its own, written as people write: shouted, with
    politeness and a full stop."""
    stopped = []
    for n, word in enumerate(LANGUAGES[language]["stop"] + LANGUAGES[language].get("phrases", [])):
        phone = f"+4670174{n:04}"
        answer = text(anyone, f"{word.upper()}, please!", sid=f"SM{n}", From=phone)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
        assert "<Response/>" in answer.text
        stopped.append(("sms", phone, "stop", "all"))
        assert standing(sessions) == stopped, word


def test_start_lifts_and_a_later_stop_counts_again(anyone, sessions):
    """STOP, START, STOP: off, on, off; one row throughout."""
    seen = []
    for number, word in enumerate(["STOP", "START", "Unstop", "stopp"]):
        text(anyone, word, sid=f"SM{number}")
        seen.append(standing(sessions))
    assert seen == [STOPPED, [], [], STOPPED]
    with sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Suppression)) == 1


def test_what_twilio_made_of_it_holds(anyone, sessions):
    """With Advanced Opt-Out the keyword is the account's own; OptOutType says what it meant."""
    text(anyone, "Basta", OptOutType="STOP")
    assert standing(sessions) == STOPPED
    text(anyone, "Vamos", sid="SM2", OptOutType="START")
    assert standing(sessions) == []
    text(anyone, "stop", sid="SM3", OptOutType="HELP")
    assert standing(sessions) == []


def test_a_replayed_stop_does_not_undo_a_start(anyone, sessions):
    """Twilio repeats a call that it thinks was lost: the same message counts once."""
    for body, sid in (("STOP", "SM1"), ("START", "SM2"), ("STOP", "SM1")):
        assert text(anyone, body, sid=sid).status_code == 200
    assert standing(sessions) == [] and len(kept(sessions)) == 2


@pytest.mark.parametrize("token", ["another token", ""])
def test_a_forged_stop_is_refused(anyone, sessions, token):
    """Signed by a stranger: 403, nothing stored."""
    assert text(anyone, "STOP", token=token).status_code == 403
    assert anyone.post("/hooks/twilio/inbound", data={"From": PHONE, "Body": "STOP"}).status_code == 403
    assert standing(sessions) == [] and kept(sessions) == []


def test_a_signed_call_without_a_sender_is_not_read(anyone, sessions):
    """400, nothing stored."""
    assert text(anyone, "STOP", From="").status_code == 400
    assert kept(sessions) == []


@pytest.mark.parametrize(
    "words",
    [
        "where is it?",
        "Can you stop at the neighbour's?",
        "Please cancel my order",
        "no",
        "",
        "kan ni ringa innan ni stannar",
    ],
)
def test_what_is_no_keyword_stops_nothing(anyone, sessions, words):
    """A text that merely holds such a word is for a person to read, and is kept."""
    text(anyone, words)
    assert standing(sessions) == []
    assert [(row.meaning, row.body) for row in kept(sessions)] == [("message", words)]


def test_a_question_stands_in_the_parcels_story(anyone, client, sessions, visit):
    """It is shown with the newest parcel of that number, in the timeline; another brand's key does not see it."""
    for number in ("1041", "1042"):
        placed = f"2026-11-2{number[-1]}T10:00:00+01:00"
        assert client.post("/v1/orders", order(number, placed_at=placed)).status_code == 200
    text(anyone, "Where is it?\nI am at home until 4 \N{WAVING HAND SIGN}")
    with sessions() as session:
        parcel = session.scalars(sa.select(Shipment).where(Shipment.tracking_number == "JJD1042")).one()
    story = client.get(f"/v1/shipments/{parcel.public_id}/timeline").json()
    assert [(reply["meaning"], reply["text"][:12]) for reply in story["replies"]] == [("message", "Where is it?")]
    page = visit("agent").get(f"/b/fjallhem/parcels/{parcel.public_id}").text
    assert re.search(r"<dt>Wrote back</dt><dd>“Where is it\? I am at home until 4 .”, \w+ \d+ \w+ at", page)
    (row,) = kept(sessions)
    assert row.shipment_id == parcel.id and row.brand_id == parcel.brand_id


def test_a_shared_number_speaks_for_all_brands(anyone, sessions, stranger, brand):
    """Nobody can know which shop's text a STOP to a shared number answers, so it ends them all."""
    text(anyone, "STOP")
    with sessions() as session:
        brands = set(session.scalars(sa.select(Brand.id)))
        assert set(session.scalars(sa.select(Suppression.brand_id))) == brands and len(brands) == 2
    (row,) = kept(sessions)
    assert row.brand_id is None and row.shipment_id is None


@pytest.mark.parametrize(("prefix", "brands"), [("", {"fjallhem"}), ("whatsapp:", {"fjallhem", "atelier-ombre"})])
def test_a_brands_own_number_is_everybodys_on_whatsapp(
    site, anyone, sessions, stranger, brand, prefix, brands, monkeypatch
):
    """There is one WhatsApp sender: STOP to it is meant for all brands, even where one texts from its number."""
    looks = site.house.catalog.brands()
    own = looks["fjallhem"].model_copy(
        update={"sender": looks["fjallhem"].sender.model_copy(update={"sms": "+15550100"})}
    )
    monkeypatch.setitem(site.house.catalog.__dict__, "_brands", {**looks, "fjallhem": own})  # one catalog for a run
    text(anyone, "STOP", From=f"{prefix}{PHONE}", To=f"{prefix}+15550100")
    with sessions() as session:
        query = sa.select(Brand.key).join(Suppression, Suppression.brand_id == Brand.id)
        assert set(session.scalars(query)) == brands
