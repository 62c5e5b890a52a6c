"""Carriers' own calls: taken once where the signature fits, refused where it does not, and heard afterwards."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from app.clock import cpu_seconds
from app.models import CarrierPush
from app.pipeline.listening.pushes import hear_pushes
from app.settings.carriers import CarrierSettings
from tests.web.conftest import Site, order

SECRET, EASY_SECRET = "wh-sécret-of-the-shop", "ｅasy ①"
NUMBER = "JJD1042"
AFTERSHIP, EASYPOST = "/hooks/carriers/aftership", "/hooks/carriers/easypost"


def aftership_body(tag: str = "OutForDelivery", subtag: str = "OutForDelivery_001", **more: object) -> bytes:
    """A call about the parcel of `order()`, of the size that AfterShip's have at least."""
    checkpoint = {
        "slug": "dhl", "checkpoint_time": "2026-11-24T08:12:00+01:00", "location": "Malmö", "message": "On its way",
        "country_region": "SWE", "tag": tag, "subtag": subtag, "raw_tag": "OFD",
    }  # fmt: skip
    tracking = {"tracking_number": NUMBER, "slug": "dhl", "tag": tag, "subtag": subtag, "checkpoints": [checkpoint]}
    return json.dumps({"event": "tracking_update", "ts": 1795510800, "msg": {**tracking, **more}}).encode()


def easypost_body() -> bytes:
    detail = {"status": "out_for_delivery", "status_detail": "out_for_delivery", "datetime": "2026-11-24T07:12:00Z"}
    tracker = {"object": "Tracker", "tracking_code": NUMBER, "carrier": "DHLExpress", "tracking_details": [detail]}
    return json.dumps({"object": "Event", "description": "tracker.updated", "result": tracker}).encode()


def by_aftership(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"aftership-hmac-sha256": base64.b64encode(digest).decode()}


