"""A person is erased: nothing names them any more, nothing more leaves, and nothing brings them back."""

from datetime import timedelta
from threading import Event, Thread

import pytest
import sqlalchemy as sa

from app import pipeline
from app.channels.base import IncomingSms, Report, Verdict
from app.clock import stopwatch
from app.errors import InvalidInput
from app.insight.explain import explain
from app.insight.tell import tell
from app.models import Shipment, Suppression
from app.models.addresses import address_digest
from app.models.vocabulary import AttemptOutcome, Channel, Milestone, SuppressionKind
from app.pipeline.leaving.claiming import claim
from app.pipeline.leaving.delivering import deliver
from app.pipeline.leaving.gate import gate_of
from app.pipeline.leaving.sending import begin, settle
from app.pipeline.people import erasing
from app.pipeline.people.consenting import standing, suppress, wish
from app.pipeline.people.erasing import erase_person
from app.pipeline.people.pruning import prune
from app.pipeline.people.replying import take_reply
from app.pipeline.settling.settling import keep_reports
from app.pipeline.settling.unpacking import keep_batch
from tests.pipeline.conftest import prepared
from tests.rights.conftest import send, traces, whole

MAIL, PHONE = "maja@example.test", "+46701740605"
WORDS = (MAIL, PHONE, "Maja", "Lind", "Malmö", "21145", "Wool blanket", "signed", PHONE[1:])


def sql(world, text, **values):
    with world.house.sessions.begin() as session:
        result = session.execute(sa.text(text), values)
        return result.all() if result.returns_rows else None


def a_full_life(world, number="1001"):
    """An order that has left traces wherever one can be left, one message of it still waiting."""
    shopper = {
        "name": "Maja Lind",
        "email": MAIL,
        "phone": PHONE,
        "country": "SE",
        "city": "Malmö",
        "postal_code": "21145",
    }
    parcel, other = world.order(number, shopper=shopper, parcels=2, tags=["Maja's"])
    world.scan(parcel, Milestone.out_for_delivery, name=f"signed by Lind {number}")
    world.clock.turn(minutes=11)  # nobody else joins its message
    send(world)
    attempts = sql(world, "SELECT public_id, provider FROM attempts ORDER BY id")
    with world.house.sessions.begin() as session:
        for name, provider in attempts:
            body = f'{{"email": "{MAIL}", "to": "{PHONE}"}}'.encode()
            keep_reports(session, provider, [Report(f"{name}-1", "delivered", name, None, None, f"to {MAIL}", body)])
        keep_reports(session, "sendgrid", [Report(f"alone-{number}", "other", None, None, None, MAIL, MAIL.encode())])
        brand_id = session.scalars(sa.text("SELECT brand_id FROM orders LIMIT 1")).one()
        suppress(session, [wish(brand_id, Channel.email, MAIL, SuppressionKind.unsubscribe)])
        suppress(session, [wish(brand_id, Channel.sms, PHONE, SuppressionKind.block)])
    pipeline.digest_reports(world.house)
    keep_batch(world.house, "sendgrid", "http://x", f"[{number}, {MAIL.upper()}]".encode())
    keep_batch(world.house, "twilio", "http://x", f"To=%2B{PHONE[1:]}&n={number}".encode())
    sql(world, "UPDATE receipt_batches SET unpacked_at = now()")
    take_reply(
        world.house,
        "twilio",
        IncomingSms(f"SM{number}", PHONE, "+15550100", "It is Maja, where is it?"),
        world.clock.now(),
    )
    sql(world, "INSERT INTO carrier_answers (brand_id, shipment_id, heard_at, source, kind, body)"
               " SELECT brand_id, id, now(), 'poll', 'tracked', convert_to('signed by Lind', 'UTF8') FROM shipments"
               " WHERE id = :id", id=parcel)  # fmt: skip
    sql(world, "UPDATE scans SET description = 'Signed by Lind'")
    sql(world, "INSERT INTO unknown_codes (brand_id, carrier, code, count, example)"
               " SELECT min(brand_id), 'dhl', 'x', 1, 'Signed by Lind' FROM scans")  # fmt: skip
    world.scan(other, Milestone.out_for_delivery)
    return parcel, other


def test_nothing_names_the_person(world, brand_id):
    """From whatever column it could be read, it is gone; numbers, milestones and keys stand, and all adds up."""
    a_full_life(world)
    before = sql(world, "SELECT count(*), min(message_id), max(message_id) FROM ledger_keys")
    assert len(traces(world, *WORDS)) > 12
    erased = erase_person(world.house, brand_id, Channel.email, MAIL)
    assert not traces(world, *WORDS)
    assert (erased.orders, erased.messages_stopped, erased.in_flight) == (1, 2, ())
    assert (erased.inbound, erased.suppressions, erased.reports) == (1, 2, 3)
    assert sql(world, "SELECT count(*), min(message_id), max(message_id) FROM ledger_keys") == before
    whole(world)


