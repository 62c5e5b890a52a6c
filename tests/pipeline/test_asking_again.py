"""A person asks for a message to be sent once more."""

import pytest
import sqlalchemy as sa

from app.channels.base import Report
from app.errors import Conflict
from app.insight.audit import audit
from app.insight.explain import explain
from app.models import Message, Order, Resend, Shipment, Suppression
from app.models.vocabulary import Channel, Milestone, PauseKind, SuppressionKind
from app.pipeline import digest_reports, recover, send
from app.pipeline.brakes.pausing import Scope, pause, resume
from app.pipeline.leaving.asking_again import MOST, Wish, ask_again, look
from app.pipeline.people.consenting import suppress, wish
from app.pipeline.settling.settling import keep_reports
from app.settings import SendMode


@pytest.fixture
def told(world):
    """The email by which a shopper was told that the parcel is out for delivery."""
    (shipment_id,) = world.order()
    world.scan(shipment_id, Milestone.out_for_delivery)
    send(world.house, Channel.email)
    (message,) = world.messages(channel="email", milestone="out_for_delivery")
    assert message.state == "accepted"
    return message


def ask(world, message, after=None, brand_id=None):
    """Ask for it in a transaction of its own."""
    with world.house.sessions.begin() as session:
        asked = Wish(message.public_id, "agent@shop.example", "The shopper lost it", after)
        return ask_again(session, world.house, brand_id or message.brand_id, asked, world.clock.now())


def correct(world, **values):
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Order).values(**values))


def again(world, message):
    with world.house.sessions() as session:
        return session.get_one(Message, message.id)


def whole(world):
    with world.house.sessions() as session:
        found = audit(session, 300)
    return found.breaches


def report(world, attempt_number, kind, cause=None):
    with world.house.sessions.begin() as session:
        name = session.scalar(
            sa.text("SELECT public_id FROM attempts WHERE number = :n ORDER BY id LIMIT 1"), {"n": attempt_number}
        )
        told = Report(f"{name}-{kind}", kind, name, "ref", None, None, b"{}", cause)
        keep_reports(session, world.email.name, [told])
    digest_reports(world.house)


def test_it_leaves_again_as_it_was(world, told):
    """A further attempt on the same message, the same bytes to the same address, and the books balance."""
    asked = ask(world, told, after=1)
    assert (asked.new, asked.to, asked.refusal) == (True, "maja@example.test", "")
    assert again(world, told).reason == "asked_again"
    world.clock.turn(minutes=10)
    send(world.house, Channel.email)
    first, second = world.email.sent[-2:]
    assert (first.html, first.text, first.subject, first.to_email) == (
        second.html, second.text, second.subject, second.to_email,
    )  # fmt: skip
    assert first.attempt_id != second.attempt_id
    assert (again(world, told).state, again(world, told).attempts) == ("accepted", 2)
    recover(world.house)
    assert whole(world) == ()
    with world.house.sessions() as session:
        shipment = session.scalars(sa.select(Shipment.public_id)).one()
        message = next(
            one.message
            for crossing in explain(session, shipment).crossings
            for one in crossing.decisions
            if one.message and one.message.id == told.public_id
        )
        (entry,) = message.asked_again
        assert (entry.asked_by, entry.waiting, entry.not_sent) == ("agent@shop.example", False, None)


def test_a_double_click_is_one(world, told):
    """The second wish finds it waiting; one made from a page that is older than the last attempt is refused."""
    assert ask(world, told, after=1).new
    assert not ask(world, told, after=1).new
    send(world.house, Channel.email)
    with pytest.raises(Conflict, match="sent again since you looked"):
        ask(world, told, after=1)
    assert len(world.email.sent) == 2


def test_a_corrected_address_is_where_it_goes(world, told):
    """The address is read anew; what is then reported of the first try neither moves the message nor condemns the
    corrected address."""
    correct(world, email="maja.lind@example.test")
    assert ask(world, told).to == "maja.lind@example.test"
    send(world.house, Channel.email)
    assert [one.to_email for one in world.email.sent] == ["maja@example.test", "maja.lind@example.test"]
    report(world, 1, "bounced", "hard")
    assert again(world, told).state == "accepted"
    with world.house.sessions() as session:
        assert session.scalars(sa.select(Suppression)).all() == []
    report(world, 2, "delivered")
    assert again(world, told).state == "delivered"
    assert whole(world) == ()


