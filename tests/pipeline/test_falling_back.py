"""Fallbacks: what is told in the place of a message that could not reach its shopper, once, while it is still news."""

from collections.abc import Iterator
from threading import Thread

import pytest
import sqlalchemy as sa

from app import pipeline
from app.channels.base import Report, Verdict
from app.insight.explain import explain
from app.insight.tell import tell
from app.models import Attempt, Decision, Message, Shipment
from app.models.vocabulary import AttemptOutcome, Channel, MessageState, Milestone, Reason, SuppressionKind
from app.pipeline.people.consenting import suppress, wish
from app.pipeline.settling import falling_back
from app.pipeline.settling.falling_back import UNREACHED_ENDS, fall_back, falls_back
from app.pipeline.settling.settling import apply_receipts, keep_reports
from app.rules.document import parse_rules
from app.settings import SendMode
from tests.pipeline.conftest import Obedient, World
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_path import report, send_all, whole

M = Milestone
RULES = """version: 1
quiet_hours: {sms: "21:00-08:00"}
rules:
  - name: out
    when: out_for_delivery
    send: [email]
    fallback: {email: sms, sms: whatsapp}
    expires: 12h
"""
REFUSED = Verdict(AttemptOutcome.refused, error="no such mailbox")


@pytest.fixture
def falling(world: World) -> World:
    """A house whose one rule mails, and texts where the mail cannot reach the shopper."""
    return world.with_(rules=parse_rules(RULES))


def told(world: World, **shopper: object) -> Message | None:
    """Tell a shopper of one parcel; the email, where one was planned."""
    given = {"name": "Maja Lind", "email": "maja@example.test", "phone": "+46701740605", "country": "SE"} | shopper
    (parcel,) = world.order(shopper={name: value for name, value in given.items() if value})
    world.scan(parcel, M.out_for_delivery)
    send_all(world)
    return next(iter(world.messages(channel="email")), None)


def answers(world: World) -> list[tuple[str, str, bool]]:
    with world.house.sessions() as session:
        rows = session.scalars(sa.select(Decision).order_by(Decision.id))
        return [(row.channel, row.reason, row.fired) for row in rows]


def states(world: World) -> dict[str, tuple[str, str]]:
    return {message.channel: (message.state, message.reason) for message in world.messages()}


def test_a_channel_that_cannot_reach_them_is_passed_over_as_it_is_decided(falling: World):
    """Without an email address the SMS is planned at once, and both answers say why."""
    assert told(falling, email=None) is None
    assert answers(falling) == [("email", "no_address", False), ("sms", "fell_back", True)]
    assert states(falling) == {"sms": ("accepted", "accepted")}
    story = text_of(falling)
    assert "Email: not sent. The order has no address for this channel" in story
    assert "The first channel could not reach the shopper, so this one was tried in its place" in story
    whole(falling)


def text_of(world: World) -> str:
    with world.house.sessions() as session:
        parcel = session.scalars(sa.select(Shipment.public_id)).one()
        return "\n".join(tell(explain(session, parcel)))


def test_a_template_that_is_not_there_is_passed_over_too(world: World):
    """Which templates there are is known only as a message is planned."""
    named = RULES.replace("send: [email]", "send: [{channel: email, template: nowhere}]")
    named = named.replace("email: sms", "email: {channel: sms, template: out_for_delivery}")
    world = world.with_(rules=parse_rules(named))
    told(world)
    assert answers(world) == [("email", "no_template", False), ("sms", "fell_back", True)]
    assert states(world) == {"sms": ("accepted", "accepted")}
    whole(world)


def test_a_mail_that_comes_back_is_told_by_text_once(falling: World):
    """The SMS is planned with the bounce, says what it stands in for, and no later report changes anything."""
    email = told(falling)
    falling.woken.clear()
    report(falling, email.id, "bounced")
    (sms,) = falling.messages(channel="sms")
    assert (sms.fallback_of, sms.state, sms.rule_set_version_id) == (email.id, "ready", email.rule_set_version_id)
    assert ("send", "sms") in falling.woken
    report(falling, email.id, "bounced", "e2")
    report(falling, email.id, "delivered", "e3")
    send_all(falling)
    assert states(falling) == {"email": ("bounced", "bounced"), "sms": ("accepted", "accepted")}
    assert len(falling.sms.sent) == 1
    assert f"in place of {email.public_id} (email): bounced" in text_of(falling)
    whole(falling)


def test_only_a_certain_end_falls_back():
    """Every state and reason is judged: what may have arrived, or was withheld on purpose, has no second try."""
    certain = {(state, reason) for state, reasons in UNREACHED_ENDS.items() for reason in reasons}
    assert {(state, reason) for state in MessageState for reason in Reason if falls_back(state, reason)} == certain
    assert {(state.value, reason.value) for state, reason in certain} == {
        ("bounced", "bounced"), ("failed", "refused"), ("failed", "gave_up"), ("failed", "not_renderable"),
        ("suppressed", "suppressed_address"), ("suppressed", "not_wanted"), ("suppressed", "no_address"),
            ("suppressed", "no_provider"),
    }  # fmt: skip


