"""Alarms: each thing that is wrong is told once, when it begins and when it ends, whoever dies in between."""

import json
import socketserver
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from threading import Barrier, Event, Thread
from typing import Any

import pytest
import sqlalchemy as sa

from app import pipeline
from app.channels.base import Verdict
from app.insight.alarms import Limits, observe
from app.insight.audit import audit, audit_recent, newest
from app.models.vocabulary import AttemptOutcome, Milestone
from app.pipeline.brakes import telling
from app.pipeline.brakes.alarming import end_mended, keep_incidents
from app.pipeline.brakes.pausing import pause, read_scope
from app.pipeline.brakes.telling import tell_notices
from app.pipeline.house import Loop
from app.rules.document import parse_rules
from app.settings import AlertsSettings
from app.wiring import build_http
from tests.pipeline.conftest import Obedient, World
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_path import ACCEPTED, send_all

M = Milestone
REFUSED = Verdict(AttemptOutcome.not_sent, http_status=401, error="key of maja@example.test", sender_down=True)


@dataclass
class Listener:
    """What a webhook was sent, and what it answers."""

    url: str = ""
    heard: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    answer: Callable[[], tuple[int, dict[str, str]]] = lambda: (204, {})

    def stages(self) -> list[tuple[str, str]]:
        return [(one["kind"], one["stage"]) for one in self.heard]


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A real HTTP server on the loopback."""
    kept = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.heard.append(json.loads(body))
            kept.keys.append(self.headers["Idempotency-Key"])
            status, headers = kept.answer()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self):
            self.do_POST()

        def log_message(self, *_words):
            pass

    class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_address[1]}/alarm"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


@pytest.fixture
def watched(world: World, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose owner is told by webhook, and is waited for as long as a busy machine takes."""
    monkeypatch.setattr(telling, "DEADLINE", 60.0)
    return world.with_(alerts=AlertsSettings(url=listener.url))


def plan(world: World, *numbers: int) -> list[int]:
    parcels = [parcel for number in numbers for parcel in world.order(str(number))]
    for parcel in parcels:
        world.scan(parcel, M.out_for_delivery)
    return parcels


def a_minute_unseen(world: World) -> None:
    sql(world, "UPDATE incidents SET last_seen_at = last_seen_at - interval '2 minutes'")


def test_a_refused_sender_is_told_once_and_so_is_its_return(watched: World, listener: Listener):
    """However often it is looked at; no address is in it, and what to do is."""
    watched.email.answer = lambda out: REFUSED
    plan(watched, 1001)
    send_all(watched)
    for _ in range(3):
        pipeline.alarm(watched.house)
    assert listener.stages() == [("sender", "opened")]
    (told,) = listener.heard
    assert "sendgrid refuses everything" in told["summary"] and "maja@" not in json.dumps(told)
    assert told["remedy"] and told["incident"].startswith("inc_")
    watched.email.answer = lambda out: ACCEPTED
    sql(watched, "UPDATE senders SET resting_until = clock_timestamp() - interval '1 second'")
    watched.clock.turn(minutes=1)
    send_all(watched)
    pipeline.alarm(watched.house)
    assert len(listener.heard) == 1, "what flickers is told once"
    a_minute_unseen(watched)
    pipeline.alarm(watched.house)
    assert listener.stages() == [("sender", "opened"), ("sender", "resolved")]
    assert listener.heard[1]["incident"] == told["incident"]


def test_a_worker_that_dies_before_telling_leaves_it_to_the_next(watched: World, listener: Listener):
    """Its claim holds for its lease and no longer; nothing is lost with it, and nothing told twice meanwhile."""
    open_incidents(watched, 1)
    assert len(telling._claim(watched.house)) == 1
    assert tell_notices(watched.house) == 0 and listener.heard == []
    sql(watched, "UPDATE alarm_notices SET leased_until = clock_timestamp() - interval '1 second'")
    assert tell_notices(watched.house) == 1 and len(listener.heard) == 1
    assert tell_notices(watched.house) == 0 and len(listener.heard) == 1


def open_incidents(world: World, count: int) -> None:
    """So many senders that were refused, noticed and not yet told."""
    sql(
        world,
        "INSERT INTO senders (provider, sender, strikes, why, refused)"
        f" SELECT 'sendgrid', 'account ' || n, 1, 'HTTP 401', true FROM generate_series(1, {count}) AS n",
    )
    keep_incidents(world.house)


