"""Mapping carriers' codes: what is stored, what follows from it, and whom it tells."""

from datetime import timedelta
from threading import Thread

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from app import pipeline
from app.clock import stopwatch
from app.errors import InvalidInput, NotFound
from app.models import Brand, CodeMapping, Crossing, Decision, Scan, Shipment, UnknownCode
from app.models.vocabulary import Channel, Milestone, Source
from app.pipeline.codes import refolding
from app.pipeline.codes.mapping import map_code, mappings, read_meaning, unknown_codes, unmap_code
from app.pipeline.codes.refolding import refold
from app.pipeline.deciding import concluding
from app.pipeline.listening.hearing import Heard
from app.tracking.adapter.base import HeardScan, NoMilestone, scan_digest
from tests.pipeline.conftest import START, World

SAID = ("the test", "the carrier's support said so")


def unknown_scan(code: str, hours_ago: float = 1.0, milestone: Milestone | None = None) -> HeardScan:
    """A scan whose code its adapter does not know (or, with a milestone, does)."""
    at = START - timedelta(hours=hours_ago)
    return HeardScan(
        digest=scan_digest("dhl", code, at.isoformat()),
        code=code,
        milestone=milestone,
        description=f"words of {code}",
        place="Malmö",
        written_time=at.isoformat(),
        occurred_at=at,
        zone_source="offset",
        unknown=milestone is None,
        moves=milestone is not None,
    )


def hear(world: World, parcel: int, *scans: HeardScan) -> None:
    pipeline.listen(world.house, [Heard(parcel, Source.poll, scans)], world.clock.now())


def say(world: World, code: str, meaning: str, brand_id: int | None = None):
    with world.house.sessions.begin() as session:
        return map_code(session, world.house, ("dhl", code), read_meaning(meaning), brand_id, SAID)


def take_back(world: World, code: str, brand_id: int | None = None):
    with world.house.sessions.begin() as session:
        return unmap_code(session, world.house, ("dhl", code), brand_id, SAID)


def parcel_row(world: World, parcel: int) -> Shipment:
    with world.house.sessions() as session:
        return session.get_one(Shipment, parcel)


def reasons(world: World, milestone: Milestone) -> set[str]:
    with world.house.sessions() as session:
        query = sa.select(Decision.reason).join(Crossing, Crossing.id == Decision.crossing_id)
        return set(session.scalars(query.where(Crossing.milestone == milestone.value)))


def state(world: World) -> list[tuple[object, ...]]:
    """Where every parcel stands and what every scan means."""
    with world.house.sessions() as session:
        parcels = session.execute(
            sa.select(Shipment.id, Shipment.milestone, Shipment.milestone_at, Shipment.delivered_at).order_by(
                Shipment.id
            )
        ).all()
        scans = session.execute(
            sa.select(Scan.shipment_id, Scan.digest, Scan.milestone, Scan.moves, Scan.read_as).order_by(
                Scan.shipment_id, Scan.digest
            )
        ).all()
    return [tuple(row) for row in (*parcels, *scans)]


def test_an_unknown_code_is_counted_and_holds(world):
    """It is no milestone, it is counted with an example, and nobody is told anything."""
    [parcel] = world.order()
    hear(world, parcel, unknown_scan("ZZ9"), unknown_scan("ZZ9", 2))
    hear(world, parcel, unknown_scan("ZZ9"))
    with world.house.sessions() as session:
        [seen] = unknown_codes(session)
    assert (seen.carrier, seen.code, seen.count, seen.brand) == ("dhl", "ZZ9", 2, "fjallhem")
    assert seen.example == "words of ZZ9"
    assert parcel_row(world, parcel).milestone == "registered" and world.messages() == []