def test_what_must_not_leave_is_refused_with_its_reason(world, told):
    """A suppression, the mode, a cancelled order and news that is over hold as ever; nothing is changed by asking."""
    with world.house.sessions.begin() as session:
        suppress(session, [wish(told.brand_id, Channel.email, "maja@example.test", SuppressionKind.complaint)])
    with pytest.raises(Conflict, match="must not be written to"):
        ask(world, told)
    assert again(world, told).state == "accepted"
    with world.house.sessions() as session:
        assert session.scalars(sa.select(Resend)).all() == []
    correct(world, email="other@example.test")
    with pytest.raises(Conflict, match="shadow mode"):
        ask(world.with_(send_mode=SendMode.shadow), told)
    world.scan(told.shipment_id, Milestone.delivered, hours_ago=0)
    with pytest.raises(Conflict, match="the parcel is delivered"):
        ask(world, told)
    correct(world, cancelled_at=world.clock.now())
    with pytest.raises(Conflict, match="cancelled"):
        ask(world, told)


def test_looking_changes_nothing(world, told):
    """What it would come to, said beforehand."""
    with world.house.sessions.begin() as session:
        seen = look(session, world.house, told.brand_id, told.public_id, world.clock.now())
        assert look(session, world.house, told.brand_id + 1, told.public_id, world.clock.now()) is None
    assert (seen.attempts, seen.to, seen.refusal, seen.leaves_at) == (1, "maja@example.test", "", world.clock.now())
    assert again(world, told).state == "accepted"
    assert len(world.email.sent) == 1


def test_one_that_did_not_leave_again_is_what_it_was(world, told):
    """Suppressed after it was asked for: it had reached its shopper, and still counts so, with what became of the
    wish."""
    ask(world, told)
    with world.house.sessions.begin() as session:
        suppress(session, [wish(told.brand_id, Channel.email, "maja@example.test", SuppressionKind.complaint)])
    send(world.house, Channel.email)
    recover(world.house)
    assert (again(world, told).state, len(world.email.sent)) == ("accepted", 1)
    with world.house.sessions() as session:
        assert session.scalars(sa.select(Resend.outcome)).one() == "suppressed_address"
    assert whole(world) == ()


def test_not_for_ever(world, told):
    """One message is sent again so often and no more."""
    for _ in range(MOST):
        ask(world, told)
        send(world.house, Channel.email)
    with pytest.raises(Conflict, match="as often as one message may be"):
        ask(world, told)
    assert len(world.email.sent) == 1 + MOST
    recover(world.house)
    assert whole(world) == ()


def test_one_under_way_is_waited_for(world):
    """What has not left yet, or nobody knows about, is not asked for twice."""
    (shipment_id,) = world.order()
    world.scan(shipment_id, Milestone.out_for_delivery)
    (message,) = world.messages(channel="email", milestone="out_for_delivery")
    with pytest.raises(Conflict, match="leave"):
        ask(world, message)


def test_a_forgotten_text_is_not_made_up(world, told):
    """What was pruned cannot be written out as it was."""
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Message).values(personal=None, released=None))
    with pytest.raises(Conflict, match="not kept any more"):
        ask(world, told)


def test_an_sms_waits_for_the_morning(world):
    """Asked for at night it is said when it leaves, and it leaves then."""
    (shipment_id,) = world.order()
    world.scan(shipment_id, Milestone.ready_for_pickup)
    send(world.house, Channel.sms)
    (message,) = world.messages(channel="sms", milestone="ready_for_pickup")
    assert message.state == "accepted"
    world.clock.turn(hours=14)  # 23 o'clock in Sweden
    asked = ask(world, message)
    assert asked.leaves_at > world.clock.now() and "night" in asked.leaves_why
    send(world.house, Channel.sms)
    assert len(world.sms.sent) == 1
    world.clock.turn(hours=10)
    send(world.house, Channel.sms)
    assert [one.text for one in world.sms.sent] == [world.sms.sent[0].text] * 2


def test_a_pause_holds_it(world, told):
    """What is paused waits, and leaves when the pause is lifted."""
    with world.house.sessions.begin() as session:
        pause(session, Scope(PauseKind.milestone, "out_for_delivery"), told.brand_id, "wrong text", "ops")
    ask(world, told)
    send(world.house, Channel.email)
    assert len(world.email.sent) == 1
    with world.house.sessions.begin() as session:
        resume(session, Scope(PauseKind.milestone, "out_for_delivery"), told.brand_id, "ops")
    recover(world.house)
    send(world.house, Channel.email)
    assert len(world.email.sent) == 2
