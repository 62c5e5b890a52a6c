"""Messages leave through the real channels over loopback, and what providers say afterwards settles them."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import sqlalchemy as sa
from twilio.request_validator import RequestValidator

from app import pipeline
from app.clock import wall_seconds
from app.demo.providers import Account, Behaviour
from app.demo.providers.serving import StandIn
from app.embedded.ports import free_port
from app.models import Attempt, Receipt
from app.wiring import build_transports
from tests.channels.test_smtp import Keeper
from tests.integration.conftest import Town, eventually, give_up, hurry, timetable
from tests.pipeline.test_same_letter import mail_server

EMAIL, PHONE = "maja@example.test", "+46701740605"
BOTH_DELIVERED = {"email": ("delivered", "confirmed_by_receipt"), "sms": ("delivered", "confirmed_by_receipt")}


@pytest.fixture
def stand_in(providers: StandIn, web: str) -> Iterator[StandIn]:
    """The providers, well-behaved, with an empty journal, reporting quickly to the web application."""
    behave(providers, web)
    httpx.delete(f"{providers.url}/journal", timeout=60, trust_env=False).raise_for_status()
    yield providers
    providers.behave(**Behaviour().model_dump())


def behave(stand_in: StandIn, web: str, *rules: dict[str, Any], **callbacks: Any) -> None:
    """Rules for single recipients, and how reports come back."""
    prompt = {"base": web, "delay_ms": (5, 30), "batch_ms": 5}
    stand_in.behave(rules=rules, callbacks={**prompt, **callbacks})


def misbehave(stand_in: StandIn, web: str, act: str, *, times: int | None = None, **rule: Any) -> None:
    """Do this to both of Maja's addresses."""
    behave(stand_in, web, *({"recipient": one, "do": act, "times": times, **rule} for one in (EMAIL, PHONE)))


def plan(town: Town, number: str = "T1", **given: Any) -> None:
    """An email and an SMS are due: the parcel is out for delivery."""
    town.carrier.register([timetable(number)])
    town.order(number, **given)
    town.poll()


def settles(town: Town, wanted: dict[str, tuple[str, str]]) -> None:
    """Reports are taken in until every channel's message stands as wanted."""

    def there() -> bool:
        pipeline.digest_reports(town.house)
        return town.states() == wanted

    eventually(f"{wanted}, not {town.states()}", there)


def journal(stand_in: StandIn) -> dict[str, dict[str, Any]]:
    """What was taken, by channel; no channel may have taken more than one."""
    entries = [stand_in.journal.full(entry) for entry in stand_in.journal.entries]
    assert max(Counter(entry["channel"] for entry in entries).values(), default=0) <= 1, "sent twice"
    return {entry["channel"]: entry for entry in entries}


def test_messages_arrive_in_the_providers_shapes_and_their_reports_come_home(town: Town, web: str, stand_in: StandIn):
    """The strict stand-in takes both, and signed callbacks through the web application settle them as delivered."""
    plan(town)
    town.send()
    assert {state for state, _ in town.states().values()} <= {"accepted", "delivered"}
    settles(town, BOTH_DELIVERED)
    taken = journal(stand_in)
    attempts = {attempt.provider: attempt for attempt in town.rows(Attempt)}
    for channel, provider in (("email", "sendgrid"), ("sms", "twilio")):
        assert taken[channel]["attempt_id"] == attempts[provider].public_id
        assert taken[channel]["ref"] == attempts[provider].provider_ref
        assert attempts[provider].first_receipt_at is not None
    email, sms = taken["email"], taken["sms"]
    assert (email["recipient"], email["recipient_name"]) == (EMAIL, "Maja Lind")
    assert email["category"] == "out_for_delivery" and "Wool blanket" in email["subject"]
    link = f"{web}/t/{town.parcel('T1').link_token}"
    assert link in email["html"] and link in email["text"] and link in sms["text"]
    assert sms["recipient"] == PHONE
    assert "was sent and delivered" in town.told("T1") and "twilio reported delivered" in town.told("T1")
    town.assert_whole()


