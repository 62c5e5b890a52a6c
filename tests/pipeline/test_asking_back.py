"""What becomes of a call that was never answered, when its provider can be asked."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from app import pipeline
from app.channels.base import Answer, Asking, Finding, Verdict
from app.demo.providers import CallbackManners, RecordManners, Rule
from app.demo.providers.serving import StandIn, serve
from app.insight.explain import explain, find_shipments
from app.insight.tell import tell
from app.models.vocabulary import AttemptOutcome, Channel, Milestone
from app.pipeline.leaving.claiming import claim
from app.pipeline.leaving.sending import Begun, begin, settle
from app.pipeline.settling.settling import reconcile
from app.rules.document import parse_rules
from app.settings import SendingSettings, Settings
from app.wiring import build_transports
from tests.pipeline.conftest import World, prepared
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_path import ACCEPTED, report, send_all, whole

M = Milestone
PHONE, MAIL = "+46701740605", "maja@example.test"
NOWHERE = Finding(Answer.absent, "it is not there")
NOBODY_KNOWS = Finding(Answer.unclear, "the line is dead")
THERE = Finding(Answer.found, "it is there", "ref-found", "accepted")


def in_doubt(world: World, finding: Finding = NOBODY_KNOWS) -> World:
    """An email whose provider never answered, and which can be asked: the answer will be `finding`."""
    world.email.asking, world.email.records = Asking.lookup, lambda question: finding
    world.email.answer = lambda out: Verdict(AttemptOutcome.unanswered, error="reset")
    (parcel,) = world.order(shopper={"name": "Maja", "email": MAIL, "country": "SE"})
    world.scan(parcel, M.out_for_delivery)
    send_all(world)
    world.email.answer = lambda out: ACCEPTED
    assert [m.state for m in world.messages()] == ["unconfirmed"]
    return world


def passes(world: World, seconds: float = 3600) -> None:
    """Let time pass for the open attempts, as the database sees it."""
    sql(
        world,
        "UPDATE attempts SET begun_at = begun_at - make_interval(secs => :s),"
        " deadline_at = deadline_at - make_interval(secs => :s), ask_at = ask_at - make_interval(secs => :s)"
        " WHERE settled_at IS NULL",
        s=seconds,
    )


def attempts(world: World) -> list:
    return sql(world, "SELECT outcome, asked_count, conclusion, provider, resent FROM attempts ORDER BY id")


def the_message(world: World):
    (message,) = world.messages()
    return message


def test_nobody_is_asked_before_the_deadline_and_the_margin_have_passed(world: World):
    """A call that may still be on its way proves nothing by its absence."""
    in_doubt(world, NOWHERE)
    pipeline.recover(world.house)
    assert world.email.asked == []
    passes(world, 60)
    pipeline.recover(world.house)
    assert len(world.email.asked) == 1


def test_what_is_found_is_accepted_and_its_ground_stands_in_the_story(world: World):
    """The provider has it: accepted with its reference, and nothing leaves again."""
    in_doubt(world, THERE)
    passes(world, 60)
    pipeline.recover(world.house)
    message = the_message(world)
    assert (message.state, message.reason, message.provider_ref) == ("accepted", "found_by_asking", "ref-found")
    send_all(world)
    assert len(world.email.sent) == 1
    with world.house.sessions() as session:
        (found,) = find_shipments(session, "T1001-0")
        assert "it is there" in "\n".join(tell(explain(session, found)))
    whole(world)


def test_what_came_back_is_told_as_bounced(world: World):
    """Asking may find out how it went on, too."""
    in_doubt(world, replace(THERE, kind="bounced", grounds="listed as undelivered"))
    passes(world, 60)
    pipeline.recover(world.house)
    assert (the_message(world).state, the_message(world).detail) == ("bounced", "listed as undelivered")
    whole(world)


def test_what_is_surely_not_there_leaves_once_more(world: World):
    """The first try is closed as not sent, and the second settles the message."""
    in_doubt(world, NOWHERE)
    passes(world, 60)
    settled = pipeline.recover(world.house)
    assert settled.not_there == 1 and the_message(world).reason == "not_there"
    send_all(world)
    assert the_message(world).state == "accepted"
    assert [row.outcome for row in attempts(world)] == ["not_sent", "accepted"]
    whole(world)


def test_a_report_that_waits_to_be_applied_outweighs_an_absence(world: World):
    """Records may be behind; a report that names the call is proof."""
    in_doubt(world, NOWHERE)
    public_id = sql(world, "SELECT public_id FROM attempts")[0][0]
    sql(world, "INSERT INTO receipts (provider, event_key, attempt_public_id, kind, body)"
               " VALUES ('sendgrid', 'e1', :id, 'accepted', '{}')", id=public_id)  # fmt: skip
    passes(world, 60)
    pipeline.recover(world.house)
    assert the_message(world).state == "unconfirmed"
    pipeline.digest_reports(world.house)
    assert the_message(world).state == "accepted"
    whole(world)


def test_who_cannot_be_asked_is_asked_ever_more_rarely_until_the_wait_is_over(world: World):
    """Doubt stays doubt: back-off between the questions, then ambiguous, never a second message."""
    patient = world.house.sending.model_copy(update={"margin": 30.0})  # a pause of a minute, which no stall comes to
    world = in_doubt(world.with_(sending=patient))
    for count in (1, 2, 3):
        passes(world, 600)
        pipeline.recover(world.house)
        pipeline.recover(world.house)
        (attempt,) = attempts(world)
        assert (attempt.asked_count, attempt.conclusion) == (count, "the line is dead")
        assert the_message(world).state == "unconfirmed"
    passes(world)
    pipeline.recover(world.house)
    assert (the_message(world).state, the_message(world).reason) == ("failed", "ambiguous")
    send_all(world)
    assert len(world.email.sent) == 1
    whole(world)


def test_a_provider_that_wants_a_pause_gets_it_from_all_workers(world: World):
    """Six questions a minute are one every ten seconds, whoever asks; a 429 stops them all for as long as it says."""
    world.email.asking_pause = 10.0
    world.email.asking = Asking.lookup
    world.email.records = lambda question: replace(NOBODY_KNOWS, retry_after=3600.0)
    world.email.answer = lambda out: Verdict(AttemptOutcome.unanswered, error="reset")
    for parcel in [*world.order("1"), *world.order("2")]:
        world.scan(parcel, M.in_transit)
    send_all(world)
    passes(world, 60)
    pipeline.recover(world.house)
    pipeline.recover(world.house)
    assert len(world.email.asked) == 1
    ((left,),) = sql(world, "SELECT extract(epoch FROM ask_free_at - clock_timestamp()) FROM senders")
    assert 3000 < left <= 3600


def test_an_answer_that_comes_while_the_provider_is_asked_is_not_overwritten(world: World):
    """What was found is written only where the message still waits for that very call."""

    def meanwhile(question):
        sql(world, "UPDATE attempts SET outcome = 'accepted', settled_at = clock_timestamp()")
        sql(world, "UPDATE messages SET state = 'accepted', reason = 'accepted', open_attempt_id = NULL")
        return NOWHERE

    in_doubt(world)
    world.email.records = meanwhile
    passes(world, 60)
    pipeline.recover(world.house)
    assert the_message(world).state == "accepted"
    whole(world)


def test_a_late_report_still_settles_what_was_ambiguous(world: World):
    """Even after the stated wait."""
    in_doubt(world)
    passes(world, 4000)
    pipeline.recover(world.house)
    assert the_message(world).state == "failed"
    report(world, the_message(world).id, "delivered")
    assert the_message(world).state == "delivered"
    whole(world)


def test_what_died_long_ago_is_asked_about_before_its_wait_is_over(world: World):
    """Nobody was there for hours: the claim, the question and the end must not fall into one step."""
    in_doubt(world, THERE)
    sql(world, "UPDATE messages SET state = 'sending', lease_token = 'dead',"
               " lease_until = clock_timestamp() - interval '3 hours'")  # fmt: skip
    passes(world, 10_800)
    pipeline.recover(world.house)
    assert the_message(world).state == "accepted"
    whole(world)


@pytest.mark.parametrize("rather_twice", [False, True])
def test_nobody_gives_up_while_a_question_is_out(world: World, rather_twice: bool):
    """Its wait is over, but somebody has asked and not heard yet, or died before writing it down: neither is it given
    up nor sent again; it is asked about once more, and what is said then counts."""
    asked = world.with_(rules=parse_rules(RATHER_TWICE)) if rather_twice else world
    in_doubt(asked, THERE)
    passes(asked, 4000)
    sql(asked, "UPDATE attempts SET asked_count = 1, ask_at = clock_timestamp() + interval '9 minutes'")
    pipeline.recover(asked.house)
    assert the_message(asked).state == "unconfirmed"
    sql(asked, "UPDATE attempts SET ask_at = clock_timestamp()")
    pipeline.recover(asked.house)
    assert the_message(asked).state == "accepted"
    whole(asked)


RATHER_TWICE = """
version: 1
rules:
  - {name: moving, when: out_for_delivery, send: [email], expires: 48h, resend_unconfirmed: true}