def test_what_is_refused_for_good_falls_back_with_its_verdict(falling: World):
    """The provider knows no such mailbox: the SMS is there when the email has ended."""
    falling.email.answer = lambda out: REFUSED
    told(falling)
    assert states(falling) == {"email": ("failed", "refused"), "sms": ("accepted", "accepted")}
    whole(falling)


def test_what_is_withheld_from_a_dead_address_falls_back_as_it_is_released(falling: World):
    """An address that must not be written to is found out at release."""
    with falling.house.sessions.begin() as session:
        brand_id = sql(falling, "SELECT id FROM brands")[0].id
        suppress(session, [wish(brand_id, Channel.email, "maja@example.test", SuppressionKind.bounce)])
    told(falling)
    assert states(falling) == {"email": ("suppressed", "suppressed_address"), "sms": ("accepted", "accepted")}
    whole(falling)


def test_what_may_have_arrived_or_is_held_back_on_purpose_has_no_second_try(falling: World):
    """Unconfirmed, ambiguous and shadow: nobody is texted."""
    falling.email.answer = lambda out: Verdict(AttemptOutcome.unanswered, error="reset")
    told(falling)
    sql(falling, "UPDATE attempts SET begun_at = begun_at - interval '3 hours',"
                 " deadline_at = deadline_at - interval '3 hours'")  # fmt: skip
    pipeline.recover(falling.house)
    assert states(falling) == {"email": ("failed", "ambiguous")}
    shadow = falling.with_(send_mode=SendMode.shadow)
    (parcel,) = shadow.order("1002")
    shadow.scan(parcel, M.out_for_delivery)
    send_all(shadow)
    assert [m.reason for m in shadow.messages()] == ["ambiguous", "shadow"]
    whole(falling)


_NO_MORE: dict[str, tuple[str, Reason]] = {
    "the order was cancelled": ("UPDATE orders SET cancelled_at = now()", Reason.cancelled),
    "the parcel has arrived": ("UPDATE shipments SET milestone = 'delivered'", Reason.overtaken),
    "it is no news any more": ("UPDATE crossings SET occurred_at = occurred_at - interval '12 hours'", Reason.outlived),
    "they have no number": ("UPDATE orders SET phone = NULL", Reason.no_address),
}


def test_what_is_no_news_any_more_is_not_told_again(falling: World):
    """Each thing that has happened since stands as the reason on the channel that would have stood in."""
    for number, (what, (change, reason)) in enumerate(_NO_MORE.items()):
        (parcel,) = falling.order(str(number))
        falling.scan(parcel, M.out_for_delivery)
        send_all(falling)
        (email,) = falling.messages(shipment_id=parcel, channel="email")
        sql(falling, f"{change} WHERE {'order_id' if 'crossings' in change or 'shipments' in change else 'id'}"
                     " = :order", order=email.order_id)  # fmt: skip
        report(falling, email.id, "bounced", what)
        assert falling.messages(shipment_id=parcel, channel="sms") == [], what
        with falling.house.sessions() as session:
            said = session.scalars(sa.select(Decision).where(Decision.crossing_id == email.crossing_id)).all()
        assert (said[1].channel, said[1].reason, said[1].fired) == ("sms", reason.value, False), what
    whole(falling)


def test_who_said_stop_is_not_texted_in_a_mails_place(falling: World):
    """Consent is the other channel's own, and the next in the chain is asked instead: it has no provider."""
    email = told(falling)
    with falling.house.sessions.begin() as session:
        suppress(session, [wish(email.brand_id, Channel.sms, "+46701740605", SuppressionKind.stop)])
    report(falling, email.id, "bounced")
    assert answers(falling)[1:] == [("sms", "suppressed_address", False), ("whatsapp", "channel_off", False)]
    assert falling.messages(channel="sms") == []
    whole(falling)


def test_a_chain_goes_on_where_its_second_step_fails(falling: World):
    """Mail bounces, the text is refused, WhatsApp is told."""
    phone = Obedient("twilio", "whatsapp")
    transports = {**falling.house.transports, Channel.whatsapp: (phone,)}
    world = falling.with_(transports=transports)
    email = told(world)
    world.sms.answer = lambda out: REFUSED
    report(world, email.id, "bounced")
    send_all(world)
    last = answers(world)[-1]
    assert states(world)["sms"] == ("failed", "refused")
    assert last == ("whatsapp", "no_template", False), "no template of it has been approved for this brand"
    whole(world)


def test_what_was_decided_stays_decided(falling: World):
    """The rule of the version that planned the mail counts, though today's has no fallback, or no such rule."""
    email = told(falling)
    today = falling.with_(rules=parse_rules(RULES.replace("    fallback: {email: sms, sms: whatsapp}\n", "")))
    today.house.rule_sets.clear()
    report(today, email.id, "bounced")
    assert [m.channel for m in today.messages()] == ["email", "sms"]
    whole(today)