def test_what_comes_back_is_told_as_such(town: Town, web: str, stand_in: StandIn):
    """A bounce and an undelivered SMS end as bounced, with the provider's own reason in the story."""
    misbehave(stand_in, web, "accept", bounce=True)
    plan(town)
    town.send()
    settles(town, {"email": ("bounced", "bounced"), "sms": ("bounced", "bounced")})
    told = town.told("T1")
    assert told.count("was sent and came back") == 2
    assert "5.1.1" in told and "30003" in told
    town.send()
    assert len(journal(stand_in)) == 2
    town.assert_whole()


@pytest.mark.parametrize("act", ["accept_then_drop", "accept_then_error", "accept_then_stall"])
def test_a_message_taken_without_an_answer_is_confirmed_by_its_report(town: Town, web: str, stand_in: StandIn, act):
    """Nobody heard the provider say yes; its report does, and the journal shows each message once."""
    misbehave(stand_in, web, act)
    if act == "accept_then_stall":
        hurry(town)
    plan(town)
    town.send()  # a stalled call ends at its deadline: the stand-in never would
    assert {attempt.outcome for attempt in town.rows(Attempt)} <= {"unanswered", "accepted"}
    settles(town, BOTH_DELIVERED)
    pipeline.recover(town.house)
    town.send()
    assert len(journal(stand_in)) == 2
    assert len(town.rows(Attempt)) == 2
    assert "reported delivered" in town.told("T1")
    town.assert_whole()


def test_a_message_that_never_got_through_leaves_once_others_have_been_reported(
    town: Town, web: str, stand_in: StandIn
):
    """Silence alone sends nothing again; reports of later messages by the same sender do, and then exactly once."""
    rules = ({"recipient": one, "do": act, "times": 1} for one, act in ((EMAIL, "drop"), (PHONE, "stall")))
    behave(stand_in, web, *rules)
    hurry(town)
    # So long that no stalled machine comes to it: past the margin Twilio may be asked, and then it is no guess.
    town.house = replace(town.house, sending=town.house.sending.model_copy(update={"margin": 600.0}))
    plan(town)
    town.send()
    assert {state for state, _ in town.states().values()} == {"unconfirmed"}
    town.house = replace(town.house, sending=town.house.sending.model_copy(update={"deadline": 60.0}))
    pipeline.recover(town.house)
    town.send()
    assert stand_in.journal.entries == [], "nothing is sent on a guess"
    with town.house.sessions.begin() as session:  # only calls begun after the deadline and the margin can testify
        hour = timedelta(hours=1)
        earlier = {"begun_at": Attempt.begun_at - hour, "deadline_at": Attempt.deadline_at - hour}
        session.execute(sa.update(Attempt).values(earlier))
    other = {"name": "Ida", "email": "ida@example.test", "phone": "+46701740606", "country": "SE"}
    plan(town, "T2", shopper=other)
    town.send()
    eventually("the later ones are reported", lambda: pipeline.digest_reports(town.house) + _reported(town) >= 2)

    def left() -> bool:
        pipeline.recover(town.house)
        pipeline.digest_reports(town.house)
        town.send()
        return {message.state for message in town.messages()} == {"delivered"}

    eventually("all four are delivered", left)
    taken = Counter(entry.recipient for entry in stand_in.journal.entries)
    assert taken == dict.fromkeys((EMAIL, PHONE, "ida@example.test", "+46701740606"), 1)
    assert "no report, while later attempts were reported" in town.told("T1")
    town.assert_whole()


def _reported(town: Town) -> int:
    return sum(attempt.first_receipt_at is not None for attempt in town.rows(Attempt))


