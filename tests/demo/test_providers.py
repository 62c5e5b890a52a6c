"""The provider stand-in over real loopback HTTP: strict, honest in its journal, and bad only in the ways it is told."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from app.channels.base import Report
from app.channels.sendgrid import SendGrid, mail_body
from app.channels.twilio import Twilio
from app.demo.providers import Account, Act, Behaviour, CallbackManners, Journal, Manners, Rule, serve
from app.demo.providers.account import kept_account
from app.demo.providers.behaviour import Conduct
from app.demo.providers.inbox import ago
from app.errors import Forged
from app.models.vocabulary import AttemptOutcome
from tests.channels.letters import EMAIL, NOW, SMS, email, pooled, sms

ACCEPTED, REFUSED = AttemptOutcome.accepted, AttemptOutcome.refused
NOT_SENT, UNANSWERED = AttemptOutcome.not_sent, AttemptOutcome.unanswered


@pytest.fixture(scope="module")
def shared():
    """One stand-in for the tests that only look at single calls."""
    with serve() as stand_in:
        yield stand_in


@pytest.fixture
def stand_in(shared):
    """The shared stand-in, empty and well-behaved."""
    shared.behave(**Behaviour().model_dump())
    httpx.delete(f"{shared.url}/journal", timeout=60, trust_env=False).raise_for_status()
    return shared


def channels(stand_in, client, public_url: str = "http://127.0.0.1:9"):
    """Both channels as `DOORSTEP_…` would build them on this stand-in."""
    account = stand_in.account
    sendgrid = SendGrid(
        client, api_key=account.api_key, base_url=stand_in.url, webhook_public_key=account.webhook_public_key
    )
    twilio = Twilio(
        client,
        account_sid=account.account_sid,
        auth_token=account.auth_token,
        sender=account.sender,
        base_url=stand_in.url,
        public_url=public_url,
    )
    return sendgrid, twilio


def send(stand_in, *outgoing, public_url: str = "http://127.0.0.1:9", read: float = 60.0):
    """Send these one after the other through the channel that carries each."""

    async def scene():
        async with pooled(read) as client:
            sendgrid, twilio = channels(stand_in, client, public_url)
            return [await (twilio if hasattr(one, "to_phone") else sendgrid).send(one) for one in outgoing]

    return asyncio.run(scene())


def get(stand_in, path: str) -> httpx.Response:
    return httpx.get(stand_in.url + path, timeout=60, trust_env=False)


def test_what_is_accepted_stands_in_the_journal_in_order(stand_in):
    """Recipient, attempt, texts and instant of every message, email and SMS alike."""
    verdicts = send(stand_in, EMAIL, SMS, email(attempt_id="att_third"))
    told = get(stand_in, "/journal").json()
    assert [verdict.outcome for verdict in verdicts] == [ACCEPTED] * 3
    assert [entry["ref"] for entry in told["entries"]] == [verdict.provider_ref for verdict in verdicts]
    first, second, third = told["entries"]
    assert (first["recipient"], first["attempt_id"]) == (EMAIL.to_email, EMAIL.attempt_id)
    assert (first["subject"], first["text"], first["html"]) == (EMAIL.subject, EMAIL.text, EMAIL.html)
    assert (second["recipient"], second["text"], second["attempt_id"]) == (SMS.to_phone, SMS.text, SMS.attempt_id)
    assert third["attempt_id"] == "att_third"
    assert first["received_at"] <= second["received_at"] <= third["received_at"]
    assert told["counts"] == {"total": 3, "sendgrid": 2, "twilio": 1, "repeated_attempts": 1}


def test_the_journal_is_read_on_from_where_one_was(stand_in):
    """`after` and `limit` page through; `bodies=0` leaves the texts out; DELETE empties it."""
    send(stand_in, *(email(attempt_id=f"att_{n}") for n in range(5)))
    page = get(stand_in, "/journal?after=1&limit=2").json()
    assert [entry["attempt_id"] for entry in page["entries"]] == ["att_1", "att_2"]
    assert (page["last"], page["more"]) == (3, True)
    rest = get(stand_in, f"/journal?after={page['last']}&bodies=0").json()
    assert [entry["n"] for entry in rest["entries"]] == [4, 5]
    assert "html" not in rest["entries"][0]
    assert rest["more"] is False
    httpx.delete(f"{stand_in.url}/journal", timeout=60, trust_env=False)
    assert get(stand_in, "/journal").json()["counts"]["total"] == 0
    assert get(stand_in, "/journal?after=x").status_code == 400


def post_mail(stand_in, changes=None, raw: bytes | None = None, **headers: str) -> httpx.Response:
    """One `POST /v3/mail/send` with a good body but for the changes."""
    body = raw if raw is not None else json.dumps(mail_body(EMAIL) | (changes or {})).encode()
    told = {"authorization": f"Bearer {stand_in.account.api_key}", "content-type": "application/json"} | headers
    return httpx.post(f"{stand_in.url}/v3/mail/send", content=body, headers=told, timeout=60, trust_env=False)


TO = {"email": "a@example.test"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"personalizations": []}, "personalizations"),
        ({"personalizations": [{}]}, "personalizations.0.to"),
        ({"personalizations": [{"to": []}]}, "personalizations.0.to"),
        ({"personalizations": [{"to": [TO, TO]}]}, "personalizations"),
        ({"personalizations": [{"to": [TO], "cc": [{"email": "A@Example.test"}]}]}, "personalizations"),
        ({"personalizations": [{"to": [TO]}, {"to": [TO]}]}, "personalizations"),
        ({"personalizations": [{"to": [{"email": f"a{n}@example.test"} for n in range(1001)]}]}, "personalizations"),
        ({"personalizations": [{"to": [{"email": "no address"}]}]}, "personalizations.0.to.0.email"),
        ({"personalizations": [{"to": [{"name": "Anna"}]}]}, "personalizations.0.to.0.email"),
        ({"from": None}, "from.email"),
        ({"from": {"email": "shop"}}, "from.email"),
        ({"reply_to": {"email": "a b@example.test"}}, "reply_to.email"),
        ({"subject": ""}, "subject"),
        ({"subject": "a\nb"}, "subject"),
        ({"content": []}, "content"),
        ({"content": [{"type": "text/html", "value": ""}]}, "content.0.value"),
        ({"content": [{"type": "text/html", "value": "h"}, {"type": "text/plain", "value": "t"}]}, "content"),
        ({"custom_args": {"doorstep_attempt_id": 7}}, "custom_args"),
        ({"custom_args": {"x": "y" * 10_000}}, "custom_args"),
        ({"categories": ["a", "a"]}, "categories"),
        ({"categories": [str(n) for n in range(11)]}, "categories"),
        ({"categories": ["x" * 256]}, "categories"),
        ({"headers": {"Subject": "other"}}, "headers.Subject"),
        ({"headers": {"X-A": 1}}, "headers"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_mail_is_refused_in_sendgrids_words(stand_in, changes, field):
    """400, with the field at fault, and nothing in the journal."""
    answer = post_mail(stand_in, changes)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert stand_in.journal.entries == []


def test_a_mail_at_the_wrong_door_is_turned_away(stand_in):
    """Wrong key, wrong type, no JSON, too large: each with SendGrid's own status."""
    assert post_mail(stand_in, authorization="Bearer SG.other").status_code == 401
    assert post_mail(stand_in, authorization="Basic x").status_code == 401
    assert post_mail(stand_in, **{"content-type": "text/plain"}).status_code == 415
    assert post_mail(stand_in, raw=b"{").status_code == 400
    assert post_mail(stand_in, raw=b"[]").status_code == 400
    too_large = post_mail(stand_in, raw=b" " * 30_000_001)
    assert (too_large.status_code, too_large.headers["content-type"].split(";")[0]) == (413, "text/html")
    assert stand_in.journal.entries == []