"""


def test_a_rule_that_asks_for_it_sends_again_after_the_wait_and_elsewhere_if_it_can(world: World):
    """Rather twice than never: the second provider takes it, and both having it in the end is no breach."""
    spare = replace(world.email, name="smtp", sent=[], asking=Asking.nothing)
    two = world.with_(
        rules=parse_rules(RATHER_TWICE), transports={Channel.email: (world.email, spare), Channel.sms: (world.sms,)}
    )
    in_doubt(two)
    passes(two, 3000)
    assert pipeline.recover(two.house).resent == 0
    passes(two, 3000)
    assert pipeline.recover(two.house).resent == 1
    send_all(two)
    assert (the_message(two).state, the_message(two).provider) == ("accepted", "smtp")
    first, second = attempts(two)
    assert first.resent and "sent again without knowing" in first.conclusion and not second.resent
    report(two, the_message(two).id, "delivered")
    whole(two)


def test_opted_in_mails_wait_for_their_turn_however_many_there_are(world: World, monkeypatch):
    """What one pass does not reach is not given up meanwhile, nor hidden behind mails that nobody wants sent again."""
    monkeypatch.setattr("app.pipeline.leaving.resending.LIMIT", 2)
    monkeypatch.setattr("app.pipeline.RESENT_AT_ONCE", 2)
    plain = world.with_(transports={Channel.email: (world.email,), Channel.sms: (world.sms,)})
    world.email.answer = lambda out: Verdict(AttemptOutcome.unanswered, error="reset")
    wishing = plain.with_(rules=parse_rules(RATHER_TWICE))
    for which, numbers in ((plain, "123"), (wishing, "45678")):
        for number in numbers:
            (parcel,) = which.order(number, shopper={"email": f"m{number}@example.test", "country": "SE"})
            which.scan(parcel, M.out_for_delivery)
    send_all(wishing)
    passes(wishing, 4000)
    settled = pipeline.recover(wishing.house)
    assert (settled.resent, settled.ambiguous) == (5, 3)


def test_a_late_answer_settles_even_what_was_given_up(world: World):
    """The acceptance came after the last wait: it is what happened."""
    (begun,) = _one_begun(world)
    sql(world, "UPDATE messages SET state = 'failed', reason = 'ambiguous', lease_token = NULL")
    settle(world.house, [(begun, Verdict(AttemptOutcome.accepted, "ref"))], world.clock.now())
    assert (the_message(world).state, the_message(world).reason) == ("accepted", "accepted")
    whole(world)


def _one_begun(world: World) -> list[Begun]:
    (parcel,) = world.order("1", shopper={"email": "maja@example.test", "country": "SE"})
    world.scan(parcel, M.out_for_delivery)
    with world.house.sessions.begin() as session:
        token, claimed = claim(session, world.house, Channel.email, world.clock.now())
    letters, _ = prepared(world.house, claimed, world.clock.now())
    return begin(world.house, token, letters)


def test_without_the_opt_in_nothing_leaves_without_evidence(world: World):
    """The same wait, the same second provider, and a rule that does not ask for it."""
    spare = replace(world.email, name="smtp", sent=[])
    two = world.with_(transports={Channel.email: (world.email, spare), Channel.sms: (world.sms,)})
    in_doubt(two)
    passes(two, 4000)
    pipeline.recover(two.house)
    send_all(two)
    assert the_message(two).reason == "ambiguous" and spare.sent == []


@pytest.fixture(scope="module")
def providers() -> Iterator[StandIn]:
    with serve() as stand_in:
        yield stand_in


@pytest.fixture
def asked_world(world: World, providers: StandIn) -> World:
    """The real channels over the strict stand-in, which reports nothing by itself."""
    account = providers.account
    settings = Settings(
        send="live",
        sendgrid={"api_key": account.api_key, "base_url": providers.url, "activity": True},
        twilio={"account_sid": account.account_sid, "auth_token": account.auth_token, "from": account.sender,
                "base_url": providers.url},
    )  # fmt: skip
    providers.journal.clear()
    providers.behave(rules=(), callbacks=CallbackManners(enabled=False), records=RecordManners(per_minute=None))
    sending = SendingSettings(deadline=30.0, margin=0.05, settle=3600)
    return world.with_(transports=build_transports(settings, world.house.http), sending=sending)


def settle_down(world: World) -> None:
    """Let deadline and margin be over this moment, for the stand-in's times are real; then ask."""
    past = "clock_timestamp() - interval '0.1 s'"
    sql(world, f"UPDATE attempts SET ask_at = NULL, deadline_at = least(deadline_at, greatest(begun_at, {past}))")
    while sql(world, "SELECT 1 FROM attempts WHERE deadline_at + interval '0.06 s' > clock_timestamp()"):
        time.sleep(0.02)
    sql(world, "UPDATE senders SET ask_free_at = NULL")
    pipeline.recover(world.house)


