"""What an attacker tried: strange rows, stumbling databases, reports out of turn. Each once went wrong."""

from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from app import pipeline
from app.channels.base import Report, Verdict
from app.intake.store import cancel_order
from app.models import Shipment
from app.models.vocabulary import AttemptOutcome, Milestone, Source
from app.pipeline.deciding.concluding import hear
from app.pipeline.halving import in_halves
from app.pipeline.listening.hearing import Heard
from app.pipeline.polling.due import DueParcel, claim_due
from app.pipeline.polling.recording import record
from app.pipeline.polling.understanding import Asked
from app.pipeline.settling.settling import keep_reports
from app.tracking.adapter.base import AnswerKind, CarrierReply, HeardScan, RawAnswer
from tests.pipeline.conftest import World, heard_scan
from tests.pipeline.test_path import ACCEPTED, report, send_all, whole

M = Milestone


def sql(world: World, text: str, **values: Any) -> list[Any]:
    with world.house.sessions.begin() as session:
        result = session.execute(sa.text(text), values)
        return list(result.all()) if result.returns_rows else []


def test_an_order_that_cannot_be_read_fails_alone(world: World):
    """A row with a zone that does not exist ends its own message with the error; its neighbours leave."""
    (odd,) = world.order("1001", promised_on="2026-03-05")
    (fine,) = world.order("1002")
    for parcel in (odd, fine):
        world.scan(parcel, M.out_for_delivery)
    sql(world, "UPDATE orders SET zone = 'Mars/Base' WHERE number = '1001'")
    send_all(world)
    ended = {(m.shipment_id, m.state, m.reason) for m in world.messages()}
    assert ended == {(odd, "failed", "not_renderable"), (fine, "accepted", "accepted")}
    assert "Mars/Base" in (world.messages(shipment_id=odd)[0].detail or "")
    whole(world)


def test_a_message_that_trips_the_renderer_fails_alone(world: World, monkeypatch):
    """Whatever rendering raises, the batch goes on without that message."""
    parcels = world.order("1001") + world.order("1002")
    for parcel in parcels:
        world.scan(parcel, M.out_for_delivery)
    real = world.house.renderer.render_email

    def render(template, facts, *rest):
        if facts.order.number == "1001":
            raise AttributeError("a bug")
        return real(template, facts, *rest)

    monkeypatch.setattr(world.house.renderer, "render_email", render)
    send_all(world)
    assert [(m.state, m.detail) for m in world.messages(channel="email")] == [
        ("failed", "AttributeError: a bug"),
        ("accepted", None),
    ]
    whole(world)


def test_an_attempt_that_cannot_be_written_fails_alone(world: World, monkeypatch):
    """A letter whose row the database refuses is set aside before its call; the others are called."""
    for parcel in world.order("1001") + world.order("1002"):
        world.scan(parcel, M.out_for_delivery)
    real, refused = pipeline.begin, world.messages(channel="email")[0].id

    def begin(house, token, letters):
        if any(letter.release.id == refused for letter in letters):
            raise sa.exc.DataError("insert", {}, Exception("refused"))
        return real(house, token, letters)

    monkeypatch.setattr(pipeline, "begin", begin)
    send_all(world)
    assert [m.state for m in world.messages(channel="email")] == ["failed", "accepted"]
    assert len(world.email.sent) == 1
    whole(world)


def test_an_answer_outlives_a_database_that_stumbles(world: World, monkeypatch):
    """A deadlock or a restart while settling does not turn an acceptance into doubt."""
    (parcel,) = world.order()
    world.scan(parcel, M.in_transit, 5)
    world.scan(parcel, M.in_transit, 4)
    real, tries = pipeline.settle, []

    def settle(house, verdicts, now):
        tries.append(len(verdicts))
        if len(tries) == 1:
            raise sa.exc.OperationalError("update", {}, Exception("deadlock detected"))
        real(house, verdicts, now)

    monkeypatch.setattr(pipeline, "settle", settle)
    send_all(world)
    assert len(tries) > 1
    assert world.messages(milestone="dispatched")[0].state == "accepted"
    whole(world)