def test_the_sandbox_checks_and_sends_nothing(stand_in):
    """200 instead of 202, and an empty journal."""
    assert post_mail(stand_in, {"mail_settings": {"sandbox_mode": {"enable": True}}}).status_code == 200
    assert stand_in.journal.entries == []


def post_sms(stand_in, changes=None, auth=None, sid: str | None = None) -> httpx.Response:
    """One create with a good form but for the changes; a value of None leaves its field out."""
    form = {"To": "+46701234567", "From": "+46700000000", "Body": "Hi", "ValidityPeriod": "60"} | (changes or {})
    account = stand_in.account
    return httpx.post(
        f"{stand_in.url}/2010-04-01/Accounts/{sid or account.account_sid}/Messages.json",
        data={name: value for name, value in form.items() if value is not None},
        auth=auth or (account.account_sid, account.auth_token),
        timeout=60,
        trust_env=False,
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": None}, 21604),
        ({"To": "070-123 45 67"}, 21211),
        ({"To": "+0701234567"}, 21211),
        ({"From": None}, 21603),
        ({"From": "much too long a name"}, 21212),
        ({"From": None, "MessagingServiceSid": "MG1"}, 20001),
        ({"Body": None}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"ValidityPeriod": "0"}, 20001),
        ({"ValidityPeriod": "36001"}, 20001),
        ({"ValidityPeriod": "an hour"}, 20001),
        ({"StatusCallback": "shop.example/hooks"}, 21609),
        ({"StatusCallback": "https://my_shop.example/hooks"}, 21609),
        ({"StatusCallback": "https://shop.example/?" + "x" * 4000}, 21609),
        ({"Surprise": "1"}, 20001),
    ],
)
def test_a_wrong_sms_is_refused_with_twilios_code(stand_in, changes, code):
    """400 and the documented code, and nothing in the journal."""
    answer = post_sms(stand_in, changes)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert stand_in.journal.entries == []


