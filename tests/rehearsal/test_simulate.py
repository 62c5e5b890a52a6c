"""One real parcel, forked into the future: what its shopper would receive, when, and what not."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.errors import InvalidInput, NotFound
from app.models import Base, Shipment
from app.models.vocabulary import Milestone
from app.rehearsal.script import in_words, parse_span, read_script
from app.rehearsal.simulate import simulate
from app.rehearsal.telling import tell_simulation
from app.rules.document import parse_rules
from tests.pipeline.conftest import START, World, world  # noqa: F401 - a fixture
from tests.rehearsal.past import RULES, publish

M = Milestone


def shipment_of(world: World, row_id: int) -> str:  # noqa: F811
    with world.house.sessions() as session:
        return session.scalars(sa.select(Shipment.public_id).where(Shipment.id == row_id)).one()


def told(found, *what: str) -> list[tuple[str, str, str]]:
    return [(one.what, one.milestone, one.channel) for one in found.happenings if one.what in what]


def test_a_parcel_is_played_into_the_future_and_nothing_is_stored(world: World):  # noqa: F811
    """It is out for delivery, fails, arrives; texts wait for the morning, old news is overtaken; no row changes."""
    (parcel,) = world.order(promised_on="2026-03-04")
    with world.house.sessions.begin() as session:
        publish(session, 1, RULES)
    world.scan(parcel, M.dispatched)
    before = _rows(world)
    script = read_script(
        world.clock.now(), "+3d", None,
        ["out_for_delivery@+14h", "attempt_failed@+15h@Malmö",
         "delivered@+16h"],
    )  # fmt: skip
    found = simulate(world.house, shipment_of(world, parcel), script)
    assert told(found, "sent", "unsent") == [
        ("sent", "dispatched", "email"),  # waits in earnest: it is forked too
        ("sent", "dispatched", "sms"),
        ("sent", "out_for_delivery", "email"),
        ("sent", "delivered", "email"),
        ("sent", "all_delivered", "email"),
        ("unsent", "attempt_failed", "email"),
        ("unsent", "out_for_delivery", "sms"),
        ("sent", "delivered", "sms"),
    ]
    by_text = {(one.milestone, one.channel): one for one in found.happenings if one.what in ("sent", "unsent")}
    assert by_text["delivered", "sms"].at == START + timedelta(hours=23)  # eight in the morning, in Sweden
    assert by_text["out_for_delivery", "sms"].reason == "overtaken"
    assert "(name)" in by_text["delivered", "email"].text and "Maja" not in by_text["delivered", "email"].text
    assert _rows(world) == before and world.email.sent == world.sms.sent == []
    lines = "\n".join(tell_simulation(found))
    assert "Tue 03 Mar 08:00  ✓ SMS about delivered leaves" in lines and "Maja" not in lines
    shown = simulate(world.house, shipment_of(world, parcel), script, show_person=True)
    assert any("Maja" in (one.text or "") for one in shown.happenings)


def test_time_alone_makes_a_parcel_late_unless_the_draft_is_more_patient(world: World):  # noqa: F811
    """Without any scan the promise runs out at midnight where the shopper lives; a draft may give it longer."""
    (parcel,) = world.order(promised_on="2026-03-04")
    name = shipment_of(world, parcel)
    script = read_script(world.clock.now(), "+4d", None, [])
    late = [one for one in simulate(world.house, name, script).happenings if one.what == "milestone"]
    assert [(one.milestone, one.at.isoformat()) for one in late] == [("delayed", "2026-03-04T23:00:00+00:00")]
    patient = parse_rules(RULES + "\nmilestones: {delayed: {promise: {grace: 9d}}}\n")
    assert simulate(world.house, name, script, patient).happenings == ()


AGAIN = """version: 1
milestones: {delayed: {promise: off, silence: 2bd, again: 0}}
rules:
  - {name: late, when: delayed, send: [email], expires: 48h, hold: 1h}
