"""Every outgoing request, held against the vendors' own API documents, and the stand-in's answers with them."""

import asyncio
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from app.channels.base import Question
from app.channels.sendgrid import SendGrid
from app.channels.twilio import Twilio
from app.channels.twilio_whatsapp import TwilioWhatsApp
from app.demo.providers import serve
from tests.channels.letters import EMAIL, NOW, SMS, WHATSAPP, answering, email, pooled, sms

SPECS = Path(__file__).parents[2].parent / "shared" / "specs"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SPECS.is_dir(), reason="the vendors' API documents (../shared/specs) are not here"),
]
SID = "AC" + "a1" * 16
CREATE = "/2010-04-01/Accounts/{AccountSid}/Messages.json"


def document(name: str) -> dict:
    return json.loads((SPECS / name).read_bytes())


def judge_of(name: str) -> OpenAPI:
    """A validator for one vendor's document. The documents themselves are not ours to judge."""
    return OpenAPI.from_dict(document(name), config=Config(spec_validator_cls=None))


def as_asked(request: httpx.Request) -> MockRequest:
    """A request of ours in the shape that the validator reads."""
    return MockRequest(
        f"{request.url.scheme}://{request.url.host}",
        request.method.lower(),
        request.url.path,
        headers=dict(request.headers),
        data=request.content,
        content_type=request.headers["content-type"],
    )


def sent(channel_of, outgoing) -> httpx.Request:
    """The one request that a send makes."""
    seen: list[httpx.Request] = []
    asyncio.run(channel_of(answering(202, seen=seen)).send(outgoing))
    return seen[0]


def sendgrid(client, **given) -> SendGrid:
    return SendGrid(client, api_key="SG.key", base_url="https://api.sendgrid.com", now=lambda: NOW, **given)


def twilio(client, sender="+46700000000", base_url="https://api.twilio.com", sid=SID, token="token") -> Twilio:
    return Twilio(
        client, account_sid=sid, auth_token=token, sender=sender, base_url=base_url, public_url="https://shop.example"
    )


@pytest.mark.parametrize(
    "outgoing", [EMAIL, email(to_name=None, reply_to=None, headers={}), email(text=""), email(subject="å" * 300)]
)
def test_an_email_is_asked_as_sendgrid_documents_it(outgoing):
    """Each variant of `POST /v3/mail/send` passes the vendor's schema."""
    request = sent(sendgrid, outgoing)
    judge_of("sendgrid_tsg_mail_v3.json").validate_request(as_asked(request))
    schema = document("sendgrid_tsg_mail_v3.json")["components"]["requestBodies"]["PostMailSend"]
    known = schema["content"]["application/json"]["schema"]["properties"]
    assert set(json.loads(request.content)) <= set(known)


@pytest.mark.parametrize("sender", ["+46700000000", "Fjallhem", "MG" + "0" * 32])
@pytest.mark.parametrize("outgoing", [SMS, sms(sender="Atelier"), sms(valid_for=10**9)])
def test_an_sms_is_asked_as_twilio_documents_it(sender, outgoing):
    """Each variant of the create passes the vendor's schema, and no form key is unknown to it."""
    request = sent(lambda client: twilio(client, sender), outgoing)
    judge_of("twilio_api_v2010.messages.json").validate_request(as_asked(request))
    # The validator drops undeclared form keys without a word, so they are compared here.
    operation = document("twilio_api_v2010.messages.json")["paths"][CREATE]["post"]
    known = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    form = dict(parse_qsl(request.content.decode(), strict_parsing=True))
    assert set(form) <= set(known)
    assert 1 <= int(form["ValidityPeriod"]) <= 36000


def whatsapp(
    client, sender="+46700000001", base_url="https://api.twilio.com", sid=SID, token="token"
) -> TwilioWhatsApp:
    return TwilioWhatsApp(
        client, account_sid=sid, auth_token=token, sender=sender, base_url=base_url, public_url="https://shop.example"
    )


