"""Where two parts of asking meet: what changed while a carrier was asked, and who knows what about a number."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.models import CarrierAnswer, Scan, Shipment
from app.models.vocabulary import CarrierFault, Milestone
from app.pipeline import due_work
from app.pipeline.listening.pushes import hear_pushes, keep_push, look_again
from app.pipeline.people.wiping import lock_orders, wipe_orders
from app.pipeline.polling.breaker import learn
from app.pipeline.polling.due import DueParcel, claim_due
from app.pipeline.polling.recording import record
from app.pipeline.polling.understanding import Asked
from app.tracking.adapter.base import AnswerKind, CarrierReply, RawAnswer
from app.tracking.health import Outcome
from tests.pipeline.conftest import World, heard_scan
from tests.pipeline.test_pushes import aftership_order, call
from tests.pipeline.test_routing import KEY, row, tell, with_settings


def sql(world: World, text: str, **values: Any) -> list[Any]:
    with world.house.sessions.begin() as session:
        result = session.execute(sa.text(text), values)
        return list(result.all()) if result.returns_rows else []


def claimed(world: World, carrier: str) -> list[DueParcel]:
    sql(world, "DELETE FROM carrier_budgets")
    with world.house.sessions.begin() as session:
        return claim_due(session, world.house, world.house.carriers[carrier], world.clock.now())[0]


def answer(world: World, due: DueParcel, kind: AnswerKind, *scans: Any) -> None:
    reply = CarrierReply(kind, due.tracking_number, scans=scans, detail="no such parcel")
    record(world.house, [Asked(due, RawAnswer(200, {}, b'{"signed": "Maja Lind"}'), reply)], world.clock.now())


def two_carriers(world: World) -> World:
    return with_settings(world, dhl=KEY, other=KEY)


def test_one_carriers_not_knowing_an_old_number_is_no_end(world: World):
    """A number that nobody could be asked about for weeks expires when the last candidate does not know it either."""
    two = two_carriers(world)
    parcel = tell(two)
    assert parcel.candidates == ["dhl", "other"]
    world.clock.turn(days=40)
    (due,) = claimed(two, "dhl")
    answer(two, due, AnswerKind.not_found)
    assert (row(two).milestone, row(two).asked_of) == (Milestone.registered, "other")
    world.clock.turn(minutes=5)
    (due,) = claimed(two, "other")
    answer(two, due, AnswerKind.not_found)
    assert row(two).milestone == Milestone.expired


def test_the_one_that_was_asked_has_answered(world: World):
    """Who is asked is changed while an answer is under way: it is still the answer of the one that was asked."""
    two = two_carriers(world)
    tell(two)
    (due,) = claimed(two, "dhl")
    sql(two, "UPDATE shipments SET asked_of = 'other'")
    answer(two, due, AnswerKind.tracked, heard_scan(Milestone.in_transit, world.clock.now()))
    parcel = row(two)
    assert (parcel.carrier, parcel.asked_of, parcel.candidates) == ("dhl", "dhl", [])
    with two.house.sessions() as session:
        assert session.scalars(sa.select(Scan.carrier)).all() == ["dhl"]


def test_one_that_is_no_candidate_any_more_settles_nothing(world: World):
    """What it told is kept, in its own name; the others are asked on."""
    two = two_carriers(world)
    tell(two)
    (due,) = claimed(two, "dhl")
    sql(two, "UPDATE shipments SET asked_of = 'other', candidates = '{other}'")
    answer(two, due, AnswerKind.tracked, heard_scan(Milestone.in_transit, world.clock.now()))
    parcel = row(two)
    assert (parcel.carrier, parcel.asked_of, parcel.candidates) == (None, "other", ["other"])
    assert sql(two, "SELECT carrier FROM scans") == [("dhl",)]


def test_a_call_is_in_the_words_of_who_called(world: World):
    """AfterShip calls about a parcel of DHL's that DHL itself is asked about by now: these are AfterShip's codes."""
    (shipment,) = aftership_order(world, asked_of="dhl")
    sql(world, "UPDATE shipments SET carrier = 'aftership' WHERE id = :id", id=shipment)
    keep_push(world.house, "aftership", call("InTransit_002"))
    assert hear_pushes(world.house).scans == 1
    assert sql(world, "SELECT carrier FROM scans") == [("aftership",)]


def erase(world: World, shipment_id: int) -> None:
    with world.house.sessions.begin() as session:
        (order_id,) = session.scalars(sa.select(Shipment.order_id).where(Shipment.id == shipment_id))
        lock_orders(session, [order_id])
        wipe_orders(session, [order_id], world.clock.now(), again=False)


def kept(world: World) -> list[CarrierAnswer]:
    with world.house.sessions() as session:
        return list(session.scalars(sa.select(CarrierAnswer)))


def test_of_a_person_erased_while_the_carrier_is_asked_no_answer_is_kept(world: World):
    """Neither news nor trouble, although the question was under way before."""
    world.order()
    (due,) = claimed(world, "dhl")
    erase(world, due.id)
    answer(world, due, AnswerKind.tracked, heard_scan(Milestone.in_transit, world.clock.now()))
    answer(world, due, AnswerKind.malformed)
    assert kept(world) == [] and sql(world, "SELECT 1 FROM scans") == []


def test_an_answer_about_another_number_is_not_this_parcels(world: World):
    """The number was corrected while the carrier was asked: the old one's answer is kept nowhere."""
    world.order()
    (due,) = claimed(world, "dhl")
    sql(world, "UPDATE shipments SET tracking_number = 'RIGHT', problem = 'of the new number'")
    answer(world, due, AnswerKind.tracked, heard_scan(Milestone.in_transit, world.clock.now()))
    answer(world, due, AnswerKind.malformed)
    assert kept(world) == []
    assert sql(world, "SELECT last_answer, problem FROM shipments") == [(None, "of the new number")]


