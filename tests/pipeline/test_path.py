"""One parcel's way: heard, concluded, planned, released, sent; each step once."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from app import pipeline
from app.channels.base import Report, Verdict
from app.insight.audit import audit
from app.insight.explain import explain, find_shipments
from app.insight.tell import tell
from app.intake.store import cancel_order
from app.models import Attempt, Brand, Crossing, Decision, LedgerKey, Message, Order, Scan, Shipment, UnknownCode
from app.models.vocabulary import AttemptOutcome, Channel, Milestone, Source
from app.pipeline.listening.hearing import Heard
from app.pipeline.settling.settling import keep_reports
from app.tracking.adapter.base import HeardScan, ParcelNotes, PickupPoint, scan_digest
from tests.pipeline.conftest import START, World, heard_scan

M = Milestone
ACCEPTED = Verdict(AttemptOutcome.accepted, "ref")


def send_all(world: World) -> None:
    for channel in Channel:
        pipeline.send(world.house, channel)


def whole(world: World) -> None:
    """The audit finds nothing broken."""
    with world.house.sessions() as session:
        found = audit(session, 3600)
    assert found.whole, found.breaches


def test_a_scan_becomes_one_email_and_one_sms(world: World):
    """Out for delivery is told once on each channel, from the brand, and both are settled."""
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery)
    assert world.woken == [("urgent", "email"), ("urgent", "sms")]
    send_all(world)
    assert world.states() == [("out_for_delivery", "email", "accepted"), ("out_for_delivery", "sms", "accepted")]
    (email,), (sms,) = world.email.sent, world.sms.sent
    assert (email.to_email, email.to_name, email.from_name) == ("maja@example.test", "Maja Lind", "Fjällhem")
    assert sms.to_phone == "+46701740605" and "/t/" in sms.text
    whole(world)


def test_hearing_the_same_again_plans_and_sends_nothing(world: World):
    """The same answer, once more and in another order, changes no row that matters."""
    (parcel,) = world.order()
    scans = tuple(
        heard_scan(m, START - timedelta(hours=h)) for m, h in [(M.registered, 40), (M.in_transit, 9), (M.delivered, 1)]
    )
    for order in (scans, scans[::-1], scans[1:] + scans):
        pipeline.listen(world.house, [Heard(parcel, Source.poll, order)], world.clock.now())
        send_all(world)
    with world.house.sessions() as session:
        counts = [session.scalar(sa.select(sa.func.count()).select_from(t)) for t in (Scan, Crossing, LedgerKey)]
    assert counts == [3, 4, len(world.messages())], "the order has arrived with its one parcel"
    assert len(world.email.sent) == 1, "only the newest truth left: the rest had been overtaken"
    whole(world)


def test_what_is_overtaken_says_so_and_does_not_leave(world: World):
    """A dispatch that is released when the parcel has arrived is superseded, with its reason."""
    (parcel,) = world.order()
    world.scan(parcel, M.dispatched, 20)
    world.scan(parcel, M.delivered, 1)
    send_all(world)
    assert set(world.states()) == {
        ("dispatched", "email", "superseded"),
        ("delivered", "email", "accepted"),
        ("delivered", "sms", "accepted"),
    }
    whole(world)


def test_news_older_than_its_worth_is_not_planned_and_held_news_expires(world: World):
    """Stale news is a decision with a reason; a message that could not leave in time ends as expired."""
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery, hours_ago=13)
    with world.house.sessions() as session:
        assert set(session.scalars(sa.select(Decision.reason))) == {"stale"}
    (other,) = world.order("1002")
    world.scan(other, M.out_for_delivery)
    world.clock.turn(hours=12)
    send_all(world)
    assert {(m.state, m.reason) for m in world.messages()} == {("expired", "outlived")}
    assert world.email.sent == []
    whole(world)


def test_history_is_nobodys_news_but_what_comes_after_is(world: World):
    """An order declared as history plans nothing, the broken promise included; a fresh scan is told."""
    (parcel,) = world.order(history=True, promised_on=str((START - timedelta(days=1)).date()))
    world.scan(parcel, M.dispatched, 30)
    pipeline.watch(world.house)
    assert world.messages() == []
    with world.house.sessions() as session:
        assert set(session.scalars(sa.select(Decision.reason))) == {"history"}
    world.clock.turn(hours=2)
    world.scan(parcel, M.out_for_delivery)
    send_all(world)
    assert {state for *_, state in world.states()} == {"accepted"}
    whole(world)


def test_a_broken_promise_is_noticed_in_silence_and_once(world: World):
    """When the promised day has ended in the shopper's zone, the delay is told once; the text waits for the morning."""
    (parcel,) = world.order(promised_on="2026-03-02")
    pipeline.watch(world.house)
    assert world.messages() == []
    world.clock.turn(hours=15)  # 23:00 UTC is midnight in Stockholm
    for _ in range(3):
        pipeline.watch(world.house)
        world.clock.turn(minutes=10)
    send_all(world)
    assert world.states() == [("delayed", "email", "accepted"), ("delayed", "sms", "held")]
    world.clock.turn(hours=8)
    pipeline.watch(world.house)
    send_all(world)
    assert world.states() == [("delayed", "email", "accepted"), ("delayed", "sms", "accepted")]
    with world.house.sessions() as session:
        crossing = session.scalars(sa.select(Crossing)).one()
        assert crossing.occurred_at.isoformat() == "2026-03-02T23:00:00+00:00"
        assert session.get_one(Shipment, parcel).watch_at > world.clock.now() + timedelta(days=1), "its silence is next"
    whole(world)


