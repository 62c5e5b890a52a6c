"""What providers' own records say about a call that was never answered: found, surely absent, or unclear."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest

from app.channels import sendgrid_activity
from app.channels.base import Answer, Asking, Question
from app.channels.sendgrid import SendGrid
from app.channels.twilio import Twilio
from app.channels.twilio_records import MOST_PAGES
from tests.channels.letters import EMAIL, NOW, SMS, answering, failing

MARK = "/t/abc"
BEGUN = NOW - timedelta(minutes=2)
ASKED = Question(SMS.attempt_id, SMS, MARK, BEGUN, BEGUN + timedelta(seconds=10))


def twilio(http: httpx.AsyncClient) -> Twilio:
    return Twilio(
        http,
        account_sid="AC" + "a1" * 16,
        auth_token="token",
        sender="+46700000000",
        base_url="https://api.twilio.com",
        public_url="https://shop.example",
        now=lambda: NOW,
    )


def sendgrid(http: httpx.AsyncClient, **changes) -> SendGrid:
    told = {"api_key": "SG.key", "base_url": "https://api.sendgrid.com", "activity": True, "now": lambda: NOW}
    return SendGrid(http, **(told | changes))


def text(sid: str = "SM1", body: str = SMS.text, seconds: float = 1.0, **changes) -> dict:
    """One message as Twilio lists it, created so many seconds after the call began."""
    created = format_datetime(BEGUN + timedelta(seconds=seconds))
    entry = {"sid": sid, "body": body, "date_created": created, "direction": "outbound-api", "status": "queued"}
    return {**entry, "error_code": None, **changes}


def listing(*entries: dict, more: str | None = None) -> bytes:
    return json.dumps({"messages": list(entries), "next_page_uri": more}).encode()


def ask(entries: list[dict], question: Question = ASKED, **page):
    return asyncio.run(twilio(answering(200, body=listing(*entries, **page))).lookup(question))


@pytest.mark.parametrize(
    ("status", "kind"),
    [("queued", "accepted"), ("sent", "accepted"), ("delivered", "delivered"), ("undelivered", "bounced"),
     ("failed", "bounced"), ("something new", "accepted")],
)  # fmt: skip
def test_a_text_that_is_listed_was_taken_and_its_status_is_read(status, kind):
    """The very text, to that number, at that time."""
    found = ask([text(status=status, error_code=30003)])
    assert (found.answer, found.provider_ref, found.kind) == (Answer.found, "SM1", kind)
    assert status in found.grounds and "30003" in found.grounds


def test_both_lists_are_read_by_recipient_and_the_day():
    """A queued message has no day on which it was sent, a busy list may be long: so with and without the day."""
    seen: list[httpx.Request] = []
    asyncio.run(twilio(answering(200, body=listing(), seen=seen)).lookup(ASKED))
    asked = [dict(request.url.params) for request in seen]
    assert [one.get("DateSent>") for one in asked] == [None, "2026-11-24T00:00:00Z"]
    assert all(one["To"] == SMS.to_phone for one in asked)
    assert all(request.headers["authorization"].startswith("Basic ") for request in seen)


ABSENT, UNCLEAR = Answer.absent, Answer.unclear


@pytest.mark.parametrize(
    ("entries", "answer"),
    [
        ([], ABSENT),
        ([text(body="Another text about another parcel. https://shop.example/t/xyz")], ABSENT),
        ([text(direction="inbound")], ABSENT),
        ([text(seconds=-7200)], ABSENT),
        ([text(body=f"Sent from a trial account - {SMS.text}")], UNCLEAR),
        ([text(seconds=600)], UNCLEAR),
        ([text(seconds=-600)], UNCLEAR),
        ([text(date_created="soon")], Answer.found),
        (["junk", {"sid": None}, text(sid="")], ABSENT),
    ],
    ids=["empty", "other", "inbound", "yesterday", "changed", "later", "earlier", "no date", "junk"],
)
def test_what_is_listed_beside_it_leaves_a_doubt_or_none(entries, answer):
    """Surely not there only if nothing listed could be it."""
    assert ask(entries).answer is answer


def test_a_text_whose_id_is_known_belongs_to_another_call():
    """Two texts alike: the one that is settled already is not found a second time."""
    mine = replace(ASKED, known=frozenset({"SM1"}))
    assert ask([text()], mine).answer is ABSENT
    assert ask([text("SM2"), text()], mine).provider_ref == "SM2"


def test_texts_alike_are_shared_out_only_when_there_is_one_for_each():
    """With fewer texts than calls nobody can say whose it is; with enough each call gets its own."""
    one = replace(ASKED, rivals=(SMS.attempt_id, "att_other"))
    other = replace(one, attempt_id="att_other")
    assert ask([text()], one).answer is ask([text()], other).answer is UNCLEAR
    both = [text("SM1", seconds=1), text("SM2", seconds=2)]
    assert {ask(both, one).provider_ref, ask(both, other).provider_ref} == {"SM1", "SM2"}
    assert ask([], one).answer is ABSENT


def test_a_text_without_its_parcels_link_proves_nothing():
    """Two orders of one shopper may be told the same words."""
    plain = replace(SMS, text="Your parcel arrives today.")
    assert ask([text(body=plain.text)], replace(ASKED, outgoing=plain)).answer is UNCLEAR
    assert ask([text(body="Something else")], replace(ASKED, outgoing=plain)).answer is UNCLEAR
    assert ask([], replace(ASKED, outgoing=plain)).answer is ABSENT
    assert ask([text()], replace(ASKED, outgoing=None)).answer is UNCLEAR


def test_a_list_that_is_not_read_to_its_end_proves_no_absence():
    """Paging is bounded, stays on the account's own host, and stops where the list is older than the call."""
    seen: list[httpx.Request] = []
    other = text(body="x")
    body = listing(other, more="https://elsewhere.example/2010-04-01/next?Page=1")
    found = asyncio.run(twilio(answering(200, body=body, seen=seen)).lookup(ASKED))
    assert found.answer is UNCLEAR and "longer" in found.grounds
    assert len(seen) == 2 * MOST_PAGES
    assert {request.url.host for request in seen} == {"api.twilio.com"}
    assert ask([other, text(body="x", seconds=-7200)], more="/next").answer is ABSENT