def test_a_value_too_large_for_the_database_is_its_own_rows_fault():
    """The driver files "program limit exceeded" beside a lost connection; only the latter stops a batch."""
    done, aside = [], []

    def work(rows):
        if "big" in rows:
            raise sa.exc.OperationalError("insert", {}, psycopg.errors.ProgramLimitExceeded("index row size"))
        done.extend(rows)

    in_halves(["a", "big", "b"], work, lambda row, error: aside.append(row))
    assert (done, aside) == (["a", "b"], ["big"])
    with pytest.raises(sa.exc.OperationalError):
        in_halves(["a"], lambda rows: _raise(psycopg.OperationalError("connection lost")), lambda row, error: None)


def _raise(error: Exception) -> None:
    raise sa.exc.OperationalError("insert", {}, error)


def first_attempt(world: World, message_id: int) -> str:
    query = "SELECT public_id FROM attempts WHERE message_id = :id ORDER BY number"
    return str(sql(world, query, id=message_id)[0][0])


def keep(world: World, provider: str, key: str, kind: str, attempt: str) -> None:
    with world.house.sessions.begin() as session:
        keep_reports(session, provider, [Report(key, kind, attempt, "ref", None, None, b"{}")])
    pipeline.digest_reports(world.house)


def test_a_late_report_of_the_first_try_closes_the_second(world: World):
    """Evidence for a try that was given up ends the message, and leaves no attempt open for ever."""
    world.email.answer = lambda out: Verdict(AttemptOutcome.not_sent, error="503")
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery)
    send_all(world)
    world.email.answer = lambda out: Verdict(AttemptOutcome.unanswered, error="reset")
    world.clock.turn(minutes=1)
    send_all(world)
    message = world.messages(channel="email")[0]
    assert (message.state, message.attempts) == ("unconfirmed", 2)
    keep(world, "sendgrid", "e1", "accepted", first_attempt(world, message.id))
    assert world.messages(channel="email")[0].state == "accepted"
    whole(world)


def test_a_report_tells_the_truth_about_what_expired_after_a_try(world: World):
    """A message that was taken, though its answer said no, counts as sent even if it has expired meanwhile."""
    world.email.answer = lambda out: Verdict(AttemptOutcome.not_sent, error="503")
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery)
    send_all(world)
    world.clock.turn(hours=13)
    world.email.answer = lambda out: ACCEPTED
    send_all(world)
    message = world.messages(channel="email")[0]
    assert message.state == "expired"
    report(world, message.id, "delivered")
    assert world.messages(channel="email")[0].state == "delivered"
    whole(world)


def test_no_provider_speaks_about_anothers_calls(world: World):
    """A report that names an attempt of another provider changes nothing; the same event id of two is two reports."""
    world.email.answer = lambda out: Verdict(AttemptOutcome.unanswered, error="reset")
    (parcel,) = world.order()
    world.scan(parcel, M.out_for_delivery)
    send_all(world)
    message = world.messages(channel="email")[0]
    keep(world, "twilio", "e1", "delivered", first_attempt(world, message.id))
    assert world.messages(channel="email")[0].state == "unconfirmed"
    keep(world, "sendgrid", "e1", "delivered", first_attempt(world, message.id))
    assert world.messages(channel="email")[0].state == "delivered"
    whole(world)


def claimed(world: World) -> list[DueParcel]:
    sql(world, "DELETE FROM carrier_budgets")
    with world.house.sessions.begin() as session:
        return claim_due(session, world.house, world.house.carriers["dhl"], world.clock.now())[0]


def answered(parcel: DueParcel, *scans: HeardScan, kind: AnswerKind = AnswerKind.tracked) -> Asked:
    return Asked(parcel, RawAnswer(200, {}, b"{}"), CarrierReply(kind, parcel.tracking_number, scans=scans))


def shipment(world: World, shipment_id: int) -> Shipment:
    with world.house.sessions() as session:
        return session.get_one(Shipment, shipment_id)


@pytest.mark.parametrize("kind", [AnswerKind.tracked, AnswerKind.malformed, AnswerKind.not_found])
def test_a_parcel_cancelled_while_its_carrier_answers_rests(world: World, kind):
    """An answer that was on its way when the order was cancelled does not start the polling again."""
    (parcel,) = world.order()
    (due,) = claimed(world)
    record(world.house, [answered(due, heard_scan(M.dispatched, world.clock.now()))], world.clock.now())
    world.clock.turn(hours=12)
    (due,) = claimed(world)
    with world.house.sessions.begin() as session:
        cancel_order(session, due.brand_id, "1001", world.clock.now())
    record(world.house, [answered(due, kind=kind)], world.clock.now())
    assert shipment(world, parcel).next_poll_at is None