def taken(providers: StandIn) -> list[str]:
    return sorted(entry.recipient for entry in providers.journal.entries)


@pytest.mark.parametrize("act", ["accept_then_drop", "accept_then_error"])
def test_taken_without_a_word_is_found_by_asking(asked_world: World, providers: StandIn, act):
    """No report ever comes; both channels find theirs, and the journal holds each once."""
    providers.behave(rules=[Rule(recipient="*", do=act)])
    (parcel,) = asked_world.order()
    asked_world.scan(parcel, M.out_for_delivery)
    send_all(asked_world)
    assert {m.state for m in asked_world.messages()} == {"unconfirmed"}
    settle_down(asked_world)
    assert {(m.state, m.reason) for m in asked_world.messages()} == {("accepted", "found_by_asking")}
    send_all(asked_world)
    assert taken(providers) == [PHONE, MAIL]
    whole(asked_world)


def test_dropped_before_it_was_taken_leaves_exactly_once_more(asked_world: World, providers: StandIn):
    """The SMS is surely not in Twilio's list; the mail waits until the feed shows a later one."""
    providers.behave(rules=[Rule(recipient="*", do="drop", times=2)])
    (parcel,) = asked_world.order()
    asked_world.scan(parcel, M.out_for_delivery)
    send_all(asked_world)
    settle_down(asked_world)
    assert {m.channel: (m.state, m.reason) for m in asked_world.messages()} == {
        "sms": ("ready", "not_there"),
        "email": ("unconfirmed", "no_answer"),
    }
    send_all(asked_world)
    (other,) = asked_world.order("1002", shopper={"name": "Ida", "email": "ida@example.test", "country": "SE"})
    asked_world.scan(other, M.out_for_delivery)
    send_all(asked_world)
    settle_down(asked_world)
    send_all(asked_world)
    assert {m.state for m in asked_world.messages()} == {"accepted"}
    assert taken(providers) == [PHONE, "ida@example.test", MAIL]
    whole(asked_world)


