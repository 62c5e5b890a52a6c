"""Twilio: what leaves, what each answer and code means, and whose callbacks are believed."""

import asyncio
import base64
import hashlib
import hmac
import json
from urllib.parse import parse_qs, urlencode

import httpx
import pytest
from twilio.request_validator import RequestValidator

from app.channels.base import Asking
from app.channels.twilio import Twilio, judge
from app.errors import Forged, Unreadable
from app.models.vocabulary import AttemptOutcome
from tests.channels.letters import EMAIL, NOW, SMS, answering, failing, sms

SID = "AC" + "a1" * 16
TOKEN = "12345"
URL = f"https://shop.example/hooks/twilio/status?attempt={SMS.attempt_id}"


def twilio(client=None, **changes) -> Twilio:
    """A channel on this client, sending from a number, at a fixed time."""
    told = {
        "account_sid": SID,
        "auth_token": TOKEN,
        "sender": "+46700000000",
        "base_url": "https://api.twilio.com",
        "public_url": "https://shop.example",
        "now": lambda: NOW,
    }
    return Twilio(client or answering(201), **(told | changes))


def test_the_request_is_a_form_with_the_callback_that_names_our_attempt():
    """The address, the login and every field, and nothing besides."""
    seen: list[httpx.Request] = []
    asyncio.run(twilio(answering(201, seen=seen)).send(SMS))
    (request,) = seen
    assert str(request.url) == f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Messages.json"
    assert request.headers["authorization"] == "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    form = parse_qs(request.content.decode(), strict_parsing=True)
    assert form == {
        "To": ["+46701234567"],
        "From": ["+46700000000"],
        "Body": [SMS.text],
        "StatusCallback": [f"{URL}#rc=5&rp=all&ct=2000&rt=5000"],
        "ValidityPeriod": ["7200"],
    }


def test_broken_text_is_sent_as_far_as_it_is_text():
    """A NUL or half a character cannot stop a message or raise on the way out."""
    seen: list[httpx.Request] = []
    asyncio.run(twilio(answering(201, seen=seen)).send(sms(text="a\x00b\ud800c\nd")))
    assert parse_qs(seen[0].content.decode())["Body"] == ["ab?c\nd"]


def test_a_messaging_service_takes_the_place_of_a_number():
    """A sender that begins with MG is a service."""
    service = "MG" + "0" * 32
    form = twilio(sender=service).form(SMS)
    assert form["MessagingServiceSid"] == service
    assert "From" not in form


def test_the_brands_own_sender_is_used_where_it_may_be():
    """A brand's name stands as the sender, but not in North America, where only numbers are allowed."""
    assert twilio().form(sms(sender="Fjallhem"))["From"] == "Fjallhem"
    assert twilio().form(sms(sender="Fjallhem", to_phone="+12025550123"))["From"] == "+46700000000"
    assert twilio().form(sms(sender="+15005550006", to_phone="+12025550123"))["From"] == "+15005550006"
    service = "MG" + "0" * 32
    assert twilio(sender=service).form(sms(sender="Fjallhem")) | {"From": "Fjallhem"} == twilio(sender=service).form(
        sms(sender="Fjallhem")
    )


@pytest.mark.parametrize(("asked", "given"), [(-5, "1"), (0, "1"), (60, "60"), (36000, "36000"), (999_999, "36000")])
def test_the_validity_stays_within_twilios_bounds(asked, given):
    """A stale text dies in the queue; the bounds are 1 second and 10 hours."""
    assert twilio().form(sms(valid_for=asked))["ValidityPeriod"] == given


def test_a_shop_that_twilio_cannot_reach_goes_without_callbacks():
    """Twilio refuses a loopback callback address, so none is given; its list of messages can still be asked."""
    channel = twilio(public_url="http://127.0.0.1:8080")
    assert "StatusCallback" not in channel.form(SMS)
    assert channel.asking is Asking.lookup
    both_here = twilio(public_url="http://127.0.0.1:8080", base_url="http://127.0.0.1:8025")
    assert "StatusCallback" in both_here.form(SMS)


ACCEPTED, REFUSED = (AttemptOutcome.accepted, False), (AttemptOutcome.refused, False)
NOT_SENT, DOWN = (AttemptOutcome.not_sent, False), (AttemptOutcome.not_sent, True)
UNANSWERED = (AttemptOutcome.unanswered, False)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (201, None, ACCEPTED),
        (200, None, ACCEPTED),
        (400, 20003, DOWN),
        (400, 20005, DOWN),
        (401, 20003, DOWN),
        (401, None, DOWN),
        (403, None, DOWN),
        (404, 20404, DOWN),
        (400, 21211, REFUSED),
        (400, 21212, DOWN),
        (400, 21408, REFUSED),
        (400, 21606, DOWN),
        (400, 21610, REFUSED),
        (400, 21611, NOT_SENT),
        (400, 21612, REFUSED),
        (400, 21614, REFUSED),
        (400, 21617, REFUSED),
        (400, 99999, REFUSED),
        (404, None, REFUSED),
        (429, 20429, NOT_SENT),
        (429, None, NOT_SENT),
        (500, 20500, UNANSWERED),
        (500, None, UNANSWERED),
        (502, None, UNANSWERED),
        (503, 20503, NOT_SENT),
        (503, None, UNANSWERED),
        (504, None, UNANSWERED),
        (204, None, UNANSWERED),
        (302, None, UNANSWERED),
    ],
)
def test_every_code_has_its_verdict(status, code, expected):
    """The table of Twilio's codes, status and code together."""
    body = json.dumps({"code": code, "message": "no", "status": status, "sid": "SM1"}).encode()
    verdict = asyncio.run(twilio(answering(status, {"Retry-After": "3"}, body)).send(SMS))
    assert (verdict.outcome, verdict.sender_down) == expected
    assert verdict.provider_ref == ("SM1" if expected == ACCEPTED else None)
    assert verdict.retry_after == (3.0 if expected == NOT_SENT else None)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"code": "21610"}', b'{"code": null, "message": {}}', b"\xff"]
)
def test_every_answer_has_a_verdict(body):
    """Total: whatever the bytes, only 200 and 201 count as taken, and no 5xx as not taken."""
    for status in range(100, 600):
        verdict = judge(status, {}, body, NOW)
        assert (verdict.outcome is AttemptOutcome.accepted) == (status in (200, 201)), status
        if status >= 500 or status < 400:
            assert verdict.outcome in (AttemptOutcome.unanswered, AttemptOutcome.accepted), status


