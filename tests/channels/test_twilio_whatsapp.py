"""WhatsApp through Twilio: what is asked, what the answers mean, and what a list of messages can honestly prove."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs

import httpx
import pytest

from app.channels.base import Answer, Question
from app.channels.twilio import Twilio, judge
from app.channels.twilio_whatsapp import TwilioWhatsApp
from app.models.vocabulary import AttemptOutcome
from tests.channels.letters import NOW, SMS, WHATSAPP, answering

BEGUN = NOW - timedelta(minutes=2)
MARK = "/t/abc"
ASKED = Question(WHATSAPP.attempt_id, WHATSAPP, MARK, BEGUN, BEGUN + timedelta(seconds=10))
BODY = f"Hi Anna! It comes today.\n{WHATSAPP.link}"


def channel(http: httpx.AsyncClient, sender: str = "+46700000001") -> TwilioWhatsApp:
    return TwilioWhatsApp(
        http,
        account_sid="AC" + "a1" * 16,
        auth_token="token",
        sender=sender,
        base_url="https://api.twilio.com",
        public_url="https://shop.example",
        now=lambda: NOW,
    )


@pytest.mark.parametrize(
    ("sender", "named"),
    [
        ("+46700000001", ("From", "whatsapp:+46700000001")),
        ("whatsapp:+46700000001", ("From", "whatsapp:+46700000001")),
        ("MG" + "0" * 32, ("MessagingServiceSid", "MG" + "0" * 32)),
    ],
)
def test_an_approved_template_is_sent_and_no_text_of_ours(sender, named):
    """Both addresses are WhatsApp's; a service chooses the sender itself; our id travels in the callback."""
    seen: list[httpx.Request] = []
    asyncio.run(channel(answering(201, body=b'{"sid": "SM1"}', seen=seen), sender).send(WHATSAPP))
    form = {name: values[0] for name, values in parse_qs(seen[0].content.decode()).items()}
    assert form["To"] == "whatsapp:+46701234567" and form[named[0]] == named[1]
    assert form["ContentSid"] == WHATSAPP.content_sid and "Body" not in form
    assert json.loads(form["ContentVariables"]) == {"1": "Anna", "2": WHATSAPP.link}
    assert f"attempt={WHATSAPP.attempt_id}" in form["StatusCallback"] and form["ValidityPeriod"] == "7200"


def test_an_sms_is_no_whatsapp_message():
    """What it cannot carry is a mistake of the program's, and raises."""
    with pytest.raises(TypeError, match="WhatsApp"):
        asyncio.run(channel(answering(201)).send(SMS))


@pytest.mark.parametrize(
    ("status", "code", "outcome", "about"),
    [
        (400, 63003, AttemptOutcome.refused, {"cause": "invalid"}),
        (400, 63024, AttemptOutcome.refused, {"cause": "invalid"}),
        (400, 63016, AttemptOutcome.refused, {"cause": None}),
        (400, 63049, AttemptOutcome.refused, {"cause": None}),
        (400, 21656, AttemptOutcome.refused, {"cause": None}),
        (400, 63018, AttemptOutcome.not_sent, {"throttled": True, "sender_down": False}),
        (429, 20429, AttemptOutcome.not_sent, {"throttled": True, "sender_down": False}),
        (400, 63007, AttemptOutcome.not_sent, {"sender_down": True}),
        (400, 63112, AttemptOutcome.not_sent, {"sender_down": True}),
        (500, 20500, AttemptOutcome.unanswered, {"throttled": False}),
    ],
)
def test_whatsapps_own_errors_are_told_apart(status, code, outcome, about):
    """Nobody there, too fast, no such sender, or a text that may not be sent: each is another thing."""
    verdict = judge(status, {}, json.dumps({"code": code, "message": "no"}).encode(), NOW)
    assert verdict.outcome is outcome
    assert {name: getattr(verdict, name) for name in about} == about


