"""Every way to lie to the three hooks: refused with 403, and nothing is stored that could be taken for true."""

import base64
import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from twilio.request_validator import RequestValidator

from app.clock import wall_seconds
from app.models import InboundMessage, Receipt, ReceiptBatch, Suppression
from app.pipeline import digest_reports
from app.pipeline.settling.unpacking import LARGE
from tests.web.conftest import PUBLIC_URL, TWILIO_TOKEN, signer

SENDGRID, STATUS, INBOUND = "/hooks/sendgrid", "/hooks/twilio/status", "/hooks/twilio/inbound"
SIGNATURE, TIMESTAMP = "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"
TWILIO_SIGNATURE = "X-Twilio-Signature"
FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
HOUR = 3600.0
FORMS = {
    STATUS: {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30005", "To": "+46701740605"},
    INBOUND: {"MessageSid": "SM2", "From": "+46701740605", "To": "+15550100", "Body": "STOP"},
}


def events(size: int = 0) -> bytes:
    """A bounce that would end an address, in a request of at least `size` bytes."""
    bounce = {"event": "bounce", "type": "bounce", "sg_event_id": "e", "email": "a@example.test"}
    count = 1 + size // 60
    return json.dumps([{**bounce, "sg_event_id": f"e{number}"} for number in range(count)]).encode()


def signed(body: bytes, age: float = 0.0, key: ec.EllipticCurvePrivateKey | None = None, stamp: str = "") -> dict:
    """SendGrid's headers over a body that was signed `age` seconds ago."""
    timestamp = stamp or str(int(wall_seconds() - age))
    signature = (key or signer()).sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: timestamp}


def by_twilio(path: str, form: dict[str, str], token: str = TWILIO_TOKEN, query: str = "") -> dict[str, str]:
    """Twilio's header over a form, as sent to the public address."""
    return {TWILIO_SIGNATURE: RequestValidator(token).compute_signature(f"{PUBLIC_URL}{path}{query}", form)}


def stored(sessions) -> dict[str, int]:
    """How many rows there are of all that a hook could write."""
    with sessions() as session:
        return {
            table.__tablename__: session.scalar(sa.select(sa.func.count()).select_from(table))
            for table in (Receipt, ReceiptBatch, InboundMessage, Suppression)
        }


NOTHING = {"receipts": 0, "receipt_batches": 0, "inbound_messages": 0, "suppressions": 0}


def refused(answer, site, sessions, lie: str) -> None:
    """403 as problem+json, no row, and nobody woken."""
    assert (answer.status_code, site.woken) == (403, []), f"{lie}: {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert stored(sessions) == NOTHING, lie


def _without(headers: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key != name}


def _altered(headers: dict[str, str], name: str, value: str) -> dict[str, str]:
    return {**headers, name: value}


