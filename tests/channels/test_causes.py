"""What providers say of an address, in their own words: a dead one, a wary one, a person who said no."""

import json

import aiosmtplib
import pytest

from app.channels import sendgrid, smtp, twilio
from app.channels.base import CAUSES, Hears
from app.errors import Unreadable
from tests.channels.test_sendgrid import receiver
from tests.channels.test_twilio import twilio as twilio_channel

SENDGRID = [
    ({"event": "bounce", "type": "bounce"}, "hard"),
    ({"event": "bounce", "type": "blocked"}, "soft"),
    ({"event": "bounce"}, None),
    ({"event": "bounce", "type": 7}, None),
    ({"event": "deferred"}, None),
    ({"event": "dropped", "reason": "Bounced Address"}, "hard"),
    ({"event": "dropped", "reason": "Invalid"}, "invalid"),
    ({"event": "dropped", "reason": "Spam Reporting Address"}, "complained"),
    ({"event": "dropped", "reason": "Unsubscribed Address"}, "unsubscribed"),
    ({"event": "dropped", "reason": "Recipient List over Package Quota"}, None),
    ({"event": "spamreport"}, "complained"),
    ({"event": "unsubscribe"}, "unsubscribed"),
    ({"event": "group_unsubscribe", "asm_group_id": 4}, "unsubscribed"),
    ({"event": "group_resubscribe", "asm_group_id": 4}, "resubscribed"),
    ({"event": "delivered", "type": "bounce"}, None),
    ({"event": ["bounce"]}, None),
    ({}, None),
]


@pytest.mark.parametrize(("event", "cause"), SENDGRID)
def test_sendgrids_events_say_what_they_say(event, cause):
    """Only what is certain about the address is said; an unknown event or type says nothing."""
    (report,) = receiver().read("", json.dumps([event]).encode())
    assert report.cause == cause and cause in (None, *CAUSES)


@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [
        ("undelivered", "21610", "opted_out"), ("failed", "21211", "invalid"), ("failed", "21614", "invalid"),
        ("undelivered", "30005", "hard"), ("undelivered", "30006", "hard"), ("undelivered", "30004", "soft"),
        ("undelivered", "30003", None), ("undelivered", "30007", None), ("undelivered", "", None),
        ("undelivered", "x", None), ("undelivered", "²", None), ("delivered", "30005", None),
    ],
)  # fmt: skip
def test_twilios_codes_say_what_they_say(status, code, cause):
    """A code that speaks of the moment, the text or the account says nothing of the number."""
    body = f"MessageSid=SM1&MessageStatus={status}&ErrorCode={code}".encode()
    (report,) = twilio_channel().read("https://shop.example/hooks/twilio/status", body)
    assert report.cause == cause


@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [(400, 21610, "opted_out"), (400, 21211, "invalid"), (400, 21617, None), (400, "21610", None), (500, 21610, None)],
)
def test_a_refusal_of_twilios_names_its_cause(status, code, cause):
    """Error 21610 is the shopper's STOP; a 500 is no refusal, whatever code it bears."""
    verdict = twilio.judge(status, {}, json.dumps({"code": code, "message": "no"}).encode(), None)
    assert verdict.cause == cause


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("5.1.1 <a@b.test>: no such user", "hard"), ("5.1.10 null MX", "hard"), ("5.1.8 bad sender", None),
        ("5.2.2 mailbox full", None), ("5.7.1 blocked, see our policy 5.1.1", None), ("no such user", None), ("", None),
    ],
)  # fmt: skip
def test_a_mail_server_names_a_dead_mailbox_by_its_number(message, cause):
    """Only the enhanced code of a refused recipient counts, not words and not a refused sender."""
    refused = aiosmtplib.SMTPRecipientRefused(550, message, "a@b.test")
    assert smtp.judge(refused, data=False, greeted=True).cause == cause
    assert smtp.judge(aiosmtplib.SMTPSenderRefused(550, message, "a@b.test"), data=False, greeted=True).cause is None


def test_only_who_can_be_answered_hears():
    """Mail providers hand over no texts; Twilio without a sender's number does not either."""
    assert isinstance(twilio_channel(), Hears) and not isinstance(receiver(), Hears)
    with pytest.raises(Unreadable):
        receiver().read("", b"{}")
    assert sendgrid.SendGrid.name == "sendgrid"
