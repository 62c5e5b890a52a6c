"""Who is asked when not all can be: the likeliest news first, every brand, and nobody never."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from app.models import Crossing, Shipment
from app.models.vocabulary import Cause, Milestone, Source
from app.pipeline import listen
from app.pipeline.listening.hearing import Heard
from app.pipeline.polling.budget import Grant, Pace
from app.pipeline.polling.due import RIDE, Candidate, DueParcel, claim_due, seated, wanted_calls
from app.pipeline.polling.recording import record
from app.pipeline.polling.understanding import Asked
from app.settings.carriers import CarrierSettings
from app.tracking.adapter.base import AnswerKind, CarrierReply, RawAnswer
from app.tracking.cadence import LATER_LOOKS, Cadence, Rank
from app.tracking.carriers.registry import CARRIERS
from tests.pipeline.conftest import World, heard_scan
from tests.pipeline.test_budget import at_noon

M = Milestone
DHL = CARRIERS["dhl"]


def sql(world: World, text: str, **values: object) -> None:
    with world.house.sessions.begin() as session:
        session.execute(sa.text(text), values)


def claimed(world: World, carrier: object = DHL) -> list[DueParcel]:
    """What one claim brings, with a second's budget of five calls."""
    sql(world, "DELETE FROM carrier_budgets")
    with world.house.sessions.begin() as session:
        return claim_due(session, world.house, carrier, world.clock.now())[0]  # type: ignore[arg-type]


def allow(world: World, **limits: object) -> None:
    config = CarrierSettings(**{"api_key": "k", "requests_per_day": "none", **limits})  # type: ignore[arg-type]
    object.__setattr__(world.house, "carrier_settings", {"dhl": config})


def waits(world: World, number: str, rank: Rank, minutes: float) -> int:
    """A parcel of that rank that has been due for so long."""
    (parcel,) = world.order(number)
    due = world.clock.now() - timedelta(minutes=minutes)
    sql(world, "UPDATE shipments SET poll_rank = :rank, next_poll_at = :due WHERE id = :id",
        rank=int(rank), due=due, id=parcel)  # fmt: skip
    return parcel


def test_the_likeliest_news_goes_first(world: World):
    """Of ten that are due and five that can be asked, those that are late by their own measure."""
    allow(world, requests_per_second=1.0)
    hot = [waits(world, f"1{n}", Rank.hot, 1 + n) for n in range(3)]
    cold = [waits(world, f"2{n}", Rank.cold, 200 + n) for n in range(6)]
    late = waits(world, "3", Rank.cold, 3000)
    assert {due.id for due in claimed(world)} == {*hot, late, cold[-1]}
    assert {due.id for due in claimed(world)} == set(cold[:-1])


def test_nobody_starves_behind_what_is_always_due(world: World):
    """Ten parcels out for delivery take all calls, hour after hour; the one on its way has its turn all the same."""
    allow(world, requests_per_second=1.0)
    for number in range(10):
        waits(world, str(number), Rank.hot, 30)
    slow = waits(world, "slow", Rank.cold, 0)
    rounds = 0
    while slow not in {due.id for due in claimed(world)}:
        rounds += 1
        assert rounds < 200
        world.clock.turn(minutes=15)  # by then each of the ten is due again
    assert rounds > 4, "but not before them"


def test_a_spent_day_still_asks_about_what_is_out_for_delivery(world: World, monkeypatch):
    """When the day's ordinary share is gone, only those are claimed; what waits keeps its place."""
    at_noon(monkeypatch)
    allow(world, requests_per_second=1.0, requests_per_day=1000)
    hot = waits(world, "1", Rank.hot, 1)
    waits(world, "2", Rank.cool, 500)
    share = "INSERT INTO carrier_budgets (carrier, free_at, day, spent) SELECT 'dhl', now() - interval '1 s',"
    here = f"(now() AT TIME ZONE '{DHL.day_zone}')"
    passed = f"extract(epoch FROM {here} - date_trunc('day', {here})) / 86400"
    sql(world, "DELETE FROM carrier_budgets")
    sql(world, f"{share} cast({here} AS date), 800 * least(1, {passed} + 1.0 / 12) + 20")
    with world.house.sessions.begin() as session:
        due, _ = claim_due(session, world.house, DHL, world.clock.now())
    assert [parcel.id for parcel in due] == [hot]


