"""SendGrid: what leaves, what each answer means, and whose reports are believed."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.channels.base import REPORT_KINDS, Asking
from app.channels.sendgrid import SendGrid, judge, mail_body
from app.demo.providers.account import Account
from app.errors import ConfigurationError, Forged, Unreadable
from app.models.vocabulary import AttemptOutcome
from tests.channels.letters import EMAIL, NOW, SMS, answering, email, failing

ACCOUNT = Account()
SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"


def sendgrid(client=None, **changes) -> SendGrid:
    """A channel on this client, with a key, at a fixed time."""
    told = {"api_key": "SG.key", "base_url": "https://api.sendgrid.com", "now": lambda: NOW} | changes
    return SendGrid(client or answering(202), **told)


def sent(outgoing=EMAIL) -> httpx.Request:
    """The one request that a send makes."""
    seen: list[httpx.Request] = []
    asyncio.run(sendgrid(answering(202, seen=seen)).send(outgoing))
    assert len(seen) == 1
    return seen[0]


def test_the_request_carries_the_message_and_our_id():
    """Everything the shopper sees, the attempt id for the reports, and no tracking of clicks or opens."""
    request = sent()
    body = json.loads(request.content)
    assert str(request.url) == "https://api.sendgrid.com/v3/mail/send"
    assert request.headers["authorization"] == "Bearer SG.key"
    assert request.headers["content-type"] == "application/json"
    assert body == {
        "from": {"email": "hej@fjallhem.example", "name": "Fjällhem, varor & fjäll"},
        "reply_to": {"email": "kundtjanst@fjallhem.example"},
        "personalizations": [{"to": [{"email": "anna.lind@example.test", "name": 'Anna "Sunny" Lind, A.'}]}],
        "subject": "Arriving today, 14:00–16:00",
        "content": [
            {"type": "text/plain", "value": "Arriving today.\n"},
            {"type": "text/html", "value": "<p>Arriving <b>today</b></p>"},
        ],
        "headers": {"List-Unsubscribe": "<https://shop.example/p/abc>"},
        "categories": ["out_for_delivery"],
        "custom_args": {"doorstep_attempt_id": EMAIL.attempt_id},
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
        },
    }


def test_nothing_personal_is_kept_where_sendgrid_cannot_redact_it():
    """Custom arguments and categories name neither the shopper nor the address."""
    body = mail_body(EMAIL)
    kept = json.dumps([body["custom_args"], body["categories"]])
    assert "anna" not in kept.lower() and "lind" not in kept.lower()


def test_hostile_names_and_subjects_stay_where_they_belong():
    """Line breaks and control characters cannot start a header, and an odd name is not parsed as an address."""
    body = mail_body(
        email(
            subject="Hi\r\nBcc: all@example.test",
            to_name="evil@example.test <x>\x00",
            from_name="Shop\nX: y",
            reply_to=None,
            headers={"X-Note": "a\r\nBcc: b@example.test"},
        )
    )
    assert body["subject"] == "Hi Bcc: all@example.test"
    assert body["personalizations"] == [{"to": [{"email": "anna.lind@example.test", "name": "evil@example.test <x>"}]}]
    assert body["from"]["name"] == "Shop X: y"
    assert body["headers"] == {"X-Note": "a Bcc: b@example.test"}
    assert "reply_to" not in body


def test_an_address_is_never_parsed_for_another():
    """An address that looks like a name with an address goes out as it stands, for SendGrid to refuse."""
    hostile = "anna@example.test <evil@example.test>"
    body = mail_body(email(to_email=hostile, to_name=None, reply_to=hostile))
    assert body["personalizations"] == [{"to": [{"email": hostile}]}]
    assert body["reply_to"] == {"email": hostile}


def test_a_recipient_without_a_name_and_a_mail_without_text_are_sent_as_they_are():
    """Nothing is made up for what is missing; an empty part would be refused."""
    body = mail_body(email(to_name=None, text=""))
    assert body["personalizations"][0]["to"] == [{"email": "anna.lind@example.test"}]
    assert [part["type"] for part in body["content"]] == ["text/html"]


EXPECTED = {
    200: (AttemptOutcome.accepted, False),
    202: (AttemptOutcome.accepted, False),
    401: (AttemptOutcome.not_sent, True),
    403: (AttemptOutcome.not_sent, True),
    429: (AttemptOutcome.not_sent, False),
}


def test_every_status_has_its_verdict():
    """Total: 4xx was never taken, 5xx and the unheard-of prove nothing."""
    body = json.dumps({"errors": [{"message": "no", "field": "x", "help": None}]}).encode()
    for status in range(100, 600):
        verdict = judge(status, {"x-message-id": "abc"}, body, NOW)
        fallback = (AttemptOutcome.refused if 400 <= status < 500 else AttemptOutcome.unanswered, False)
        assert (verdict.outcome, verdict.sender_down) == EXPECTED.get(status, fallback), status
        assert verdict.http_status == status
        assert (verdict.provider_ref == "abc") == (verdict.outcome is AttemptOutcome.accepted)
        assert (verdict.error is None) == (verdict.outcome is AttemptOutcome.accepted)


@pytest.mark.parametrize("status", [200, 202, 400, 401, 413, 429, 500, 503])
def test_an_answer_is_judged_as_it_comes_over_the_wire(status):
    """The channel hands status, headers and body on as they are, whatever case the headers have."""
    verdict = asyncio.run(sendgrid(answering(status, {"X-Message-Id": "abc"}, b"{}")).send(EMAIL))
    assert verdict == judge(status, {"x-message-id": "abc"}, b"{}", NOW)


def test_a_throttled_call_says_when_to_come_back():
    """The provider's own wish reaches the caller."""
    verdict = asyncio.run(sendgrid(answering(429, {"Retry-After": "17"})).send(EMAIL))
    assert (verdict.outcome, verdict.retry_after, verdict.throttled) == (AttemptOutcome.not_sent, 17.0, True)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 9)}, 9.0),
        ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 9)}, None),
        ({"X-RateLimit-Remaining": "0"}, None),
        ({}, None),
    ],
)
def test_an_acceptance_can_be_the_last_for_now(headers, wait):
    """Taken, and the account's allowance is spent: said only where the answer says until when."""
    verdict = asyncio.run(sendgrid(answering(202, headers)).send(EMAIL))
    assert verdict.outcome is AttemptOutcome.accepted
    assert (verdict.retry_after, verdict.throttled) == (wait, wait is not None)