def test_a_provider_that_is_busy_is_left_in_peace_as_long_as_it_asks(town: Town, web: str, stand_in: StandIn):
    """429 with `Retry-After: 400` stops the whole sender for 400 seconds, for all; then the message leaves, once."""
    stand_in.behave(sendgrid={"retry_after": 400}, twilio={"retry_after": 400})
    misbehave(stand_in, web, "throttle", times=1)
    plan(town)
    town.send()
    assert town.states() == {"email": ("ready", "retrying"), "sms": ("ready", "retrying")}
    assert {message.send_at for message in town.messages()} == {town.clock.now() + timedelta(seconds=400)}
    assert "HTTP 429" in town.told("T1")
    with town.house.sessions.begin() as session:
        left = session.scalars(sa.text("SELECT extract(epoch FROM busy_until - clock_timestamp()) FROM senders")).all()
        assert len(left) == 2 and all(100 < seconds <= 400 for seconds in left)
    town.clock.turn(seconds=401)  # the messages are due by the engine's clock, but the pause is wall time
    town.send()
    assert stand_in.journal.entries == []
    with town.house.sessions.begin() as session:
        session.execute(sa.text("UPDATE senders SET busy_until = clock_timestamp()"))
    town.clock.turn(seconds=401)
    town.send()
    settles(town, BOTH_DELIVERED)
    assert len(journal(stand_in)) == 2
    town.assert_whole()


def test_a_refusal_is_an_end_with_a_reason(town: Town, web: str, stand_in: StandIn):
    """What a provider will never take is failed at once, its words are in the story, and nothing is tried again."""
    misbehave(stand_in, web, "refuse")
    plan(town)
    town.send()
    town.clock.turn(minutes=30)
    town.send()
    assert town.states() == {"email": ("failed", "refused"), "sms": ("failed", "refused")}
    assert len(town.rows(Attempt)) == 2 and stand_in.journal.entries == []
    told = town.told("T1")
    assert "refused" in told and "21610" in told and EMAIL not in told
    town.assert_whole()


def test_reports_that_come_twice_and_in_disorder_settle_like_any(town: Town, web: str, stand_in: StandIn):
    """Each report is stored once and applied once, whatever its order."""
    behave(stand_in, web, duplicate=1.0, reorder=1.0)
    people = [
        {"name": f"P{n}", "email": f"p{n}@example.test", "phone": f"+4670174061{n}", "country": "SE"} for n in range(5)
    ]
    for n, shopper in enumerate(people):
        plan(town, f"T{n}", shopper=shopper)
    town.send()

    def all_there() -> bool:
        pipeline.digest_reports(town.house)
        return len(town.rows(Receipt)) == 20 and {message.state for message in town.messages()} == {"delivered"}

    eventually("two reports a message, and every message delivered", all_there)
    time.sleep(0.2)  # not waiting for a state: the duplicates come last
    pipeline.digest_reports(town.house)
    assert len(town.rows(Receipt)) == 20
    assert {message.state for message in town.messages()} == {"delivered"}
    assert set(Counter(entry.recipient for entry in stand_in.journal.entries).values()) == {1}
    town.assert_whole()


def test_a_forged_report_changes_nothing(town: Town, web: str, stand_in: StandIn):
    """Unsigned, wrongly signed, altered and outdated reports are refused with 403, and nothing is stored."""
    behave(stand_in, web, enabled=False)
    plan(town)
    town.send()
    sent = {attempt.provider: attempt for attempt in town.rows(Attempt)}
    body = (
        f'[{{"event":"bounce","doorstep_attempt_id":"{sent["sendgrid"].public_id}",'
        f'"sg_event_id":"f1","sg_message_id":"x"}}]'
    ).encode()
    now, old = str(int(wall_seconds())), str(int(wall_seconds()) - 30 * 3600)
    genuine, stranger = stand_in.account, Account()
    forged = [
        {},
        _signed(stranger.sign(now, body), now),
        _signed(genuine.sign(now, body + b" "), now),
        _signed(genuine.sign(old, body), old),
        _signed("!!!", now),
        _signed(genuine.sign(now, body), "yesterday"),
    ]
    for headers in forged:
        assert (
            httpx.post(f"{web}/hooks/sendgrid", content=body, headers=headers, timeout=60, trust_env=False).status_code
            == 403
        )
    form = {"MessageSid": "SM1", "MessageStatus": "failed"}
    url = f"{web}/hooks/twilio/status?attempt={sent['twilio'].public_id}"
    signed = RequestValidator(genuine.auth_token).compute_signature(url, form)
    tampered = [
        (url, form, ""),
        (url, form, RequestValidator("another").compute_signature(url, form)),
        (url, form | {"MessageStatus": "delivered"}, signed),
        (f"{web}/hooks/twilio/status?attempt={sent['sendgrid'].public_id}", form, signed),
    ]
    for address, fields, signature in tampered:
        headers = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature}
        answer = httpx.post(address, content=urlencode(fields), headers=headers, timeout=60, trust_env=False)
        assert answer.status_code == 403
    assert pipeline.digest_reports(town.house) == 0
    assert town.rows(Receipt) == []
    assert town.states() == {"email": ("accepted", "accepted"), "sms": ("accepted", "accepted")}