def test_an_sms_for_another_account_is_turned_away(stand_in):
    """A wrong token is 20003, another account's path 20404."""
    assert post_sms(stand_in, auth=(stand_in.account.account_sid, "wrong")).json()["code"] == 20003
    assert post_sms(stand_in, sid="AC" + "f" * 32).json()["code"] == 20404


def test_a_lost_sms_can_be_found_by_its_recipient(stand_in):
    """What a dropped answer left in doubt, the list shows: newest first, with the whole body."""
    stand_in.behave(rules=[Rule(recipient="+46701234567", do=Act.accept_then_drop, times=1)])
    lost, found = send(stand_in, SMS, sms(text="second"))
    assert (lost.outcome, found.outcome) == (UNANSWERED, ACCEPTED)
    account = stand_in.account
    listed = httpx.get(
        f"{stand_in.url}/2010-04-01/Accounts/{account.account_sid}/Messages.json",
        params={"To": "+46701234567", "PageSize": "20"},
        auth=(account.account_sid, account.auth_token),
        timeout=60,
        trust_env=False,
    ).json()
    assert [message["body"] for message in listed["messages"]] == ["second", SMS.text]


@pytest.mark.parametrize("outgoing", [EMAIL, SMS], ids=["sendgrid", "twilio"])
@pytest.mark.parametrize(
    ("act", "outcome", "kept"),
    [
        (Act.accept, ACCEPTED, 1),
        (Act.refuse, REFUSED, 0),
        (Act.throttle, NOT_SENT, 0),
        (Act.error, UNANSWERED, 0),
        (Act.stall, UNANSWERED, 0),
        (Act.drop, UNANSWERED, 0),
        (Act.accept_then_drop, UNANSWERED, 1),
        (Act.accept_then_stall, UNANSWERED, 1),
        (Act.accept_then_error, UNANSWERED, 1),
        (Act.garble, UNANSWERED, 0),
        (Act.accept_then_garble, UNANSWERED, 1),
    ],
)
def test_each_misdeed_is_done_and_judged_rightly(stand_in, outgoing, act, outcome, kept):
    """What the caller can know, against what the journal says happened: never "not sent" about a taken message."""
    stand_in.behave(rules=[Rule(recipient="*", do=act)])
    (verdict,) = send(stand_in, outgoing, read=0.3 if act in (Act.stall, Act.accept_then_stall) else 60.0)
    assert verdict.outcome is outcome, verdict
    until(lambda: len(stand_in.journal.entries) == kept)  # who stalls may come to it after we have gone