def test_a_mapping_refolds_without_telling_history(world):
    """The parcel stands where it truly is at once; what had been heard before is nobody's news."""
    [parcel] = world.order()
    hear(world, parcel, unknown_scan("OFD"))
    done = say(world, "OFD", "out_for_delivery")
    assert (done.before, done.meaning, done.by_table, done.new) == ("unknown", "out_for_delivery", None, True)
    assert parcel_row(world, parcel).milestone == "registered", "the request itself changes no parcel"
    assert refold(world.house).parcels == 1
    assert parcel_row(world, parcel).milestone == "out_for_delivery"
    assert reasons(world, Milestone.out_for_delivery) == {"history"} and world.messages() == []
    with world.house.sessions() as session:
        assert unknown_codes(session) == []


def test_a_scan_heard_after_the_mapping_is_news(world):
    """From the mapping on, the code is as good as one in the carrier's own table."""
    say(world, "OFD", "out_for_delivery")
    [parcel] = world.order()
    hear(world, parcel, unknown_scan("OFD"))
    assert parcel_row(world, parcel).milestone == "out_for_delivery"
    assert {message.milestone for message in world.messages()} == {"out_for_delivery"}
    with world.house.sessions() as session:
        assert session.scalars(sa.select(UnknownCode)).all() == []


def test_a_code_can_be_mapped_to_late(world):
    """It moves no parcel and opens nothing by itself; the scan is kept for those who weigh whether a parcel is late."""
    [parcel] = world.order()
    hear(world, parcel, unknown_scan("GO", 5, Milestone.out_for_delivery), unknown_scan("LT", 2))
    say(world, "LT", "delayed")
    refold(world.house)
    assert parcel_row(world, parcel).milestone == "out_for_delivery"
    with world.house.sessions() as session:
        assert session.execute(sa.select(Scan.milestone, Scan.moves).where(Scan.code == "LT")).all() == [
            ("delayed", True)
        ]


def test_unmapping_goes_back_and_crossings_keep_their_numbers(world):
    """Taken back, the parcel stands where it stood; mapped again, no second crossing is written."""
    [parcel] = world.order()
    hear(world, parcel, unknown_scan("GO", 5, Milestone.in_transit), unknown_scan("ZZ9"))
    before = state(world)
    for _ in range(2):
        say(world, "ZZ9", "delivered")
        refold(world.house)
        assert parcel_row(world, parcel).milestone == "delivered"
        assert parcel_row(world, parcel).next_poll_at > world.clock.now() + timedelta(days=1), "one later look"
        take_back(world, "ZZ9")
        refold(world.house)
        assert state(world) == before
        again = parcel_row(world, parcel).next_poll_at
        assert again < world.clock.now() + timedelta(days=1), "it is under way again, and asked about"
    with world.house.sessions() as session:
        numbers = session.scalars(sa.select(Crossing.occurrence).where(Crossing.milestone == "delivered")).all()
    assert numbers == [1]
    assert {message.milestone for message in world.messages()} == {"dispatched"}


def test_a_message_that_waits_is_stopped_when_its_news_is_none(world):
    """A wrong mapping planned a message; taken back before it left, it never leaves."""
    say(world, "OFD", "out_for_delivery")
    [parcel] = world.order()
    hear(world, parcel, unknown_scan("OFD"))
    take_back(world, "OFD")
    refold(world.house)
    assert {(message.state, message.reason) for message in world.messages()} == {("superseded", "overtaken")}
    pipeline.send(world.house, Channel.email)
    assert world.email.sent == []


def test_a_mapping_corrects_the_carriers_table_and_says_so(world):
    """A code that the table knows can be corrected; what the table says is told."""
    [parcel] = world.order()
    hear(world, parcel, unknown_scan("delivered", 1, Milestone.delivered))
    done = say(world, "delivered", "ready_for_pickup")
    assert (done.before, done.by_table) == ("delivered", "delivered")
    refold(world.house)
    assert parcel_row(world, parcel).milestone == "ready_for_pickup"
    assert parcel_row(world, parcel).delivered_at is None