def test_a_look_at_the_calendar_neither_repeats_itself_nor_puts_off_the_carrier(world: World):
    """A parcel that is late is seen to be so once, and its carrier is asked when it was due."""
    (parcel,) = world.order(promised_on="2026-03-02")
    world.scan(parcel, M.exception)
    with world.house.sessions() as session:
        due = session.get_one(Shipment, parcel).next_poll_at
    world.clock.turn(hours=15)
    assert pipeline.watch(world.house).parcels == 1
    with world.house.sessions() as session:
        row = session.get_one(Shipment, parcel)
        assert row.next_poll_at == due and row.watch_at > world.clock.now() + timedelta(days=1)
    assert pipeline.watch(world.house).parcels == 0
    assert {message.milestone for message in world.messages()} == {"exception", "delayed"}


def test_a_parcel_on_its_way_back_is_not_waited_for(world: World):
    """It cannot be late: the calendar lets it rest."""
    (parcel,) = world.order(promised_on="2026-03-02")
    world.scan(parcel, M.returning)
    world.clock.turn(days=3)
    assert pipeline.watch(world.house).parcels == 0
    assert {message.milestone for message in world.messages()} == {"returning"}


def test_an_unknown_code_is_counted_and_is_no_milestone(world: World):
    """A code that no table maps is kept raw, counted once a scan, and leaves the parcel where it was."""
    (parcel,) = world.order()
    scan = HeardScan(scan_digest("x"), "ZZ-9", None, "Something odd", None, "?", None, "unreadable", unknown=True)
    for _ in range(2):
        pipeline.listen(world.house, [Heard(parcel, Source.poll, (scan,))], world.clock.now())
    with world.house.sessions() as session:
        assert session.execute(sa.select(UnknownCode.code, UnknownCode.count)).one() == ("ZZ-9", 1)
        assert session.get_one(Shipment, parcel).milestone == "registered"
    assert world.messages() == []


@pytest.mark.parametrize(
    ("mode", "allowlist", "reason"),
    [("shadow", frozenset(), "shadow"), ("allowlist", frozenset({"other@example.test"}), "not_on_allowlist")],
)
def test_what_may_not_leave_never_reaches_a_provider(world: World, mode, allowlist, reason):
    """In shadow and allowlist mode everything is decided and the last step withholds it with its reason."""
    held_back = world.with_(send_mode=mode, allowlist=allowlist)
    (parcel,) = held_back.order()
    held_back.scan(parcel, M.out_for_delivery)
    send_all(held_back)
    assert {(m.state, m.reason) for m in held_back.messages()} == {("suppressed", reason)}
    assert world.email.sent == world.sms.sent == []
    whole(world)


def test_the_allowlist_lets_listed_addresses_through(world: World):
    """A listed address is written to, another is not."""
    listed = world.with_(send_mode="allowlist", allowlist=frozenset({"maja@example.test"}))
    (parcel,) = listed.order()
    listed.scan(parcel, M.out_for_delivery)
    send_all(listed)
    assert {(m.channel, m.state) for m in listed.messages()} == {("email", "accepted"), ("sms", "suppressed")}


