"""What a carrier tells of its own accord: whoever's parcel it is, in whatever order it comes, once."""

import itertools
import json
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa

from app.models import Brand, CarrierPush, Shipment
from app.models.vocabulary import Source
from app.pipeline import listen
from app.pipeline.listening.hearing import Heard
from app.pipeline.listening.pushes import hear_pushes, keep_push, look_again
from app.pipeline.people.pruning import prune
from app.pipeline.people.wiping import lock_orders, wipe_orders
from app.settings import RetentionSettings
from tests.pipeline.conftest import START, World
from tests.pipeline.test_path import whole

STEPS = {
    "InTransit_002": timedelta(hours=-30), "InTransit_003": timedelta(hours=-20),
    "OutForDelivery_001": timedelta(hours=-3), "Delivered_001": timedelta(hours=-1),
}  # fmt: skip


def checkpoint(subtag: str) -> dict[str, Any]:
    return {
        "slug": "dhl", "tag": subtag.split("_")[0], "subtag": subtag, "raw_tag": subtag[:4], "location": "Malmö",
        "checkpoint_time": (START + STEPS[subtag]).isoformat(), "message": f"It was {subtag}",
    }  # fmt: skip


def call(*subtags: str, number: str = "T1001-0", said: timedelta = timedelta(0), eta: str | None = None) -> bytes:
    """A call of AfterShip's that tells these checkpoints, said so long after START, with a day to expect it on."""
    tracking = {
        "tracking_number": number, "slug": "dhl", "checkpoints": [checkpoint(subtag) for subtag in subtags],
        "courier_estimated_delivery_date": {"estimated_delivery_date": eta},
    }  # fmt: skip
    return json.dumps({"event": "tracking_update", "ts": int((START + said).timestamp()), "msg": tracking}).encode()


def hear(world: World, *bodies: bytes) -> int:
    """Keep these calls and hear them; how many parcels were spoken of."""
    for body in bodies:
        keep_push(world.house, "aftership", body)
    return hear_pushes(world.house).parcels


def sql(world: World, text: str, **values: Any) -> list[Any]:
    with world.house.sessions.begin() as session:
        result = session.execute(sa.text(text), values)
        return list(result.all()) if result.returns_rows else []


def aftership_order(
    world: World, number: str = "1001", tracking_number: str = "", asked_of: str = "aftership", **given: Any
) -> list[int]:
    """An order whose DHL parcel is asked of AfterShip."""
    (shipment,) = world.order(number, **given)
    sql(
        world,
        "UPDATE shipments SET asked_of = :asked_of, tracking_number = :number WHERE id = :id",
        asked_of=asked_of,
        number=tracking_number or f"T{number}-0",
        id=shipment,
    )
    return [shipment]


def parcel(world: World, shipment_id: int) -> Shipment:
    with world.house.sessions() as session:
        return session.get_one(Shipment, shipment_id)


def test_order_repetition_and_fullness_change_nothing(world: World):
    """The whole way each time or only what is new, in any order, doubled: the same scans, the same milestones."""
    told = list(STEPS)
    ends: set[tuple[Any, ...]] = set()
    for turn, order in enumerate(itertools.permutations(range(len(told)))):
        if turn % 4:
            continue
        number = f"2{turn:03}"
        (shipment,) = aftership_order(world, number)
        ways = [told[: at + 1] if turn % 8 else [told[at]] for at in order]
        bodies = [call(*way, number=f"T{number}-0", said=timedelta(minutes=index)) for index, way in enumerate(ways)]
        hear(world, *(bodies * 2 if turn % 3 else bodies))
        scans = sql(world, "SELECT count(*) FROM scans WHERE shipment_id = :id", id=shipment)[0][0]
        crossed = sql(world, "SELECT milestone, occurrence FROM crossings WHERE shipment_id = :id", id=shipment)
        ends.add((parcel(world, shipment).milestone, scans, frozenset(map(tuple, crossed))))
    (end,) = ends
    assert end[:2] == ("delivered", 4)
    whole(world)


def test_calls_heard_together_count_together(world: World):
    """Several calls about one parcel in one batch: every scan, and the estimate of the newest that has one."""
    (shipment,) = aftership_order(world)
    newest = call("OutForDelivery_001", said=timedelta(hours=2))
    middle = call("InTransit_003", said=timedelta(hours=1), eta="2026-03-05")
    oldest = call("InTransit_002", said=timedelta(0), eta="2026-03-09")
    world.clock.turn(hours=3)
    assert hear(world, newest, oldest, middle) == 1
    assert len(sql(world, "SELECT 1 FROM scans")) == 3
    assert str(parcel(world, shipment).eta_day) == "2026-03-05"