def test_two_workers_never_tell_the_same(watched: World, listener: Listener):
    """Both look and both tell at once, again and again: each incident is opened once and told once."""
    sql(
        watched,
        "INSERT INTO senders (provider, sender, strikes, why, refused)"
        " SELECT 'sendgrid', 'account ' || n, 1, 'HTTP 401', true FROM generate_series(1, 12) AS n",
    )
    together, failures = Barrier(2), []

    def work() -> None:
        house = replace(watched.house, loop=Loop(), http=build_http())
        together.wait(60)
        try:
            for _ in range(4):
                pipeline.alarm(house)
        except Exception as error:
            failures.append(error)
        house.loop.run(house.http.aclose())
        house.loop.close()

    workers = [Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert failures == []
    assert len(listener.keys) == len(set(listener.keys)) == 12
    assert sql(watched, "SELECT count(*) FROM incidents") == [(12,)]


def test_a_webhook_that_fails_is_tried_again_later_and_a_redirect_is_not_followed(watched: World, listener: Listener):
    """Each failure puts it off, with the problem beside it; the end is told only after the beginning."""
    open_incidents(watched, 1)
    for status, headers in ((500, {}), (302, {"Location": listener.url + "/elsewhere"})):
        listener.answer = lambda status=status, headers=headers: (status, headers)
        assert tell_notices(watched.house) == 0
        (row,) = sql(watched, "SELECT problem, due_at > clock_timestamp() + interval '2 s' AS later FROM alarm_notices")
        assert row == (f"answered with HTTP {status}", True)
        sql(watched, "UPDATE alarm_notices SET due_at = clock_timestamp()")
    assert len(listener.heard) == 2, "one request a try"
    sql(watched, "DELETE FROM senders")
    a_minute_unseen(watched)
    keep_incidents(watched.house)
    sql(watched, "UPDATE alarm_notices SET due_at = due_at + interval '1 hour' WHERE stage = 'opened'")
    assert tell_notices(watched.house) == 0 and len(listener.heard) == 2, "no end before the beginning"
    listener.answer = lambda: (200, {})
    sql(watched, "UPDATE alarm_notices SET due_at = clock_timestamp()")
    assert tell_notices(watched.house) == 2
    assert listener.stages()[2:] == [("sender", "opened"), ("sender", "resolved")]


def test_an_alarm_that_nobody_takes_is_given_up_after_a_day_and_one_that_stalls_is_cut_off(
    watched: World, listener: Listener, monkeypatch: pytest.MonkeyPatch
):
    """A total deadline for the call, and an end to trying."""
    open_incidents(watched, 1)
    released = Event()
    listener.answer = lambda: (released.wait(20), (200, {}))[1]
    monkeypatch.setattr(telling, "DEADLINE", 0.3)
    sql(watched, "UPDATE alarm_notices SET created_at = created_at - interval '25 hours'")
    assert tell_notices(watched.house) == 0
    released.set()
    (row,) = sql(watched, "SELECT problem, given_up_at IS NOT NULL AS given_up FROM alarm_notices")
    assert row == ("no answer within 0.3 s", True)
    sql(watched, "UPDATE alarm_notices SET due_at = clock_timestamp()")
    monkeypatch.setattr(telling, "DEADLINE", 60.0)
    assert tell_notices(watched.house) == 0 and len(listener.heard) <= 1


def test_the_owner_is_mailed_by_the_first_provider_that_can(world: World):
    """Also where nothing leaves for shoppers; the mail is no message, and names nobody."""
    refusing = Obedient("sendgrid", "email", answer=lambda out: REFUSED)
    taking = Obedient("smtp", "email", answer=lambda out: ACCEPTED)
    alerts = AlertsSettings(email="owner@shop.example")
    shadow = world.with_(alerts=alerts, mailers=(refusing, taking), send_mode="shadow")
    open_incidents(shadow, 1)
    assert tell_notices(shadow.house) == 1
    (mail,) = taking.sent
    assert mail.to_email == "owner@shop.example" and mail.from_email.endswith("@atelier-ombre.example")
    assert mail.attempt_id.startswith("alm_") and "What to do" in mail.text and mail.html == ""
    assert shadow.messages() == [] and len(refusing.sent) == 1


def test_a_fault_on_one_way_out_does_not_silence_the_other(watched: World, listener: Listener):
    """Whatever a mailer does, the webhook is told, and the mail is tried again."""

    def stumble(_outgoing):
        raise RuntimeError("a bug")

    mailer = Obedient("smtp", "email", answer=stumble)
    both = watched.with_(alerts=AlertsSettings(url=listener.url, email="owner@shop.example"), mailers=(mailer,))
    open_incidents(both, 1)
    assert tell_notices(both.house) == 1 and len(listener.heard) == 1
    rows = sql(both, "SELECT route, problem, told_at IS NOT NULL AS told FROM alarm_notices ORDER BY route")
    assert rows == [("email", "RuntimeError: a bug", False), ("url", None, True)]


def break_a_law(world: World) -> None:
    sql(world, "UPDATE messages SET state = 'failed', reason = 'planned', ended_at = now() WHERE channel = 'email'")


def test_a_broken_law_is_found_within_a_minute_and_ends_with_a_whole_audit(watched: World, listener: Listener):
    """Only what was written since is gone through, twice; the incident stays open until everything adds up."""
    plan(watched, 1001)
    keep_incidents(watched.house)
    assert sql(watched, "SELECT count(*) FROM incidents") == [(0,)]
    break_a_law(watched)
    pipeline.alarm(watched.house)
    assert listener.heard == [], "the audit runs once a minute"
    a_minute_later(watched)
    for _ in range(3):
        pipeline.alarm(watched.house)
        a_minute_later(watched)
        a_minute_unseen(watched)
    assert listener.stages() == [("breach", "opened")]
    assert "a reason stands on everything that was not sent: 1" in listener.heard[0]["summary"]
    with watched.house.sessions() as session:
        broken = [breach.law for breach in audit(session, 3600).breaches]
    with watched.house.sessions.begin() as session:
        assert end_mended(session, watched.house, broken) == 0
        assert end_mended(session, watched.house, []) == 1
    assert tell_notices(watched.house) == 1 and listener.stages()[1] == ("breach", "resolved")


def a_minute_later(world: World) -> None:
    sql(world, "UPDATE audit_marks SET at = at - interval '61 seconds'")


def test_the_audit_of_a_stretch_finds_what_the_whole_one_finds_and_nothing_outside_it(world: World):
    """The same laws, one text: the same breaches over all rows, none over rows that lie outside."""
    plan(world, 1001, 1002, 1003)
    send_all(world)
    break_a_law(world)
    sql(world, "DELETE FROM decisions WHERE channel = 'sms' AND id = (SELECT max(id) FROM decisions)")
    sql(world, "UPDATE attempts SET outcome = NULL, settled_at = NULL WHERE id = (SELECT min(id) FROM attempts)")
    with world.house.sessions() as session:
        whole = audit(session, 3600).breaches
    with world.house.sessions() as session:
        upto = newest(session)
        assert {one.law for one in audit_recent(session, 3600, {}, upto)} == {one.law for one in whole}
        assert audit_recent(session, 3600, upto, upto) == []
    assert len(whole) >= 3


_DUE = "UPDATE messages SET send_at = send_at - interval '{}', expires_at = expires_at - interval '{}'"
_UNANSWERED = """
    UPDATE attempts SET deadline_at = deadline_at - interval '1 hour', settled_at = NULL, outcome = 'unanswered';
    UPDATE messages SET state = 'unconfirmed', open_attempt_id = attempts.id
    FROM attempts WHERE message_id = messages.id
"""
_BATCH = """
    INSERT INTO receipt_batches (provider, url, digest, body, unpacked_at, problem)
    VALUES ('twilio', 'https://x.example', '\\x00', '\\x00', clock_timestamp(), 'Unreadable: no')
"""


_BEFORE: list[tuple[str, set[tuple[str, str]]]] = [
    (_DUE.format("20 hours", "20 hours"), {("overdue", "fjallhem email"), ("overdue", "fjallhem sms"),
                                           ("stuck", "fjallhem email"), ("stuck", "fjallhem sms")}),
    (_DUE.format("-20 hours", "20 hours"), {("overdue", "fjallhem email"), ("overdue", "fjallhem sms")}),
    (_DUE.format("6 minutes", "0 s"), {("stuck", "fjallhem email"), ("stuck", "fjallhem sms")}),
    (_DUE.format("2 minutes", "0 s"), set()),
]  # fmt: skip
_AFTER: list[tuple[str, set[tuple[str, str]]]] = [
    (_UNANSWERED, {("unconfirmed", "sendgrid"), ("unconfirmed", "twilio")}),
    ("UPDATE messages SET state = 'failed', reason = 'ambiguous'", {("ambiguous", "fjallhem ambiguous")}),
    ("UPDATE messages SET state = 'failed', reason = 'gave_up'", {("failing", "fjallhem gave_up")}),
    ("UPDATE messages SET state = 'failed', reason = 'refused'", set()),
    ("INSERT INTO senders (provider, sender, strikes, why) VALUES ('twilio', 'x', 4, 'away')",
     {("sender", "twilio x")}),
    ("INSERT INTO senders (provider, sender, strikes, why) VALUES ('twilio', 'x', 2, 'away')", set()),
    (_BATCH, {("reports", "twilio")}),
]  # fmt: skip


def test_what_is_wrong_is_seen(world: World):
    """Each kind from rows alone, within its limits, by a look that says nothing of a shopper."""
    plan(world, 1001)
    for wrong, expected in _BEFORE:
        assert seen(world, wrong) == expected, wrong
    send_all(world)
    for wrong, expected in _AFTER:
        assert seen(world, wrong) == expected, wrong


def seen(world: World, wrong: str) -> set[tuple[str, str]]:
    """What a look finds after `wrong`, which is undone."""
    after = world.house.clock.after_wall
    limits = Limits(after(-30), after(-300), after(-3600), 900.0, 300.0)
    with world.house.sessions() as session:
        session.execute(sa.text(wrong))
        found = observe(session, limits)
        session.rollback()
    assert not any(name in one.summary for one in found for name in ("maja", "Maja", "01740605"))
    return {(one.kind.value, one.subject) for one in found}


def test_what_is_paused_is_not_said_to_be_stuck(world: World):
    """A pause is known; its messages are late on purpose."""
    plan(world, 1001)
    with world.house.sessions.begin() as session:
        pause(session, read_scope(session, world.house, "all"), None, "a look first", "ops")
    send_all(world)
    sql(world, _DUE.format("20 hours", "20 hours"))
    keep_incidents(world.house)
    assert sql(world, "SELECT kind FROM incidents") == []


def ill(world: World, fault: str, **more: str) -> None:
    """A carrier's row as a worker left it an hour ago; its parcels are due."""
    given = {"state": "'open'", "strikes": "1", "throttles": "0", "since": "'2026-03-02T07:00Z'", **more}
    names = ", ".join(given)
    sql(
        world,
        f"INSERT INTO carrier_health (carrier, fault, detail, salt, credentials, throttled_since, {names})"
        f" VALUES ('dhl', '{fault}', 'HTTP 503', '', '', '2026-03-02T07:30Z', {', '.join(given.values())})",
    )


CARRIER_TROUBLES = [
    (
        "server_error",
        {},
        "carrier_down",
        "dhl gives no usable answers since 2026-03-02 07:00 UTC (server error: HTTP 503)",
    ),
    (
        "denied",
        {"since": "'2026-03-02T08:00Z'"},
        "carrier_denied",
        "dhl refuses the credentials, so it is not asked: HTTP 503",
    ),
    ("throttled", {"throttles": "3"}, "carrier_throttled", "dhl has asked for fewer questions 3 times within an hour"),
    (
        "throttled",
        {"throttles": "10", "state": "'closed'"},
        "carrier_throttled",
        "dhl has asked for fewer questions 10 times within an hour",
    ),
    ("timeout", {"since": "'2026-03-02T08:00Z'"}, None, ""),
    ("timeout", {"state": "'closed'"}, None, ""),
]


@pytest.mark.parametrize(("fault", "more", "kind", "summary"), CARRIER_TROUBLES)
def test_an_ill_carrier_is_told_once_for_all_its_parcels(
    watched: World, listener: Listener, fault, more, kind, summary
):
    """A thousand parcels may wait for it, and it is one incident; what is ill for a moment, or was, is none."""
    watched.order("1001", parcels=5)
    ill(watched, fault, **more)
    for _ in range(2):
        pipeline.alarm(watched.house)
    assert [(one["kind"], one["summary"]) for one in listener.heard] == ([(kind, summary)] if kind else [])


def test_a_carrier_that_no_parcel_waits_for_is_nobodys_trouble(watched: World, listener: Listener):
    """Without a question it would never be seen to be well again, and its incident would stand for ever."""
    ill(watched, "denied")
    pipeline.alarm(watched.house)
    assert listener.heard == []


def test_a_condition_without_an_answer_is_told(watched: World):
    """A rule that errs over a parcel sends nothing, and its owner hears of it by the rule's name."""
    rules = """version: 1
rules:
  - name: third_tag
    when: out_for_delivery
    if: order.tags[2] == "x"
    send: [email]
    expires: 12h
"""
    world = watched.with_(rules=parse_rules(rules))
    (parcel,) = world.order()
    world.scan(parcel, Milestone.out_for_delivery)
    assert world.messages() == []
    keep_incidents(world.house)
    query = "SELECT kind, subject, summary, brands.key FROM incidents JOIN brands ON brands.id = brand_id"
    [row] = sql(world, f"{query} WHERE subject LIKE '%rule%'")
    assert (row.kind, row.subject, row.key) == ("failing", "fjallhem rule third_tag", "fjallhem")
    assert "1 decision of rule third_tag" in row.summary
