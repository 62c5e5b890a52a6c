"""What is special about DPD: its envelopes, its token, its faults and its clocks."""

import pytest
from lxml import etree

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Access, AnswerKind, Ask, CarrierReply, RawAnswer, Token
from app.tracking.carriers.dpd import Dpd
from tests.tracking.carriers.recordings import FOLDER

CARRIER = Dpd()
ACCESS = Access("https://wsshipper.dpd.nl", secret="pa<s&s", account='us"er', token="t]]>0ken")


def element(body: bytes, name: str) -> str | None:
    return etree.fromstring(body).findtext(f".//{{*}}{name}")


def test_the_question_is_well_formed_whatever_is_in_it():
    """Outside text stands in its elements, escaped; what XML cannot hold is left out."""
    [call] = CARRIER.calls([Ask("0530<&>\x00\ud800001")], ACCESS)
    assert call.url == "https://wsshipper.dpd.nl/soap/services/ParcelLifeCycleService/V2_0"
    assert call.headers["SOAPAction"].endswith("/ParcelLifeCycleService/2.0/getTrackingData")
    assert element(call.body, "parcelLabelNumber") == "0530<&>001"
    assert (element(call.body, "delisId"), element(call.body, "authToken")) == ('us"er', "t]]>0ken")
    assert element(call.body, "messageLanguage") == "en_EN"
    assert b"pa&lt;s" not in call.body


@pytest.mark.parametrize("number", ["09980000020033F", "0998 0000 0200 33 F", "008182709980000020033350276C"])
def test_a_barcode_is_asked_about_by_its_fourteen_digits(number):
    """A label's barcode holds the number between the post code and the service."""
    [call] = CARRIER.calls([Ask(number)], ACCESS)
    assert element(call.body, "parcelLabelNumber") == "09980000020033"


def lent(body: str, headers: dict[str, str], status: int = 200) -> Token | CarrierReply:
    space = 'xmlns="http://dpd.com/common/service/types/LoginService/2.1"'
    soap = 'xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"'
    answer = f"<getAuthResponse {space}>{body}</getAuthResponse>"
    whole = f"<soap:Envelope {soap}><soap:Body>{answer}</soap:Body></soap:Envelope>"
    return CARRIER.login.read(RawAnswer(status, headers, whole.encode()))


def test_a_token_is_lent_for_user_and_password():
    """The question holds both, escaped, and asks about no parcel."""
    call = CARRIER.login.call(ACCESS)
    assert call.url.endswith("/soap/services/LoginService/V2_1") and call.asks == ()
    assert (element(call.body, "delisId"), element(call.body, "password")) == ('us"er', "pa<s&s")


def test_a_token_s_end_is_measured_against_the_answer_s_date():
    """`authTokenExpires` is UTC; without a `Date`, or with an end that cannot be read, half a day is trusted."""
    body = "<return><authToken>t0ken</authToken><authTokenExpires>2026-03-05T13:02:56.06</authTokenExpires></return>"
    assert lent(body, {"Date": "Thu, 05 Mar 2026 12:02:56 GMT"}) == Token("t0ken", 3600.06)
    assert lent(body, {"date": "Mon, 02 Mar 2026 12:00:00 GMT"}) == Token("t0ken", 86_400.0)
    assert lent(body, {"Date": "Fri, 06 Mar 2026 12:00:00 GMT"}) == Token("t0ken", 30.0)
    assert lent(body, {}) == lent(body.replace("2026-", "soon"), {}) == Token("t0ken", 43_200.0)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (RawAnswer(500, {}, (FOLDER / "dpd" / "fault_of_authentication.xml").read_bytes()), AnswerKind.denied),
        (RawAnswer(500, {}, b"<html>Sorry</html>"), AnswerKind.unavailable),
        (RawAnswer(401, {}, b""), AnswerKind.denied),
        (RawAnswer(429, {}, b""), AnswerKind.throttled),
        (RawAnswer(None, {}, b""), AnswerKind.unavailable),
        (RawAnswer(200, {}, b"<html>Sorry</html>"), AnswerKind.malformed),
        (RawAnswer(200, {}, b"<a/>"), AnswerKind.malformed),
    ],
)
def test_why_there_is_no_token(answer, kind):
    """A refused password, an ill DPD and an answer without a token are told apart."""
    reply = CARRIER.login.read(answer)
    assert isinstance(reply, CarrierReply)
    assert reply.kind is kind and reply.detail


def read(body: bytes, status: int = 200) -> CarrierReply:
    [call] = CARRIER.calls([Ask("05300000000017", destination_country="NL")], ACCESS)
    [reply] = CARRIER.read(call, RawAnswer(status, {"Retry-After": "60"}, body))
    return reply


def test_a_fault_may_come_under_200_and_under_500():
    """The fault decides, not the status: refused credentials are refused, an unknown parcel is unknown."""
    for name, kind in (("authentication", AnswerKind.denied), ("data", AnswerKind.not_found)):
        body = (FOLDER / "dpd" / f"fault_of_{name}.xml").read_bytes()
        assert read(body, 200).kind is read(body, 500).kind is kind
    ill = read((FOLDER / "dpd" / "fault_of_system.xml").read_bytes(), 500)
    assert (ill.kind, ill.retry_after) == (AnswerKind.unavailable, 60.0)


def test_a_status_that_is_only_planned_is_no_scan():
    """What has not been reached did not happen."""
    body = (FOLDER / "dpd" / "delivered_at_second_attempt.xml").read_bytes()
    planned = body.replace(b"<statusHasBeenReached>true", b"<statusHasBeenReached>false")
    assert read(body).scans[-1].milestone is Milestone.delivered
    assert (read(planned).kind, read(planned).scans) == (AnswerKind.tracked, ())


def test_identity_does_not_depend_on_words_or_order():
    """A new wording leaves every scan what it was."""
    body = (FOLDER / "dpd" / "delivered_at_second_attempt.xml").read_bytes()
    changed = body.replace(b"At parcel delivery centre.", b"In het depot.").replace(
        b"<isCurrentStatus>true", b"<isCurrentStatus>false"
    )
    assert [scan.digest for scan in read(body).scans] == [scan.digest for scan in read(changed).scans]


def test_a_bomb_is_not_lit():
    """Entities are not expanded, and outside files are not read."""
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]><x>&a;&b;</x>'
    assert read(bomb).kind is AnswerKind.malformed


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        ("008182709980000020033350276C", True),
        ("008182709980000020045000000N", False),
        ("09980000020033F", True),
        ("09980000020033D", False),
        ("05308801410058", True),
        ("0530880141005", False),
    ],
)
def test_its_numbers(number, fits):
    """Barcodes by their check character, and bare label numbers."""
    assert any(one.fits(number) for one in CARRIER.formats) is fits