def test_an_old_call_takes_no_estimate_back(world: World):
    """What was said before the last answer or the last call stands back; what says nothing takes nothing back."""
    (shipment,) = aftership_order(world)
    world.clock.turn(hours=1)
    hear(world, call("InTransit_002", said=timedelta(minutes=50), eta="2026-03-04"))
    hear(world, call("InTransit_002", said=timedelta(minutes=10), eta="2026-03-09"))
    assert str(parcel(world, shipment).eta_day) == "2026-03-04", "an older call"
    hear(world, call("InTransit_003", said=timedelta(minutes=55)))
    assert str(parcel(world, shipment).eta_day) == "2026-03-04", "a newer one that tells no estimate"
    world.clock.turn(hours=1)
    poll = Heard(shipment, Source.poll)
    listen(world.house, [poll], world.clock.now())
    assert parcel(world, shipment).eta_day is None, "an answer takes it back"
    hear(world, call("OutForDelivery_001", said=timedelta(minutes=90), eta="2026-03-08"))
    assert parcel(world, shipment).eta_day is None, "said before the answer"
    assert parcel(world, shipment).milestone == "out_for_delivery", "but what happened counts"
    sql(world, "UPDATE shipments SET last_polled_at = :now", now=world.clock.turn(hours=2))
    hear(world, call("OutForDelivery_001", said=timedelta(hours=3), eta="2026-03-08"))
    assert parcel(world, shipment).eta_day is None, "said before an answer that told nothing new"
    hear(world, call("OutForDelivery_001", said=timedelta(days=900), eta="2026-03-03"))
    assert str(parcel(world, shipment).eta_day) == "2026-03-03"
    world.clock.turn(hours=1)
    hear(world, call("OutForDelivery_001", said=timedelta(hours=5), eta="2026-03-02"))
    assert str(parcel(world, shipment).eta_day) == "2026-03-02", "a clock that runs ahead blocks nothing for long"


def test_every_brand_that_has_the_number_hears(world: World):
    """The carrier calls an account, which serves them all; each parcel's story holds what was said."""
    (ours,) = aftership_order(world)
    (theirs,) = aftership_order(world, "1002", "T1001-0")
    with world.house.sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
        session.flush()
        values = {"brand": other.id, "id": theirs}
        session.execute(sa.text("UPDATE shipments SET brand_id = :brand WHERE id = :id"), values)
    (stranger,) = aftership_order(world, "1003", "T1001-0", "dhl")
    assert hear(world, call("InTransit_002")) == 2
    assert [parcel(world, one).milestone for one in (ours, theirs, stranger)] == [
        "dispatched",
        "dispatched",
        "registered",
    ]
    kept = sql(world, "SELECT shipment_id, brand_id, source FROM carrier_answers ORDER BY shipment_id")
    assert [(row.shipment_id, row.source) for row in kept] == [(ours, "push"), (theirs, "push")]
    assert kept[0].brand_id != kept[1].brand_id


def test_what_comes_before_its_order_is_heard_when_that_comes(world: World):
    """A call about a number that nobody has is kept for a day; once somebody has it, it is heard like any other."""
    assert hear(world, call("InTransit_002"), call("InTransit_003", number="NOBODYS")) == 0
    assert look_again(world.house).parcels == 0
    (shipment,) = aftership_order(world)
    assert look_again(world.house).parcels == 1
    assert parcel(world, shipment).milestone == "dispatched"
    assert look_again(world.house).parcels == 0
    left = sql(world, "SELECT unmatched, body <> '' AS kept FROM carrier_pushes ORDER BY id")
    assert [tuple(row) for row in left] == [(None, False), (["NOBODYS"], True)]
    sql(world, "UPDATE carrier_pushes SET received_at = now() - interval '25 hours'")
    look_again(world.house)
    (shipment,) = aftership_order(world, "1002", "NOBODYS")
    assert look_again(world.house).parcels == 0 and parcel(world, shipment).milestone == "registered"
    assert sql(world, "SELECT 1 FROM carrier_pushes WHERE body <> ''") == [], "nobody's words are not kept"


def test_a_number_that_is_used_again_is_not_the_old_parcel(world: World):
    """One that has rested for two months is spoken of no more; one that was delivered last week is."""
    (old,) = aftership_order(world)
    hear(world, call("Delivered_001"))
    sql(world, "UPDATE shipments SET next_poll_at = NULL")
    world.clock.turn(days=7)
    assert hear(world, call("InTransit_003", said=timedelta(days=7))) == 1
    world.clock.turn(days=70)
    (new,) = aftership_order(world, "1002", "T1001-0", placed_at=world.clock.now().isoformat())
    assert hear(world, call("InTransit_002", said=timedelta(days=77))) == 1
    assert len(sql(world, "SELECT 1 FROM scans WHERE shipment_id = :id", id=old)) == 2
    assert len(sql(world, "SELECT 1 FROM scans WHERE shipment_id = :id", id=new)) == 1