def test_the_story_is_told_without_the_person(world, brand_id):
    """`explain` still says what was reached, what was sent and why the rest was not."""
    a_full_life(world)
    erase_person(world.house, brand_id, Channel.sms, PHONE)
    with world.house.sessions() as session:
        names = session.scalars(sa.select(Shipment.public_id).order_by(Shipment.id)).all()
        first, second = ("\n".join(tell(explain(session, name))) for name in names)
    assert (
        "Out for delivery" in first and "was sent and delivered" in first and "a text that has been forgotten" in first
    )
    assert "The shopper was erased" in second
    assert "Its shopper was erased on" in first and "nobody knows any more whose it was" in first
    assert not [word for word in WORDS if word in first + second]


def test_twice_is_once_and_nothing_is_found(world, brand_id):
    """Asked again, there is nothing left to do."""
    a_full_life(world)
    erase_person(world.house, brand_id, Channel.email, MAIL)
    again = erase_person(world.house, brand_id, Channel.email, MAIL)
    assert (again.orders, again.messages_stopped, again.inbound, again.suppressions, again.reports) == (0, 0, 0, 0, 0)


def test_telling_the_order_again_brings_nobody_back(world, brand_id):
    """A webhook that is delivered again, a new parcel, a scan: nothing is stored, planned or sent."""
    parcel, _ = a_full_life(world)
    erase_person(world.house, brand_id, Channel.email, MAIL)
    count = "SELECT (SELECT count(*) FROM scans), (SELECT count(*) FROM messages), (SELECT count(*) FROM shipments)"
    before, sent = sql(world, count), len(world.email.sent) + len(world.sms.sent)
    world.order("1001", parcels=3)
    world.scan(parcel, Milestone.delivered, name="Lind")
    send(world)
    assert sql(world, count) == before and len(world.email.sent) + len(world.sms.sent) == sent
    assert not traces(world, MAIL, PHONE, "Lind")
    whole(world)


def test_an_old_order_under_a_new_number_is_stored_without_its_person(world, brand_id):
    """The salted digest is enough: an order from before the erasure is nobody's; one from after it is a new consent."""
    a_full_life(world)
    erase_person(world.house, brand_id, Channel.email, MAIL)
    world.order("0999")
    assert not traces(world, MAIL, PHONE, "Maja Lind")
    world.clock.turn(days=3)
    (parcel,) = world.order("1002", placed_at=(world.clock.now() - timedelta(hours=1)).isoformat())
    world.scan(parcel, Milestone.out_for_delivery)
    sent = len(world.email.sent)
    send(world)
    assert len(world.email.sent) == sent + 1
    assert sql(world, "SELECT number FROM orders WHERE email IS NOT NULL") == [("1002",)]


def test_an_erased_address_stays_unwritten_to(world, brand_id):
    """A suppression outlives the address, by its salted digest only; the address is not written down again."""
    a_full_life(world)
    with world.house.sessions.begin() as session:
        suppress(session, [wish(brand_id, Channel.email, MAIL, SuppressionKind.bounce)])
    erase_person(world.house, brand_id, Channel.email, MAIL)
    digest = address_digest(Channel.email, MAIL)
    with world.house.sessions.begin() as session:
        assert (brand_id, "email", digest) in standing(session, [digest])
        suppress(session, [wish(brand_id, Channel.email, MAIL, SuppressionKind.complaint)])
        stored = session.scalars(sa.select(Suppression)).all()
    assert {row.address for row in stored} == {None}
    assert digest not in {bytes(row.address_digest) for row in stored}


@pytest.mark.parametrize("channel", [Channel.sms, Channel.whatsapp])
def test_an_erased_number_is_refused_by_either_way_without_being_written_down(world, brand_id, channel):
    """What the number says no to later counts, and is known by its digest alone."""
    a_full_life(world)
    erase_person(world.house, brand_id, Channel.email, MAIL)
    digest = address_digest(channel, PHONE)
    with world.house.sessions.begin() as session:
        suppress(session, [wish(brand_id, channel, PHONE, SuppressionKind.stop)])
        assert standing(session, [digest])[brand_id, channel, digest] is SuppressionKind.stop
        assert set(session.scalars(sa.select(Suppression.address))) == {None}