def test_movement_and_nothing_are_meanings_too(world):
    """A code can be mapped to no milestone, with or without the parcel having moved."""
    [parcel] = world.order()
    hear(world, parcel, unknown_scan("ZZ9"))
    for meaning, moves in (("movement", True), ("nothing", False)):
        say(world, "ZZ9", meaning)
        refold(world.house)
        with world.house.sessions() as session:
            assert session.execute(sa.select(Scan.milestone, Scan.moves, Scan.read_as)).one() == (
                None,
                moves,
                "nothing",
            )


def test_a_brands_mapping_is_its_own(world):
    """Another brand's parcels are not touched; its own goes before the one for all, and ends without it."""
    with world.house.sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="en")
        session.add(other)
        session.flush()
        other_id = other.id
    [parcel] = world.order()
    hear(world, parcel, unknown_scan("ZZ9"))
    say(world, "ZZ9", "delivered", other_id)
    refold(world.house)
    assert parcel_row(world, parcel).milestone == "registered"
    own = parcel_row(world, parcel).brand_id
    say(world, "ZZ9", "attempt_failed")
    say(world, "ZZ9", "out_for_delivery", own)
    refold(world.house)
    assert parcel_row(world, parcel).milestone == "out_for_delivery"
    take_back(world, "ZZ9", own)
    refold(world.house)
    assert parcel_row(world, parcel).milestone == "attempt_failed"


def test_history_is_kept(world):
    """Who, when, before, after and why stay, also of what was replaced or taken back."""
    say(world, "ZZ9", "in_transit")
    say(world, "ZZ9", "delivered")
    assert say(world, "ZZ9", "delivered").new is False
    take_back(world, "ZZ9")
    with world.house.sessions() as session:
        told = mappings(session)
    assert [(one.before, one.meaning, one.mapped_by, one.why) for one in told] == [
        ("in_transit", "delivered", *SAID),
        ("unknown", "in_transit", *SAID),
    ]
    assert all(one.ended_at and one.ended_by == SAID[0] and one.ended_why == SAID[1] for one in told)


def test_wrong_words_are_answered_with_the_right_ones(world):
    """The nearest meaning and carrier are named; what is not mapped cannot be taken back; a reason is asked for."""
    with pytest.raises(InvalidInput, match=r"Write out_for_delivery\."):
        read_meaning("out_for_delivry")
    with pytest.raises(InvalidInput, match="One of: registered"):
        read_meaning("lost!!")
    with world.house.sessions.begin() as session:
        with pytest.raises(NotFound, match="Did you mean dhl"):
            map_code(session, world.house, ("dhll", "X"), NoMilestone.nothing, None, SAID)
        with pytest.raises(InvalidInput, match="why"):
            map_code(session, world.house, ("dhl", "X"), NoMilestone.nothing, None, ("me", " "))
        with pytest.raises(NotFound, match="is not mapped"):
            unmap_code(session, world.house, ("dhl", "X"), None, SAID)


def test_reading_again_goes_on_where_it_was_killed(world, monkeypatch):
    """In batches, each whole or not at all: whatever kills it, the rest follows, and nothing twice."""
    monkeypatch.setattr(refolding, "AT_ONCE", 2)
    monkeypatch.setattr(refolding, "WINDOW", 3)
    parcels = world.order(parcels=5)
    for at, parcel in enumerate(parcels):
        hear(world, parcel, unknown_scan("ZZ9", at + 1), unknown_scan("OK", at + 1, Milestone.in_transit))
    say(world, "ZZ9", "out_for_delivery")
    real = refolding.conclude_again
    calls = []

    def dies_in_the_third(*given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(refolding, "conclude_again", dies_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        refold(world.house)
    with world.house.sessions() as session:
        reached = session.scalars(sa.select(CodeMapping.refold_after)).one()
        changed = session.scalars(sa.select(Scan.id).where(Scan.mapping_id.is_not(None))).all()
    assert reached and changed and max(changed) <= reached and len(changed) < 5
    assert refold(world.house).parcels == 5 - len(changed)
    assert {parcel_row(world, parcel).milestone for parcel in parcels} == {"out_for_delivery"}
    with world.house.sessions() as session:
        assert session.scalars(sa.select(CodeMapping.refold_after)).one() is None


def test_a_delay_that_nobody_has_looked_at_is_left_to_the_watch(world):
    """Reading again swallows no news of its own time: the broken promise is still told."""
    [parcel] = world.order(promised_on=(START - timedelta(days=1)).date().isoformat())
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Shipment).values(watch_at=START - timedelta(hours=9)))
    hear_at = [Heard(parcel, Source.push, (unknown_scan("ZZ9"),))]
    with world.house.sessions.begin() as session:
        session.execute(sa.insert(Scan).values(
            brand_id=parcel_row(world, parcel).brand_id, shipment_id=parcel, digest=hear_at[0].scans[0].digest,
            source="poll", carrier="dhl", code="ZZ9", description="", written_time="", zone_source="offset",
            occurred_at=START - timedelta(hours=1), heard_at=START, moves=False,
        ))  # fmt: skip
    say(world, "ZZ9", "in_transit")
    refold(world.house)
    assert "delayed" not in {message.milestone for message in world.messages()}
    pipeline.watch(world.house, now=START)
    assert "delayed" in {message.milestone for message in world.messages()}