def test_a_cancelled_order_falls_silent(world: World):
    """Nothing that was waiting leaves after the cancellation, and nothing new is planned."""
    (parcel,) = world.order()
    world.scan(parcel, M.dispatched)
    with world.house.sessions.begin() as session:
        brand = session.scalars(sa.select(Brand).where(Brand.key == "fjallhem")).one()
        assert cancel_order(session, brand.id, "1001", world.clock.now()) is not None
    world.scan(parcel, M.out_for_delivery)
    send_all(world)
    assert world.email.sent == []
    assert {(m.state, m.reason) for m in world.messages()} == {("cancelled", "cancelled")}
    whole(world)


def test_a_cancellation_between_claim_and_call_stops_the_call(world: World, monkeypatch):
    """The compare-and-swap before the call sees a cancellation that committed after the claim."""
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery)
    real_begin = pipeline.begin

    def cancel_first(house, token, letters):
        with house.sessions.begin() as session:
            brand = session.scalars(sa.select(Brand).where(Brand.key == "fjallhem")).one()
            cancel_order(session, brand.id, "1001", world.clock.now())
        return real_begin(house, token, letters)

    monkeypatch.setattr(pipeline, "begin", cancel_first)
    send_all(world)
    assert world.email.sent == [] and world.sms.sent == []
    assert {m.state for m in world.messages()} == {"cancelled"}
    whole(world)


def test_a_refusal_ends_and_a_certain_no_is_tried_again(world: World):
    """Refused is failed at once; not sent waits as a row and leaves later, rendered from the same snapshot."""
    world.sms.answer = lambda out: Verdict(AttemptOutcome.refused, http_status=400, error="21614 not a mobile")
    world.email.answer = lambda out: Verdict(AttemptOutcome.not_sent, http_status=429, retry_after=30.0)
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery)
    send_all(world)
    assert {(m.channel, m.state, m.reason) for m in world.messages()} == {
        ("sms", "failed", "refused"),
        ("email", "ready", "retrying"),
    }
    send_all(world)
    assert len(world.email.sent) == 1, "it waits for its time"
    world.email.answer = lambda out: ACCEPTED
    with world.house.sessions.begin() as session:
        session.execute(sa.text("UPDATE orders SET shopper_name = 'Somebody Else'"))
    world.clock.turn(seconds=40)
    send_all(world)
    first, second = world.email.sent
    assert (first.html, first.text, first.subject) == (second.html, second.text, second.subject)
    assert world.messages(channel="email")[0].state == "accepted"
    whole(world)


def test_a_second_provider_stands_in_after_a_certain_no(world: World):
    """Failover follows only a certain "not sent", so it cannot double."""
    from dataclasses import replace

    spare = replace(world.email, name="smtp", sent=[])
    world.email.answer = lambda out: Verdict(AttemptOutcome.not_sent, error="connection refused", unreachable=True)
    two = world.with_(transports={Channel.email: (world.email, spare), Channel.sms: (world.sms,)})
    (parcel,) = two.order()
    two.scan(parcel, M.out_for_delivery)
    send_all(two)
    two.clock.turn(minutes=2)
    send_all(two)
    assert len(world.email.sent) == len(spare.sent) == 1
    assert two.messages(channel="email")[0].provider == "smtp"


def unanswered(world: World) -> Message:
    """An email whose provider never answered."""
    world.email.answer = lambda out: Verdict(AttemptOutcome.unanswered, error="reset")
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery)
    send_all(world)
    world.email.answer = lambda out: ACCEPTED
    (message,) = world.messages(channel="email")
    assert (message.state, message.reason) == ("unconfirmed", "no_answer")
    return message


def report(world: World, message_id: int, kind: str, key: str = "e1") -> None:
    with world.house.sessions.begin() as session:
        attempt = session.scalars(
            sa.select(Attempt).where(Attempt.message_id == message_id).order_by(Attempt.id.desc())
        ).first()
        keep_reports(session, "sendgrid", [Report(key, kind, attempt.public_id, "sg1", None, None, b"{}")])
    pipeline.digest_reports(world.house)