def test_parcels_of_one_number_are_asked_about_once(world: World):
    """One call for three parcels, of two brands, one of which is not due for an hour; a paused brand's is left out."""
    sql(world, "INSERT INTO brands (key, name, zone, locale) VALUES ('b', 'B', 'UTC', 'en'), ('c', 'C', 'UTC', 'en')")
    parcels = [world.order(number)[0] for number in ("1", "2", "3", "4")]
    sql(world, "UPDATE shipments SET tracking_number = 'SAME', brand_id = (SELECT id FROM brands WHERE key = 'b')"
               " WHERE id = any(:ids)", ids=parcels[:2])  # fmt: skip
    sql(world, "UPDATE shipments SET tracking_number = 'SAME' WHERE id = any(:ids)", ids=parcels[2:])
    sql(world, "UPDATE shipments SET next_poll_at = :later WHERE id = :id",
        later=world.clock.now() + timedelta(hours=1), id=parcels[2])  # fmt: skip
    sql(world, "UPDATE shipments SET brand_id = (SELECT id FROM brands WHERE key = 'c') WHERE id = :id", id=parcels[3])
    sql(world, "INSERT INTO pauses (brand_id, kind, name, why, paused_by, automatic)"
               " SELECT id, 'carrier', 'dhl', '', 'me', false FROM brands WHERE key = 'c'")  # fmt: skip
    assert [due.id for due in claimed(world)] == parcels[:3]
    with world.house.sessions() as session:
        free = "SELECT extract(epoch FROM free_at - clock_timestamp()) FROM carrier_budgets"
        assert session.scalar(sa.text(free)) < 1.05, "one call was spent"


def test_empty_seats_are_taken_by_those_that_are_next(world: World):
    """A carrier that answers three at once is asked about the next two too; never for their sake alone."""
    batching = type("Batching", (type(DHL),), {"batch_size": 3})()
    now = world.clock.now()
    due, soon, later = (world.order(number)[0] for number in ("1", "2", "3"))
    at = {due: now, soon: now + RIDE / 2, later: now + RIDE * 2}
    for parcel, when in at.items():
        sql(world, "UPDATE shipments SET next_poll_at = :at WHERE id = :id", at=when, id=parcel)
    assert [parcel.id for parcel in claimed(world, batching)] == [due, soon]
    sql(world, "UPDATE shipments SET next_poll_at = :at WHERE id = :id", at=now + RIDE / 2, id=soon)
    assert claimed(world, batching) == []


@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60), st.integers(1, 30), st.integers(0, 5),
    st.integers(0, 5),
)  # fmt: skip
def test_no_more_is_seated_than_was_granted(kinds, seats, hot, other):
    """All that is due sits before what rides along, and nothing is seated twice."""
    choice = [Candidate(str(n), hot=is_hot, due=is_due) for n, (is_hot, is_due) in enumerate(kinds)]
    wanted = wanted_calls(choice, seats)
    grant = Grant(min(hot, wanted[0]), min(other, wanted[1]), Pace(0, 1))
    taken = seated(choice, grant, seats)
    due = {one.number for one in choice if one.due}
    assert len(taken) == len(set(taken)) <= grant.calls * seats
    assert len(set(taken) & due) == min(len(due), grant.calls * seats) or grant.calls < sum(wanted)
    assert not (set(taken) - due) or len(set(taken) & due) == len(due) or seats > 1


def answer(world: World, due: DueParcel, kind: AnswerKind, *scans: object, body: bytes = b"{}") -> None:
    reply = CarrierReply(kind, due.tracking_number, scans=scans)  # type: ignore[arg-type]
    record(world.house, [Asked(due, RawAnswer(200, {}, body), reply)], world.clock.now())


def parcel_of(world: World, parcel: int) -> Shipment:
    with world.house.sessions() as session:
        return session.get_one(Shipment, parcel)


def expiries(world: World) -> list[Crossing]:
    with world.house.sessions() as session:
        return list(session.scalars(sa.select(Crossing).where(Crossing.milestone == M.expired)))