@pytest.mark.parametrize("sender", ["+46700000001", "whatsapp:+46700000001", "MG" + "0" * 32])
def test_a_whatsapp_message_is_asked_as_twilio_documents_it(sender):
    """The create passes the vendor's schema, ContentSid and all, and no form key is unknown to it."""
    request = sent(lambda client: whatsapp(client, sender), WHATSAPP)
    judge_of("twilio_api_v2010.messages.json").validate_request(as_asked(request))
    operation = document("twilio_api_v2010.messages.json")["paths"][CREATE]["post"]
    known = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    form = dict(parse_qsl(request.content.decode(), strict_parsing=True))
    assert set(form) <= set(known) and "Body" not in form
    assert re.fullmatch(known["ContentSid"]["pattern"], form["ContentSid"])
    assert json.loads(form["ContentVariables"]) == dict(WHATSAPP.variables)


def question(outgoing) -> Question:
    """What is asked about a call of a minute ago."""
    begun = NOW - timedelta(minutes=1)
    later = (("att_later", "ref"),)
    return Question(outgoing.attempt_id, outgoing, "/t/abc", begun, begun + timedelta(seconds=9), witnesses=later)


def looked_up(channel, outgoing, body: bytes) -> list[httpx.Request]:
    seen: list[httpx.Request] = []
    asyncio.run(channel(answering(200, body=body, seen=seen)).lookup(question(outgoing)))
    return seen


@pytest.mark.parametrize(
    ("channel", "outgoing", "name", "path"),
    [
        (twilio, SMS, "twilio_api_v2010.messages.json", CREATE),
        (lambda client: whatsapp(client), WHATSAPP, "twilio_api_v2010.messages.json", CREATE),
        (lambda client: sendgrid(client, activity=True), EMAIL, "sendgrid_tsg_email_activity_v3.json", "/v3/messages"),
    ],
    ids=["twilio", "whatsapp", "sendgrid"],
)
def test_records_are_asked_as_their_vendors_document_it(channel, outgoing, name, path):
    """Each look-up passes the vendor's schema, and no query key is unknown to it."""
    requests = looked_up(channel, outgoing, b'{"messages": []}')
    known = {one["name"] for one in document(name)["paths"][path]["get"]["parameters"]}
    assert requests
    for request in requests:
        assert set(request.url.params) <= known
        asked = MockRequest(
            f"https://{request.url.host}", "get", request.url.path,
            args=dict(request.url.params), headers=dict(request.headers),
        )  # fmt: skip
        judge_of(name).validate_request(asked)


def test_the_stand_in_lists_mail_as_sendgrid_documents_it():
    """The stand-in's Email Activity passes the vendor's response schema."""
    answers: list[httpx.Response] = []

    async def scene(stand_in) -> None:
        async with pooled() as client:
            built = SendGrid(client, api_key=stand_in.account.api_key, base_url=stand_in.url, activity=True)
            await built.send(EMAIL)
            found = await built.lookup(question(EMAIL))
            assert found.provider_ref
            asked = {"query": f"(unique_args['doorstep_attempt_id']=\"{EMAIL.attempt_id}\")"}
            key = {"authorization": f"Bearer {stand_in.account.api_key}"}
            answers.append(await client.get(f"{stand_in.url}/v3/messages", params=asked, headers=key))

    with serve() as stand_in:
        asyncio.run(scene(stand_in))
    (answer,) = answers
    request = MockRequest("https://api.sendgrid.com", "get", "/v3/messages", args=dict(answer.request.url.params))
    told = MockResponse(answer.content, answer.status_code, content_type="application/json")
    judge_of("sendgrid_tsg_email_activity_v3.json").validate_response(request, told)
    assert len(answer.json()["messages"]) == 1


WRONG_MAILS: dict[str, Callable[[dict], object]] = {
    "nobody to send to": lambda body: body.update(personalizations=[{"subject": "no to"}]),
    "no personalizations": lambda body: body.pop("personalizations"),
    "personalizations that are no list": lambda body: body.update(personalizations={}),
    "an address without its email": lambda body: body["personalizations"][0]["to"][0].pop("email"),
    "no sender": lambda body: body.pop("from"),
    "a sender that is only a text": lambda body: body.update({"from": "hej@fjallhem.example"}),
    "content without a type": lambda body: body["content"][0].pop("type"),
    "content that is no list": lambda body: body.update(content="Arriving today."),
    "a subject that is a number": lambda body: body.update(subject=7),
    "more categories than ten": lambda body: body.update(categories=[f"c{n}" for n in range(11)]),
    "a category twice": lambda body: body.update(categories=["a", "a"]),
    "tracking that is a word": lambda body: body["tracking_settings"]["click_tracking"].update(enable="no"),
    "a reply address without its email": lambda body: body["reply_to"].pop("email"),
}