@pytest.mark.parametrize(
    "body", [b"", b"<html>413</html>", b"[]", b'{"errors": 3}', b'{"errors": [3]}', b'{"errors": null}', b"\xff"]
)
def test_an_error_page_of_any_kind_is_survived(body):
    """What is not SendGrid's JSON is counted in bytes instead of quoted."""
    verdict = asyncio.run(sendgrid(answering(413, body=body)).send(EMAIL))
    assert verdict.outcome is AttemptOutcome.refused
    assert verdict.error.startswith("HTTP 413")


def test_a_network_fault_is_a_verdict_and_no_exception():
    """`send` does not raise for what a network does."""
    assert asyncio.run(sendgrid(failing(httpx.ReadTimeout("slow"))).send(EMAIL)).outcome is AttemptOutcome.unanswered
    assert asyncio.run(sendgrid(failing(httpx.ConnectError("no"))).send(EMAIL)).outcome is AttemptOutcome.not_sent


def test_a_text_that_the_vendors_builder_refuses_is_refused():
    """The builder takes a text that begins like an API key for a leak."""
    verdict = asyncio.run(sendgrid().send(email(text="SG.abc.def is the number of your parcel")))
    assert verdict.outcome is AttemptOutcome.refused


def test_an_sms_is_a_mistake():
    """Handing the wrong kind over is an error of ours, not a verdict."""
    with pytest.raises(TypeError):
        asyncio.run(sendgrid().send(SMS))


def test_two_keys_are_two_senders_and_neither_is_shown():
    """Evidence about one account says nothing about another, and the key itself never leaves."""
    one, other = sendgrid(api_key="SG.one"), sendgrid(api_key="SG.other")
    assert one.sender != other.sender
    assert "SG.one" not in one.sender