def ask_until(world: World, kind: AnswerKind, days: float) -> None:
    """The carrier answers the same whenever it is asked, for so many days."""
    ends = world.clock.now() + timedelta(days=days)
    while world.clock.now() < ends:
        for due in claimed(world):
            answer(world, due, kind)
        world.clock.turn(hours=6)


@pytest.mark.parametrize("kind", [AnswerKind.tracked, AnswerKind.not_found])
def test_a_label_that_never_moves_expires_once(world: World, kind):
    """After thirty days of its carrier's silence, told once; it is looked at once more, and then never."""
    (parcel,) = world.order()
    sql(world, "UPDATE shipments SET next_poll_at = :now", now=world.clock.now())
    ask_until(world, kind, 29)
    assert parcel_of(world, parcel).milestone == M.registered and expiries(world) == []
    ask_until(world, kind, 2)
    stands = parcel_of(world, parcel)
    (crossing,) = expiries(world)
    assert (stands.milestone, crossing.cause) == (M.expired, Cause.silence)
    assert crossing.occurred_at == stands.milestone_at == stands.numbered_at + timedelta(days=30)
    assert [message.milestone for message in world.messages()] == ["expired"]
    look = stands.next_poll_at - stands.milestone_at
    assert LATER_LOOKS[M.expired] <= look <= LATER_LOOKS[M.expired] * 1.1
    ask_until(world, kind, 20)
    assert parcel_of(world, parcel).next_poll_at is None and len(expiries(world)) == 1


def test_a_later_scan_undoes_the_end(world: World):
    """A parcel that lay for weeks and is then delivered is told of, and its end by silence stays written."""
    (parcel,) = world.order()
    (due,) = claimed(world)
    moving = heard_scan(M.in_transit, world.clock.now())
    answer(world, due, AnswerKind.tracked, moving)
    world.clock.turn(days=31)
    (due,) = claimed(world)
    answer(world, due, AnswerKind.tracked, moving)
    assert parcel_of(world, parcel).milestone == M.expired and len(world.messages(milestone="expired")) == 1
    world.clock.turn(days=20)
    (due,) = claimed(world)
    answer(world, due, AnswerKind.tracked, moving, heard_scan(M.out_for_delivery, world.clock.now()), body=b"[]")
    stands = parcel_of(world, parcel)
    assert stands.milestone == M.out_for_delivery and stands.next_poll_at - world.clock.now() < timedelta(hours=1)
    assert len(expiries(world)) == 1
    assert "out_for_delivery" in {message.milestone for message in world.messages()}


def test_a_look_at_the_promise_does_not_undo_it_nor_bring_it_about(world: World):
    """Only an answer shows that a carrier is silent; once shown, it stands until a scan says otherwise."""
    (parcel,) = world.order()
    world.clock.turn(days=40)
    listen(world.house, [Heard(parcel, Source.api)], world.clock.now())
    assert parcel_of(world, parcel).milestone == M.registered
    (due,) = claimed(world)
    answer(world, due, AnswerKind.not_found)
    listen(world.house, [Heard(parcel, Source.api)], world.clock.now())
    assert parcel_of(world, parcel).milestone == M.expired and len(expiries(world)) == 1


def test_a_corrected_number_lives_again(world: World):
    """The new number has its own weeks, whenever the old one was given up."""
    (parcel,) = world.order()
    world.clock.turn(days=31)
    (due,) = claimed(world)
    answer(world, due, AnswerKind.not_found)
    assert parcel_of(world, parcel).milestone == M.expired
    now = world.clock.now()
    sql(world, "UPDATE shipments SET tracking_number = 'RIGHT', numbered_at = :now, next_poll_at = :now", now=now)
    (due,) = claimed(world)
    answer(world, due, AnswerKind.not_found)
    stands = parcel_of(world, parcel)
    assert stands.milestone == M.registered and stands.next_poll_at is not None


def test_operations_may_give_up_sooner(world: World):
    """A carrier's own patience counts."""
    house = replace(world.house, cadences={"dhl": Cadence(give_up_registered=timedelta(days=5))})
    (parcel,) = world.order()
    world.clock.turn(days=6)
    (due,) = claimed(world)
    record(house, [Asked(due, RawAnswer(404, {}, b""), CarrierReply(AnswerKind.not_found, "T1001-0"))],
           world.clock.now())  # fmt: skip
    assert parcel_of(world, parcel).milestone == M.expired