def test_silence_alone_is_never_a_no(world: World):
    """An unanswered message is not sent again however long it is silent, and ends as ambiguous after its wait."""
    message = unanswered(world)
    with world.house.sessions.begin() as session:
        session.execute(sa.text("UPDATE attempts SET begun_at = begun_at - interval '1 hour',"
                                " deadline_at = deadline_at - interval '50 minutes'"))  # fmt: skip
    for _ in range(3):
        pipeline.recover(world.house)
        send_all(world)
    assert len(world.email.sent) == 1
    assert world.messages(id=message.id)[0].state == "unconfirmed"
    with world.house.sessions.begin() as session:
        session.execute(sa.text("UPDATE attempts SET deadline_at = deadline_at - interval '20 minutes'"))
    pipeline.recover(world.house)
    ended = world.messages(id=message.id)[0]
    assert (ended.state, ended.reason) == ("failed", "ambiguous")
    report(world, message.id, "delivered")
    assert world.messages(id=message.id)[0].state == "delivered", "evidence that comes late still counts"
    whole(world)


def test_a_report_settles_what_was_never_answered(world: World):
    """The provider's own word that it has the message ends the doubt, and a second report changes nothing."""
    message = unanswered(world)
    report(world, message.id, "accepted")
    settled = world.messages(id=message.id)[0]
    assert (settled.state, settled.reason) == ("accepted", "confirmed_by_receipt")
    report(world, message.id, "accepted")
    report(world, message.id, "delivered", "e2")
    assert world.messages(id=message.id)[0].state == "delivered"
    send_all(world)
    assert len(world.email.sent) == 1
    whole(world)


def test_silence_counts_as_no_once_later_attempts_were_reported(world: World):
    """With reports for attempts begun later by the same sender, the message is tried again and leaves once more."""
    message = unanswered(world)
    with world.house.sessions.begin() as session:
        session.execute(sa.text("UPDATE attempts SET begun_at = begun_at - interval '1 minute',"
                                " deadline_at = deadline_at - interval '1 minute'"))  # fmt: skip
    pipeline.recover(world.house)
    assert world.messages(id=message.id)[0].state == "unconfirmed"
    (other,) = world.order("1002")
    world.scan(other, M.out_for_delivery)
    send_all(world)
    later = world.messages(channel="email")[-1]
    pipeline.recover(world.house)
    assert world.messages(id=message.id)[0].state == "unconfirmed", "no report yet"
    report(world, later.id, "accepted", "later")
    pipeline.recover(world.house)
    assert (world.messages(id=message.id)[0].state, world.messages(id=message.id)[0].reason) == (
        "ready",
        "silence_is_no",
    )
    send_all(world)
    assert world.messages(id=message.id)[0].state == "accepted"
    whole(world)


def test_silence_says_nothing_while_reports_of_that_time_are_still_on_their_way(world: World):
    """A report that nobody could take comes after fresh ones: while a mail that was surely taken beside the doubtful
    one is not reported either, later reports prove nothing, and the doubtful one is not sent again."""
    message = unanswered(world)
    (beside,) = world.order("1002")
    world.scan(beside, M.out_for_delivery)
    send_all(world)
    taken = world.messages(channel="email")[-1]
    with world.house.sessions.begin() as session:
        session.execute(sa.text("UPDATE attempts SET begun_at = begun_at - interval '1 minute',"
                                " deadline_at = deadline_at - interval '1 minute'"))  # fmt: skip
    (other,) = world.order("1003")
    world.scan(other, M.out_for_delivery)
    send_all(world)
    report(world, world.messages(channel="email")[-1].id, "accepted", "later")
    pipeline.recover(world.house)
    assert world.messages(id=message.id)[0].state == "unconfirmed", "the one beside it was taken, and is silent too"
    report(world, taken.id, "accepted", "beside")
    pipeline.recover(world.house)
    doubtful = world.messages(id=message.id)[0]
    assert (doubtful.state, doubtful.reason) == ("ready", "silence_is_no")


def test_a_worker_that_dies_before_the_call_loses_nothing(world: World):
    """A claim without an attempt comes back when its lease ends; one with an attempt becomes unconfirmed."""
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery)
    with world.house.sessions.begin() as session:
        session.execute(sa.text("UPDATE messages SET state = 'sending', lease_token = 'dead',"
                                " lease_until = clock_timestamp() - interval '1 second'"))  # fmt: skip
    settled = pipeline.recover(world.house)
    assert settled.reclaimed == 2
    send_all(world)
    assert {m.state for m in world.messages()} == {"accepted"}
    whole(world)