def test_records_that_cannot_be_reached_leave_the_doubt(asked_world: World, providers: StandIn):
    """Unconfirmed for the stated wait, then ambiguous; nothing leaves a second time."""
    providers.behave(rules=[Rule(recipient="*", do="accept_then_drop")], records=RecordManners(available=False))
    (parcel,) = asked_world.order()
    asked_world.scan(parcel, M.out_for_delivery)
    send_all(asked_world)
    settle_down(asked_world)
    assert {m.state for m in asked_world.messages()} == {"unconfirmed"}
    passes(asked_world)
    pipeline.recover(asked_world.house)
    send_all(asked_world)
    assert {m.reason for m in asked_world.messages()} == {"ambiguous"}
    assert taken(providers) == [PHONE, MAIL]
    whole(asked_world)


def alike(world: World) -> None:
    """One parcel, two messages with the very same text to one number: the second is a copy of the first."""
    (parcel,) = world.order(shopper={"name": "Maja", "phone": PHONE, "country": "SE"})
    world.scan(parcel, M.delivered)
    sql(
        world,
        """
        INSERT INTO crossings (brand_id, order_id, shipment_id, scope, scope_id, milestone, occurrence, cause, anchor,
            occurred_at, crossed_at, facts)
        SELECT brand_id, order_id, shipment_id, scope, scope_id, 'all_delivered', 1, cause, anchor,
            occurred_at, crossed_at, facts FROM crossings WHERE scope = 'parcel'""",
    )
    sql(
        world,
        """
        INSERT INTO decisions (brand_id, crossing_id, rule_set_version_id, rule, channel, fired, reason, detail,
            decided_at)
        SELECT brand_id, (SELECT max(id) FROM crossings), rule_set_version_id, rule, channel, fired, reason, detail,
            decided_at FROM decisions WHERE fired""",
    )
    sql(
        world,
        """
        INSERT INTO messages (public_id, brand_id, order_id, shipment_id, crossing_id, rule, milestone, channel,
            recipient_id, locale, rule_set_version_id, template_version_id, priority, state, reason, planned_at,
            send_at, expires_at)
        SELECT 'msg_copy', brand_id, order_id, shipment_id, (SELECT max(id) FROM crossings), rule,
            'all_delivered', channel, recipient_id, locale, rule_set_version_id, template_version_id,
            priority, state, reason, planned_at,
            send_at, expires_at FROM messages WHERE channel = 'sms'""",
    )
    sql(
        world,
        """
        INSERT INTO ledger_keys (scope, scope_id, milestone, occurrence, channel, recipient_id, brand_id, message_id,
            decided_at)
        SELECT scope, scope_id, 'all_delivered', 1, channel, recipient_id, brand_id,
            (SELECT id FROM messages WHERE public_id = 'msg_copy'), decided_at
        FROM ledger_keys WHERE channel = 'sms'""",
    )