def _signed(signature: str, timestamp: str) -> dict[str, str]:
    return {
        "x-twilio-email-event-webhook-signature": signature,
        "x-twilio-email-event-webhook-timestamp": timestamp,
    }


class Post(Keeper):
    """A mail server's handler that keeps what it takes, and can break off right after."""

    def __init__(self) -> None:
        super().__init__()
        self.break_off = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        said = await super().handle_DATA(server, session, envelope)
        if self.break_off:
            server.transport.abort()
        return said

    def letters(self) -> list[EmailMessage]:
        return [message_from_bytes(envelope.content, policy=SMTP_POLICY) for envelope in self.taken]


@pytest.fixture
def post(town: Town) -> Iterator[Post]:
    """A real SMTP server that carries this town's email, with SendGrid behind it."""
    handler = Post()
    told = town.settings.model_dump(include={"smtp", "channels"})
    with mail_server(handler) as url:
        told |= {"smtp": {"url": url}, "channels": {"email": "smtp,sendgrid", "sms": "twilio"}}
        both = type(town.settings).model_validate({**dict(town.settings), **told})
        transports = build_transports(both, town.house.http)
        town.house = replace(town.house, transports=transports)
        yield handler
        for transport in (one for of_channel in transports.values() for one in of_channel):
            town.house.loop.run(transport.aclose())


def test_email_leaves_through_a_mail_server(town: Town, stand_in: StandIn, post: Post):
    """Over SMTP the same letter arrives, in both forms, and is accepted."""
    plan(town)
    town.send()
    (letter,) = post.letters()
    assert letter["To"] == f"Maja Lind <{EMAIL}>" and "Wool blanket" in letter["Subject"]
    page = f"/t/{town.parcel('T1').link_token}"
    assert page in letter.get_body(("plain",)).get_content() and page in letter.get_body(("html",)).get_content()
    assert town.states()["email"] == ("accepted", "accepted")
    assert [entry.channel for entry in stand_in.journal.entries] == ["sms"]


def test_a_mail_server_that_breaks_off_is_not_asked_twice(town: Town, stand_in: StandIn, post: Post):
    """Nobody can ask a mail server what became of a letter, so it stays unconfirmed, then ambiguous; no other goes."""
    post.break_off = True
    plan(town)
    town.send()
    assert town.states()["email"] == ("unconfirmed", "no_answer")
    give_up(town)
    town.house = replace(town.house, sending=town.house.sending.model_copy(update={"settle": 0.1}))

    def ended() -> bool:
        pipeline.recover(town.house)
        town.send()
        return town.states()["email"] == ("failed", "ambiguous")

    eventually("the doubt has ended", ended)
    assert len(post.taken) == 1
    assert [entry.channel for entry in stand_in.journal.entries] == ["sms"]
    town.assert_whole()


def test_where_the_mail_server_is_not_there_the_next_provider_carries_it(town: Town, stand_in: StandIn, post: Post):
    """A certain "not sent" lets the second provider take over, and only one of them has the letter."""
    nowhere = type(town.settings).model_validate(
        {
            **dict(town.settings),
            "smtp": {"url": f"smtp://127.0.0.1:{free_port()}"},
            "channels": {"email": "smtp,sendgrid", "sms": "twilio"},
        }
    )
    town.house = replace(town.house, transports=build_transports(nowhere, town.house.http))
    plan(town)
    town.send()
    assert town.states()["email"] == ("ready", "retrying")
    town.clock.turn(seconds=10)
    town.send()
    settles(town, BOTH_DELIVERED)
    assert post.taken == [] and len(journal(stand_in)) == 2