EVENT = {
    "email": "anna.lind@example.test",
    "timestamp": 1_764_000_000,
    "event": "processed",
    "sg_event_id": "ZGVsaXZlcmVk",
    "sg_message_id": "abc.recvd-1",
    "doorstep_attempt_id": EMAIL.attempt_id,
}


def signed(body: bytes, at=NOW, account: Account = ACCOUNT) -> dict[str, str]:
    """The headers with which SendGrid would send this body at this time."""
    timestamp = str(int(at.timestamp()))
    return {SIGNATURE: account.sign(timestamp, body), TIMESTAMP: timestamp}


def receiver(**changes) -> SendGrid:
    return sendgrid(**({"webhook_public_key": ACCOUNT.webhook_public_key} | changes))


def read(*events: dict) -> list:
    """The reports that these events come to."""
    body = json.dumps(list(events)).encode()
    return receiver().reports("https://shop.example/hooks/sendgrid", signed(body), body)


# SendGrid's own vector, the same in the tests of all its libraries; the signature covers the closing CR and LF.
VENDOR_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAf"
    "SmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="
)
VENDOR_SIGNATURE = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
VENDOR_TIMESTAMP = 1600112502
VENDOR_BODY = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)


def vendors(body: bytes = VENDOR_BODY, timestamp: int = VENDOR_TIMESTAMP, after: timedelta = timedelta(minutes=1)):
    """The reports of the vendor's vector, as it would come some time after it was signed."""
    now = datetime.fromtimestamp(VENDOR_TIMESTAMP, UTC) + after
    channel = receiver(webhook_public_key=VENDOR_KEY, now=lambda: now)
    return channel.reports("", {SIGNATURE: VENDOR_SIGNATURE, TIMESTAMP: str(timestamp)}, body)


def test_the_vendors_own_vector_holds():
    """The report is believed and read, on its first try and on the last within a day."""
    for after in (timedelta(minutes=1), timedelta(hours=24)):
        (report,) = vendors(after=after)
        assert (report.kind, report.cause) == ("dropped", "hard")
        assert report.event_key == "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA"


@pytest.mark.parametrize(
    "changed",
    [
        {"body": VENDOR_BODY.rstrip()},
        {"body": json.dumps(json.loads(VENDOR_BODY)).encode() + b"\r\n"},
        {"body": VENDOR_BODY[:-10]},
        {"body": VENDOR_BODY.replace(b"dropped", b"bounced")},
        {"timestamp": VENDOR_TIMESTAMP + 1},
        {"after": timedelta(hours=26)},
        {"after": -timedelta(minutes=6)},
    ],
)
def test_the_vendors_own_vector_breaks_with_anything_changed(changed):
    """Trimmed, written again, cut short, altered, re-dated or out of its time."""
    with pytest.raises(Forged):
        vendors(**changed)


def test_a_genuine_report_is_read():
    """The id of the event, our attempt, the provider's message and the instant come through."""
    (report,) = read(EVENT)
    assert (report.event_key, report.kind) == ("ZGVsaXZlcmVk", "accepted")
    assert (report.attempt_id, report.provider_ref) == (EMAIL.attempt_id, "abc.recvd-1")
    assert report.occurred_at.timestamp() == 1_764_000_000
    assert json.loads(report.body) == EVENT


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("processed", "accepted"),
        ("deferred", "deferred"),
        ("delivered", "delivered"),
        ("bounce", "bounced"),
        ("dropped", "dropped"),
        ("spamreport", "complained"),
        ("open", "opened"),
        ("click", "clicked"),
        ("unsubscribe", "other"),
        ("group_resubscribe", "other"),
        ("account_status_change", "other"),
        ("invented tomorrow", "other"),
        (None, "other"),
        (7, "other"),
    ],
)
def test_every_event_has_its_kind(event, kind):
    """Known words are translated, unknown ones kept as `other`."""
    (report,) = read(EVENT | {"event": event})
    assert report.kind == kind
    assert report.kind in REPORT_KINDS


