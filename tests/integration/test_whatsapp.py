"""WhatsApp end to end: a rule asks for it, the stand-in takes it, reports and replies come back, STOP is obeyed."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from twilio.request_validator import RequestValidator

from app import pipeline
from app.demo.providers import Behaviour
from app.demo.providers.serving import StandIn
from app.messages.catalog import Catalog
from app.models import InboundMessage, Suppression
from app.rules.document import parse_rules
from app.settings import Settings, shipped
from tests.integration.conftest import Town, eventually, give_up, timetable

PHONE, ADDRESS, OURS = "+46701740605", "whatsapp:+46701740605", "+46700000001"
RULES = "version: 1\nrules:\n  - {name: moving, when: out_for_delivery, send: [sms, whatsapp], expires: 48h}\n"
CONTENT = """
content: HX0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
variables:
  1: "{{ person.first_name or 'there' }}"
  2: "{{ links.parcel }}"
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The installation has a WhatsApp sender, and uses it."""
    return settings.model_copy(
        update={
            "channels": settings.channels.model_copy(update={"whatsapp": "twilio"}),
            "twilio": settings.twilio.model_copy(update={"whatsapp_from": OURS}),
        }
    )


@pytest.fixture
def stand_in(town: Town, web: str, providers: StandIn, tmp_path: Path) -> Iterator[StandIn]:
    """Both the providers and the shop's own approved template."""
    shutil.copytree(shipped("templates"), tmp_path / "templates")
    (tmp_path / "templates/messages/en/out_for_delivery.whatsapp.yaml").write_text(CONTENT, encoding="utf-8")
    catalog = Catalog(tmp_path / "templates", town.settings.public_url)
    town.house = replace(town.house, catalog=catalog, rules=parse_rules(RULES))
    behave(providers, web)
    httpx.delete(f"{providers.url}/journal", timeout=60, trust_env=False).raise_for_status()
    yield providers
    providers.behave(**Behaviour().model_dump())


def behave(stand_in: StandIn, web: str, *rules: dict, **callbacks) -> None:
    stand_in.behave(rules=rules, callbacks={"base": web, "delay_ms": (5, 30), "batch_ms": 5, **callbacks})


def plan(town: Town, number: str) -> None:
    town.carrier.register([timetable(number)])
    town.order(number)
    town.poll()


def taken(stand_in: StandIn) -> dict[str, str]:
    """Text by channel of what was taken."""
    full = [stand_in.journal.full(entry) for entry in stand_in.journal.entries]
    return {entry["channel"]: entry["text"] for entry in full}


def settles(town: Town, wanted: dict[str, tuple[str, str]]) -> None:
    def there() -> bool:
        pipeline.digest_reports(town.house)
        return town.states() == wanted

    eventually(f"{wanted}, not {town.states()}", there)


def write(town: Town, web: str, body: str, sid: str) -> None:
    """Maja answers on WhatsApp."""
    form = {"MessageSid": sid, "From": ADDRESS, "To": f"whatsapp:{OURS}", "Body": body}
    url = f"{web}/hooks/twilio/inbound"
    signature = RequestValidator(town.settings.twilio.auth_token.get_secret_value()).compute_signature(url, form)
    answer = httpx.post(url, data=form, headers={"x-twilio-signature": signature}, timeout=60, trust_env=False)
    assert answer.status_code == 200


def test_an_approved_template_leaves_and_its_reports_come_home(town: Town, web: str, stand_in: StandIn):
    """It is filled in for Maja, and that it was delivered and read is told; SMS goes beside it as ever."""
    plan(town, "T1")
    town.send()
    settles(town, dict.fromkeys(("sms", "whatsapp"), ("delivered", "confirmed_by_receipt")))
    said = taken(stand_in)
    link = f"{web}/t/{town.parcel('T1').link_token}"
    assert set(said) == {"sms", "whatsapp"} and "Maja" in said["whatsapp"] and link in said["whatsapp"]
    eventually("it was read", lambda: pipeline.digest_reports(town.house) >= 0 and "reported opened" in town.told("T1"))
    assert "✓ WhatsApp was sent and delivered" in town.told("T1")
    town.assert_whole()


def test_stop_on_whatsapp_stops_whatsapp_and_a_question_is_shown(town: Town, web: str, stand_in: StandIn):
    """Each channel has its own no: the SMS still leaves; what is no keyword stands with the parcel."""
    plan(town, "T1")
    town.send()
    write(town, web, "where is it?", "SM1")
    write(town, web, "STOP", "SM2")
    with town.house.sessions() as session:
        rows = session.scalars(sa.select(Suppression)).all()
        assert [(row.channel, row.address, row.kind) for row in rows] == [("whatsapp", PHONE, "stop")]
        assert session.scalars(sa.select(InboundMessage.recipient)).first() == f"whatsapp:{OURS}"
    assert "where is it?" in town.told("T1")
    plan(town, "T2")
    town.send()
    ended = {message.channel: message.reason for message in town.messages(shipment_id=town.parcel("T2").id)}
    assert ended["whatsapp"] == "suppressed_address" and ended["sms"] != "suppressed_address"
    write(town, web, "START", "SM3")
    plan(town, "T3")
    town.send()
    assert "suppressed_address" not in {m.reason for m in town.messages(shipment_id=town.parcel("T3").id)}
    town.assert_whole()


def test_a_number_that_whatsapp_does_not_know_is_asked_no_more_there(town: Town, web: str, stand_in: StandIn):
    """Refused with 63003: the number is no WhatsApp address, and stays one for SMS."""
    behave(stand_in, web, {"recipient": ADDRESS, "do": "refuse", "code": 63003})
    plan(town, "T1")
    town.send()
    assert town.states()["whatsapp"] == ("failed", "refused") and "63003" in town.told("T1")
    with town.house.sessions() as session:
        rows = session.execute(sa.select(Suppression.channel, Suppression.kind)).all()
    assert rows == [("whatsapp", "invalid")]
    town.assert_whole()


def test_an_unanswered_call_is_found_in_the_list(town: Town, web: str, stand_in: StandIn):
    """Taken without a word and never reported: found by the parcel's link among what was filled in, sent once."""
    behave(stand_in, web, {"recipient": ADDRESS, "do": "accept_then_drop"}, enabled=False)
    plan(town, "T1")
    town.send()
    assert town.states()["whatsapp"] == ("unconfirmed", "no_answer")
    give_up(town)

    def found() -> bool:
        pipeline.recover(town.house)
        return town.states()["whatsapp"] == ("accepted", "found_by_asking")

    eventually("it is found", found)
    town.send()
    assert [entry.recipient for entry in stand_in.journal.entries].count(ADDRESS) == 1
    town.assert_whole()


def test_a_text_of_ones_own_is_refused_by_the_stand_in(town: Town, stand_in: StandIn):
    """As by Twilio, so that a slip would show: outside the day after a shopper wrote, only approved templates pass."""
    account = stand_in.account
    url = f"{stand_in.url}/2010-04-01/Accounts/{account.account_sid}/Messages.json"
    good = {"To": ADDRESS, "From": f"whatsapp:{OURS}", "ContentSid": "HX" + "0a" * 16}
    for wrong, code in (
        ({"Body": "Hi"}, 63016),
        ({"ContentSid": "HX1"}, 21655),
        ({"ContentVariables": "no json"}, 21656),
        ({"ContentVariables": '{"1": ""}'}, 21656),
        ({"From": OURS}, 63007),
    ):
        answer = httpx.post(
            url, data=good | wrong, auth=(account.account_sid, account.auth_token), timeout=60, trust_env=False
        )
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert stand_in.journal.entries == []