def test_what_is_being_heard_while_a_code_is_mapped_is_not_missed(world):
    """The mapping waits for those who hear by the old meaning, and reading again finds what they stored."""
    [parcel] = world.order()
    mapper = Thread(target=say, args=(world, "ZZ9", "out_for_delivery"))
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with world.house.sessions.begin() as session:
        heard = [Heard(parcel, Source.poll, (unknown_scan("ZZ9"),))]
        concluding.hear(session, world.house, heard, world.clock.now())
        mapper.start()
        deadline = stopwatch() + 60
        with world.house.sessions() as onlooker:
            while not onlooker.scalar(waiting):
                assert stopwatch() < deadline, "the mapping did not wait"
                onlooker.rollback()
    mapper.join(60)
    assert not mapper.is_alive()
    refold(world.house)
    assert parcel_row(world, parcel).milestone == "out_for_delivery"
    assert world.messages() == []


CLEAN = sa.text("TRUNCATE orders, shipments, scans, code_mappings, unknown_codes RESTART IDENTITY CASCADE")
SCANS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "C", "known"]),
        st.integers(1, 40),
        st.sampled_from([None, Milestone.in_transit, Milestone.out_for_delivery, Milestone.delivered]),
    ),
    min_size=1,
    max_size=8,
)
MEANT = st.sampled_from(["in_transit", "out_for_delivery", "delivered", "returned", "exception", "movement", "nothing"])


@settings(max_examples=12)
@given(scans=SCANS, said=st.lists(st.tuples(st.sampled_from(["A", "B", "C"]), MEANT), min_size=1, max_size=4))
def test_mapping_then_hearing_is_hearing_then_mapping(world, scans, said):
    """Where every parcel stands, and what every scan means, depends on what was heard and mapped, not on which came
    first; and taking everything back leaves what was heard alone."""
    told = {(code, at): unknown_scan(code, at, milestone if code == "known" else None) for code, at, milestone in scans}
    outcomes = []
    for mapped_first in (True, False):
        with world.house.sessions.begin() as session:
            session.execute(CLEAN)
        [parcel] = world.order()
        if not mapped_first:
            hear(world, parcel, *told.values())
        for code, meaning in said:
            say(world, code, meaning)
        refold(world.house)
        if mapped_first:
            hear(world, parcel, *told.values())
        outcomes.append(state(world))
    assert outcomes[0] == outcomes[1]
    with world.house.sessions.begin() as session:
        session.execute(sa.text("TRUNCATE messages CASCADE"))
    for code in {code for code, _ in said}:
        take_back(world, code)
    refold(world.house)
    after = state(world)
    with world.house.sessions.begin() as session:
        session.execute(CLEAN)
    [parcel] = world.order()
    hear(world, parcel, *told.values())
    assert after == state(world)