def test_what_comes_late_leaves_no_trace(world, brand_id):
    """A report counts and its words are dropped; a text is noted and not kept; STOP still stops."""
    a_full_life(world)
    (name,) = sql(world, "SELECT public_id FROM attempts WHERE provider = 'sendgrid'")[0]
    erase_person(world.house, brand_id, Channel.email, MAIL)
    with world.house.sessions.begin() as session:
        keep_reports(session, "sendgrid", [Report("late", "bounced", name, None, None, MAIL, MAIL.encode(), "hard")])
    pipeline.digest_reports(world.house)
    take_reply(world.house, "twilio", IncomingSms("SMlate", PHONE, "+15550100", "Maja again"), world.clock.now())
    take_reply(world.house, "twilio", IncomingSms("SMstop", PHONE, "+15550100", "STOP"), world.clock.now())
    assert not traces(world, *WORDS)
    assert [message.state for message in world.messages(channel="email")] == ["bounced", "suppressed"]
    digest = address_digest(Channel.sms, PHONE)
    with world.house.sessions() as session:
        assert standing(session, [digest])[brand_id, "sms", digest] is SuppressionKind.stop
    whole(world)


def test_another_brands_orders_are_its_own(world, brand_id):
    """The same address at another shop is another relation."""
    a_full_life(world)
    sql(world, "INSERT INTO brands (key, name) VALUES ('other', 'Other')")
    sql(world, "UPDATE orders SET brand_id = (SELECT id FROM brands WHERE key = 'other')")
    assert erase_person(world.house, brand_id, Channel.email, MAIL).orders == 0
    assert sql(world, "SELECT email FROM orders") == [(MAIL,)]


def test_two_people_on_one_number_are_told_apart(world, brand_id):
    """A household's number names nobody; one of them, asked for by mail, leaves the other and the number alone."""
    world.order("1", shopper={"name": "Maja", "email": MAIL, "phone": PHONE, "country": "SE"})
    world.order("2", shopper={"name": "Otto", "email": "otto@example.test", "phone": PHONE, "country": "SE"})
    with world.house.sessions.begin() as session:
        suppress(session, [wish(brand_id, Channel.sms, PHONE, SuppressionKind.manual)])
    with pytest.raises(InvalidInput, match="2 different email addresses"):
        erase_person(world.house, brand_id, Channel.sms, PHONE)
    erased = erase_person(world.house, brand_id, Channel.email, MAIL)
    assert (erased.orders, erased.shared_addresses, erased.suppressions) == (1, 1, 0)
    assert sql(world, "SELECT shopper_name, email, phone FROM orders WHERE email IS NOT NULL") == [
        ("Otto", "otto@example.test", PHONE)
    ]
    assert sql(world, "SELECT address FROM suppressions") == [(PHONE,)]


@pytest.mark.parametrize("moment", ["after the claim", "before the begin", "after the begin"])
def test_erasure_during_a_running_send(world, brand_id, moment):
    """A message that was claimed but not begun does not leave once the erasure is committed; one that was begun is
    listed, is settled, is never tried again, and then goes too."""
    (parcel,) = world.order("1001")
    world.scan(parcel, Milestone.out_for_delivery)
    house, now = world.house, world.clock.now()
    world.email.answer = lambda outgoing: Verdict(AttemptOutcome.not_sent, error=f"busy for {MAIL}")
    with house.sessions.begin() as session:
        token, claimed = claim(session, house, Channel.email, now)
    if moment == "after the claim":
        erase_person(house, brand_id, Channel.email, MAIL)
    letters, _ = prepared(house, claimed, now)
    if moment == "before the begin":
        erased = erase_person(house, brand_id, Channel.email, MAIL)
        assert erased.in_flight == () and erased.messages_stopped == 2
    begun = begin(house, token, letters)
    if moment != "after the begin":
        assert begun == []
        assert {(m.state, m.reason) for m in world.messages()} == {("suppressed", "person_erased")}
    else:
        erased = erase_person(house, brand_id, Channel.email, MAIL)
        assert len(erased.in_flight) == 1
        settle(house, house.loop.run(deliver(begun, gate_of(house), 1, stopwatch(), 60.0)), now)
        world.clock.turn(minutes=10)
        send(world)
        assert len(world.email.sent) == 1
        prune(house)
    assert not traces(world, MAIL, PHONE, "Maja Lind")
    whole(world)


def test_erasure_and_sending_at_once(world, brand_id):
    """Many senders and an eraser run into each other: nothing leaves after the erasure's commit, and all adds up."""
    parcels = [world.order(str(number))[0] for number in range(24)]
    for parcel in parcels:
        world.scan(parcel, Milestone.out_for_delivery)
    house, committed, late = world.house, Event(), []
    small = house.sending.model_copy(update={"batch": 3})
    slow = world.with_(sending=small).house

    def run() -> None:
        while True:
            now = house.clock.now()
            with house.sessions.begin() as session:
                token, claimed = claim(session, slow, Channel.email, now)
            if not claimed:
                return
            letters, withheld = prepared(slow, claimed, now)
            pipeline.withhold(house, token, withheld, now)
            was_committed = committed.is_set()
            begun = begin(slow, token, letters)
            late.extend(begun if was_committed else [])
            verdicts = [(one, Verdict(AttemptOutcome.accepted, f"ref{one.attempt_id}")) for one in begun]
            settle(house, verdicts, now)

    senders = [Thread(target=run) for _ in range(3)]
    for sender in senders:
        sender.start()
    erased = erase_person(house, brand_id, Channel.email, MAIL)
    committed.set()
    for sender in senders:
        sender.join(30)
        assert not sender.is_alive()
    assert erased.orders == 24 and late == []
    mail = world.messages(channel="email")
    assert {m.state for m in mail} <= {"accepted", "suppressed"} and len(mail) == 24
    prune(house)
    assert not traces(world, MAIL, PHONE, "Maja Lind")
    whole(world)