def test_a_dropped_connection_ends_in_both_ways_and_neither_counts_as_unsent(stand_in):
    """Over many recipients connections are closed and reset alike, on fresh and on kept ones; all stay in doubt."""
    stand_in.behave(rules=[Rule(recipient="*", do=Act.accept_then_drop)])
    verdicts = send(stand_in, *(email(to_email=f"a{n}@example.test") for n in range(24)))
    assert {verdict.outcome for verdict in verdicts} == {UNANSWERED}
    ways = Counter(verdict.error.split(":")[0] for verdict in verdicts)
    assert len(ways) == 2, ways
    assert len(stand_in.journal.entries) == 24


def test_a_throttled_caller_hears_how_long_to_wait(stand_in):
    """Retry-After, as configured."""
    stand_in.behave(sendgrid=Manners(throttle=1, retry_after=7), twilio=Manners(throttle=1, retry_after=7))
    assert [verdict.retry_after for verdict in send(stand_in, EMAIL, SMS)] == [7.0, 7.0]


def test_a_rule_chooses_twilios_code(stand_in):
    """A refusal may be told as any of Twilio's errors."""
    stand_in.behave(rules=[Rule(recipient="+46*", do=Act.refuse, code=21614)])
    (verdict,) = send(stand_in, SMS)
    assert "21614" in verdict.error


def test_behaviour_is_changed_over_http_and_nonsense_refused(stand_in):
    """PUT changes the named parts and keeps the others; a probability of 2 or a sum above 1 changes nothing."""
    put = f"{stand_in.url}/behaviour"
    assert httpx.put(put, json={"sendgrid": {"refuse": 0.5}}, timeout=60, trust_env=False).status_code == 200
    told = httpx.put(put, json={"twilio": {"error": 0.25}}, timeout=60, trust_env=False).json()
    assert (told["sendgrid"]["refuse"], told["twilio"]["error"]) == (0.5, 0.25)
    for wrong in ({"sendgrid": {"refuse": 2}}, {"sendgrid": {"refuse": 0.6, "error": 0.6}}, {"surprise": 1}):
        assert httpx.put(put, json=wrong, timeout=60, trust_env=False).status_code == 422
    assert get(stand_in, "/behaviour").json() == told


def test_a_seed_decides_and_concurrency_does_not():
    """The same calls in any order meet the same fate; another seed is another fate; the odds hold roughly."""
    manners = Manners(refuse=0.2, throttle=0.1, accept_then_drop=0.1)
    calls = [f"a{n % 500}@example.test" for n in range(2000)]

    def fates(seed: int, order: list[str]) -> dict:
        conduct = Conduct(Behaviour(seed=seed, sendgrid=manners))
        met: dict[str, list[Act]] = {}
        for recipient in order:
            met.setdefault(recipient, []).append(conduct.next_act("sendgrid", recipient)[0])
        return met

    assert fates(1, calls) == fates(1, calls[::-1]) != fates(2, calls)
    shares = Counter(act for acts in fates(1, calls).values() for act in acts)
    assert 0.15 < shares[Act.refuse] / 2000 < 0.25
    assert 0.55 < shares[Act.accept] / 2000 < 0.65