"""


def test_a_delay_of_which_nobody_is_told_leaves_room_for_one_that_lasts(world: World):  # noqa: F811
    """It moves before its message leaves, and is silent again: told then, and after that no more."""
    (parcel,) = world.order()
    world.scan(parcel, M.in_transit)
    name, rules = shipment_of(world, parcel), parse_rules(AGAIN)
    script = read_script(world.clock.now(), "+20d", None, ["in_transit@+48h", "in_transit@+10d"])
    found = simulate(world.house, name, script, rules)
    late = [one.what for one in found.happenings if one.milestone == M.delayed and one.what in ("sent", "unsent")]
    assert late == ["unsent", "sent"]


def test_the_same_scans_in_earnest_send_the_same(world: World):  # noqa: F811
    """What a simulation foretells is what happens, message by message, when the clock really gets there."""
    first, second = world.order(parcels=2, promised_on="2026-03-05")
    world.scan(second, M.dispatched)
    script = read_script(world.clock.now(), "+21h", None, ["dispatched@+1h", "out_for_delivery@+20h"])
    found = simulate(world.house, shipment_of(world, first), script)
    foretold = [
        (one.milestone, one.channel, one.until)
        for one in found.happenings
        if one.what == "waits" and one.shipment == shipment_of(world, first)
    ]
    world.clock.turn(hours=1)
    world.scan(first, M.dispatched, 0)
    world.clock.turn(hours=19)
    world.scan(first, M.out_for_delivery, 0)
    really = [(one.milestone, one.channel, one.send_at) for one in world.messages(shipment_id=first)]
    assert sorted(really) == sorted(foretold) and len(really) > 2


def test_two_parcels_of_an_order_are_told_together_and_the_order_once(world: World):  # noqa: F811
    """What waits in earnest for the second parcel is joined by it in the simulation; the whole order is told once."""
    first, second = world.order(parcels=2, promised_on="2026-03-05")
    with world.house.sessions.begin() as session:
        publish(session, 1, RULES)
    world.scan(first, M.delivered)
    script = read_script(world.clock.now(), "+1d", None, ["delivered@+1h"])
    found = simulate(world.house, shipment_of(world, second), script)
    emails = [one for one in found.happenings if one.what == "sent" and one.channel == "email"]
    assert [one.milestone for one in emails] == ["delivered", "all_delivered"]
    assert [(one.milestone, one.reason) for one in found.happenings if one.reason == "merged"] == [
        ("delivered", "merged"), ("delivered", "merged"),
    ]  # fmt: skip
    assert "is told with parcel" in "\n".join(tell_simulation(found))


def test_a_script_that_cannot_be_played_is_refused_with_the_place_and_the_remedy():
    """Every fault at once: a milestone spelt wrong, one that is the engine's own, times past, unclear or beyond."""
    scans = ["deliverd@+1d", "delayed@+1d", "delivered@2020-01-01T00:00+00:00", "delivered@2026-03-09T08:00",
             "delivered@soon", "delivered@+20d"]  # fmt: skip
    with pytest.raises(InvalidInput) as refused:
        read_script(START, "+10d", None, scans)
    said = [str(fault) for fault in refused.value.faults]
    assert len(said) == 6 and all("--scan" in one for one in said)
    for part in ("Did you mean 'delivered'?", "for the engine to say", "before now", "has no zone", "no instant",
                 "after --until"):  # fmt: skip
        assert any(part in one for one in said), part
    with pytest.raises(InvalidInput, match="--until"):
        read_script(START, "+91d", None, [])
    with pytest.raises(InvalidInput, match="since"):
        parse_span("0d", "since")
    assert in_words(timedelta(days=1, hours=3, minutes=5)) == "1 d 3 h"


@pytest.mark.parametrize("written", ["9999-12-31T23:59-12:00", "0001-01-01T00:00+14:00", "2026-02-30T00:00Z", "+9999d"])
def test_no_time_is_beyond_a_refusal(written):
    """What lies at the edge of the calendar is refused like any other time that cannot be."""
    with pytest.raises(InvalidInput):
        read_script(datetime(2026, 3, 2, tzinfo=UTC), written, None, ())


def test_a_parcel_that_nobody_knows_is_said(world: World):  # noqa: F811
    """A wrong id is answered with how to find the right one."""
    with pytest.raises(NotFound, match="doorstep explain"):
        simulate(world.house, "shp_nothing", read_script(START, "+1d", None, []))


def _rows(world: World) -> dict[str, int]:  # noqa: F811
    with world.house.sessions() as session:
        return {
            table.name: session.scalar(sa.select(sa.func.count()).select_from(table))
            for table in Base.metadata.sorted_tables
        }