def test_a_template_that_cannot_be_filled_in_fails_alone(world: World, monkeypatch):
    """One message that cannot be rendered ends with the field named; its neighbours leave."""
    from app.messages.base import NotRenderable

    ids = world.order() + world.order("1002")
    for parcel in ids:
        world.scan(parcel, M.out_for_delivery)
    real = world.house.renderer.render_email

    def render(template, facts, person, links, now):
        if facts.order.number == "1002":
            raise NotRenderable("'gift' is unknown")
        return real(template, facts, person, links, now)

    monkeypatch.setattr(world.house.renderer, "render_email", render, raising=True)
    send_all(world)
    states = {m.order_id: (m.state, m.reason, m.detail) for m in world.messages(channel="email")}
    assert sorted(states.values()) == [
        ("accepted", "accepted", None),
        ("failed", "not_renderable", "'gift' is unknown"),
    ]
    whole(world)


def test_the_story_of_a_parcel_names_everything_that_happened(world: World):
    """Explain tells scans, milestones, each rule's answer, messages and what comes next, in plain words."""
    (parcel,) = world.order(promised_on="2026-03-04")
    world.scan(parcel, M.dispatched, 20)
    world.scan(parcel, M.out_for_delivery, 1)
    send_all(world)
    report(world, world.messages(channel="email", milestone="out_for_delivery")[0].id, "delivered")
    with world.house.sessions() as session:
        (found,) = find_shipments(session, "T1001-0")
        assert find_shipments(session, "#1001") == [found]
        text = "\n".join(tell(explain(session, found)))
    for expected in (
        "of order 1001",
        "It is out for delivery",
        "Malmö: means dispatched",
        "Wednesday 04 March 2026",
        "was sent and delivered",
        "the parcel had come further",
        "sendgrid reported delivered",
        "dhl is asked again",
        "it is late",
    ):
        assert expected in text, f"{expected!r} is missing from:\n{text}"


def test_a_scan_from_the_far_future_is_kept_and_is_no_news(world: World):
    """A time that no zone can explain is no time: the scan is stored, and the real one is told when it comes."""
    (parcel,) = world.order()
    world.scan(parcel, M.delivered, hours_ago=-24 * 365)
    assert world.messages() == []
    world.scan(parcel, M.delivered)
    assert {m.milestone for m in world.messages()} == {"delivered"}
    with world.house.sessions() as session:
        assert session.scalars(sa.select(Scan.zone_source).order_by(Scan.id)).all() == ["impossible", "offset"]


def test_a_number_that_is_used_again_tells_nothing_of_its_former_parcel(world: World):
    """Scans from before the order are kept and are no news; neither are that parcel's pick-up point and day. The
    parcel's own way is told as ever."""
    (parcel,) = world.order()  # placed two days ago
    now = world.clock.now()
    old = heard_scan(M.delivered, now - timedelta(days=120))
    notes = ParcelNotes(pickup=PickupPoint("Another shopper's kiosk"))
    for source in (Source.poll, Source.push):
        entry = Heard(parcel, source, (old,), eta_day=now.date(), service="Former", notes=notes)
        pipeline.listen(world.house, [entry], now)
    with world.house.sessions() as session:
        row = session.scalars(sa.select(Shipment)).one()
        assert (row.milestone, row.delivered_at, row.service, row.eta_day) == ("registered", None, None, None)
        assert "kiosk" not in str(row.notes)
        assert row.next_poll_at is not None, "it is asked about further"
        assert session.execute(sa.select(Scan.occurred_at, Scan.zone_source, Scan.moves)).all() == [
            (None, "former", False)
        ]
    assert world.messages() == []
    pipeline.listen(world.house, [Heard(parcel, Source.poll, (old, heard_scan(M.out_for_delivery, now)))], now)
    assert {m.milestone for m in world.messages()} == {"out_for_delivery"}


def test_what_a_day_of_wrong_clocks_explains_is_the_parcels_own(world: World):
    """A label made some hours before the order, as clocks have it, counts; so does all that the shop itself tells."""
    early, told = world.order("1001") + world.order("1002")
    at = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Order).values(placed_at=at))
    label = heard_scan(M.registered, at - timedelta(hours=23))
    pipeline.listen(world.house, [Heard(early, Source.poll, (label,))], world.clock.now())
    pipeline.listen(
        world.house, [Heard(told, Source.api, (heard_scan(M.registered, at - timedelta(days=9)),))], world.clock.now()
    )
    with world.house.sessions() as session:
        assert session.scalars(sa.select(Scan.zone_source)).all() == ["offset", "offset"]