def test_a_network_fault_is_a_verdict_and_no_exception():
    """`send` does not raise for what a network does."""
    assert asyncio.run(twilio(failing(httpx.ReadTimeout("slow"))).send(SMS)).outcome is AttemptOutcome.unanswered
    assert asyncio.run(twilio(failing(httpx.ConnectError("no"))).send(SMS)).outcome is AttemptOutcome.not_sent


def test_an_email_is_a_mistake():
    """Handing the wrong kind over is an error of ours, not a verdict."""
    with pytest.raises(TypeError):
        asyncio.run(twilio().send(EMAIL))


FORM = {
    "MessageSid": "SM" + "b" * 32,
    "SmsSid": "SM" + "b" * 32,
    "MessageStatus": "delivered",
    "SmsStatus": "delivered",
    "To": "+46701234567",
    "From": "+46700000000",
    "AccountSid": SID,
    "ApiVersion": "2010-04-01",
}


def sign(form: dict[str, str], url: str = URL, token: str = TOKEN) -> str:
    """Twilio's signature, computed here by its description and not by the vendor's code."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def read(form: dict[str, str], url: str = URL, signature: str | None = None) -> list:
    headers = {"x-twilio-signature": signature or sign(form, url)}
    return twilio().reports(url, headers, urlencode(form).encode())


def test_the_vendors_own_vector_holds():
    """The signature of Twilio's documentation, by our computation and the vendor's."""
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    form = {"CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234", "From": "+14158675309"}
    form["To"] = "+18005551212"
    assert sign(form, url) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert RequestValidator(TOKEN).validate(url, form, sign(form, url))


def test_a_genuine_callback_is_read():
    """The attempt comes from the query, the key is message and status."""
    (report,) = read(FORM)
    assert (report.event_key, report.kind) == (f"{FORM['MessageSid']}:delivered", "delivered")
    assert (report.attempt_id, report.provider_ref) == (SMS.attempt_id, FORM["MessageSid"])


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("accepted", "accepted"),
        ("queued", "accepted"),
        ("scheduled", "accepted"),
        ("sending", "accepted"),
        ("sent", "accepted"),
        ("delivered", "delivered"),
        ("read", "opened"),
        ("undelivered", "bounced"),
        ("failed", "bounced"),
        ("canceled", "bounced"),
        ("invented", "other"),
    ],
)
def test_every_status_has_its_kind(status, kind):
    """Twilio's ladder in our words."""
    (report,) = read(FORM | {"MessageStatus": status, "SmsStatus": status})
    assert report.kind == kind


def test_a_failure_says_its_code():
    """The error code stands in the detail."""
    (report,) = read(FORM | {"MessageStatus": "undelivered", "ErrorCode": "30003"})
    assert report.detail == "undelivered (30003)"


@pytest.mark.parametrize(
    ("signature", "url"),
    [
        ("AAAA", URL),
        ("ü", URL),
        (sign(FORM, token="54321"), URL),
        (sign(FORM | {"MessageStatus": "sent"}), URL),
        (sign(FORM, "http://shop.example/hooks/twilio/status"), URL),
        (sign(FORM), URL.replace(SMS.attempt_id, "att_of_another")),
    ],
)
def test_a_forged_callback_is_not_believed(signature, url):
    """A foreign token, a changed field, another address or another attempt breaks the signature."""
    with pytest.raises(Forged):
        read(FORM, url, signature)


def test_a_callback_without_a_signature_or_that_is_no_form_is_forged():
    """Nothing is read before it is verified."""
    with pytest.raises(Forged):
        twilio().reports(URL, {}, urlencode(FORM).encode())
    with pytest.raises(Forged):
        twilio().reports(URL, {"x-twilio-signature": "x"}, b"\xff\xfe=1")
    with pytest.raises(Forged):
        twilio().reports(URL, {"x-twilio-signature": "x"}, b"&".join(b"a=%d" % n for n in range(500)))


def test_a_field_given_twice_is_signed_twice():
    """The second value of a field cannot be slipped in behind a good signature."""
    body = urlencode([*FORM.items(), ("MessageStatus", "failed")]).encode()
    with pytest.raises(Forged):
        twilio().reports(URL, {"x-twilio-signature": sign(FORM)}, body)


@pytest.mark.parametrize("absent", [("MessageSid", "SmsSid"), ("MessageStatus", "SmsStatus")])
def test_a_signed_callback_without_its_subject_is_unreadable(absent):
    """Without message or status there is nothing to report."""
    form = {name: value for name, value in FORM.items() if name not in absent}
    with pytest.raises(Unreadable):
        read(form)


def test_a_callback_that_names_no_attempt_is_still_a_report():
    """A message that a person sent by hand reports too; it just is none of ours."""
    (report,) = read(FORM, "https://shop.example/hooks/twilio/status")
    assert report.attempt_id is None
