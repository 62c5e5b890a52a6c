"""Providers' reports: stored once when the signature fits, refused when it does not, digested afterwards."""

import base64
import json

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from twilio.request_validator import RequestValidator

from app.clock import cpu_seconds, wall_seconds
from app.models import Receipt, ReceiptBatch
from app.pipeline import digest_reports
from tests.web.conftest import PUBLIC_URL, TWILIO_TOKEN, signer

EVENTS = [{"event": "delivered", "sg_event_id": "e1", "timestamp": 1795510800, "email": "a@example.test"}]
_FORM = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+46701740605", "AccountSid": "AC1"}


def signed(body: bytes, key: ec.EllipticCurvePrivateKey | None = None) -> dict[str, str]:
    """SendGrid's two headers over a body."""
    timestamp = str(int(wall_seconds()))
    signature = (key or signer()).sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
    }


def receipts(sessions):
    with sessions() as session:
        return session.scalars(sa.select(Receipt).order_by(Receipt.id)).all()


def test_sendgrids_signed_events_are_kept_once(anyone, site, sessions):
    """Stored raw with their kind, 204, digestion woken; the same batch again is neither kept nor woken for."""
    body = json.dumps(EVENTS).encode()
    answers = [anyone("POST", "/hooks/sendgrid", content=body, headers=signed(body)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204] and answers[0].content == b""
    (receipt,) = receipts(sessions)
    assert (receipt.provider, receipt.event_key, receipt.kind) == ("sendgrid", "e1", "delivered")
    assert site.woken == [("digest_reports", "")]


def test_forged_events_are_refused(anyone, site, sessions):
    """No signature, another key's, or a changed body: 403, nothing stored, nobody woken."""
    body = json.dumps(EVENTS).encode()
    other = ec.generate_private_key(ec.SECP256R1())
    headers = [{}, signed(body, other), signed(b"[]"), {**signed(body), "X-Twilio-Email-Event-Webhook-Signature": "x"}]
    answers = [anyone("POST", "/hooks/sendgrid", content=body, headers=one) for one in headers]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert answers[0].json()["type"] == "urn:doorstep:problem:forged"
    assert receipts(sessions) == [] and site.woken == []


@pytest.mark.parametrize("body", [b"{}", b"not json", b'["x"]'])
def test_signed_nonsense_is_told_apart(anyone, sessions, body):
    """A signed body in no known form is a 400, and nothing is stored."""
    assert anyone("POST", "/hooks/sendgrid", content=body, headers=signed(body)).status_code == 400
    assert receipts(sessions) == []


@pytest.mark.parametrize("query", ["", "?nid=att_1", "?nid=att_1&x=%C3%A5"])
def test_twilios_callback_is_verified_on_the_public_address(anyone, site, sessions, query):
    """Signed over the public address and query, it is kept; what stands between us and the world does not matter."""
    signature = RequestValidator(TWILIO_TOKEN).compute_signature(f"{PUBLIC_URL}/hooks/twilio/status{query}", _FORM)
    answer = anyone.post(f"/hooks/twilio/status{query}", data=_FORM, headers={"X-Twilio-Signature": signature})
    assert answer.status_code == 204, answer.text
    assert [receipt.provider for receipt in receipts(sessions)] == ["twilio"]
    assert site.woken == [("digest_reports", "")]


def test_a_forged_callback_is_refused(anyone, sessions):
    """Signed for another address, or not at all: 403."""
    signature = RequestValidator(TWILIO_TOKEN).compute_signature("https://elsewhere.example/hooks/twilio/status", _FORM)
    for headers in ({"X-Twilio-Signature": signature}, {}):
        assert anyone.post("/hooks/twilio/status", data=_FORM, headers=headers).status_code == 403
    assert receipts(sessions) == []


@pytest.mark.parametrize("path", ["/hooks/mailgun", "/hooks/twilio", "/hooks/sendgrid/status", "/hooks/"])
def test_an_unknown_provider_is_not_there(anyone, path):
    """404 as a problem document."""
    answer = anyone("POST", path, content=b"[]")
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"


def test_a_report_larger_than_any_batch_is_not_read(anyone, sessions):
    """Above 1 MB a hook answers 413, announced or not."""
    body = b"[" + b" " * 1_000_000 + b"]"

    async def unannounced():
        yield body[:600_000]
        yield body[600_000:]

    assert anyone("POST", "/hooks/sendgrid", content=body, headers=signed(body)).status_code == 413
    assert anyone("POST", "/hooks/sendgrid", content=unannounced()).status_code == 413
    assert receipts(sessions) == []


def many_events(count):
    """As many events as SendGrid puts into one request of its largest size."""
    return [
        {
            **EVENTS[0], "event": "processed", "sg_event_id": f"big{number}", "smtp-id": f"<{number}@geopod-ismtpd-0>",
            "doorstep_attempt_id": f"att_{number:020}", "category": ["out_for_delivery"],
            "sg_message_id": f"{number:022}.recvd-canary-5f8c7b9d7-abcde-1-{number:08X}.0", "response": "250 2.0.0 OK",
            "ip": "192.0.2.7", "useragent": "none", "reason": "r" * 60, "tls": 1,
        }
        for number in range(count)
    ]  # fmt: skip


def test_the_largest_request_is_one_row_and_answered_at_once(anyone, site, sessions):
    """768 kB cost less than 50 CPU-ms and one raw row; the worker stores each event once, replayed or not."""
    costs = []
    for round_ in range(3):
        events = many_events(1700)
        events[0]["sg_event_id"] = f"round{round_}"
        body = json.dumps(events).encode()
        assert 700_000 < len(body) < 1_000_000
        headers = signed(body)
        started = cpu_seconds()
        answers = [anyone("POST", "/hooks/sendgrid", content=body, headers=headers)]
        costs.append(cpu_seconds() - started)
        answers.append(anyone("POST", "/hooks/sendgrid", content=body, headers=headers))
        assert [answer.status_code for answer in answers] == [204, 204]
    assert min(costs) < 0.050, costs
    with sessions() as session:
        stored = session.scalars(sa.select(ReceiptBatch).order_by(ReceiptBatch.id)).all()
    assert len(stored) == 3 and stored[2].body == body and receipts(sessions) == []
    assert site.woken == [("digest_reports", "")] * 3
    for _ in range(2):
        digest_reports(site.house)
    kept = receipts(sessions)
    assert len(kept) == 1699 + 3 and {row.effect for row in kept} == {"names no attempt of ours"}
    with sessions() as session:
        assert set(session.scalars(sa.select(ReceiptBatch.problem).where(ReceiptBatch.unpacked_at.isnot(None)))) == {
            None
        }


def test_a_large_forgery_is_refused_and_large_nonsense_holds_nothing_up(anyone, site, sessions):
    """403 without a row; what is signed but no list of events is kept with its problem, and the next is unpacked."""
    body = json.dumps(many_events(200)).encode()
    assert anyone("POST", "/hooks/sendgrid", content=body, headers=signed(b"[]")).status_code == 403
    nonsense = b'{"events": "' + b"x" * 40_000 + b'"}'
    for one in (nonsense, body):
        assert anyone("POST", "/hooks/sendgrid", content=one, headers=signed(one)).status_code == 204
    digest_reports(site.house)
    with sessions() as session:
        problems = session.scalars(sa.select(ReceiptBatch.problem).order_by(ReceiptBatch.id)).all()
    assert problems == ["Unreadable: The events are no JSON array of objects.", None]
    assert len(receipts(sessions)) == 200


def test_machines_that_open_mail_are_told_apart(anyone, sessions):
    """A mail program that fetches pictures is no reader."""
    events = [
        {"event": "open", "sg_event_id": "m", "sg_machine_open": True},
        {"event": "open", "sg_event_id": "p", "sg_machine_open": False},
    ]
    body = json.dumps(events).encode()
    anyone("POST", "/hooks/sendgrid", content=body, headers=signed(body))
    assert {row.event_key: row.kind for row in receipts(sessions)} == {"m": "machine_opened", "p": "opened"}