def open_breaker(world: World, *carriers: str) -> None:
    """These carriers are left alone for a day."""
    for carrier in carriers:
        learn(world.house, world.house.carriers[carrier], [DENIED], world.clock.now())
    until = world.clock.now() + timedelta(days=1)
    sql(world, "UPDATE carrier_health SET until = :until WHERE state = 'open'", until=until)


DENIED = Outcome(CarrierFault.denied, certain=True)


def test_an_ill_candidate_does_not_stand_before_the_others(world: World):
    """The likeliest refuses the key: after a while the next is asked, and nobody where all are left alone."""
    two = two_carriers(world)
    tell(two)
    open_breaker(two, "dhl")
    assert due_work(two.house) == [] and row(two).asked_of == "dhl", "it may be well again in a moment"
    world.clock.turn(minutes=11)
    assert ("poll", "other") in due_work(two.house)
    assert (row(two).asked_of, row(two).next_poll_at) == ("other", world.clock.now())
    open_breaker(two, "other")
    world.clock.turn(minutes=11)
    assert due_work(two.house) == [] and row(two).asked_of == "other"


def test_whose_carrier_is_known_waits_for_it(world: World):
    """Nobody else can be asked about it."""
    two = two_carriers(world)
    tell(two, carrier="dhl")
    open_breaker(two, "dhl")
    world.clock.turn(hours=5)
    assert due_work(two.house) == [] and row(two).asked_of == "dhl"


def test_a_call_is_heard_while_another_candidate_is_asked(world: World):
    """AfterShip follows the number already; that DHL is asked about it just now makes its call no stranger's."""
    (shipment,) = aftership_order(world, asked_of="dhl")
    sql(world, "UPDATE shipments SET carrier = NULL, candidates = '{dhl,aftership}' WHERE id = :id", id=shipment)
    keep_push(world.house, "aftership", call("InTransit_002"))
    assert hear_pushes(world.house).scans == 1
    assert sql(world, "SELECT carrier, candidates FROM shipments") == [(None, ["dhl", "aftership"])]


def test_a_call_about_a_parcel_of_long_ago_is_looked_at_once(world: World):
    """It matches nobody now, and is not read again every quarter of a minute for a day."""
    (shipment,) = aftership_order(world)
    sql(world, "UPDATE shipments SET next_poll_at = NULL WHERE id = :id", id=shipment)
    world.clock.turn(days=100)
    keep_push(world.house, "aftership", call("InTransit_002"))
    assert hear_pushes(world.house).parcels == 0
    look_again(world.house)
    before = sql(world, "SELECT taken_at, unmatched FROM carrier_pushes")
    look_again(world.house)
    assert sql(world, "SELECT taken_at, unmatched FROM carrier_pushes") == before
    assert before[0][1] == ["T1001-0"]


def test_a_corrected_numbers_silence_begins_with_it(world: World):
    """What was heard weeks ago was of the wrong number: that nobody knows the right one yet is said on the parcel."""
    (parcel,) = world.order()
    world.scan(parcel, Milestone.in_transit)
    now = world.clock.turn(days=31)
    sql(world, "UPDATE shipments SET tracking_number = 'RIGHT', numbered_at = :now, next_poll_at = :now", now=now)
    (due,) = claimed(world, "dhl")
    answer(world, due, AnswerKind.not_found)
    assert sql(world, "SELECT milestone, problem FROM shipments") == [("dispatched", "not_found: no such parcel")]


def test_what_cannot_be_stored_is_named_without_the_row(world: World, capsys):
    """PostgreSQL ends its complaint with the whole row, the carrier's words about a person in it."""
    world.order()
    (due,) = claimed(world, "dhl")
    odd = replace(heard_scan(Milestone.in_transit, world.clock.now()), milestone="beamed", place="c/o Maja Lind")
    answer(world, due, AnswerKind.tracked, odd)
    [(problem,)] = sql(world, "SELECT problem FROM shipments")
    assert problem.startswith("set aside: CheckViolation: ")
    assert "Maja" not in problem + "".join(capsys.readouterr())