def test_what_another_rule_texts_anyway_is_not_texted_twice(world: World):
    """The ledger key decides, whichever rule takes it."""
    both = (
        RULES
        + """
  - name: texts
    when: out_for_delivery
    send: [sms]
    expires: 12h
"""
    )
    world = world.with_(rules=parse_rules(both))
    email = told(world)
    report(world, email.id, "bounced")
    send_all(world)
    assert [m.rule for m in world.messages(channel="sms")] == ["texts"] and len(world.sms.sent) == 1
    assert answers(world)[-1] == ("sms", "already_told", False)
    whole(world)


def test_at_night_what_stands_in_waits_for_the_morning(falling: World):
    """A bounce at midnight wakes nobody; what would be stale by the morning is not planned at all."""
    falling.clock.turn(hours=13.2)  # 22:12 in Stockholm
    email = told(falling)
    report(falling, email.id, "bounced")
    (sms,) = falling.messages(channel="sms")
    assert (sms.state, sms.send_at.hour) == ("held", 7)
    whole(falling)


def test_a_bounce_that_dies_on_its_way_is_taken_up_again(falling: World):
    """The end and what stands in for it are written together or not at all."""
    email = told(falling)
    with falling.house.sessions.begin() as session:
        attempt = session.scalars(sa.select(Attempt)).one()
        keep_reports(session, "sendgrid", [Report("e", "bounced", attempt.public_id, "r", None, None, b"{}")])
    with falling.house.sessions() as session:
        assert apply_receipts(session, falling.house, falling.clock.now()).wakes == {("send", "sms")}
        session.rollback()  # the worker dies here
    assert states(falling) == {"email": ("accepted", "accepted")}
    workers = [Thread(target=pipeline.digest_reports, args=(falling.house,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert falling.messages(id=email.id)[0].state == "bounced"
    assert len(falling.messages(channel="sms")) == 1
    whole(falling)


def test_what_told_of_several_parcels_is_stood_in_for_as_a_whole(falling: World):
    """A merged message holds a key for each parcel, and so does the text in its place."""
    parcels = falling.order(parcels=2)
    for parcel in parcels:
        falling.scan(parcel, M.out_for_delivery, name=str(parcel))
    first, second = falling.messages(channel="email")
    sql(falling, "UPDATE ledger_keys SET message_id = :first WHERE message_id = :second", first=first.id,
        second=second.id)  # fmt: skip
    sql(falling, "UPDATE decisions SET fired = false, reason = 'merged' WHERE crossing_id = :id", id=second.crossing_id)
    sql(falling, "DELETE FROM messages WHERE id = :id", id=second.id)
    sql(falling, "UPDATE messages SET merge_until = planned_at")
    send_all(falling)
    report(falling, first.id, "bounced")
    keys = sql(falling, "SELECT scope_id FROM ledger_keys JOIN messages ON messages.id = message_id"
                        " WHERE messages.channel = 'sms' ORDER BY 1")  # fmt: skip
    assert [key.scope_id for key in keys] == parcels
    assert falling.messages(channel="sms")[0].merge_until == falling.clock.now(), "no other may join it"
    whole(falling)


def test_what_cannot_be_planned_fails_alone(falling: World, monkeypatch: pytest.MonkeyPatch):
    """Whatever goes wrong over one fallback, its message has ended, and the others are told."""
    parcels = falling.order("1") + falling.order("2")
    for parcel in parcels:
        falling.scan(parcel, M.out_for_delivery)
    falling.email.answer = lambda out: REFUSED
    real = falling_back.plan

    def plan(session, house, planned, now, decisions):
        rows = real(session, house, planned, now, decisions)
        if any(one.crossing["shipment_id"] == parcels[0] for one in planned):
            raise ValueError("a bug")
        return rows

    monkeypatch.setattr(falling_back, "plan", plan)
    falling.house.versions.clear()
    send_all(falling)
    assert [(m.channel, m.state) for m in falling.messages()] == [
        ("email", "failed"), ("email", "failed"), ("sms", "accepted")
    ]  # fmt: skip
    whole(falling)


@pytest.fixture
def statements(engine: sa.Engine) -> Iterator[list[str]]:
    """What is said to the database."""
    said: list[str] = []

    def note(conn, cursor, statement, *rest) -> None:
        said.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    yield said
    sa.event.remove(engine, "before_cursor_execute", note)


def test_a_storm_of_bounces_is_a_few_statements(falling: World, statements: list[str]):
    """Forty messages that come back cost as many statements as four."""
    costs = []
    for begin, amount in ((0, 4), (100, 40)):
        for number in range(begin, begin + amount):
            (parcel,) = falling.order(str(number))
            falling.scan(parcel, M.out_for_delivery)
        sql(falling, "UPDATE messages SET state = 'bounced', reason = 'bounced' WHERE state = 'ready'")
        ended = [m.id for m in falling.messages(state="bounced")][-amount:]
        statements.clear()
        with falling.house.sessions.begin() as session:
            fall_back(session, falling.house, ended, falling.clock.now())
        costs.append(len(statements))
        assert len(falling.messages(channel="sms")) == amount + (4 if begin else 0)
    few, many = costs
    assert many <= few, statements