def by_easypost(body: bytes, secret: str = "easy 1") -> dict[str, str]:
    """Signed as EasyPost does: under the secret in the form NFKD."""
    return {"X-Hmac-Signature": f"hmac-sha256-hex={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}


@pytest.fixture(autouse=True)
def called(site: Site) -> Iterator[None]:
    """Two carriers' calls are set up, and DHL's parcels are asked of AfterShip."""
    site.house.carrier_settings.update(
        aftership=CarrierSettings(push_secret=SECRET), easypost=CarrierSettings(push_secret=EASY_SECRET)
    )
    yield
    site.house.carrier_settings.clear()


def stored(sessions) -> list[CarrierPush]:
    with sessions() as session:
        return list(session.scalars(sa.select(CarrierPush).order_by(CarrierPush.id)))


def test_a_signed_call_is_stored_once_and_heard(anyone, client, site, sessions):
    """Answered at once and stored raw; twice is once; heard, the parcel stands where the carrier says, and its story
    holds the raw words, which the call itself need not hold any more."""
    client.post("/v1/orders", json=order())
    with sessions.begin() as session:
        session.execute(sa.text("UPDATE shipments SET asked_of = 'aftership'"))
    site.woken.clear()
    body = aftership_body()
    answers = [anyone("POST", AFTERSHIP, content=body, headers=by_aftership(body)) for _ in range(3)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(200, b"")] * 3
    assert site.woken == [("hear_pushes", "")], "told once"
    (push,) = stored(sessions)
    assert push.carrier == "aftership" and push.taken_at is None and push.body
    tally = hear_pushes(site.house)
    assert (tally.parcels, tally.scans, tally.crossings) == (1, 1, 1)
    assert ("urgent", "email") in site.woken
    with sessions() as session:
        (milestone,) = session.scalars(sa.text("SELECT milestone FROM shipments"))
        kept = session.execute(sa.text("SELECT source, kind FROM carrier_answers")).all()
    assert (milestone, kept) == ("out_for_delivery", [("push", "tracked")])
    (push,) = stored(sessions)
    assert (push.taken_at is not None, push.body, push.problem, push.unmatched) == (True, b"", None, None)
    assert anyone("POST", AFTERSHIP, content=body, headers=by_aftership(body)).status_code == 200
    assert hear_pushes(site.house).parcels == 0, "a replay is known by its digest"


def test_easypost_signs_under_the_normal_form_of_its_secret(anyone, sessions):
    """A secret in wide letters is used in its compatible form, as the vendor's own clients do."""
    body = easypost_body()
    assert anyone("POST", EASYPOST, content=body, headers=by_easypost(body)).status_code == 200
    assert [push.carrier for push in stored(sessions)] == ["easypost"]


Lie = Callable[[bytes, dict[str, str], str], tuple[bytes, dict[str, str]]]
LIES: dict[str, Lie] = {
    "no signature": lambda body, signed, header: (body, {}),
    "an empty one": lambda body, signed, header: (body, {header: ""}),
    "blanks": lambda body, signed, header: (body, {header: "   "}),
    "garbage": lambda body, signed, header: (body, {header: "AAAA"}),
    "no text": lambda body, signed, header: (body, {header: "\u00fc"}),
    "half of it": lambda body, signed, header: (body, {header: signed[header][:20]}),
    "more than it": lambda body, signed, header: (body, {header: signed[header] + "A"}),
    "the last letter changed": lambda body, signed, header: (body, {header: signed[header][:-2] + "!="}),
    "in other letters": lambda body, signed, header: (body, {header: signed[header].swapcase()}),
    "under another name": lambda body, signed, header: (body, {"X-Signature": signed[header]}),
    "the other carrier's header": lambda body, signed, header: (
        body, by_easypost(body) if "aftership" in header else by_aftership(body),
    ),
    "another request's": lambda body, signed, header: (
        body, by_aftership(b"{}") if "aftership" in header else by_easypost(b"{}"),
    ),
    "another's secret": lambda body, signed, header: (
        body, by_aftership(body, "x") if "aftership" in header else by_easypost(body, "x"),
    ),
    "no secret": lambda body, signed, header: (
        body, by_aftership(body, "") if "aftership" in header else by_easypost(body, ""),
    ),
    "cut short": lambda body, signed, header: (body[:-1], signed),
    "something added": lambda body, signed, header: (body + b" ", signed),
    "a mark in front": lambda body, signed, header: (b"\xef\xbb\xbf" + body, signed),
    "written again": lambda body, signed, header: (json.dumps(json.loads(body), indent=1).encode(), signed),
    "another number": lambda body, signed, header: (body.replace(b"1042", b"1043"), signed),
    "another state": lambda body, signed, header: (body.replace(b"ut", b"UT"), signed),
    "nothing": lambda body, signed, header: (b"", signed),
    "the signature in the body": lambda body, signed, header: (
        json.dumps({**json.loads(body), "signature": signed[header]}).encode(), {},
    ),
    "deep JSON": lambda body, signed, header: (b"[" * 100_000, signed),
}  # fmt: skip


@pytest.mark.parametrize("path", [AFTERSHIP, EASYPOST])
def test_lies_are_refused(anyone, site, sessions, path):
    """Unsigned, forged, altered, another's: 403 as a problem document, no row, nobody woken."""
    body = aftership_body() if path == AFTERSHIP else easypost_body()
    signed = by_aftership(body) if path == AFTERSHIP else by_easypost(body)
    for lie, tell in LIES.items():
        told, headers = tell(body, signed, next(iter(signed)))
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = anyone("POST", path, content=told, headers=raw)
        assert (answer.status_code, site.woken, stored(sessions)) == (403, [], []), f"{lie}: {answer.text}"
        assert answer.headers["content-type"] == "application/problem+json"
    assert anyone("POST", path, content=body, headers=signed).status_code == 200, "the checks can fail"


def test_without_a_secret_nothing_is_taken(anyone, site, sessions):
    """Unset, every call is refused, one that is signed with an empty secret too; so is a carrier that does not call."""
    site.house.carrier_settings.clear()
    body = aftership_body()
    for path in (AFTERSHIP, "/hooks/carriers/dhl", "/hooks/carriers/nobody", "/hooks/carriers/%00"):
        answer = anyone("POST", path, content=body, headers=by_aftership(body, ""))
        assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"
    assert stored(sessions) == [] and site.woken == []


def test_what_is_too_large_is_not_read(anyone, sessions):
    """Above 1 MB: 413, signed or not."""
    body = b" " * 1_000_001
    assert anyone("POST", AFTERSHIP, content=body, headers=by_aftership(body)).status_code == 413
    assert stored(sessions) == []


def test_the_largest_call_is_answered_at_once(anyone, sessions):
    """Half a megabyte costs less than 50 CPU-ms: it is not read while its sender waits."""
    costs = []
    for turn in range(3):
        body = aftership_body(note="".join(hashlib.sha256(f"{turn}{n}".encode()).hexdigest() for n in range(8000)))
        headers = by_aftership(body)
        started = cpu_seconds()
        assert anyone("POST", AFTERSHIP, content=body, headers=headers).status_code == 200
        costs.append(cpu_seconds() - started)
    assert min(costs) < 0.050, costs


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"not json", "the answer is not JSON"),
        (b"[" * 100_000, "the answer is not JSON"),
        (b"[]", "JSON, but not an object"),
        (json.dumps({"msg": {"tracking_number": NUMBER, "checkpoints": 7}}).encode(), "checkpoints are not a list"),
    ],
)
def test_signed_nonsense_is_set_aside(anyone, site, sessions, body, problem):
    """It is kept with the reason, and holds up nobody."""
    good = aftership_body()
    for one in (body, good):
        assert anyone("POST", AFTERSHIP, content=one, headers=by_aftership(one)).status_code == 200
    hear_pushes(site.house)
    bad, other = stored(sessions)
    assert problem in bad.problem and bad.taken_at and bad.body
    assert other.problem is None and other.unmatched == [NUMBER]


def test_it_listens_to_post_alone(anyone, sessions):
    """Whatever else calls is turned away."""
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        assert anyone(method, AFTERSHIP).status_code == 405
    assert stored(sessions) == []


def test_no_secret_is_told(anyone, site, capsys):
    """Neither answer nor log holds the secret, the signature or the number."""
    body = aftership_body()
    answer = anyone("POST", AFTERSHIP, content=body, headers=by_aftership(body, "other"))
    said = answer.text + "".join(capsys.readouterr())
    for secret in (SECRET, NUMBER, by_aftership(body)["aftership-hmac-sha256"]):
        assert secret not in said