@pytest.mark.parametrize("wrong", WRONG_MAILS)
def test_sendgrids_document_notices_a_wrong_mail(wrong):
    """The check can fail: our own mail with one thing wrong in it does not pass."""
    request = sent(sendgrid, EMAIL)
    body = json.loads(request.content)
    WRONG_MAILS[wrong](body)
    asked = httpx.Request("POST", request.url, headers=request.headers, content=json.dumps(body).encode())
    with pytest.raises(Exception, match=r"(?i)validation error|invalid|required"):
        judge_of("sendgrid_tsg_mail_v3.json").validate_request(as_asked(asked))


@pytest.mark.parametrize("wrong", [{"To": None}, {"ValidityPeriod": "soon"}, {"ScheduleType": "whenever"}])
def test_twilios_document_notices_a_wrong_sms(wrong):
    """The check can fail: our own form with one thing wrong in it does not pass."""
    request = sent(twilio, SMS)
    form = {**dict(parse_qsl(request.content.decode(), strict_parsing=True)), **wrong}
    content = urlencode({name: value for name, value in form.items() if value is not None}).encode()
    asked = httpx.Request("POST", request.url, headers=request.headers, content=content)
    with pytest.raises(Exception, match=r"(?i)validation error|invalid|required|cast"):
        judge_of("twilio_api_v2010.messages.json").validate_request(as_asked(asked))


@pytest.mark.parametrize(
    ("channel", "name", "outgoing"),
    [
        (sendgrid, "sendgrid_tsg_mail_v3.json", EMAIL),
        (twilio, "twilio_api_v2010.messages.json", SMS),
    ],
    ids=["sendgrid", "twilio"],
)
def test_a_call_without_its_login_is_noticed(channel, name, outgoing):
    """Both documents ask for credentials, and ours are what they ask for."""
    request = sent(channel, outgoing)
    judge_of(name).validate_request(as_asked(request))
    bare = {key: value for key, value in request.headers.items() if key != "authorization"}
    asked = httpx.Request("POST", request.url, headers=bare, content=request.content)
    with pytest.raises(Exception, match=r"(?i)security"):
        judge_of(name).validate_request(as_asked(asked))


def test_the_stand_in_answers_as_twilio_documents_it():
    """Create, fetch and list of the stand-in pass the vendor's response schemas: it cannot be wrong as we are."""
    spec = judge_of("twilio_api_v2010.messages.json")
    answers: list[httpx.Response] = []

    async def scene(stand_in) -> None:
        account = stand_in.account
        auth = (account.account_sid, account.auth_token)
        base = f"{stand_in.url}/2010-04-01/Accounts/{account.account_sid}/Messages"
        async with pooled() as client:
            form = {"To": "+46701234567", "From": "+46700000000", "Body": "Hi"}
            answers.append(await client.post(f"{base}.json", data=form, auth=auth))
            answers.append(await client.get(f"{base}/{answers[0].json()['sid']}.json", auth=auth))
            answers.append(await client.get(f"{base}.json", params={"To": "+46701234567"}, auth=auth))
            sender = whatsapp(client, base_url=stand_in.url, sid=account.account_sid, token=account.auth_token)
            answers.append(await client.post(f"{base}.json", data=sender.content_form(WHATSAPP), auth=auth))

    with serve() as stand_in:
        asyncio.run(scene(stand_in))
    assert [answer.status_code for answer in answers] == [201, 200, 200, 201]
    for answer in answers:
        asked = answer.request
        request = MockRequest(
            "https://api.twilio.com", asked.method.lower(), asked.url.path, args=dict(asked.url.params)
        )
        spec.validate_response(
            request, MockResponse(answer.content, answer.status_code, content_type="application/json")
        )