@pytest.mark.parametrize("build", [twilio, sendgrid])
@pytest.mark.parametrize(
    "client",
    [
        answering(500),
        answering(401),
        answering(200, body=b"<html>"),
        answering(200, body=b"[]"),
        answering(200, body=b'{"messages": 3}'),
        failing(httpx.ReadTimeout("slow")),
        failing(httpx.ConnectError("refused")),
    ],
    ids=["500", "401", "html", "list", "number", "timeout", "refused"],
)
def test_records_that_cannot_be_read_say_nothing(build, client):
    """Whatever goes wrong with asking, the call stays in doubt."""
    question = ASKED if build is twilio else replace(ASKED, outgoing=EMAIL)
    found = asyncio.run(build(client).lookup(question))
    assert found.answer is UNCLEAR and found.grounds


@pytest.mark.parametrize("build", [twilio, sendgrid])
def test_the_wish_for_a_pause_is_passed_on(build):
    """429 names how long to wait before the next question."""
    question = ASKED if build is twilio else replace(ASKED, outgoing=EMAIL)
    assert asyncio.run(build(answering(429, {"retry-after": "7"})).lookup(question)).retry_after == 7.0


MAIL = replace(ASKED, outgoing=EMAIL, witnesses=(("att_later", "ref-later"),))


@pytest.mark.parametrize(
    ("listed", "question", "answer", "kind"),
    [
        ([("mine.recvd-1", "processed")], MAIL, Answer.found, "accepted"),
        ([("mine.recvd-1", "not_delivered"), ("ref-later.recvd-1", "delivered")], MAIL, Answer.found, "bounced"),
        ([("ref-later.recvd-1", "delivered")], MAIL, ABSENT, "accepted"),
        ([], MAIL, UNCLEAR, "accepted"),
        ([], replace(MAIL, witnesses=()), UNCLEAR, "accepted"),
        ([("mine.recvd-1", "delivered")], replace(MAIL, witnesses=()), Answer.found, "delivered"),
    ],
)
def test_the_feed_is_believed_about_absence_only_when_it_shows_a_later_mail(listed, question, answer, kind):
    """It fills with a delay: a feed without this mail and without later ones may simply be behind."""
    entries = [{"msg_id": ref, "status": status} for ref, status in listed]
    seen: list[httpx.Request] = []
    client = answering(200, body=json.dumps({"messages": entries}).encode(), seen=seen)
    found = asyncio.run(sendgrid(client).lookup(question))
    assert (found.answer, found.kind) == (answer, kind)
    assert seen[0].url.params["query"].startswith(f"(unique_args['doorstep_attempt_id']=\"{SMS.attempt_id}\")")


def test_the_feed_is_asked_only_where_it_was_bought():
    """It is a paid add-on with six questions a minute; without it reports and silence are all there is."""
    assert sendgrid(answering(200)).asking is Asking.lookup
    assert sendgrid(answering(200)).asking_pause == sendgrid_activity.PAUSE == 10.0
    without = sendgrid(answering(200, body=b"{}"), activity=False)
    assert without.asking is Asking.nothing
    assert asyncio.run(without.lookup(MAIL)).answer is UNCLEAR