def texts(providers: StandIn) -> list[str]:
    return [providers.journal.full(entry)["text"] for entry in providers.journal.entries]


@pytest.mark.parametrize(("act", "left_at_first"), [("drop", 1), ("accept_then_drop", 2)])
def test_of_two_texts_alike_the_unanswered_one_is_not_taken_for_the_other(
    asked_world: World, providers: StandIn, act, left_at_first
):
    """One is accepted and known; the other is found as its own, or missed and sent once more."""
    providers.behave(rules=[Rule(recipient=PHONE, do=act, times=1)])
    alike(asked_world)
    send_all(asked_world)
    assert sorted(m.state for m in asked_world.messages()) == ["accepted", "unconfirmed"]
    assert len(texts(providers)) == left_at_first
    settle_down(asked_world)
    send_all(asked_world)
    assert len(texts(providers)) == 2 and len(set(texts(providers))) == 1
    assert {m.state for m in asked_world.messages()} == {"accepted"}
    refs = sql(asked_world, "SELECT provider_ref FROM attempts WHERE outcome = 'accepted'")
    assert len(set(refs)) == 2
    whole(asked_world)


def test_of_two_unanswered_texts_alike_nothing_is_guessed(asked_world: World, providers: StandIn):
    """With one text listed for two calls nobody can say whose it is; with two, each gets its own."""
    providers.behave(rules=[Rule(recipient=PHONE, do="accept_then_drop", times=1), Rule(recipient=PHONE, do="drop")])
    alike(asked_world)
    send_all(asked_world)
    settle_down(asked_world)
    assert [m.state for m in asked_world.messages()] == ["unconfirmed"] * 2
    assert "1 of 2 calls" in attempts(asked_world)[0].conclusion
    assert len(texts(providers)) == 1


def test_two_unanswered_texts_that_were_both_taken_are_both_found(asked_world: World, providers: StandIn):
    """Each call is given a text of its own."""
    providers.behave(rules=[Rule(recipient=PHONE, do="accept_then_drop")])
    alike(asked_world)
    send_all(asked_world)
    settle_down(asked_world)
    assert [m.state for m in asked_world.messages()] == ["accepted"] * 2
    assert len({m.provider_ref for m in asked_world.messages()}) == 2
    whole(asked_world)


def test_a_forgotten_person_is_not_looked_for_under_another_number(asked_world: World, providers: StandIn):
    """Without the text and the number of then, an empty list would prove nothing."""
    providers.behave(rules=[Rule(recipient="*", do="accept_then_drop")])
    (parcel,) = asked_world.order()
    asked_world.scan(parcel, M.out_for_delivery)
    send_all(asked_world)
    sql(asked_world, "UPDATE messages SET personal = NULL WHERE channel = 'sms'")
    sql(asked_world, "UPDATE orders SET phone = '+46701740699'")
    settle_down(asked_world)
    assert {m.channel: m.state for m in asked_world.messages()} == {"sms": "unconfirmed", "email": "accepted"}


def test_reconciling_twice_at_once_is_reconciling_once(world: World):
    """The same pass from two sessions changes nothing twice."""
    in_doubt(world)
    passes(world, 4000)
    now = world.clock.now() + timedelta(hours=1)
    for expected in (1, 0):
        with world.house.sessions.begin() as session:
            assert reconcile(session, world.house, now).ambiguous == expected