SENDGRID_LIES: dict[str, Callable[[bytes], tuple[bytes, dict[str, str]]]] = {
    "no headers": lambda body: (body, {}),
    "no signature": lambda body: (body, _without(signed(body), SIGNATURE)),
    "no timestamp": lambda body: (body, _without(signed(body), TIMESTAMP)),
    "an empty signature": lambda body: (body, _altered(signed(body), SIGNATURE, "")),
    "a signature that is no base64": lambda body: (body, _altered(signed(body), SIGNATURE, "!!!")),
    "a signature that is no DER": lambda body: (body, _altered(signed(body), SIGNATURE, "AAAA")),
    "half a signature": lambda body: (body, _altered(signed(body), SIGNATURE, signed(body)[SIGNATURE][:40])),
    "another's key": lambda body: (body, signed(body, key=ec.generate_private_key(ec.SECP256R1()))),
    "a timestamp that was not signed": lambda body: (
        body, _altered(signed(body), TIMESTAMP, str(int(wall_seconds()) - 60)),
    ),
    "a timestamp that is no number": lambda body: (body, signed(body, stamp="yesterday")),
    "a timestamp beyond all time": lambda body: (body, signed(body, stamp="9" * 30)),
    "signed 26 hours ago": lambda body: (body, signed(body, age=26 * HOUR)),
    "signed in 10 minutes": lambda body: (body, signed(body, age=-600)),
    "cut short": lambda body: (body[: len(body) // 2], signed(body)),
    "the last byte gone": lambda body: (body[:-1], signed(body)),
    "written again": lambda body: (json.dumps(json.loads(body), indent=1).encode(), signed(body)),
    "written again without blanks": lambda body: (
        json.dumps(json.loads(body), separators=(",", ":")).encode(), signed(body),
    ),
    "something added": lambda body: (body + b" ", signed(body)),
    "a mark in front": lambda body: (b"\xef\xbb\xbf" + body, signed(body)),
    "another address": lambda body: (body.replace(b"a@example", b"b@example"), signed(body)),
    "another request's signature": lambda body: (body, signed(b"[]")),
    "no text at all": lambda body: (b"\xff\xfe" + body, signed(b"\xff\xfe" + body)),
    "the body signed without its timestamp": lambda body: (body, signed(body[10:], stamp=body[:10].decode())),
}  # fmt: skip


@pytest.mark.parametrize("size", [0, LARGE], ids=["small", "large"])
def test_lies_about_mail_are_refused(anyone, site, sessions, size):
    """However small the lie, and whether the request would be unpacked at once or kept as one row."""
    for lie, told in SENDGRID_LIES.items():
        body, headers = told(events(size))
        refused(anyone("POST", SENDGRID, content=body, headers=headers), site, sessions, lie)
    assert digest_reports(site.house) == 0


@pytest.mark.parametrize("size", [0, LARGE], ids=["small", "large"])
def test_the_truth_about_mail_is_taken(anyone, site, sessions, size):
    """The checks above can fail: unaltered, the same request is stored, on its last repetition after 24 hours too."""
    body = events(size)
    answers = [anyone("POST", SENDGRID, content=body, headers=signed(body, age)) for age in (24 * HOUR, 0, -60)]
    assert [answer.status_code for answer in answers] == [204] * 3
    assert site.woken == [("digest_reports", "")], "told once"
    digest_reports(site.house)
    assert stored(sessions) == {**NOTHING, "receipts": 1 + size // 60, "receipt_batches": int(size > 0)}


def test_a_replayed_report_counts_once_however_it_is_signed(anyone, site, sessions):
    """The same signature again, its mirror image on the curve, and a fresh one over the same events: one row each."""
    body = events()
    genuine = signed(body)
    r, s = decode_dss_signature(base64.b64decode(genuine[SIGNATURE]))
    mirrored = base64.b64encode(encode_dss_signature(r, P256_ORDER - s)).decode()
    for headers in (genuine, genuine, _altered(genuine, SIGNATURE, mirrored), signed(body, age=HOUR)):
        assert anyone("POST", SENDGRID, content=body, headers=headers).status_code == 204
    again = json.dumps([*json.loads(body), {"event": "open", "sg_event_id": "new"}]).encode()
    assert anyone("POST", SENDGRID, content=again, headers=signed(again)).status_code == 204
    assert stored(sessions) == {**NOTHING, "receipts": 2}
    assert site.woken == [("digest_reports", "")] * 2


def _sent(form: dict[str, str]) -> bytes:
    return urlencode(form).encode()


TWILIO_LIES: dict[str, Callable[[str, dict[str, str]], tuple[str, bytes, dict[str, str]]]] = {
    "no signature": lambda path, form: (path, _sent(form), {}),
    "an empty signature": lambda path, form: (path, _sent(form), {TWILIO_SIGNATURE: ""}),
    "garbage": lambda path, form: (path, _sent(form), {TWILIO_SIGNATURE: "AAAA"}),
    "no text": lambda path, form: (path, _sent(form), {TWILIO_SIGNATURE: "\u00fc"}),
    "half a signature": lambda path, form: (
        path, _sent(form), {TWILIO_SIGNATURE: by_twilio(path, form)[TWILIO_SIGNATURE][:14]},
    ),
    "another's token": lambda path, form: (path, _sent(form), by_twilio(path, form, "another")),
    "no token": lambda path, form: (path, _sent(form), by_twilio(path, form, "")),
    "a changed field": lambda path, form: (path, _sent({**form, "MessageSid": "SM9"}), by_twilio(path, form)),
    "a field added": lambda path, form: (path, _sent({**form, "ErrorCode2": "1"}), by_twilio(path, form)),
    "a field taken away": lambda path, form: (path, _sent(_without(form, "To")), by_twilio(path, form)),
    "a field given twice": lambda path, form: (path, _sent(form) + b"&MessageSid=SM9", by_twilio(path, form)),
    "cut short": lambda path, form: (path, _sent(form)[:-3], by_twilio(path, form)),
    "nothing": lambda path, form: (path, b"", by_twilio(path, form)),
    "another query": lambda path, form: (f"{path}?attempt=att_2", _sent(form), by_twilio(path, form)),
    "another attempt": lambda path, form: (
        f"{path}?attempt=att_2", _sent(form), by_twilio(path, form, query="?attempt=att_1"),
    ),
    "signed for the other hook": lambda path, form: (
        path, _sent(form), by_twilio(INBOUND if path == STATUS else STATUS, form),
    ),
    "signed for the address behind the proxy": lambda path, form: (
        path, _sent(form),
        {TWILIO_SIGNATURE: RequestValidator(TWILIO_TOKEN).compute_signature(f"http://inside:8080{path}", form)},
    ),
    "a digest of the body instead of the fields": lambda path, form: (
        f"{path}?bodySHA256={'0' * 64}", _sent(form), by_twilio(path, {}, query=f"?bodySHA256={'0' * 64}"),
    ),
    "JSON with a form's signature": lambda path, form: (path, json.dumps(form).encode(), by_twilio(path, form)),
    "bytes that are no text": lambda path, form: (path, b"\xff=\xfe", by_twilio(path, form)),
    "more fields than are read": lambda path, form: (path, b"&".join([b"a=1"] * 500), by_twilio(path, form)),
    "SendGrid's signature": lambda path, form: (path, _sent(form), signed(_sent(form))),
}  # fmt: skip


@pytest.mark.parametrize("path", [STATUS, INBOUND])
def test_lies_about_texts_are_refused(anyone, site, sessions, path):
    """Nobody is stopped, started or declared unreachable by a request that Twilio did not sign for this address."""
    for lie, told in TWILIO_LIES.items():
        where, body, headers = told(path, FORMS[path])
        raw = {name: value.encode("latin-1") for name, value in {**FORM_TYPE, **headers}.items()}
        refused(anyone("POST", where, content=body, headers=raw), site, sessions, lie)
    assert digest_reports(site.house) == 0


@pytest.mark.parametrize("path", [STATUS, INBOUND])
def test_the_truth_about_texts_is_taken_once_however_it_is_written(anyone, sessions, path):
    """The checks above can fail: unaltered it is stored; again, or with its fields in another order, which the
    vendor's signature allows, it changes nothing more."""
    form = FORMS[path]
    backwards = dict(reversed(form.items()))
    for body in (_sent(form), _sent(form), _sent(backwards)):
        answer = anyone("POST", path, content=body, headers={**FORM_TYPE, **by_twilio(path, form)})
        assert answer.status_code in (200, 204), answer.text
    expected = {"receipts": 1} if path == STATUS else {"inbound_messages": 1, "suppressions": 1}
    assert stored(sessions) == {**NOTHING, **expected}


def test_hooks_listen_to_post_alone(anyone, sessions):
    """Whatever else calls them is turned away."""
    for path in (SENDGRID, STATUS, INBOUND):
        for method in ("GET", "PUT", "DELETE", "HEAD"):
            assert anyone(method, path).status_code == 405, (method, path)
    assert stored(sessions) == NOTHING