@contextmanager
def receiving(answers=lambda n: 204):
    """A shop's end for reports: keeps each request, and answers with what `answers(n)` says for the nth."""
    heard: list[tuple[str, dict[str, str], bytes]] = []
    one_at_a_time = threading.Lock()

    class Shop(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            with one_at_a_time:  # of two that come together, each has a number of its own
                heard.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                n = len(heard)
            self.send_response(answers(n))
            self.end_headers()

        def log_message(self, *_):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def reports_of(stand_in, base: str, heard) -> list:
    """All reports, as our own channels verify and read them."""

    async def scene():
        async with pooled() as client:
            sendgrid, twilio = channels(stand_in, client, base)
            return [
                report
                for path, headers, body in list(heard)
                for report in (twilio if "twilio" in path else sendgrid).reports(base + path, headers, body)
            ]

    return asyncio.run(scene())


def until(condition, seconds: float = 60.0) -> None:
    """Poll until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.02)


FAST = {"delay_ms": (1, 20), "batch_ms": 20}


def test_reports_come_back_signed_and_are_believed(stand_in):
    """Every message is reported as accepted and then delivered, under our attempt's id, verifiable by our channels."""
    mail, text = replace(EMAIL, attempt_id="att_believed_mail"), sms(attempt_id="att_believed_sms")

    def mine() -> list[Report]:
        # the stand-in outlives the tests, so what an earlier one sent may still be reported
        return [one for one in reports_of(stand_in, base, heard) if (one.attempt_id or "").startswith("att_believed")]

    with receiving() as (base, heard):
        stand_in.behave(callbacks=CallbackManners(base=base, **FAST))
        send(stand_in, mail, text, public_url=base)
        until(lambda: len({report.event_key for report in mine()}) >= 4)
        reports = mine()
        # noted once the report has been answered, which may be a moment after it was heard
        until(lambda: [entry.status for entry in stand_in.journal.entries] == ["delivered", "delivered"])
    # a set: what is not answered in time is reported again, as the vendors do
    assert {(report.attempt_id, report.kind) for report in reports} == {
        ("att_believed_mail", "accepted"),
        ("att_believed_mail", "delivered"),
        ("att_believed_sms", "accepted"),
        ("att_believed_sms", "delivered"),
    }
    assert {path.split("?")[0] for path, _, _ in heard} == {"/hooks/sendgrid", "/hooks/twilio/status"}
    refs = {report.provider_ref.split(".")[0] for report in reports}
    assert refs == {entry.ref for entry in stand_in.journal.entries}


def test_another_accounts_reports_are_not_believed(stand_in):
    """The signature is checked for real: a channel with another key or token refuses the same requests."""
    with receiving() as (base, heard):
        stand_in.behave(callbacks=CallbackManners(base=base, **FAST))
        send(stand_in, EMAIL, SMS, public_url=base)
        until(lambda: len({path for path, _, _ in heard}) == 2)
    other = Account(auth_token="6" * 32)
    sendgrid, twilio = channels(replace(stand_in, account=other), httpx.AsyncClient(), base)
    for path, headers, body in heard:
        with pytest.raises(Forged):
            (twilio if "twilio" in path else sendgrid).reports(base + path, headers, body)


def test_a_bounce_is_reported_as_one(stand_in):
    """By rule or by share: taken first, undeliverable later."""
    with receiving() as (base, heard):
        stand_in.behave(
            callbacks=CallbackManners(base=base, **FAST),
            rules=[Rule(recipient=EMAIL.to_email, bounce=True)],
            twilio=Manners(bounce=1),
        )
        assert [verdict.outcome for verdict in send(stand_in, EMAIL, SMS, public_url=base)] == [ACCEPTED, ACCEPTED]
        both = {(EMAIL.attempt_id, "bounced"), (SMS.attempt_id, "bounced")}
        until(lambda: both <= {(one.attempt_id, one.kind) for one in reports_of(stand_in, base, heard)})
    assert [entry.status for entry in stand_in.journal.entries] == ["bounced", "bounced"]


def test_reports_come_twice_and_out_of_order_as_told(stand_in):
    """Duplicates bear the same event key, so storing them once is possible; late ones overtake none of the rest."""
    with receiving() as (base, heard):
        stand_in.behave(callbacks=CallbackManners(base=base, duplicate=1, reorder=0.5, delay_ms=(1, 30), batch_ms=5))
        send(stand_in, *(email(attempt_id=f"att_{n}", to_email=f"a{n}@example.test") for n in range(30)))

        def keys() -> Counter[str]:
            return Counter(report.event_key for report in reports_of(stand_in, base, heard))

        # at least: what is not answered in time is reported once more
        until(lambda: len(keys()) == 60 and min(keys().values()) >= 2)
        reports = reports_of(stand_in, base, heard)
    first_seen = {key: place for place, key in enumerate(dict.fromkeys(report.event_key for report in reports))}
    by_attempt: dict[str, dict[str, int]] = {}
    for report in reports:
        by_attempt.setdefault(report.attempt_id, {})[report.kind] = first_seen[report.event_key]
    overtaken = sum(seen["delivered"] < seen["accepted"] for seen in by_attempt.values())
    assert 0 < overtaken < 30


def test_lost_reports_stay_lost_and_the_journal_knows_better(stand_in):
    """With every report lost the shop hears nothing, though the message was delivered."""
    with receiving() as (base, heard):
        stand_in.behave(callbacks=CallbackManners(base=base, lose=1, **FAST))
        send(stand_in, EMAIL, SMS, public_url=base)
        until(lambda: all(entry.status == "delivered" for entry in stand_in.journal.entries))
    assert heard == []


def test_a_report_is_repeated_until_it_is_taken(stand_in):
    """A shop that is down at first still hears everything, the same events under the same keys."""
    with receiving(lambda n: 503 if n <= 3 else 204) as (base, heard):
        stand_in.behave(callbacks=CallbackManners(base=base, **FAST))
        send(stand_in, EMAIL, SMS, public_url=base)
        until(lambda: len({report.event_key for report in reports_of(stand_in, base, heard[3:])}) == 4)
    assert len(heard) >= 6


def test_the_journal_outlives_its_process(tmp_path):
    """A new journal on the same file goes on where the old one was cut off, and a torn last line is cut away."""
    with serve(home=tmp_path) as first:
        send(first, EMAIL, SMS)
    path = tmp_path / "journal.jsonl"
    with path.open("ab") as file:
        file.write(b'{"n": 3, "torn')
    with serve(home=tmp_path) as second:
        send(second, email(attempt_id="att_third"))
        entries = get(second, "/journal").json()["entries"]
    assert [(entry["n"], entry["attempt_id"]) for entry in entries] == [
        (1, EMAIL.attempt_id),
        (2, SMS.attempt_id),
        (3, "att_third"),
    ]
    assert entries[0]["html"] == EMAIL.html


def test_a_journal_without_bodies_still_knows_who_got_what(tmp_path):
    """For benchmarks: the evidence without the weight."""
    with serve(home=tmp_path, bodies=False) as stand_in:
        send(stand_in, EMAIL)
        (entry,) = get(stand_in, "/journal").json()["entries"]
    assert (entry["attempt_id"], entry["subject"], entry["html"]) == (EMAIL.attempt_id, EMAIL.subject, "")
    journal = Journal(tmp_path / "journal.jsonl")
    assert journal.entries[0].preview == "Arriving today."
    journal.close()


def test_a_signing_key_is_kept_where_its_journal_is(tmp_path):
    """After a restart the shop's configured verification key still fits."""
    first, second = kept_account(tmp_path), kept_account(tmp_path)
    assert first.webhook_public_key == second.webhook_public_key != Account().webhook_public_key
    assert (tmp_path / "webhook_key.pem").stat().st_mode & 0o077 == 0


def test_a_person_can_start_it(tmp_path):
    """`python -m app.demo.providers` says where it is and what to set, serves, and ends at SIGTERM with 0."""
    command = [sys.executable, "-m", "app.demo.providers", "--port", "0", "--home", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert httpx.get(f"{said['url']}/healthz", timeout=60, trust_env=False).json() == {"messages": 0}
        assert httpx.get(f"{said['url']}/account", timeout=60, trust_env=False).json() == said["environment"]
        assert httpx.get(said["inbox"], timeout=60, trust_env=False).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_taken_port_is_said_in_a_sentence(stand_in):
    """Exit 2 and a remedy, no traceback."""
    port = stand_in.url.rpartition(":")[2]
    outcome = subprocess.run(
        [sys.executable, "-m", "app.demo.providers", "--port", port], capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 2
    assert "Choose another with --port" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_the_inbox_teaches_when_it_is_empty(stand_in):
    """The first step stands where the messages will be."""
    page = get(stand_in, "/inbox").text
    assert "Nothing has arrived yet" in page
    assert "DOORSTEP_SENDGRID__BASE_URL" in page


def test_the_inbox_shows_the_newest_first_and_filters(stand_in):
    """By words and by channel, both in the address; a search without a hit says so."""
    send(stand_in, email(subject="First parcel"), sms(text="Second parcel"), email(subject="Third parcel"))
    page = get(stand_in, "/inbox").text
    assert page.index("Third parcel") < page.index("Second parcel") < page.index("First parcel")
    assert "Second parcel" not in get(stand_in, "/inbox?channel=email").text
    assert "First parcel" not in get(stand_in, "/inbox?channel=sms").text
    found = get(stand_in, "/inbox?q=third+anna").text
    assert "Third parcel" in found and "First parcel" not in found
    assert "No message fits" in get(stand_in, "/inbox?q=nowhere").text
    assert get(stand_in, "/").status_code == 302


def test_the_inbox_has_pages(stand_in):
    """Thirty to a page, and a page too far is the last one."""
    send(stand_in, *(email(subject=f"Parcel-{n:02}-") for n in range(35)))
    first, last = get(stand_in, "/inbox").text, get(stand_in, "/inbox?page=99").text
    assert "Parcel-34-" in first and "Parcel-04-" not in first
    assert "Parcel-04-" in last and "Parcel-05-" not in last
    assert "page 1 of 2" in first and "page 2 of 2" in last


def test_nothing_that_was_sent_can_act_in_the_inbox(stand_in):
    """Names, subjects and SMS are escaped; an email's HTML lives in a sandbox of its own, scripts and all."""
    evil = "<script>alert(1)</script>"
    send(
        stand_in,
        email(subject=evil, to_name=evil, from_name=evil, text=evil, html=f"<p>hello</p>{evil}"),
        sms(text=evil),
    )
    for path in ("/inbox", "/inbox/1", "/inbox/2", "/inbox?q=%22%3E%3Cscript%3Ealert(1)"):
        assert "<script>alert(1)" not in get(stand_in, path).text, path
    assert '<iframe sandbox title="The email as it was sent" src="/inbox/1/html">' in get(stand_in, "/inbox/1").text
    html = get(stand_in, "/inbox/1/html")
    assert html.text == f"<p>hello</p>{evil}"
    assert html.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert get(stand_in, "/inbox/3").status_code == 404


@pytest.mark.parametrize(
    ("iso", "words"),
    [
        ("2026-11-24T11:59:58+00:00", "just now"),
        ("2026-11-24T11:59:15+00:00", "45 s ago"),
        ("2026-11-24T11:55:00+00:00", "5 min ago"),
        ("2026-11-24T09:00:00+00:00", "3 h ago"),
        ("2026-11-20T09:00:00+00:00", "4 d ago"),
        ("2026-11-25T09:00:00+00:00", "just now"),
    ],
)
def test_an_age_is_told_in_few_words(iso, words):
    """The largest unit that fits."""
    assert ago(iso, NOW) == words