def test_an_answer_about_the_number_before_is_not_this_parcels_news(world: World):
    """A number corrected while the carrier answers about the old one: the stranger's delivery is not told."""
    (parcel,) = world.order()
    (due,) = claimed(world)
    sql(world, "UPDATE shipments SET tracking_number = 'RIGHT', next_poll_at = :now", now=world.clock.now())
    record(world.house, [answered(due, heard_scan(M.delivered, world.clock.now()))], world.clock.now())
    stands = shipment(world, parcel)
    assert (stands.milestone, stands.next_poll_at, world.messages()) == ("registered", world.clock.now(), [])


def test_no_brand_waits_for_ever_at_a_slow_carrier(world: World):
    """With five calls to spend and twenty brands that have parcels due, each brand's turn comes."""
    sql(world, "INSERT INTO brands (key, name, zone, locale)"
               " SELECT 'b' || g, 'B', 'UTC', 'en' FROM generate_series(1, 19) AS g")  # fmt: skip
    for number in range(40):
        world.order(str(number))
    sql(world, "UPDATE shipments SET brand_id = (SELECT min(id) FROM brands) + id % 20")
    served: set[int] = set()
    for _ in range(60):
        batch = claimed(world)
        assert len(batch) == len({due.brand_id for due in batch}) == 5
        served |= {due.brand_id for due in batch}
        sql(world, "UPDATE shipments SET next_poll_at = :now", now=world.clock.now())
    assert len(served) == 20


def test_brands_at_rest_take_no_share(world: World):
    """One brand with work among two hundred without uses the whole allowance."""
    sql(world, "INSERT INTO brands (key, name, zone, locale)"
               " SELECT 'b' || g, 'B', 'UTC', 'en' FROM generate_series(1, 200) AS g")  # fmt: skip
    for number in range(8):
        world.order(str(number))
    assert len(claimed(world)) == 5


def test_a_parcel_that_moves_after_an_exception_is_on_its_way(world: World):
    """An exception is over when the parcel is scanned on its way again; nobody is told a second time."""
    (parcel,) = world.order()
    for milestone, hours in [(M.dispatched, 40), (M.in_transit, 30), (M.exception, 20)]:
        world.scan(parcel, milestone, hours)
    assert shipment(world, parcel).milestone == "exception"
    world.scan(parcel, M.in_transit, 5)
    stands = shipment(world, parcel)
    assert (stands.milestone, stands.milestone_at) == ("in_transit", world.clock.now() - timedelta(hours=5))
    assert [message.milestone for message in world.messages()] == ["dispatched", "exception"]


def test_many_first_hearings_at_once_do_not_wait_for_each_other(world: World):
    """More threads than connections hear their first news in a new process: nobody holds one and waits for another."""
    parcels = [world.order(str(number))[0] for number in range(12)]
    ready, failed = Barrier(len(parcels)), []

    def first(parcel: int) -> None:
        ready.wait(60)
        try:
            world.scan(parcel, M.out_for_delivery)
        except sa.exc.SQLAlchemyError as error:
            failed.append(str(error))

    threads = [Thread(target=first, args=(parcel,)) for parcel in parcels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert len(world.messages()) == 24
    assert sql(world, "SELECT count(*) FROM template_versions")[0][0] == 2
    whole(world)


def test_what_is_rolled_back_is_not_remembered(world: World):
    """A template's version stored by a transaction that failed is stored again by the next one."""
    (parcel,) = world.order()
    heard = Heard(parcel, Source.push, (heard_scan(M.dispatched, world.clock.now()),))
    with pytest.raises(ZeroDivisionError), world.house.sessions.begin() as session:
        hear(session, world.house, [heard], world.clock.now())
        raise ZeroDivisionError
    assert world.messages() == []
    pipeline.listen(world.house, [heard], world.clock.now())
    send_all(world)
    assert {m.state for m in world.messages()} == {"accepted"}