def test_of_an_erased_shopper_nothing_is_kept(world: World):
    """Neither scan nor raw words are stored of an order that was closed."""
    (shipment,) = aftership_order(world)
    hear(world, call("InTransit_002"))
    with world.house.sessions.begin() as session:
        (order_id,) = session.scalars(sa.select(Shipment.order_id).where(Shipment.id == shipment))
        lock_orders(session, [order_id])
        wipe_orders(session, [order_id], world.clock.now(), again=False)
    assert hear(world, call("InTransit_003")) == 0
    assert len(sql(world, "SELECT 1 FROM scans")) == 1
    assert sql(world, "SELECT 1 FROM carrier_answers") == []


@pytest.mark.parametrize("fault", [RuntimeError("a bug"), KeyError("x")])
def test_one_that_cannot_be_heard_holds_up_no_other(world: World, monkeypatch, fault):
    """It is set aside with the error, and its batch goes through."""
    (shipment,) = aftership_order(world)
    reader = world.house.carriers["aftership"].push
    read = type(reader).read

    def trips(self, body, *known):
        if b"TRIPS" in body:
            raise fault
        return read(self, body, *known)

    monkeypatch.setattr(type(reader), "read", trips)
    bodies = [call("InTransit_002", number=f"X{index}") for index in range(6)]
    assert hear(world, *bodies[:3], call("InTransit_002", number="TRIPS"), call("InTransit_003"), *bodies[3:]) == 1
    assert parcel(world, shipment).milestone == "dispatched"
    problems = [row.problem for row in sql(world, "SELECT problem FROM carrier_pushes WHERE problem IS NOT NULL")]
    assert problems == [f"{type(fault).__name__}: {fault}"]
    assert sql(world, "SELECT 1 FROM carrier_pushes WHERE taken_at IS NULL") == []


def test_two_workers_hear_each_call_once(world: World):
    """Six threads over thirty calls: as many raw words are kept as were told, and every law holds."""
    shipments = [aftership_order(world, f"3{index:03}")[0] for index in range(10)]
    for index in range(10):
        for at, subtag in enumerate(list(STEPS)[:3]):
            keep_push(world.house, "aftership", call(subtag, number=f"T3{index:03}-0", said=timedelta(minutes=at)))
    workers = [Thread(target=hear_pushes, args=(world.house,)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert {parcel(world, one).milestone for one in shipments} == {"out_for_delivery"}
    assert len(sql(world, "SELECT 1 FROM carrier_answers")) == 30
    assert len(sql(world, "SELECT 1 FROM scans")) == 30
    whole(world)


def test_a_called_parcel_is_asked_about_seldom(world: World):
    """News moves the next question to the safety net's width, and the note of the call is kept by number."""
    (shipment,) = aftership_order(world)
    hear(world, call("InTransit_002", "InTransit_003"))
    assert parcel(world, shipment).next_poll_at - world.clock.now() >= timedelta(hours=12)
    hear(world, call("OutForDelivery_001"))
    assert timedelta(hours=3) <= parcel(world, shipment).next_poll_at - world.clock.now() < timedelta(hours=6)
    hear(world, call("Delivered_001"))
    last = parcel(world, shipment).next_poll_at
    assert last == world.clock.now() + timedelta(hours=3), "once more: what came before may be lost"
    (row,) = sql(world, "SELECT carrier, tracking_number, called_at, followed_until FROM enrolled_numbers")
    assert tuple(row) == ("aftership", "T1001-0", world.clock.now(), None)


def test_they_go_with_carriers_answers(world: World):
    """Pruned with the raw answers, and what still waits stays."""
    aftership_order(world)
    hear(world, call("InTransit_002"))
    keep_push(world.house, "aftership", call("InTransit_003"))
    sql(world, "UPDATE carrier_pushes SET received_at = now() - interval '40 days'")
    world.clock.turn(days=40)
    kept = dict.fromkeys(RetentionSettings.model_fields, 0) | {"carrier_answers": 30}
    prune(world.with_(retention=RetentionSettings(**kept)).house)
    with world.house.sessions() as session:
        assert len(session.scalars(sa.select(CarrierPush)).all()) == 1
    assert sql(world, "SELECT 1 FROM enrolled_numbers") == []