def test_killed_in_the_middle_it_is_ended_by_running_it_again(world, brand_id, monkeypatch):
    """What was done stays done; the second run finds the rest, and nobody is left."""
    for number in range(4):
        world.order(str(number))
    monkeypatch.setattr(erasing, "ORDERS_AT_ONCE", 1)
    real, calls = erasing.wipe_orders, []

    def dies(*given, **also):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(*given, **also)

    monkeypatch.setattr(erasing, "wipe_orders", dies)
    with pytest.raises(KeyboardInterrupt):
        erase_person(world.house, brand_id, Channel.email, MAIL)
    assert sql(world, "SELECT count(*) FROM orders WHERE email IS NOT NULL") == [(2,)]
    assert erase_person(world.house, brand_id, Channel.email, MAIL).orders == 2
    assert not traces(world, MAIL, PHONE, "Maja Lind")


def test_it_is_looked_over_until_nothing_is_under_way(world, brand_id):
    """An answer that a carrier was giving meanwhile goes with the next pass; after some minutes no pass looks again."""
    parcel, _ = a_full_life(world)
    erase_person(world.house, brand_id, Channel.email, MAIL)
    sql(world, "INSERT INTO carrier_answers (brand_id, shipment_id, heard_at, source, kind, body)"
               " SELECT brand_id, id, now(), 'poll', 'tracked', convert_to('signed by Lind', 'UTF8') FROM shipments"
               " WHERE id = :id", id=parcel)  # fmt: skip
    assert prune(world.house).rows == {"erased orders": 1}
    assert not traces(world, *WORDS)
    sql(world, "UPDATE orders SET updated_at = updated_at - interval '10 minutes'")
    assert prune(world.house).rows == {"erased orders": 1}
    assert prune(world.house).rows == {}


def test_news_and_erasure_at_once(world, brand_id):
    """Scans are heard while their shopper is erased: whichever comes first, no word of them is left."""
    parcels = [world.order(str(number))[0] for number in range(16)]
    failures = []

    def hear():
        try:
            for parcel in parcels:
                world.scan(parcel, Milestone.out_for_delivery)
        except Exception as error:
            failures.append(error)

    listener = Thread(target=hear)
    listener.start()
    erase_person(world.house, brand_id, Channel.email, MAIL)
    listener.join(60)
    send(world)
    assert failures == [] and world.email.sent == [] and not traces(world, MAIL, PHONE, "Maja", "Malmö", "It is")
    assert {(m.state, m.reason) for m in world.messages()} <= {("suppressed", "person_erased")}
    whole(world)


def test_reports_and_erasure_at_once(world, brand_id):
    """Reports are applied while their shoppers are erased: nobody waits for nobody, and no word of them is left."""
    for number in range(12):
        (parcel,) = world.order(str(number))
        world.scan(parcel, Milestone.out_for_delivery)
    send(world)
    names = [name for (name,) in sql(world, "SELECT public_id FROM attempts WHERE provider = 'sendgrid'")]
    failures = []

    def report(turn):
        try:
            for name in names:
                told = Report(f"{name}-{turn}", "delivered", name, None, None, f"to {MAIL}", MAIL.encode())
                with world.house.sessions.begin() as session:
                    keep_reports(session, "sendgrid", [told])
                pipeline.digest_reports(world.house)
        except Exception as error:
            failures.append(error)

    reporters = [Thread(target=report, args=(turn,)) for turn in range(2)]
    for reporter in reporters:
        reporter.start()
    erase_person(world.house, brand_id, Channel.email, MAIL)
    for reporter in reporters:
        reporter.join(60)
    pipeline.digest_reports(world.house)
    assert failures == [] and not traces(world, MAIL, PHONE, "Maja Lind")
    whole(world)


def test_an_erased_parcel_is_asked_about_no_more(world, brand_id):
    """Its order is closed, so its carrier is left alone."""
    parcel, _ = a_full_life(world)
    erase_person(world.house, brand_id, Channel.email, MAIL)
    with world.house.sessions() as session:
        row = session.get_one(Shipment, parcel)
    assert row.next_poll_at is None and row.watch_at is None