def test_a_bounce_says_why():
    """The reason a person needs, without the address in it."""
    (report,) = read(
        EVENT
        | {"event": "bounce", "type": "blocked", "reason": "550 no mailbox anna.lind@example.test", "status": "5.1.1"}
    )
    assert report.detail.startswith("blocked: 5.1.1: 550 no mailbox")
    assert "anna.lind" not in report.detail


def test_odd_fields_cost_only_themselves():
    """A batch is not lost for one strange event: each field that cannot be read is simply absent."""
    odd = {"event": "open", "timestamp": 1e300, "doorstep_attempt_id": 5, "sg_message_id": ["x"], "category": {}}
    (report, other) = read(odd, EVENT | {"doorstep_attempt_id": "att\x00_1"})
    assert (report.attempt_id, report.provider_ref, report.occurred_at) == (None, None, None)
    assert report.event_key == read(odd)[0].event_key != other.event_key
    assert "\x00" not in other.attempt_id


BODY = json.dumps([EVENT]).encode()


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, BODY),
        ({SIGNATURE: signed(BODY)[SIGNATURE]}, BODY),
        ({TIMESTAMP: signed(BODY)[TIMESTAMP]}, BODY),
        (signed(BODY) | {SIGNATURE: "not base64 at all"}, BODY),
        (signed(BODY) | {SIGNATURE: "AAAA"}, BODY),
        (signed(BODY) | {SIGNATURE: "ü"}, BODY),
        (signed(BODY) | {TIMESTAMP: "yesterday"}, BODY),
        (signed(BODY) | {TIMESTAMP: "9" * 40}, BODY),
        (signed(BODY) | {TIMESTAMP: str(int(NOW.timestamp()) + 1)}, BODY),
        (signed(BODY), BODY + b" "),
        (signed(BODY), json.dumps([EVENT], separators=(",", ":")).encode()),
        (signed(BODY), b"\xff\xfe"),
        (signed(BODY, account=Account()), BODY),
    ],
)
def test_a_forged_report_is_not_believed(headers, body):
    """A missing, foreign or misfitting signature, or a body that was read and written again, is Forged."""
    with pytest.raises(Forged):
        receiver().reports("https://shop.example/hooks/sendgrid", headers, body)


@pytest.mark.parametrize("age", [timedelta(hours=24, minutes=30), timedelta(0), -timedelta(minutes=4)])
def test_a_report_may_be_as_old_as_sendgrids_last_retry(age):
    """SendGrid repeats a report for a day under its first timestamp."""
    assert receiver().reports("", signed(BODY, NOW - age), BODY)


@pytest.mark.parametrize("age", [timedelta(hours=25, minutes=1), timedelta(days=365), -timedelta(minutes=6)])
def test_a_replayed_or_future_report_is_not_believed(age):
    """An old recording with a good signature is refused, and so is one from the future."""
    with pytest.raises(Forged):
        receiver().reports("", signed(BODY, NOW - age), BODY)


@pytest.mark.parametrize("body", [b"{}", b"3", b"[3]", b"not json", b'"x"', b"[[]]"])
def test_a_signed_report_that_is_no_list_of_events_is_unreadable(body):
    """Signed, but not in the form that SendGrid sends."""
    with pytest.raises(Unreadable):
        receiver().reports("", signed(body), body)


def test_without_a_key_no_report_is_believed_and_the_remedy_is_named():
    """A channel that cannot verify says so, and does not count as one that calls back."""
    channel = sendgrid()
    assert channel.asking is Asking.nothing and not channel.silence_tells
    assert receiver().asking is Asking.callbacks and receiver().silence_tells
    with pytest.raises(Forged, match="DOORSTEP_SENDGRID__WEBHOOK_PUBLIC_KEY"):
        channel.reports("", signed(BODY), BODY)


def test_a_key_that_is_none_is_refused_when_it_is_configured():
    """The mistake is found at start, not at the first report."""
    with pytest.raises(ConfigurationError, match="DOORSTEP_SENDGRID__WEBHOOK_PUBLIC_KEY"):
        sendgrid(webhook_public_key="MFkw-not-a-key")