def listed(sid: str = "SM1", body: str = BODY, seconds: float = 1.0, status: str = "sent") -> dict:
    created = format_datetime(BEGUN + timedelta(seconds=seconds))
    return {"sid": sid, "body": body, "date_created": created, "direction": "outbound-api", "status": status}


def ask(entries: list[dict], question: Question = ASKED):
    seen: list[httpx.Request] = []
    body = json.dumps({"messages": entries, "next_page_uri": None}).encode()
    finding = asyncio.run(channel(answering(200, body=body, seen=seen)).lookup(question))
    assert all(request.url.params["To"] == "whatsapp:+46701234567" for request in seen)
    return finding


WITHOUT_LINK = replace(ASKED, outgoing=replace(WHATSAPP, variables={"1": "Anna"}))
WITH_RIVAL = replace(ASKED, rivals=("att_other", WHATSAPP.attempt_id))


@pytest.mark.parametrize(
    ("entries", "question", "answer", "ref"),
    [
        ([listed()], ASKED, Answer.found, "SM1"),
        ([listed(body=BODY.replace("Anna", "Anna\u00a0"))], ASKED, Answer.found, "SM1"),
        ([], ASKED, Answer.absent, None),
        ([listed(seconds=-7200)], ASKED, Answer.absent, None),
        ([listed()], replace(ASKED, known=frozenset({"SM1"})), Answer.absent, None),
        ([listed(body="")], ASKED, Answer.unclear, None),
        ([listed(body=f"Hi Bo! {WHATSAPP.link}")], ASKED, Answer.unclear, None),
        ([listed(body="Hi Anna! https://shop.example/t/xyz")], ASKED, Answer.unclear, None),
        ([listed()], WITH_RIVAL, Answer.unclear, None),
        ([listed("SM1", seconds=1), listed("SM2", seconds=3)], WITH_RIVAL, Answer.found, "SM2"),
        ([listed()], WITHOUT_LINK, Answer.unclear, None),
        ([], WITHOUT_LINK, Answer.absent, None),
        ([listed()], replace(ASKED, outgoing=None), Answer.unclear, None),
    ],
)
def test_a_list_proves_no_more_than_it_can(entries, question, answer, ref):
    """The text is Twilio's own: found by the parcel's link and all fillings, absent only if nothing could be it."""
    finding = ask(entries, question)
    assert (finding.answer, finding.provider_ref) == (answer, ref)


def test_a_message_that_was_read_has_arrived():
    """WhatsApp tells that it was opened, in the list as in a callback."""
    assert ask([listed(status="read")]).kind == "opened"
    (report,) = channel(answering(200)).read(
        "https://shop.example/hooks/twilio/status?attempt=att_1",
        b"MessageSid=SM1&MessageStatus=read&To=whatsapp%3A%2B46",
    )
    assert (report.kind, report.attempt_id) == ("opened", "att_1")


@pytest.mark.parametrize(
    ("code", "cause"), [("63003", "invalid"), ("63024", "invalid"), ("63016", None), ("63018", None)]
)
def test_what_comes_back_later_says_of_the_number_only_what_is_so(code, cause):
    """A number that WhatsApp does not know is; a closed window or a limit is the moment's."""
    body = f"MessageSid=SM1&MessageStatus=undelivered&ErrorCode={code}".encode()
    (report,) = channel(answering(200)).read("https://shop.example/hooks/twilio/status?attempt=att_1", body)
    assert (report.kind, report.cause, report.detail) == ("bounced", cause, f"undelivered ({code})")


def test_texts_and_whatsapp_of_one_service_are_two_senders():
    """A service may carry both: what is asked, paced or refused of the one is not the other's."""
    service = "MG" + "0" * 32
    told = {"account_sid": "AC1", "auth_token": "t", "base_url": "https://a.example", "public_url": "https://b.example"}
    texts = Twilio(answering(500), sender=service, **told)
    assert TwilioWhatsApp(answering(500), sender=service, **told).sender != texts.sender
